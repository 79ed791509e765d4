import { asNode, walk } from '../../syntax/parse-tree';
import type { NodeBody } from '../../syntax/parse-tree';
import type { TableName } from '../../syntax/statement';
import { tableNameOf } from '../../catalogue/catalog-facts';
import type { Edit } from './edits';
import type { ParsedText } from './parsed-text';
import type { StatementText } from './statement-text';

/** A primary key that moves from its ALTER TABLE into the CREATE TABLE before it. */
export interface AddedKey {
  /** The key, in CREATE TABLE. */
  readonly insertion: Edit;
  /** The ALTER TABLE that added it. */
  readonly removal: Edit;
}

/** A table that the text has created, and where its list of columns ends. */
interface CreatedTable {
  readonly name: TableName;
  readonly end: number;
}

/** Finds `ALTER TABLE t ADD PRIMARY KEY`, alone, of a table that the text has created before. */
export function addedKeys({ sql, statements }: ParsedText): AddedKey[] {
  const keys: AddedKey[] = [];
  if (!/\bprimary\b/i.test(sql)) return keys;
  let created: CreatedTable[] = [];
  for (const source of statements) {
    const { node } = source.statement;
    if (node === 'CreateStmt') created.push(...createdTable(source));
    // After these, a name may be that of another table.
    if (/^(?:Drop|Rename|AlterObjectSchema)Stmt$/.test(node)) created = [];
    const key = node === 'AlterTableStmt' ? addedKey(source, created) : undefined;
    if (!key) continue;
    keys.push(key);
    created = created.filter(({ end }) => end !== key.insertion.start);
  }
  return keys;
}

function addedKey(source: StatementText, created: readonly CreatedTable[]): AddedKey | undefined {
  const { relation, cmds } = source.statement.tree as NodeBody<'AlterTableStmt'>;
  const [command, more] = cmds ?? [];
  const action = asNode(command, 'AlterTableCmd');
  const constraint = action?.subtype === 'AT_AddConstraint' ? asNode(action.def, 'Constraint') : undefined;
  const table = created.find(({ name }) => isSameInPublic(name, tableNameOf(relation)));
  if (constraint?.contype !== 'CONSTR_PRIMARY' || constraint.indexname !== undefined) return undefined;
  if (more || !table) return undefined;
  const from = source.indexAt(source.at(constraint.location));
  const definition = source.cut(from, source.tokens.length);
  return {
    insertion: { start: table.end, end: table.end, text: `, ${definition}` },
    removal: { start: source.firstToken, end: source.end, text: '' },
  };
}

/** Whether two names mean one table, where one without a schema is in `public`. */
function isSameInPublic(one: TableName, other: TableName): boolean {
  return one.name === other.name && (one.schema ?? 'public') === (other.schema ?? 'public');
}

/** A new table, unless it may exist already or has one of the clauses by which it could have a key. */
function createdTable(source: StatementText): CreatedTable[] {
  const { node, tree } = source.statement;
  const { relation, tableElts, if_not_exists: mayExist, inhRelations } = tree as NodeBody<'CreateStmt'>;
  if (mayExist === true || inhRelations || !tableElts?.length) return [];
  const found = { key: false };
  walk(node, tree as object, ({ name, body }) => {
    found.key ||= name === 'TableLikeClause' || (body as NodeBody<'Constraint'>).contype === 'CONSTR_PRIMARY';
    return !found.key;
  });
  if (found.key) return [];
  const open = source.afterName(source.indexAt(source.at(relation?.location)));
  if (source.tokens[open]?.value !== '(') return [];
  return [{ name: tableNameOf(relation), end: source.endBefore(source.afterGroup(open) - 1) }];
}
