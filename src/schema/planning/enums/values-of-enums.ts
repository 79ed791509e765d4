import {
  asNode,
  enumCheckName,
  enumNamed,
  isArrayType,
  literal,
  parseQuery,
  quoted,
  withEnumsAsText,
  type CatalogTable,
  type EnumFacts,
  type NodeBody,
  type Statement,
} from '../../../sql';
import { commandsOf } from '../alter-actions';
import type { Planning } from '../planning';

/**
 * An ALTER TABLE that makes other values of those of a column, where the column gets an enum type or the values are made by
 * means of one: with texts in the place of the types, and with the CHECKs that go with them.
 *
 * @param text - the ALTER TABLE alone
 * @returns nothing for every other one: where the values stay, a column of an enum type only gets its CHECK
 */
export async function alteredAsText(
  text: string,
  statement: Statement,
  table: CatalogTable,
  { enums, readTables }: Planning,
): Promise<{ readonly text: string; readonly statement: Statement } | undefined> {
  const changes = commandsOf(statement).filter(({ subtype }) => subtype === 'AT_AlterColumnType');
  const known = changes.length === 0 ? [] : await enums.namedIn([statement], readTables);
  if (known.length === 0) return undefined;
  const checks: string[] = [];
  let isOfValues = false;
  for (const command of changes) {
    const { name = '', def } = command;
    const column = table.columns.find((each) => each.name === name);
    if (column === undefined) return undefined;
    isOfValues ||= (await enums.planColumn(table, column, command, readTables)) === undefined;
    checks.push(...checksOf(table, name, asNode(def, 'ColumnDef')?.typeName, known));
  }
  if (!isOfValues) return undefined;
  const plain = [withEnumsAsText(text, known).replace(/;\s*$/, ''), ...checks].join(', ');
  const [rewritten] = parseQuery(plain).statements;
  return rewritten && { text: plain, statement: rewritten };
}

function checksOf(
  table: CatalogTable,
  column: string,
  type: NodeBody<'TypeName'> | undefined,
  known: readonly EnumFacts[],
): readonly string[] {
  const found = type && enumNamed(type, known);
  if (found === undefined) return [];
  const isTaken = (name: string) => table.constraints.some((each) => each.name === name);
  const name = quoted(enumCheckName(found.name, table.name, column, isTaken));
  const condition = isArrayType(type)
    ? `${quoted(column)} <@ ${literal(JSON.stringify(found.labels))}::jsonb`
    : `${quoted(column)} IN (${found.labels.map(literal).join(', ')})`;
  return [`ADD CONSTRAINT ${name} CHECK (${condition})`];
}
