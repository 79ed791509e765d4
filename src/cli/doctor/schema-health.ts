import type { DsqlClient } from '../../connection';
import { MAX_INDEXES, readTablesWhere } from '../../schema';
import { isBroken, isIndexed, quoted, quotedTable, type CatalogTable } from '../../sql';
import { failure, ok, warning, type Finding } from './finding';

/** From here on a table has little room for more. */
const MANY_INDEXES = MAX_INDEXES - 4;

/** How many there may be of each (AWS user guide, quotas, 2026-09-15; schemas without `public` and `sys`: AWS, 2026-10-01). */
const QUOTAS = { schemas: 10, tables: 1_000, views: 5_000, sequences: 5_000 } as const;
const NEARLY = 0.8;

const OWN = "n.nspname NOT IN ('information_schema', 'sys') AND n.nspname NOT LIKE 'pg\\_%'";

/** Looks at what the schema holds that will not work, or will hurt. */
export async function* examineSchema(client: DsqlClient): AsyncGenerator<Finding> {
  yield await examineQuotas(client);
  const tables = await readTablesWhere(
    `${OWN} AND c.relkind = 'r'`,
    async (sql) => (await client.query<CatalogTable>(sql)).rows,
  );
  yield examineIndexes(tables);
  yield examineConstraints(tables);
  yield examineForeignKeys(tables);
  yield examineIndexCounts(tables);
  yield await examineIdentities(client, tables);
}

async function examineQuotas(client: DsqlClient): Promise<Finding> {
  const { rows } = await client.query<Record<keyof typeof QUOTAS, number>>(
    `SELECT (SELECT count(*)::int FROM pg_catalog.pg_namespace n WHERE ${OWN} AND n.nspname <> 'public') AS schemas, count(*) FILTER (WHERE c.relkind = 'r')::int AS tables, count(*) FILTER (WHERE c.relkind = 'v')::int AS views, count(*) FILTER (WHERE c.relkind = 'S')::int AS sequences FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE ${OWN}`,
  );
  const used = Object.entries(QUOTAS).map(([what, most]) => ({
    what,
    most,
    count: rows[0]?.[what as keyof typeof QUOTAS] ?? 0,
  }));
  const said = used.map(({ what, count, most }) => `${count} of ${most} ${what}`).join(', ');
  return used.some(({ count, most }) => count >= most * NEARLY)
    ? warning(
        'quotas',
        said,
        'Ask AWS Support whether the quota can be raised, or remove what is not needed.',
      )
    : ok('quotas', said);
}

function examineIndexes(tables: readonly CatalogTable[]): Finding {
  const broken = tables.flatMap((table) =>
    table.indexes
      .filter(isBroken)
      .map((index) => ({ table, index, name: quotedTable({ ...table, name: index.name }) })),
  );
  const building = tables.flatMap(({ indexes }) => indexes.filter(({ buildJobId }) => buildJobId !== null));
  if (broken.length > 0) {
    return failure(
      'indexes',
      `not valid, so that they are maintained and not used: ${broken.map(({ name, table }) => `${name} of ${quotedTable(table)}`).join(', ')}`,
      `sys.jobs says why their build failed. aurora-dsql-orm migrate repair builds them again; by hand: ${broken.map(({ name }) => `DROP INDEX ${name};`).join(' ')} and CREATE INDEX ASYNC.`,
    );
  }
  const count = tables.reduce((sum, { indexes }) => sum + indexes.length, 0);
  const said = `${count} are valid`;
  return ok('indexes', building.length > 0 ? `${said}, ${building.length} of them being built` : said);
}

function examineConstraints(tables: readonly CatalogTable[]): Finding {
  const open = tables.flatMap((table) =>
    table.constraints.filter(({ validated }) => !validated).map(({ name }) => ({ table, name })),
  );
  if (open.length === 0) return ok('constraints', 'all are validated');
  return warning(
    'constraints',
    `not validated, so that rows from before may break them: ${open.map(({ table, name }) => `${quoted(name)} of ${quotedTable(table)}`).join(', ')}`,
    `aurora-dsql-orm migrate repair validates them; by hand: ${open.map(({ table, name }) => `ALTER TABLE ASYNC ${quotedTable(table)} VALIDATE CONSTRAINT ${quoted(name)};`).join(' ')}`,
  );
}

function examineForeignKeys(tables: readonly CatalogTable[]): Finding {
  const bare = tables.flatMap((table) =>
    table.constraints
      .filter((key) => key.type === 'f' && !isIndexed(table.indexes, key.columns))
      .map((key) => ({ table, key })),
  );
  if (bare.length === 0) return ok('foreign keys', 'each begins an index');
  return warning(
    'foreign keys',
    `a change of the referenced key reads the whole table: ${bare.map(({ table, key }) => `${quoted(key.name)} of ${quotedTable(table)}`).join(', ')}`,
    bare
      .map(
        ({ table, key }) =>
          `CREATE INDEX ASYNC ON ${quotedTable(table)} (${key.columns.map(quoted).join(', ')});`,
      )
      .join(' '),
  );
}

function examineIndexCounts(tables: readonly CatalogTable[]): Finding {
  const full = tables.filter(({ indexes }) => indexes.length >= MANY_INDEXES);
  const most = Math.max(0, ...tables.map(({ indexes }) => indexes.length));
  if (full.length === 0) return ok('indexes per table', `at most ${most} of ${MAX_INDEXES}`);
  return warning(
    'indexes per table',
    full.map((table) => `${quotedTable(table)} has ${table.indexes.length} of ${MAX_INDEXES}`).join(', '),
    'Drop an index that no query needs, or move columns into a table of their own.',
  );
}

/** An identity with CACHE 1 is one counter for all sessions. */
async function examineIdentities(client: DsqlClient, tables: readonly CatalogTable[]): Promise<Finding> {
  const { rows } = await client.query<{ schema: string; name: string; cache: string }>(
    `SELECT n.nspname AS schema, c.relname AS name, s.seqcache AS cache FROM pg_catalog.pg_sequence s JOIN pg_catalog.pg_class c ON c.oid = s.seqrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE ${OWN}`,
  );
  const single = new Set(
    rows.filter(({ cache }) => Number(cache) === 1).map(({ schema, name }) => `${schema}.${name}`),
  );
  const identities = tables.flatMap((table) =>
    table.columns
      .filter(({ identity }) => identity)
      .map(({ name, sequence }) => ({ column: `${quotedTable(table)}.${quoted(name)}`, sequence })),
  );
  const counters = identities.filter(({ sequence }) => single.has((sequence ?? '').replaceAll('"', '')));
  if (identities.length === 0) return ok('identities', 'there are none');
  const said = `${counters.length} of ${identities.length} have CACHE 1`;
  return ok(
    'identities',
    counters.length === 0
      ? said
      : `${said}: all sessions wait for one counter, which is fine unless many insert at once (then CACHE 65536, or uuid): ${counters.map(({ column }) => column).join(', ')}`,
  );
}
