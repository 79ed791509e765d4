import { QueryTypes, type Sequelize, type TableName, type TableOrModel } from '@sequelize/core';
import { PostgresQueryInterface } from '@sequelize/postgres';
import { UnsupportedFeatureError } from '../occ';
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
        value: (sql: string, options?: StatementOptions) => instance.query(sql, options, 'Sequelize'),
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
    const { restartIdentity } = options;
    for (const each of await this.#truncationOrder(table, options)) {
      const sql = this.queryGenerator.truncateTableQuery(
        each,
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

  /** The table, after those that refer to it where they are to be emptied, too. */
  async #truncationOrder(
    table: TableOrModel,
    { cascade, transaction }: TruncateOptions,
  ): Promise<readonly TableName[]> {
    const { tableName, schema } = this.queryGenerator.extractTableDetails(table);
    const references = await this.sequelize.queryRaw<ReferenceRow>(
      "SELECT rn.nspname AS schema, r.relname AS name, tn.nspname AS target_schema, t.relname AS target, k.confdeltype AS on_delete FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_class r ON r.oid = k.conrelid JOIN pg_catalog.pg_namespace rn ON rn.oid = r.relnamespace JOIN pg_catalog.pg_class t ON t.oid = k.confrelid JOIN pg_catalog.pg_namespace tn ON tn.oid = t.relnamespace WHERE k.contype = 'f' AND k.conrelid <> k.confrelid",
      {
        raw: true,
        type: QueryTypes.SELECT,
        logging: false,
        ...(transaction !== undefined && { transaction }),
      },
    );
    const order: TableName[] = [];
    const seen = new Set<string>();
    const visit = (name: string, inSchema: string): void => {
      const key = JSON.stringify([inSchema, name]);
      if (seen.has(key)) return;
      seen.add(key);
      for (const reference of references) {
        if (reference.target !== name || reference.target_schema !== inSchema) continue;
        if (cascade === true) visit(reference.name, reference.schema);
        else if (!KEEPS_OTHERS.includes(reference.on_delete)) {
          throw new UnsupportedFeatureError(
            `TRUNCATE of "${name}", which is done by DELETE: that would change the rows of "${reference.name}", too`,
            'Pass `cascade: true` to empty that table first, or use destroy().',
          );
        }
      }
      order.push({ tableName: name, schema: inSchema });
    };
    visit(tableName, schema);
    return order;
  }
}

/** NO ACTION and RESTRICT, as `pg_constraint` has them: a DELETE fails that finds a reference. */
const KEEPS_OTHERS: readonly string[] = ['a', 'r'];

interface ReferenceRow {
  readonly schema: string;
  readonly name: string;
  readonly target_schema: string;
  readonly target: string;
  readonly on_delete: string;
}
