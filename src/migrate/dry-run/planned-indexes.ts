import {
  exceededIndexLimits,
  isOneOf,
  readTablesWhere,
  unsupportedChanges,
  type PlannedChange,
} from '../../schema';
import { parseQuery, tableNameOf, type NodeBody, type TableName } from '../../sql';
import type { ReadForPlan } from '../migration-session';

type Planned = Pick<PlannedChange['statements'][number], 'sql' | 'kind'>;

/** The indexes that a migration would build by its statements so far: the database has none of them while they are planned. */
export class PlannedIndexes {
  readonly #earlier: (Planned & { readonly table: TableName })[] = [];

  /**
   * Makes sure that a table may have the indexes that a statement builds, and those before it.
   *
   * @param text - the statement as it is written
   * @param statements - what is sent in its place
   * @throws UnsupportedFeatureError when it would have too many
   */
  async expect(text: string, statements: readonly Planned[], read: ReadForPlan): Promise<void> {
    const built = statements.flatMap((each) => {
      if (each.kind !== 'job' || !/\bINDEX\b/i.test(each.sql)) return [];
      return tablesWithIndex(each.sql).map((table) => ({ ...each, table }));
    });
    const isEarlier = ({ table }: (typeof built)[number]) =>
      this.#earlier.some((each) => each.table.name === table.name);
    // The plan of the first one has counted those that there are.
    const tables = built.some(isEarlier)
      ? await readTablesWhere(isOneOf(built.map(({ table }) => table)), read)
      : [];
    this.#earlier.push(...built);
    const names = new Set(tables.map(({ name }) => name));
    const counted = this.#earlier.filter(({ table }) => names.has(table.name));
    const exceeded = exceededIndexLimits(counted, tables);
    if (exceeded.length === 0) return;
    throw unsupportedChanges(exceeded.map((change) => ({ ...change, what: `${change.what} ("${text}")` })));
  }
}

function tablesWithIndex(sql: string): readonly TableName[] {
  return parseQuery(sql).statements.flatMap(({ node, tree }) =>
    node === 'IndexStmt' ? [tableNameOf((tree as NodeBody<'IndexStmt'>).relation)] : [],
  );
}
