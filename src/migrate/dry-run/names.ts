import { objectParts, tablesNamed, type NodeBody, type Statement } from '../../sql';

/** The names of the tables and other relations that a statement is about, without their schemas. */
export function namesIn(statement: Statement): readonly string[] {
  const named = tablesNamed({ statements: [statement], text: statement.text }).map(({ name }) => name);
  if (statement.node === 'RenameStmt') {
    const { newname } = statement.tree as NodeBody<'RenameStmt'>;
    return newname === undefined ? named : [...named, newname];
  }
  if (statement.node !== 'DropStmt') return named;
  const { objects = [] } = statement.tree as NodeBody<'DropStmt'>;
  const dropped = objects.flatMap((object) => objectParts(object).at(-1) ?? []);
  return [...named, ...dropped];
}
