import { DsqlClient, type ConnectionOptions } from 'aurora-dsql-orm';
import { emptyDatabase } from 'aurora-dsql-orm/local';

/** Does something with a connection of its own. */
export async function withClient<T>(
  connection: ConnectionOptions,
  work: (client: DsqlClient) => Promise<T>,
): Promise<T> {
  const client = new DsqlClient(connection);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** What a query finds on a connection of its own. */
export function rowsOf(connection: ConnectionOptions, sql: string): Promise<Record<string, unknown>[]> {
  return withClient(connection, async (client) => (await client.query<Record<string, unknown>>(sql)).rows);
}

/** Drops all that there is. */
export function empty(connection: ConnectionOptions): Promise<unknown> {
  return withClient(connection, (client) => emptyDatabase(client));
}

/** The schema of everything but what migrations are kept in. */
export function schemaOf(connection: ConnectionOptions): Promise<unknown> {
  return withClient(connection, schemaIn);
}

/** Of what the schema consists, each part in the order of its names. */
const PARTS = {
  columns:
    "SELECT table_name, column_name, data_type, is_nullable, column_default FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE 'aurora_dsql_orm%' ORDER BY 1, 2",
  constraints:
    "SELECT conrelid::regclass::text AS table, conname AS name, pg_get_constraintdef(oid) AS definition, convalidated AS valid FROM pg_constraint WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text NOT LIKE 'aurora_dsql_orm%' ORDER BY 1, 2",
  indexes:
    "SELECT x.indexrelid::regclass::text AS name, x.indisvalid AS valid, x.indisunique AS unique FROM pg_index x JOIN pg_class c ON c.oid = x.indrelid WHERE c.relnamespace = 'public'::regnamespace AND c.relname NOT LIKE 'aurora_dsql_orm%' ORDER BY 1",
  comments:
    "SELECT d.objoid::regclass::text AS name, d.objsubid AS place, d.description FROM pg_description d JOIN pg_class c ON c.oid = d.objoid AND d.classoid = 'pg_class'::regclass WHERE c.relnamespace = 'public'::regnamespace ORDER BY 1, 2",
};

type Schema = Record<keyof typeof PARTS, readonly Record<string, unknown>[]>;

async function schemaIn(client: DsqlClient): Promise<Schema> {
  const parts = Object.entries(PARTS).map(
    ([name, query]) => `(SELECT coalesce(json_agg(part), '[]') FROM (${query}) part) AS ${name}`,
  );
  const { rows } = await client.query<Schema>(`SELECT ${parts.join(', ')}`);
  const [schema] = rows as [Schema];
  return schema;
}

/**
 * The schema and the rows of everything but what migrations are kept in. Values that a sequence gave are left out: what was
 * rolled back has taken some.
 */
export function stateOf(connection: ConnectionOptions): Promise<unknown> {
  return withClient(connection, async (client) => {
    const rows = async (sql: string) => (await client.query<Record<string, unknown>>(sql)).rows;
    const tables = await rows(
      "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'aurora_dsql_orm%' ORDER BY 1",
    );
    const contents: Record<string, unknown> = {};
    for (const { name } of tables) {
      const all = await rows(`SELECT * FROM "${String(name)}"`);
      contents[String(name)] = all
        .map((row) => {
          const given = name === 'box' ? ['shelf_id'] : ['id'];
          return JSON.stringify(Object.entries(row).filter(([column]) => !given.includes(column)));
        })
        .sort();
    }
    const joined = await rows('SELECT count(*)::int AS boxes FROM box JOIN shelf ON shelf.id = shelf_id');
    return { contents, joined, ...(await schemaIn(client)) };
  });
}

/** What identifies nothing, and is another value on each run. */
const OF_ONE_RUN = ['id', 'created_at'];

/** The schema, how many rows each table has, and a hash of them: of everything but what migrations are kept in. */
export function schemaAndHashesOf(connection: ConnectionOptions): Promise<unknown> {
  return withClient(connection, async (client) => {
    const schema = await schemaIn(client);
    const row = `(to_jsonb(t) - '{${OF_ONE_RUN.join(',')}}'::text[])::text`;
    const names = [...new Set(schema.columns.map(({ table_name: name }) => String(name)))];
    const hashes = names.map(
      (name) =>
        `SELECT '${name}' AS name, count(*)::int AS rows, md5(string_agg(${row}, ';' ORDER BY ${row})) AS hash FROM "${name}" t`,
    );
    if (hashes.length === 0) return schema;
    const { rows } = await client.query<Record<string, unknown>>(hashes.join(' UNION ALL '));
    return { ...schema, rows };
  });
}
