import { QueryTypes, type Sequelize } from 'sequelize';
import { unsupportedChanges, type UnsupportedChange } from '../schema';
import { primaryKeyOf, type CatalogColumn, type CatalogTable } from './catalog-table';
import type { DsqlSchemaGenerator } from './dsql-schema-generator';

/**
 * A column that is dropped and added anew, since Aurora DSQL cannot change a type: together with the indexes and
 * constraints that it is a part of.
 */
export class RecreatedColumn {
  readonly #sequelize: Sequelize;
  readonly #generator: DsqlSchemaGenerator;
  readonly #table: CatalogTable;
  readonly #column: CatalogColumn;

  constructor(
    sequelize: Sequelize,
    generator: DsqlSchemaGenerator,
    table: CatalogTable,
    column: CatalogColumn,
  ) {
    this.#sequelize = sequelize;
    this.#generator = generator;
    this.#table = table;
    this.#column = column;
  }

  /**
   * Drops the column and adds it, if that loses no value.
   *
   * That there is none is not only looked for: before the column is dropped, a CHECK lets nobody write one.
   *
   * @param refusals - why its type cannot be changed in place
   * @param isDestructive - whether the values of the column may be lost
   * @param add - adds the column
   * @throws UnsupportedFeatureError when values would be lost, before anything is sent
   */
  async recreate(
    refusals: readonly UnsupportedChange[],
    isDestructive: boolean,
    options: object,
    add: () => Promise<void>,
  ): Promise<void> {
    const { name, identity } = this.#column;
    const isKey = primaryKeyOf(this.#table).includes(name);
    if (isKey || identity || (!isDestructive && (await this.#hasValues(options)))) {
      throw unsupportedChanges(refusals);
    }
    const query = (sql: string) => this.#sequelize.query(sql, { ...options, type: QueryTypes.RAW });
    const alterTable = `ALTER TABLE ${this.#written}`;
    const column = this.#generator.quoteIdentifier(name);
    if (!isDestructive) {
      const guard = this.#generator.quoteIdentifier(`${name}_changes_type`);
      await query(`${alterTable} ADD CONSTRAINT ${guard} CHECK (${column} IS NULL);`);
    }
    await query(`${alterTable} DROP COLUMN ${column};`);
    await add();
    for (const definition of this.#lost()) await query(definition);
  }

  get #written(): string {
    return this.#generator.quoteTable({ tableName: this.#table.name, schema: this.#table.schema });
  }

  async #hasValues(options: object): Promise<boolean> {
    const column = this.#generator.quoteIdentifier(this.#column.name);
    const rows = await this.#sequelize.query(
      `SELECT 1 FROM ${this.#written} WHERE ${column} IS NOT NULL LIMIT 1`,
      { ...options, type: QueryTypes.SELECT, raw: true },
    );
    return rows.length > 0;
  }

  /** What goes with the column, of several columns: what is of this one alone, the attribute says anew. */
  #lost(): string[] {
    const { constraints, indexes } = this.#table;
    const isOfMore = (columns: readonly (string | null)[]) =>
      columns.length > 1 && columns.includes(this.#column.name);
    return [
      ...constraints
        .filter(({ columns }) => isOfMore(columns))
        .map(({ name, definition }) => {
          const constraint = this.#generator.quoteIdentifier(name);
          return `ALTER TABLE ${this.#written} ADD CONSTRAINT ${constraint} ${definition};`;
        }),
      ...indexes
        .filter(({ name, keys }) => {
          const isOfConstraint = constraints.some((constraint) => constraint.name === name);
          return !isOfConstraint && isOfMore(keys.map(({ column }) => column));
        })
        .map(({ definition }) => `${definition.replace(' USING btree_index ', ' ')};`),
    ];
  }
}
