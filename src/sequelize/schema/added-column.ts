import { createHash } from 'node:crypto';
import { defaultName, quoted, type CatalogTable, type DsqlStatement } from '../../sql';

/** A column that is to be added. */
export interface ColumnToAdd {
  readonly table: string;
  readonly column: string;
  /** `ALTER TABLE "t"`, as the statements below write it. */
  readonly alterTable: string;
  readonly quotedColumn: string;
  /** What adds it, written for PostgreSQL. */
  readonly text: string;
  /** The same where a part of it may be done already. */
  readonly repeatableText: string;
}

/** Whether the addition of a column may have been interrupted: {@link AddedColumn.isBegun} says whether this one was. */
export function isUnfinished({ constraints }: CatalogTable, column: string): boolean {
  return constraints.some(
    ({ name, columns }) => /_unfinished_[0-9a-f]{8}$/.test(name) && columns.join() === column,
  );
}

/**
 * The addition of a column, which the same call finishes when it was interrupted.
 *
 * PostgreSQL adds a column with its default and its constraints at once, Aurora DSQL in several transactions, between which
 * the process may end. From the catalogue alone a column whose rows are not filled yet looks like one that an application
 * keeps NULL in. So there is a CHECK beside the column that holds for every row, until all is done: its name says what was
 * begun. It goes with the column.
 */
export class AddedColumn {
  readonly #toAdd: ColumnToAdd;
  readonly #mark: string;
  /** Whether the same call has begun to add the column, and did not come to its end. */
  readonly isBegun: boolean;

  /** @param known - the table, if there is one */
  constructor(toAdd: ColumnToAdd, known: CatalogTable | undefined) {
    const { table, column, text } = toAdd;
    const digest = createHash('sha256').update(text).digest('hex').slice(0, 8);
    this.#toAdd = toAdd;
    this.#mark = defaultName(table, [column], `unfinished_${digest}`);
    this.isBegun =
      known?.constraints.some(({ name, columns }) => name === this.#mark && columns.join() === column) ===
      true;
  }

  /** What is left to be done, written for PostgreSQL. */
  get text(): string {
    return this.isBegun ? this.#toAdd.repeatableText : this.#toAdd.text;
  }

  /** The table as it was before: what is there of the column is made again. */
  before(table: CatalogTable): CatalogTable {
    const { table: name, column } = this.#toAdd;
    if (!this.isBegun || table.name !== name) return table;
    return {
      ...table,
      columns: table.columns.filter((each) => each.name !== column),
      constraints: table.constraints.filter(({ columns }) => columns.join() !== column),
    };
  }

  /** The statements that add the column, and keep the mark while there is something left to be done. */
  finishable(statements: readonly DsqlStatement[]): readonly DsqlStatement[] {
    const [first, ...others] = statements;
    // One statement is done, or it is not.
    if (first === undefined || (others.length === 0 && !this.isBegun)) return statements;
    const { alterTable, quotedColumn: column } = this.#toAdd;
    const mark = quoted(this.#mark);
    const ddl = (action: string): DsqlStatement => ({
      ...first,
      kind: 'ddl',
      notes: [],
      sql: `${alterTable} ${action}`,
    });
    return [
      first,
      ...(this.isBegun
        ? []
        : [ddl(`ADD CONSTRAINT ${mark} CHECK (${column} IS NULL OR ${column} IS NOT NULL) NOT VALID`)]),
      ...others,
      ddl(`DROP CONSTRAINT IF EXISTS ${mark}`),
    ];
  }
}
