import { leftLateralReferences, quotedTable, refusalOf } from '../../sql';
import type { Refusal, Statement } from '../../sql';

/** Runs a statement of ours in the transaction of the client; gives the rows, every value as text. */
export type Ask = (sql: string, parameters?: readonly (string | null)[]) => Promise<(string | null)[][]>;

/** Looks into the catalogue for what speaks against a statement. */
export type CatalogueCheck = (ask: Ask) => Promise<Refusal | undefined>;

/** What libpg-query gives for ALTER TABLE. */
interface AlterTableTree {
  readonly relation?: RangeVar;
  readonly cmds?: readonly {
    readonly AlterTableCmd?: { readonly subtype?: string; readonly name?: string };
  }[];
}

/** What libpg-query gives for CREATE INDEX. */
interface IndexTree {
  readonly relation?: RangeVar;
}

interface RangeVar {
  readonly schemaname?: string;
  readonly relname?: string;
}

/**
 * The check that a statement needs before it is run; most need none.
 */
export function checkBefore(statement: Statement): CatalogueCheck | undefined {
  switch (statement.node) {
    case 'AlterTableStmt':
      return checkPrimaryKey(statement);
    case 'GrantStmt':
      return checkGrantOnPublic(statement);
    case 'SelectStmt':
      return checkLateralJoins(statement);
    default:
      return undefined;
  }
}

/** What libpg-query gives for GRANT and REVOKE. */
interface GrantTree {
  readonly is_grant?: boolean;
  readonly objtype?: string;
  readonly objects?: readonly { readonly String?: { readonly sval?: string } }[];
  readonly grantees?: readonly { readonly RoleSpec?: { readonly rolename?: string } }[];
}

/** Only admin can use the schema public (AWS user guide, "Considerations", 2026-09-15); the answer was never recorded. */
function checkGrantOnPublic({ tree }: Statement): CatalogueCheck | undefined {
  const { is_grant: grants, objtype, objects = [], grantees = [] } = tree as GrantTree;
  const onPublic = objtype === 'OBJECT_SCHEMA' && objects.some((name) => name.String?.sval === 'public');
  const toOthers = grantees.some(({ RoleSpec: role }) => role?.rolename !== 'admin');
  if (!grants || !onPublic || !toOthers) return undefined;
  const refusal: Refusal = {
    rule: 'grant on public',
    sqlstate: '42501',
    message: 'permission denied for schema public',
    hint: 'Only admin can use the schema public: create another schema and grant on that.',
  };
  return () => Promise.resolve(refusal);
}

/** A primary key and its columns stay for as long as their table does. */
function checkPrimaryKey({ tree }: Statement): CatalogueCheck | undefined {
  const { relation, cmds = [] } = tree as AlterTableTree;
  const drops = cmds.flatMap(({ AlterTableCmd: command }) =>
    command?.subtype === 'AT_DropColumn' || command?.subtype === 'AT_DropConstraint'
      ? [{ ...command, name: command.name ?? '' }]
      : [],
  );
  if (drops.length === 0) return undefined;
  return async (ask) => {
    const rows = await ask(
      `SELECT k.conname, a.attname
         FROM pg_catalog.pg_constraint k
         JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = ANY (k.conkey)
        WHERE k.conrelid = pg_catalog.to_regclass($1) AND k.contype = 'p'`,
      [qualifiedName(relation)],
    );
    for (const { subtype, name } of drops) {
      if (subtype === 'AT_DropColumn' && rows.some(([, column]) => column === name)) {
        return refusalOf('drop-primary-key-column', { column: name });
      }
      if (subtype === 'AT_DropConstraint' && rows.some(([constraint]) => constraint === name)) {
        return refusalOf('drop-primary-key');
      }
    }
    return undefined;
  };
}

/** DSQL's planner takes the number of a column of the left side for one of the first table on the right. */
function checkLateralJoins(statement: Statement): CatalogueCheck | undefined {
  // Only a filter for the statements that are worth a walk over the tree.
  if (!/lateral/i.test(statement.text)) return undefined;
  const references = leftLateralReferences(statement);
  if (references.length === 0) return undefined;
  return async (ask) => {
    for (const { outer, column, inner } of references) {
      const [row] = await ask(
        `SELECT o.attnum, c.relname
           FROM pg_catalog.pg_attribute o
           JOIN pg_catalog.pg_class c ON c.oid = pg_catalog.to_regclass($3)
           JOIN pg_catalog.pg_attribute i ON i.attrelid = c.oid AND i.attnum = o.attnum
          WHERE o.attrelid = pg_catalog.to_regclass($1) AND o.attname = $2 AND i.atttypid <> o.atttypid`,
        [quotedTable(outer), column, quotedTable(inner)],
      );
      const [number, table] = row ?? [];
      if (number && table) return refusalOf('left-join-lateral', { number, table });
    }
    return undefined;
  };
}

/**
 * Whether what {@link Statement.refusal} says holds now: CREATE INDEX without ASYNC is let pass on an empty table after
 * `SET disable_sync_create_index = off` (AWS user guide, "Session parameters", 2026-09-15).
 */
export async function refusalHolds({ refusal, tree }: Statement, ask: Ask): Promise<boolean> {
  if (refusal?.rule !== 'index-without-async') return refusal !== undefined;
  const name = qualifiedName((tree as IndexTree).relation);
  const [answer] = await ask(
    `SELECT pg_catalog.current_setting('dsql.disable_sync_create_index', true), t.name,
            pg_catalog.has_table_privilege(t.name, 'SELECT')
       FROM pg_catalog.to_regclass($1) AS t (name)`,
    [name],
  );
  const [disabled, table, readable] = answer ?? [];
  if (!['off', 'false', 'no', '0'].includes(disabled?.toLowerCase() ?? '')) return true;
  if (!table || readable !== 't') return false; // PostgreSQL says why it cannot be
  const [row] = await ask(`SELECT FROM ${table} LIMIT 1`);
  return row !== undefined;
}

function qualifiedName({ schemaname, relname = '' }: RangeVar = {}): string {
  return quotedTable({ schema: schemaname, name: relname });
}
