import { QueryTypes, type Sequelize, type TableOrModel } from '@sequelize/core';
import { PostgresQueryInterface } from '@sequelize/postgres';
import { UnsupportedFeatureError } from '../occ';
import { truncationOrder } from '../schema';
import type { DsqlDialect } from './dsql-dialect';
import type { DsqlInstance } from './dsql-instance';
import type { StatementOptions } from './statement';

type DropTableOptions = NonNullable<Parameters<PostgresQueryInterface['dropTable']>[1]>;
type TruncateOptions = NonNullable<Parameters<PostgresQueryInterface['truncate']>[1]>;

/** Sequelize's PostgreSQL query interface, on Aurora DSQL: there are no enum types, and TRUNCATE deletes. */
export class DsqlQueryInterface extends PostgresQueryInterface<DsqlDialect> {
  readonly #sequelize: Sequelize<DsqlDialect>;

  constructor(dialect: DsqlDialect, instance: DsqlInstance) {
    super(dialect);
    const sequelize = dialect.sequelize;
    // The instance in everything else: of what is sent from here Sequelize is the author.
    this.#sequelize = Object.create(sequelize, {
      queryRaw: {
        value: (sql: string, options?: StatementOptions) => instance.query(sql, options, 'ORM'),
      },
    }) as Sequelize<DsqlDialect>;
  }

  override get sequelize(): Sequelize<DsqlDialect> {
    return this.#sequelize;
  }

  async ensureEnums(): Promise<void> {
    // An enum column is text with a CHECK.
  }

  async dropEnum(): Promise<void> {
    // No type was made.
  }

  override async dropAllEnums(): Promise<void> {
    // No type was made.
  }

  async pgListEnums(): Promise<readonly object[]> {
    return Promise.resolve([]);
  }

  override async dropTable(table: TableOrModel, options?: DropTableOptions): Promise<void> {
    await this.sequelize.queryRaw(this.queryGenerator.dropTableQuery(table, options), options);
  }

  /**
   * Deletes all rows, at most 3,000 in a transaction: an interruption leaves some of them. With `cascade`, those of the
   * tables that refer to the table go first.
   *
   * @throws UnsupportedFeatureError without `cascade`, where that would delete or change rows of other tables
   */
  override async truncate(table: TableOrModel, options: TruncateOptions = {}): Promise<void> {
    const { restartIdentity, cascade = false, transaction } = options;
    const { tableName, schema } = this.queryGenerator.extractTableDetails(table);
    const look = { logging: false, ...(transaction !== undefined && { transaction }) } as const;
    const order = await truncationOrder({ schema, name: tableName }, cascade, (text) =>
      this.sequelize.queryRaw(text, { ...look, raw: true, type: QueryTypes.SELECT }),
    );
    for (const each of order) {
      const sql = this.queryGenerator.truncateTableQuery(
        { tableName: each.name, schema: each.schema },
        restartIdentity === undefined ? {} : { restartIdentity },
      );
      await this.sequelize.queryRaw(sql, { ...options, raw: true, type: QueryTypes.RAW });
    }
  }

  /** @throws UnsupportedFeatureError, as Sequelize sets the type of the column anew, whatever is to be changed */
  override changeColumn(
    ...[table, column]: Parameters<PostgresQueryInterface['changeColumn']>
  ): Promise<void> {
    return Promise.reject(
      new UnsupportedFeatureError(
        `changeColumn and sync({ alter }), which set the type of a column anew (${this.queryGenerator.quoteTable(table)}.${column})`,
        'Add a column, copy and drop the old one; send ALTER TABLE … ALTER COLUMN … SET DEFAULT, DROP DEFAULT or DROP NOT NULL by itself.',
      ),
    );
  }

  /** Every transaction is REPEATABLE READ, and a level that is another was refused before. */
  override async _setIsolationLevel(): Promise<void> {
    // Nothing is to be sent.
  }
}
