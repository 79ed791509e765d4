import { asNode, quotedTable, tableNameOf, type NodeBody, type Statement } from '../../../sql';
import { planCascade } from '../../catalogue/emptying-order';
import { isOneOf } from '../../catalogue/read-tables';
import type { Planning } from '../planning';

/** A TRUNCATE … CASCADE, as one without CASCADE that names all tables which it empties. */
export async function truncateOfAll(
  { tree }: Statement,
  { readTables }: Pick<Planning, 'readTables'>,
): Promise<string> {
  const { relations = [], restart_seqs: restarts } = tree as NodeBody<'TruncateStmt'>;
  const names = relations.flatMap((item) => asNode(item, 'RangeVar') ?? []).map(tableNameOf);
  const emptied = new Set<string>();
  for (const { schema, name } of await readTables(isOneOf(names))) {
    const { order } = await planCascade({ schema, name }, readTables);
    for (const table of order) emptied.add(quotedTable(table));
  }
  if (emptied.size === 0) for (const name of names) emptied.add(quotedTable(name));
  return `TRUNCATE ${[...emptied].join(', ')}${restarts === true ? ' RESTART IDENTITY' : ''}`;
}
