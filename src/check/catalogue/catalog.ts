import { arrayColumnsAfter, tablesNamed } from '../../sql';
import type {
  ArrayColumn,
  CatalogFacts,
  EnumFacts,
  KnownIndex,
  ParsedQuery,
  Statement,
  TableName,
} from '../../sql';
import { LayeredMap } from './layered-map';
import { keyOf, ownIndexes } from './table';
import type { DeclaredConstraint, DeclaredTable, Sequence } from './table';

/**
 * What a database holds after the texts so far, on PostgreSQL: what a migration that asks for it is told, what
 * `translate` should know, and what is looked at when all is done.
 */
export class Catalog {
  readonly #tables: LayeredMap<DeclaredTable>;
  readonly #enums: LayeredMap<EnumFacts>;
  readonly #sequences: LayeredMap<Sequence>;
  readonly #views: LayeredMap<TableName>;
  #arrays: readonly ArrayColumn[];

  constructor(below?: Catalog) {
    this.#tables = new LayeredMap(below ? below.#tables : undefined);
    this.#enums = new LayeredMap(below ? below.#enums : undefined);
    this.#sequences = new LayeredMap(below ? below.#sequences : undefined);
    this.#views = new LayeredMap(below ? below.#views : undefined);
    this.#arrays = below ? below.#arrays : [];
  }

  table(name: TableName): DeclaredTable | undefined {
    return this.#tables.get(keyOf(name));
  }

  tables(): DeclaredTable[] {
    return [...this.#tables.values()];
  }

  hasView(name: TableName): boolean {
    return this.#views.get(keyOf(name)) !== undefined;
  }

  enum(name: TableName): EnumFacts | undefined {
    return this.#enums.get(keyOf(name));
  }

  /** What is known of what a text is about. */
  factsFor(sql: string, parsed: ParsedQuery): CatalogFacts {
    const tables = new Map<string, DeclaredTable>();
    for (const name of tablesNamed(parsed)) {
      const table = this.table(name);
      if (table) tables.set(keyOf(table), table);
    }
    return {
      tables: [...tables.values()],
      enums: [...this.#enums.values()].filter(({ name }) => sql.includes(name)),
      arrays: this.#arrays,
    };
  }

  /** Follows which columns are declared as arrays, and kept as jsonb. */
  followArrays(statements: readonly Statement[]): void {
    this.#arrays = statements.reduce(arrayColumnsAfter, this.#arrays);
  }

  setTable(table: DeclaredTable): void {
    this.#tables.set(keyOf(table), table);
  }

  changeTable(name: TableName, change: (table: DeclaredTable) => Partial<DeclaredTable>): void {
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
      const isReference = ({ target }: DeclaredConstraint) => target && keyOf(target) === keyOf(from);
      if (!other.constraints.some(isReference)) continue;
      const constraints = other.constraints.map((each) =>
        isReference(each) ? { ...each, target: { columns: [], ...each.target, ...to } } : each,
      );
      this.setTable({ ...other, constraints });
    }
  }

  addIndex(table: TableName, index: KnownIndex): void {
    this.changeTable(table, ({ indexes }) => ({ indexes: [...indexes, index] }));
  }

  /** @param name - of the index, which is in the schema of its table */
  dropIndex({ schema, name }: TableName): void {
    for (const table of this.tables()) {
      const isOfSchema = (table.schema ?? 'public') === (schema ?? 'public');
      if (!isOfSchema || !ownIndexes(table).some((index) => index.name === name)) continue;
      this.setTable({ ...table, indexes: table.indexes.filter((index) => index.name !== name) });
    }
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
