import type { Constraint, Node } from 'libpg-query';
import { asNode, strings } from '../../syntax/parse-tree';
import type { NodeBody } from '../../syntax/parse-tree';
import { columnConstraints } from '../../refusals';
import { tableNameOf } from '../../catalogue/catalog-facts';
import { editColumn } from '../columns/column-edits';
import { columnsOf, constraintsOf, rememberTable } from '../columns/created-table';
import { refuseKeylessTypes } from '../columns/key-types';
import { formattedType } from '../columns/type-names';
import type { Outcome } from '../draft';
import type { Rewrite } from '../rewrite';
import type { StatementText } from '../text/statement-text';

/** Translates CREATE TABLE, and remembers the table for the statements after it. */
export function createTable(rewrite: Rewrite<'CreateStmt'>): Outcome {
  const { source, tree, catalogue } = rewrite;
  for (const column of columnsOf(tree)) editColumn(rewrite, column);
  omitUnlogged(rewrite);
  omitStorage(rewrite);
  omitExclusions(rewrite);
  for (const { keys, location } of keysOf(tree)) {
    refuseKeylessTypes(rewrite, tableNameOf(tree.relation), keys, source.at(location));
  }
  rememberTable(tree, catalogue);
  return rewrite.edited();
}

function omitUnlogged(rewrite: Rewrite<'CreateStmt'>): void {
  if (rewrite.tree.relation?.relpersistence !== 'u' || !rewrite.isRefused('unlogged-table')) return;
  const unlogged = rewrite.source.tokens.findIndex(({ value }) => value === 'UNLOGGED');
  rewrite.remove(unlogged, unlogged + 1);
  rewrite.note('UNLOGGED is omitted: every table of DSQL is durable.');
}

/** Cuts out what only says how PostgreSQL is to store the table. */
function omitStorage(rewrite: Rewrite<'CreateStmt'>): void {
  const { source, tree } = rewrite;
  const { relation, options, tablespacename, accessMethod, tableElts } = tree;
  const { tokens } = source;
  if (!rewrite.isRefused('table-clause') || !tableElts) return;
  const nameAt = source.indexAt(source.at(relation?.location));
  for (let at = source.afterGroup(source.afterName(nameAt)); at < tokens.length;) {
    const after = endOfClause(source, at);
    const word = tokens[at]?.value;
    const isStorage =
      (options !== undefined && (word === 'WITH' || word === 'WITHOUT')) ||
      (tablespacename !== undefined && word === 'TABLESPACE') ||
      (accessMethod === 'heap' && word === 'USING');
    if (isStorage) {
      rewrite.remove(at, after);
      rewrite.note(`${source.cut(at, after)} is omitted: DSQL stores tables in its own way.`);
    }
    at = after;
  }
}

function endOfClause(source: StatementText, at: number): number {
  const word = source.tokens[at]?.value;
  if (word === 'WITH') return source.afterGroup(at + 1);
  return word === 'WITHOUT' || word === 'TABLESPACE' || word === 'USING' ? at + 2 : source.afterGroup(at);
}

/** What is said of an exclusion constraint that is left out. */
export function exclusionNote(written: string): string {
  return `${written} is left out: DSQL has no exclusion constraints, and nothing checks this now.`;
}

/** Cuts out exclusion constraints where that is allowed; where it is not, they are refused like the rest. */
function omitExclusions(rewrite: Rewrite<'CreateStmt'>): void {
  const { source, tree } = rewrite;
  const { relation, tableElts = [] } = tree;
  if (rewrite.simplify.exclusions !== true || !rewrite.isRefused('exclusion-constraint')) return;
  const open = source.afterName(source.indexAt(source.at(relation?.location)));
  const parts = source.splitAtCommas(open + 1, source.afterGroup(open) - 1);
  const isExclusion = (element: Node) => asNode(element, 'Constraint')?.contype === 'CONSTR_EXCLUSION';
  tableElts.forEach((element, index) => {
    const part = parts[index];
    if (part === undefined || !isExclusion(element)) return;
    const { from, to } = part;
    rewrite.note(exclusionNote(source.cut(from, to)));
    if (tableElts.slice(0, index).every(isExclusion)) rewrite.remove(from, to + 1);
    else rewrite.remove(from - 1, to);
  });
}

interface WrittenKey {
  readonly keys: readonly { readonly name: string; readonly type: string | undefined }[];
  readonly location: number | undefined;
}

/** The primary key and the unique constraints of a new table, with the types of their columns. */
function keysOf(table: NodeBody<'CreateStmt'>): WrittenKey[] {
  const columns = columnsOf(table);
  const typed = (name: string) => {
    const column = columns.find(({ colname }) => colname === name);
    return { name, type: formattedType(column?.typeName) };
  };
  const isKey = ({ contype }: Constraint) => contype === 'CONSTR_PRIMARY' || contype === 'CONSTR_UNIQUE';
  return [
    ...columns.flatMap((column) =>
      columnConstraints(column)
        .filter(isKey)
        .map(({ location }) => ({ keys: [typed(column.colname ?? '')], location })),
    ),
    ...constraintsOf(table)
      .filter(isKey)
      .map(({ keys, location }) => ({ keys: strings(keys).map(typed), location })),
  ];
}
