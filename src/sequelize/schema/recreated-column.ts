import { QueryTypes } from 'sequelize';
import { unsupportedChanges, type UnsupportedChange } from '../../schema';
import { primaryKeyOf, type CatalogColumn, type CatalogTable } from '../../sql';
import type { ColumnAttribute } from './column-types';
import type { SchemaChanges } from './schema-changes';
import type { DsqlSchemaGenerator } from './dsql-schema-generator';

/**
 * A column that is dropped and added anew, since Aurora DSQL cannot change a type: together with the indexes and
 * constraints that it is a part of.
 */
export class RecreatedColumn {
  readonly #changes: SchemaChanges;
  readonly #generator: DsqlSchemaGenerator;
  readonly #table: CatalogTable;
  readonly #column: CatalogColumn;
  readonly #attribute: ColumnAttribute;

  /** @param attribute - what the column is to be */
  constructor(
    changes: SchemaChanges,
    generator: DsqlSchemaGenerator,
    table: CatalogTable,
    column: CatalogColumn,
    attribute: ColumnAttribute,
  ) {
    this.#changes = changes;
    this.#generator = generator;
    this.#table = table;
    this.#column = column;
    this.#attribute = attribute;
  }

  /**
   * Drops the column and adds it, if that loses no value.
   *
   * That there is none is not only looked for: before the column is dropped, a CHECK lets nobody write one.
   *
   * @param refusals - why its type cannot be changed in place
   * @param options - of the call: each statement waits for the jobs of the table
   * @param isDestructive - whether the values of the column may be lost
   * @param add - adds the column
   * @throws UnsupportedFeatureError before anything is sent, when values would be lost, or a foreign key of which the
   *   attribute says nothing
   */
  async recreate(
    refusals: readonly UnsupportedChange[],
    isDestructive: boolean,
    options: object,
    add: () => Promise<void>,
  ): Promise<void> {
    const { name, identity } = this.#column;
    const isKey = primaryKeyOf(this.#table).includes(name);
    if (isKey || identity || this.#losesReference() || (!isDestructive && (await this.#hasValues(options)))) {
      throw unsupportedChanges(refusals);
    }
    const query = (sql: string) => this.#changes.runWritten(sql, { ...options, type: QueryTypes.RAW });
    const alterTable = `ALTER TABLE ${this.#written}`;
    const column = this.#generator.quoteIdentifier(name);
    const guard = this.#generator.quoteIdentifier(`${name}_changes_type`);
    if (!isDestructive) await query(`${alterTable} ADD CONSTRAINT ${guard} CHECK (${column} IS NULL);`);
    try {
      await query(`${alterTable} DROP COLUMN ${column};`);
    } catch (error) {
      // A view may need it.
      if (!isDestructive) await query(`${alterTable} DROP CONSTRAINT ${guard};`).catch(() => undefined);
      throw error;
    }
    await add();
    for (const definition of this.#lost()) await query(definition);
  }

  get #written(): string {
    return this.#generator.quoteTable({ tableName: this.#table.name, schema: this.#table.schema });
  }

  async #hasValues(options: object): Promise<boolean> {
    const column = this.#generator.quoteIdentifier(this.#column.name);
    const rows = await this.#changes.select(
      `SELECT 1 FROM ${this.#written} WHERE ${column} IS NOT NULL LIMIT 1`,
      options,
    );
    return rows.length > 0;
  }

  #losesReference(): boolean {
    const { references } = this.#attribute;
    return (
      !references && this.#table.constraints.some(({ type, columns }) => type === 'f' && this.#isOf(columns))
    );
  }

  /** What goes with the column and is not made anew with it. */
  #lost(): string[] {
    const { constraints, indexes } = this.#table;
    const { unique, references } = this.#attribute;
    const isMade = { u: unique === true, f: Boolean(references), c: true, p: false };
    return [
      ...constraints
        .filter(({ type, columns }) => this.#isOf(columns) && !(columns.length === 1 && isMade[type]))
        .map(({ name, definition }) => {
          const constraint = this.#generator.quoteIdentifier(name);
          return `ALTER TABLE ${this.#written} ADD CONSTRAINT ${constraint} ${definition};`;
        }),
      ...indexes
        .filter(({ name, keys }) => {
          const isOfConstraint = constraints.some((constraint) => constraint.name === name);
          return !isOfConstraint && this.#isOf(keys.map(({ column }) => column));
        })
        .map(({ definition }) => `${definition.replace(' USING btree_index ', ' ')};`),
    ];
  }

  #isOf(columns: readonly (string | null)[]): boolean {
    return columns.includes(this.#column.name);
  }
}
