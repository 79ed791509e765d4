import type { Node } from 'libpg-query';
import { asNode, literal, quotedTable, strings, type NodeBody, type Statement, nameOfParts } from '../../sql';
import type { PlannedChange, Planning } from './planning';

/** The index that a statement drops, or renames, and that has to be there for it. */
function neededIndex({
  node,
  tree,
}: Statement): { readonly name: string; readonly schema?: string } | undefined {
  if (node === 'DropStmt') {
    const { removeType, missing_ok: mayBeMissing, objects = [] } = tree as NodeBody<'DropStmt'>;
    if (removeType !== 'OBJECT_INDEX' || mayBeMissing === true || objects.length !== 1) return undefined;
    return nameOfParts(namesOf(objects[0]));
  }
  if (node !== 'RenameStmt') return undefined;
  const { renameType, missing_ok: mayBeMissing, relation } = tree as NodeBody<'RenameStmt'>;
  if (renameType !== 'OBJECT_INDEX' || mayBeMissing === true) return undefined;
  const { relname: name = '', schemaname: schema } = relation ?? {};
  return { name, ...(schema !== undefined && { schema }) };
}

function namesOf(object: Node | undefined): readonly string[] {
  return strings(asNode(object, 'List')?.items);
}

/** Whether a statement is about an index that may have been left out. */
export function isAboutIndex(statement: Statement): boolean {
  return neededIndex(statement) !== undefined;
}

/**
 * Nothing, for a statement about an index that is not there: one that DSQL cannot build was left out, and no table remembers
 * it.
 *
 * @returns nothing where the index is there
 */
export async function planAbsentIndex(
  statement: Statement,
  { mapping, read }: Planning,
): Promise<PlannedChange | undefined> {
  const index = neededIndex(statement);
  if (index === undefined || mapping.simplify.specialIndexes === false) return undefined;
  const [row] = (await read(
    `SELECT to_regclass(${literal(quotedTable(index))}) IS NOT NULL AS present`,
  )) as readonly { readonly present?: boolean }[];
  if (row?.present !== false) return undefined;
  return {
    statements: [],
    notes: [`There is no index ${index.name}: one that DSQL cannot build is left out.`],
  };
}
