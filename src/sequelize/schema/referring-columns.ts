import { DataTypes, type Sequelize } from 'sequelize';
import type { CatalogTable, TableName } from '../../sql';
import type { DsqlQueryGenerator } from '../dialect/dsql-query-generator';
import { isWholeNumber, modelOf, type ColumnAttribute } from './column-types';
import { nameOf, type TableIdentifier } from './dsql-schema-generator';

type Attributes = Readonly<Record<string, ColumnAttribute>>;

/** A column that refers to one of which no model is known; without `target`, it is bigint for certain. */
interface Referring {
  readonly key: string;
  readonly attribute: ColumnAttribute;
  readonly target: (TableName & { readonly column: string }) | undefined;
}

/** Columns that refer to those of a table without a model, as in a migration: the database says what these are. */
export class ReferringColumns {
  readonly #sequelize: Sequelize;
  readonly #queryGenerator: DsqlQueryGenerator;
  readonly #readTables: (tables: readonly TableName[], options: object) => Promise<readonly CatalogTable[]>;

  /** @param readTables - reads tables from the catalogue, those that there are */
  constructor(
    sequelize: Sequelize,
    queryGenerator: DsqlQueryGenerator,
    readTables: (tables: readonly TableName[], options: object) => Promise<readonly CatalogTable[]>,
  ) {
    this.#sequelize = sequelize;
    this.#queryGenerator = queryGenerator;
    this.#readTables = readTables;
  }

  /**
   * The attributes of a table, with those as bigint that refer to a bigint.
   *
   * @param options - of the call that they were given to
   */
  async widened(
    table: TableIdentifier,
    attributes: Attributes,
    options: { readonly schema?: string | undefined },
  ): Promise<Attributes> {
    const { schema } = this.#queryGenerator.extractTableDetails(table, options);
    const referring = this.#referringIn(nameOf(table), schema, attributes);
    if (referring.length === 0) return attributes;
    const targets = referring.flatMap(({ target }) => target ?? []);
    const tables = await this.#readTables(targets, options);
    const isBigint = ({ schema: ofSchema, name, column }: NonNullable<Referring['target']>) =>
      tables
        .find((each) => each.schema === ofSchema && each.name === name)
        ?.columns.find((each) => each.name === column)?.type === 'bigint';
    const bigint = new DataTypes.BIGINT();
    const widened = referring
      .filter(({ target }) => target === undefined || isBigint(target))
      .map(({ key, attribute }) => [key, { ...attribute, type: bigint }] as const);
    return { ...attributes, ...Object.fromEntries(widened) };
  }

  #referringIn(table: string, ownSchema: string | undefined, attributes: Attributes): readonly Referring[] {
    return Object.entries(attributes).flatMap(([key, attribute]): Referring[] => {
      const { model, key: column = 'id' } = attribute.references ?? {};
      if (model === undefined || !isWholeNumber(attribute.type)) return [];
      const { schema, tableName } = this.#queryGenerator.extractTableDetails(model, { schema: ownSchema });
      if (tableName === table) {
        const own = Object.entries(attributes).find(([name, each]) => (each.field ?? name) === column)?.[1];
        if (own?.autoIncrement === true) return [{ key, attribute, target: undefined }];
      }
      if (modelOf(this.#sequelize, model) !== undefined) return [];
      return [{ key, attribute, target: { schema, name: tableName, column } }];
    });
  }
}
