import { tableNameOf, walk } from '../../sql';
import type { CatalogFacts, EnumFacts, ParsedQuery, TableFacts, TableName } from '../../sql';
import { LayeredMap } from './layered-map';
import { keyOf } from './table';
import type { Index, Sequence, Table } from './table';

/**
 * What a database holds after the texts so far, on PostgreSQL: what a migration that asks for it is told, what
 * `translate` should know, and what is looked at when all is done.
 */
export class Catalog {
  readonly #tables: LayeredMap<Table>;
  readonly #indexes: LayeredMap<Index & TableName>;
  readonly #enums: LayeredMap<EnumFacts>;
  readonly #sequences: LayeredMap<Sequence>;
  readonly #views: LayeredMap<TableName>;

  constructor(below?: Catalog) {
    this.#tables = new LayeredMap(below ? below.#tables : undefined);
    this.#indexes = new LayeredMap(below ? below.#indexes : undefined);
    this.#enums = new LayeredMap(below ? below.#enums : undefined);
    this.#sequences = new LayeredMap(below ? below.#sequences : undefined);
    this.#views = new LayeredMap(below ? below.#views : undefined);
  }

  table(name: TableName): Table | undefined {
    return this.#tables.get(keyOf(name));
  }

  tables(): Table[] {
    return [...this.#tables.values()];
  }

  hasView(name: TableName): boolean {
    return this.#views.get(keyOf(name)) !== undefined;
  }

  enum(name: TableName): EnumFacts | undefined {
    return this.#enums.get(keyOf(name));
  }

  /** What is known of what a text is about. */
  factsFor(sql: string, { statements }: ParsedQuery): CatalogFacts {
    const tables = new Map<string, Table>();
    for (const { node, tree } of statements) {
      walk(node, tree as object, ({ name, body }) => {
        const table = name === 'RangeVar' ? this.table(tableNameOf(body)) : undefined;
        if (table) tables.set(keyOf(table), table);
        return true;
      });
    }
    return {
      tables: [...tables.values()].map(factsOf),
      enums: [...this.#enums.values()].filter(({ name }) => sql.includes(name)),
    };
  }

  setTable(table: Table): void {
    this.#tables.set(keyOf(table), table);
  }

  changeTable(name: TableName, change: (table: Table) => Partial<Table>): void {
    const table = this.table(name);
    if (table) this.setTable({ ...table, ...change(table) });
  }

  dropTable(name: TableName): void {
    this.#tables.delete(keyOf(name));
    this.#views.delete(keyOf(name));
  }

  renameTable(from: TableName, to: TableName): void {
    const table = this.table(from);
    this.dropTable(from);
    if (!table) return;
    this.setTable({ ...table, ...to });
    for (const other of this.tables()) {
      if (!other.foreignKeys.some(({ references }) => keyOf(references) === keyOf(from))) continue;
      const foreignKeys = other.foreignKeys.map((key) =>
        keyOf(key.references) === keyOf(from) ? { ...key, references: to } : key,
      );
      this.setTable({ ...other, foreignKeys });
    }
  }

  addIndex(index: Index): void {
    const { schema } = index.table;
    this.#indexes.set(keyOf({ ...(schema !== undefined && { schema }), name: index.name }), index);
    this.changeTable(index.table, ({ indexes }) => ({ indexes: [...indexes, index] }));
  }

  dropIndex(name: TableName): void {
    const index = this.#indexes.get(keyOf(name));
    if (!index) return;
    this.#indexes.delete(keyOf(name));
    this.changeTable(index.table, ({ indexes }) => ({
      indexes: indexes.filter((each) => each.name !== name.name),
    }));
  }

  setEnum(facts: EnumFacts): void {
    this.#enums.set(keyOf(facts), facts);
  }

  dropEnum(name: TableName): void {
    this.#enums.delete(keyOf(name));
  }

  setSequence(sequence: Sequence): void {
    this.#sequences.set(keyOf(sequence), sequence);
  }

  sequence(name: TableName): Sequence | undefined {
    return this.#sequences.get(keyOf(name));
  }

  setView(name: TableName): void {
    this.#views.set(keyOf(name), name);
  }
}

function factsOf({ columns, primaryKey, uniques, checks, foreignKeys, ...table }: Table): TableFacts {
  const { schema, name } = table;
  return {
    ...(schema !== undefined && { schema }),
    name,
    primaryKey: primaryKey?.columns ?? [],
    ...(primaryKey && { primaryKeyName: primaryKey.name }),
    ...(columns && {
      columns: columns.map(({ name: column, type, notNull, sequence }) => {
        const identity = sequence !== undefined && sequence.kind !== 'named';
        const dsqlType = identity ? 'bigint' : type;
        return { name: column, ...(dsqlType !== undefined && { type: dsqlType }), notNull, identity };
      }),
    }),
    constraints: [...(primaryKey ? [primaryKey] : []), ...uniques, ...checks, ...foreignKeys].map(
      (constraint) => constraint.name,
    ),
  };
}
