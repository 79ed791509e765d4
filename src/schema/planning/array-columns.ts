import type { TypeName } from 'libpg-query';
import {
  arrayColumnsIn,
  asNode,
  isArrayType,
  isOfNumbers,
  type ArrayColumn,
  type CatalogColumn,
  type CatalogTable,
  type NodeBody,
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

  /** Notes the columns that statements make, and gives them their new names. */
  remember(statements: readonly Statement[]): void {
    this.#known = [...arrayColumnsIn(statements), ...this.#known];
    for (const { node, tree } of statements) {
      if (node === 'RenameStmt') this.#rename(tree as NodeBody<'RenameStmt'>);
      if (node === 'AlterTableStmt') this.#shift(tree as NodeBody<'AlterTableStmt'>);
    }
  }

  /** Behind a column that is dropped the others have other places. */
  #shift({ relation, cmds = [] }: NodeBody<'AlterTableStmt'>): void {
    if (!cmds.some((item) => asNode(item, 'AlterTableCmd')?.subtype === 'AT_DropColumn')) return;
    this.#known = this.#known.map(({ place, ...each }) => {
      const isShifted = place === undefined || each.table.name === relation?.relname;
      return isShifted ? each : { ...each, place };
    });
  }

  #rename({ renameType, relation, subname, newname = '' }: NodeBody<'RenameStmt'>): void {
    this.#known = this.#known.map((each) => {
      if (each.table.name !== relation?.relname) return each;
      if (renameType === 'OBJECT_TABLE') return { ...each, table: { ...each.table, name: newname } };
      return renameType === 'OBJECT_COLUMN' && each.column === subname ? { ...each, column: newname } : each;
    });
  }

  /** Whether a column holds already what another type of array would: members of JSON that are written the same. */
  holds(table: CatalogTable, column: CatalogColumn, type: TypeName | undefined): boolean {
    if (column.type !== 'jsonb' || !isArrayType(type)) return false;
    const known = this.#known.find((each) => each.table.name === table.name && each.column === column.name);
    return known === undefined ? !isOfNumbers(type) : known.isOfNumbers === isOfNumbers(type);
  }
}
