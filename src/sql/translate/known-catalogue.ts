import type { TableName } from '../syntax/statement';
import { lastNamed } from '../catalogue/catalog-facts';
import type { CatalogFacts } from '../catalogue/catalog-facts';
import type { KnownColumn, KnownConstraint, KnownTable } from '../catalogue/known-table';

/** The tables of one translation: those given, and those the text itself has made so far. */
export class KnownCatalogue {
  readonly #tables: KnownTable[];

  constructor({ tables = [] }: CatalogFacts = {}) {
    this.#tables = [...tables];
  }

  table(name: TableName): KnownTable | undefined {
    return lastNamed(name, this.#tables);
  }

  column(table: TableName, column: string): KnownColumn | undefined {
    return this.table(table)?.columns.find(({ name }) => name === column);
  }

  /** Whether a table is known to have a constraint of that name. */
  hasConstraint(table: TableName, name: string): boolean {
    return this.table(table)?.constraints.some((each) => each.name === name) ?? false;
  }

  /** Whether a table is known to have no constraint of that name. */
  lacksConstraint(table: TableName, name: string): boolean {
    const known = this.table(table);
    return known !== undefined && known.isPartial !== true && !this.hasConstraint(table, name);
  }

  /** Notes that the text has created a table, or changed it. */
  set(table: KnownTable): void {
    this.forget(table);
    this.#tables.push(table);
  }

  /** Notes that the text has dropped a table, or done with it what is not followed here. */
  forget(name: TableName): void {
    const known = this.table(name);
    if (known) this.#tables.splice(this.#tables.indexOf(known), 1);
  }

  /** Notes a column that the text has added or changed. */
  setColumn(table: TableName, column: KnownColumn): void {
    const known = this.table(table);
    if (!known) return;
    const others = known.columns.filter(({ name }) => name !== column.name);
    this.set({ ...known, columns: [...others, column] });
  }

  /** Notes that the text has dropped a column, and with it the constraints on it. */
  dropColumn(table: TableName, column: string): void {
    const known = this.table(table);
    if (!known) return;
    this.set({
      ...known,
      columns: known.columns.filter(({ name }) => name !== column),
      constraints: known.constraints.filter((each) => isKept(each) || !each.columns.includes(column)),
    });
  }

  /** Notes that the text has given a table another name. */
  rename(table: TableName, name: string): void {
    const known = this.table(table);
    if (!known) return;
    this.forget(table);
    this.set({ ...known, name });
  }

  /** Notes that the text has given a column of a table another name. */
  renameColumn(table: TableName, from: string, to: string): void {
    const known = this.table(table);
    if (!known) return;
    const renamed = (name: string) => (name === from ? to : name);
    this.set({
      ...known,
      columns: known.columns.map((column) => ({ ...column, name: renamed(column.name) })),
      constraints: known.constraints.map((each) => ({ ...each, columns: each.columns.map(renamed) })),
    });
  }

  /** Notes that the text has given a constraint of a table another name. */
  renameConstraint(table: TableName, from: string, to: string): void {
    const known = this.table(table);
    if (!known) return;
    const constraints = known.constraints.map((each) => (each.name === from ? { ...each, name: to } : each));
    this.set({ ...known, constraints });
  }

  addConstraint(table: TableName, constraint: KnownConstraint): void {
    const known = this.table(table);
    if (known) this.set({ ...known, constraints: [...known.constraints, constraint] });
  }

  dropConstraint(table: TableName, name: string): void {
    const known = this.table(table);
    if (!known) return;
    const constraints = known.constraints.filter((each) => isKept(each) || each.name !== name);
    this.set({ ...known, constraints });
  }
}

/** A table of DSQL never loses its primary key: what would drop it is refused. */
function isKept({ type }: KnownConstraint): boolean {
  return type === 'p';
}
