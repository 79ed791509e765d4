import type { TableName } from '../syntax/statement';
import { isSameName } from '../catalogue/catalog-facts';
import type { CatalogFacts, ColumnFacts, TableFacts } from '../catalogue/catalog-facts';

/** The facts of one translation: those given, and those the text itself has made so far. */
export class KnownCatalogue {
  readonly #tables: TableFacts[];

  constructor({ tables = [] }: CatalogFacts = {}) {
    this.#tables = [...tables];
  }

  /** Where a name without a schema may be several tables, it is the one in `public`, which a search_path usually begins with. */
  table(name: TableName): TableFacts | undefined {
    const same = this.#tables.filter((table) => isSameName(table, name));
    return (
      same.findLast(({ schema }) => schema === name.schema) ??
      same.findLast(({ schema = 'public' }) => schema === (name.schema ?? 'public')) ??
      same.at(-1)
    );
  }

  column(table: TableName, column: string): ColumnFacts | undefined {
    return this.table(table)?.columns?.find(({ name }) => name === column);
  }

  hasConstraint(table: TableName, name: string): boolean {
    return this.table(table)?.constraints?.includes(name) ?? false;
  }

  /** Notes that the text has created a table, or changed it. */
  set(facts: TableFacts): void {
    this.forget(facts);
    this.#tables.push(facts);
  }

  /** Notes that the text has dropped a table, or done with it what is not followed here. */
  forget(name: TableName): void {
    const known = this.table(name);
    if (known) this.#tables.splice(this.#tables.indexOf(known), 1);
  }

  /** Notes a column that the text has added or changed; without `facts` it has dropped it. */
  setColumn(table: TableName, column: string, facts: ColumnFacts | undefined): void {
    const known = this.table(table);
    if (!known?.columns) return;
    const others = known.columns.filter(({ name }) => name !== column);
    this.set({ ...known, columns: facts ? [...others, facts] : others });
  }

  addConstraint(table: TableName, name: string): void {
    const known = this.table(table);
    if (known?.constraints) this.set({ ...known, constraints: [...known.constraints, name] });
  }

  dropConstraint(table: TableName, name: string): void {
    const known = this.table(table);
    if (!known) return;
    this.set({
      ...known,
      ...(known.constraints && { constraints: known.constraints.filter((each) => each !== name) }),
      ...(known.columns && {
        columns: known.columns.map((column) =>
          column.notNullCheck === name ? withoutNotNullCheck(column) : column,
        ),
      }),
    });
  }
}

function withoutNotNullCheck({ name, type, notNull, identity }: ColumnFacts): ColumnFacts {
  return {
    name,
    ...(type !== undefined && { type }),
    ...(notNull !== undefined && { notNull }),
    ...(identity !== undefined && { identity }),
  };
}
