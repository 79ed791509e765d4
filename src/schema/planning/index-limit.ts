import {
  asNode,
  columnConstraints,
  parseQuery,
  strings,
  tableNameOf,
  type CatalogTable,
  type DsqlStatement,
  type NodeBody,
  type Statement,
  type TableName,
} from '../../sql';
import type { UnsupportedChange } from './unsupported-change';

/** Those of a table that DSQL takes, its keys' own among them (observed by AWS on a cluster, 2026-10-01). */
export const MAX_INDEXES = 24;

/** What a refusal of one index too many is known by. */
export const INDEX_LIMIT = 'indexes-of-table';

/** What is to be said of a table with more indexes than DSQL takes. */
export function tooManyIndexes(table: string, count: number): UnsupportedChange {
  return {
    what: `more than ${String(MAX_INDEXES)} indexes on the table ${table}`,
    why: `It would have ${String(count)}, those of its keys among them.`,
    instead: 'Drop an index that no query needs, or move columns into a table of their own.',
    rule: INDEX_LIMIT,
  };
}

/**
 * What is to be said of statements that would give a table more indexes than DSQL takes.
 *
 * @param tables - as they are before the statements, as far as those name them
 */
export function exceededIndexLimits(
  statements: readonly Pick<DsqlStatement, 'sql' | 'kind'>[],
  tables: readonly CatalogTable[],
): readonly UnsupportedChange[] {
  const counts = new IndexCounts(tables);
  for (const { sql, kind } of statements) {
    if (kind === 'ddl' || kind === 'job') for (const each of parseQuery(sql).statements) counts.follow(each);
  }
  return counts.exceeded.map(({ name, count }) => tooManyIndexes(name, count));
}

/** A table, and the names of its indexes; those without a name have one of ours. */
interface CountedTable extends TableName {
  readonly indexes: Set<string>;
  most: number;
}

class IndexCounts {
  readonly #tables: CountedTable[];

  constructor(tables: readonly CatalogTable[]) {
    this.#tables = tables.map(({ schema, name, indexes }) => ({
      schema,
      name,
      indexes: new Set(indexes.map((index) => index.name)),
      most: 0,
    }));
  }

  get exceeded(): readonly { readonly name: string; readonly count: number }[] {
    return this.#tables
      .filter(({ most }) => most > MAX_INDEXES)
      .map(({ name, most }) => ({ name, count: most }));
  }

  follow({ node, tree }: Statement): void {
    switch (node) {
      case 'CreateStmt':
        this.#create(tree as NodeBody<'CreateStmt'>);
        return;
      case 'IndexStmt': {
        const { relation, idxname } = tree as NodeBody<'IndexStmt'>;
        this.#add(this.#table(tableNameOf(relation)), idxname);
        return;
      }
      case 'DropStmt': {
        const { objects = [] } = tree as NodeBody<'DropStmt'>;
        for (const object of objects) this.#drop(strings(asNode(object, 'List')?.items).at(-1) ?? '');
        return;
      }
      case 'AlterTableStmt':
        for (const item of (tree as NodeBody<'AlterTableStmt'>).cmds ?? []) {
          const { subtype, name = '' } = asNode(item, 'AlterTableCmd') ?? {};
          if (subtype === 'AT_DropConstraint') this.#drop(name);
        }
    }
  }

  #create({ relation, tableElts = [] }: NodeBody<'CreateStmt'>): void {
    const table = this.#table(tableNameOf(relation));
    const constraints = tableElts.flatMap((element) => {
      const column = asNode(element, 'ColumnDef');
      return column ? columnConstraints(column) : (asNode(element, 'Constraint') ?? []);
    });
    for (const { contype, conname } of constraints) {
      if (contype === 'CONSTR_PRIMARY' || contype === 'CONSTR_UNIQUE') this.#add(table, conname);
    }
  }

  #table({ schema, name }: TableName): CountedTable {
    const known = this.#tables.find(
      (table) => table.name === name && (schema === undefined || (table.schema ?? 'public') === schema),
    );
    if (known) return known;
    const table = { ...(schema !== undefined && { schema }), name, indexes: new Set<string>(), most: 0 };
    this.#tables.push(table);
    return table;
  }

  #add(table: CountedTable, name = `unnamed ${String(table.indexes.size)}`): void {
    const before = table.indexes.size;
    table.indexes.add(name);
    // What there is already is no fault of the statements.
    if (table.indexes.size > before) table.most = Math.max(table.most, table.indexes.size);
  }

  #drop(name: string): void {
    for (const { indexes } of this.#tables) indexes.delete(name);
  }
}
