import { walk } from '../syntax/parse-tree';
import type { ParsedQuery, TableName } from '../syntax/statement';
import { tableNameOf } from './catalog-facts';

/** The tables that a text names, and the names that it gives to queries, as often as it does. */
export function tablesNamed({ statements }: ParsedQuery): readonly TableName[] {
  const tables: TableName[] = [];
  for (const { node, tree } of statements) {
    walk(node, tree as object, ({ name, body, parent }) => {
      // FOR UPDATE OF repeats what FROM has called it.
      if (name === 'RangeVar' && parent?.name !== 'LockingClause') tables.push(tableNameOf(body));
      return true;
    });
  }
  return tables;
}
