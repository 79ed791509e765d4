import type { TypeName } from 'libpg-query';
import {
  arrayColumnsAfter,
  isArrayType,
  isOfNumbers,
  isSameName,
  tablesNamed,
  type ArrayColumn,
  type CatalogColumn,
  type CatalogTable,
  type ParsedQuery,
  type Statement,
  type TableName,
} from '../../sql';
import { isOneOf, type ReadTables } from '../catalogue/read-tables';

/** What became of a column of arrays: what it is made of, or nothing where it is none any more. */
export interface ArrayChange extends Pick<ArrayColumn, 'table' | 'column'> {
  readonly made?: Pick<ArrayColumn, 'type' | 'place'>;
}

/**
 * The columns of arrays of a history of migrations, which are jsonb. The database does not tell them from other jsonb: those
 * are known that the statements of this process have made, and those that earlier processes have noted.
 */
export class ArrayColumns {
  #known: readonly ArrayColumn[];
  /** Those before the migration. */
  #before: readonly ArrayColumn[] = [];

  constructor(known: readonly ArrayColumn[] = []) {
    this.#known = known;
  }

  /** What is known now, for a plan that is not carried out. */
  copy(): ArrayColumns {
    return new ArrayColumns(this.#known);
  }

  /** Takes up what earlier processes have noted. */
  takeUp(noted: readonly ArrayColumn[]): void {
    const keys = new Set(noted.map(keyOf));
    this.#known = [...noted, ...this.#known.filter((each) => !keys.has(keyOf(each)))];
  }

  /** A migration begins: what becomes of columns from here on is to be noted with it. */
  begin(): void {
    this.#before = this.#known;
  }

  /** What has become of columns since {@link ArrayColumns.begin}. */
  get changes(): readonly ArrayChange[] {
    const before = new Map(this.#before.map((each) => [keyOf(each), each]));
    const now = new Map(this.#known.map((each) => [keyOf(each), each]));
    const isSame = (one: ArrayColumn, other: ArrayColumn | undefined) =>
      one.type === other?.type && one.place === other.place;
    return [
      ...[...before].flatMap(([key, { table, column }]) => (now.has(key) ? [] : [{ table, column }])),
      ...[...now].flatMap(([key, each]): ArrayChange[] => {
        const { table, column, type, place } = each;
        if (isSame(each, before.get(key))) return [];
        return [{ table, column, made: { type, ...(place !== undefined && { place }) } }];
      }),
    ];
  }

  get known(): readonly ArrayColumn[] {
    return this.#known;
  }

  /**
   * The columns that are known, but for those of the names in a text that are others: in a schema of another name, or in a
   * table that something else than a migration has made anew.
   */
  async namedIn(parsed: ParsedQuery, readTables: ReadTables): Promise<readonly ArrayColumn[]> {
    const named = tablesNamed(parsed).filter((name) =>
      this.#known.some(({ table }) => isSameName(table, name)),
    );
    if (named.length === 0) return this.#known;
    const tables = await readTables(isOneOf(named));
    const isOther =
      ({ table, column }: ArrayColumn) =>
      (name: TableName) => {
        // Without a schema it is read where the session finds it.
        const found = tables.find((each) => isSameName(each, name));
        if (found === undefined) return false;
        const type = found.columns.find((each) => each.name === column)?.type;
        return !isSameName(found, table) || (type !== undefined && type !== 'jsonb');
      };
    return this.#known.filter((each) => {
      const meant = named.filter((name) => isSameName(each.table, name));
      return meant.length === 0 || !meant.every(isOther(each));
    });
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

function keyOf({ table: { schema = '', name }, column }: ArrayColumn): string {
  return JSON.stringify([schema, name, column]);
}
