import type { TypeName } from 'libpg-query';
import {
  arrayColumnsAfter,
  isArrayType,
  isOfNumbers,
  type ArrayColumn,
  type CatalogColumn,
  type CatalogTable,
  type Statement,
} from '../../sql';

/**
 * The columns of arrays of a history of migrations, which are jsonb. The database does not tell them from other jsonb, so
 * only those are known that the statements of this process have made.
 */
export class ArrayColumns {
  #known: readonly ArrayColumn[];

  constructor(known: readonly ArrayColumn[] = []) {
    this.#known = known;
  }

  /** What is known now, for a plan that is not carried out. */
  copy(): ArrayColumns {
    return new ArrayColumns(this.#known);
  }

  get known(): readonly ArrayColumn[] {
    return this.#known;
  }

  /** Whether a column is known. */
  has(table: string, column: string): boolean {
    return this.#known.some((each) => each.table.name === table && each.column === column);
  }

  /** Notes what becomes of the columns by statements. */
  remember(statements: readonly Statement[]): void {
    this.#known = statements.reduce(arrayColumnsAfter, this.#known);
  }

  /** Whether a column holds already what another type of array would: members of JSON that are written the same. */
  holds(table: CatalogTable, column: CatalogColumn, type: TypeName | undefined): boolean {
    if (column.type !== 'jsonb' || !isArrayType(type)) return false;
    const known = this.#known.find((each) => each.table.name === table.name && each.column === column.name);
    return known === undefined ? !isOfNumbers(type) : known.isOfNumbers === isOfNumbers(type);
  }
}
