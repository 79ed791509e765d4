import {
  asNode,
  isNotNull,
  literal,
  quoted,
  quotedTable,
  tableNameOf,
  type CatalogTable,
  type NodeBody,
  type Statement,
} from '../../../sql';
import { isOneOf } from '../../catalogue/read-tables';
import { together, type PlannedChange, type Planning } from '../planning';

/** Bits of `TableLikeClause.options` (PostgreSQL 16, `parsenodes.h`). */
const CONSTRAINTS = 1 << 2;
const DEFAULTS = 1 << 3;
const IDENTITY = 1 << 5;

type Like = NodeBody<'TableLikeClause'>;

function likes({ node, tree }: Statement): readonly Like[] {
  if (node !== 'CreateStmt') return [];
  return ((tree as NodeBody<'CreateStmt'>).tableElts ?? []).flatMap(
    (element) => asNode(element, 'TableLikeClause') ?? [],
  );
}

/** Whether a statement makes a table after the model of another one. */
export function isLikeAnother(statement: Statement): boolean {
  return likes(statement).length > 0;
}

/**
 * What the new table has on PostgreSQL and does not get here by itself: a `serial` is an identity, and INCLUDING DEFAULTS copies
 * none; NOT NULL is copied always, but not the CHECK that stands for it where it was added later.
 *
 * @param planAction - plans an ALTER TABLE
 */
export async function planLike(
  statement: Statement,
  { readTables }: Pick<Planning, 'readTables'>,
  planAction: (sql: string) => Promise<PlannedChange | 'as it is' | 'refused'>,
): Promise<PlannedChange | 'refused'> {
  const { relation } = statement.tree as NodeBody<'CreateStmt'>;
  const changes: PlannedChange[] = [];
  for (const like of likes(statement)) {
    const [model] = await readTables(isOneOf([tableNameOf(like.relation)]));
    for (const action of model === undefined ? [] : missing(model, like.options ?? 0)) {
      const sql = `ALTER TABLE ${quotedTable(tableNameOf(relation))} ${action}`;
      const planned = await planAction(sql);
      if (typeof planned === 'string') return 'refused';
      changes.push(planned);
    }
  }
  return together(changes);
}

function missing(model: CatalogTable, options: number): readonly string[] {
  const has = (bit: number) => (options & bit) !== 0;
  return model.columns.flatMap((column) => {
    const { name, sequence, notNull } = column;
    const alter = `ALTER COLUMN ${quoted(name)}`;
    const isOfSequence = sequence !== null && has(DEFAULTS) && !has(IDENTITY);
    const isByCheck = !notNull && !has(CONSTRAINTS) && isNotNull(model, column);
    return [
      // Both tables take their numbers of one sequence.
      ...(isOfSequence ? [`${alter} SET DEFAULT nextval(${literal(sequence)}::regclass)`] : []),
      ...(isByCheck ? [`${alter} SET NOT NULL`] : []),
    ];
  });
}
