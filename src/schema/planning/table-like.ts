import {
  asNode,
  literal,
  quoted,
  quotedTable,
  tableNameOf,
  type DsqlStatement,
  type NodeBody,
  type Statement,
} from '../../sql';
import { isOneOf } from '../catalogue/read-tables';
import type { PlannedChange, Planning } from './planning';

/** Bits of `TableLikeClause.options` (PostgreSQL 16, `parsenodes.h`). */
const DEFAULTS = 1 << 3;
const IDENTITY = 1 << 5;

/** The clauses of a CREATE TABLE that copy the defaults of another table, but not its identities. */
function likes({ node, tree }: Statement): readonly NodeBody<'TableLikeClause'>[] {
  if (node !== 'CreateStmt') return [];
  return ((tree as NodeBody<'CreateStmt'>).tableElts ?? []).flatMap((element) => {
    const like = asNode(element, 'TableLikeClause');
    const options = like?.options ?? 0;
    return like !== undefined && (options & DEFAULTS) !== 0 && (options & IDENTITY) === 0 ? [like] : [];
  });
}

/** Whether a statement copies the defaults of a table. */
export function copiesDefaults(statement: Statement): boolean {
  return likes(statement).length > 0;
}

/**
 * What gives the copy the defaults that the keys of the other table have on PostgreSQL: a `serial` is an identity here, and
 * `LIKE … INCLUDING DEFAULTS` copies none. Both tables take their numbers of one sequence.
 */
export async function planCopiedDefaults(
  statement: Statement,
  { readTables }: Pick<Planning, 'readTables'>,
): Promise<PlannedChange> {
  const { relation } = statement.tree as NodeBody<'CreateStmt'>;
  const tables = await readTables(
    isOneOf(likes(statement).map((like) => tableNameOf(like.relation))) || 'false',
  );
  const statements = tables.flatMap(({ columns }) =>
    columns.flatMap(({ name, sequence }): DsqlStatement[] => {
      if (sequence === null) return [];
      const sql = `ALTER TABLE ${quotedTable(tableNameOf(relation))} ALTER COLUMN ${quoted(name)} SET DEFAULT nextval(${literal(sequence)}::regclass)`;
      return [{ sql, kind: 'ddl', notes: [], start: 0, end: sql.length }];
    }),
  );
  const notes =
    statements.length === 0 ? [] : ['The keys of both tables come from one sequence, as of a serial.'];
  return { statements, notes };
}
