import { QueryTypes, type Sequelize } from 'sequelize';
import { isCommitOutcomeUnknownError } from '../../connection';
import { findInChain, sqlStateOf } from '../../occ';
import { quoted, quotedTable } from '../../sql';

/** Where a {@link MigrationStorage} keeps what it knows: as umzug's own storage and sequelize-cli do unless told otherwise. */
export interface MigrationStorageOptions {
  readonly sequelize: Sequelize;
  /** @defaultValue `'SequelizeMeta'` */
  readonly tableName?: string | undefined;
  /** @defaultValue `'name'` */
  readonly columnName?: string | undefined;
  /** @defaultValue the first of the role's search_path */
  readonly schema?: string | undefined;
}

/** SQLSTATE of a table that does not exist. */
const UNDEFINED_TABLE = '42P01';

/**
 * Where umzug notes which migrations were run, on Aurora DSQL: in the same table as umzug's own `SequelizeStorage` and
 * sequelize-cli, which may be there already.
 *
 * The table is made once, when it is missed, and not looked at by DDL before every reading; what is noted is noted once,
 * also after a conflict, beside another process that does the same, and when the answer of the database was lost.
 *
 * @example
 * ```ts
 * const umzug = new Umzug({
 *   migrations: { glob: 'migrations/*.js' },
 *   context: sequelize.getQueryInterface(),
 *   storage: new MigrationStorage({ sequelize }),
 *   logger: console,
 * });
 * ```
 */
export class MigrationStorage {
  readonly #sequelize: Sequelize;
  readonly #table: string;
  readonly #column: string;

  constructor({
    sequelize,
    tableName = 'SequelizeMeta',
    columnName = 'name',
    schema,
  }: MigrationStorageOptions) {
    this.#sequelize = sequelize;
    this.#table = quotedTable({ schema, name: tableName });
    this.#column = quoted(columnName);
  }

  /** The names of the migrations that were run, in alphabetical order. */
  async executed(): Promise<string[]> {
    const sql = `SELECT ${this.#column} AS name FROM ${this.#table} ORDER BY 1`;
    try {
      const options = { type: QueryTypes.SELECT, transaction: null } as const;
      return (await this.#sequelize.query<{ name: string }>(sql, options)).map(({ name }) => name);
    } catch (error) {
      if (sqlStateOf(error) === UNDEFINED_TABLE) return [];
      throw error;
    }
  }

  /** Notes that a migration was run. */
  async logMigration({ name }: { readonly name: string }): Promise<void> {
    const sql = `INSERT INTO ${this.#table} (${this.#column}) VALUES ($1) ON CONFLICT DO NOTHING`;
    try {
      await this.#write(sql, name);
    } catch (error) {
      if (sqlStateOf(error) !== UNDEFINED_TABLE) throw error;
      await this.#sequelize.query(
        `CREATE TABLE IF NOT EXISTS ${this.#table} (${this.#column} varchar(255) NOT NULL PRIMARY KEY)`,
        { transaction: null },
      );
      await this.#write(sql, name);
    }
  }

  /** Notes that a migration was undone. */
  async unlogMigration({ name }: { readonly name: string }): Promise<void> {
    try {
      await this.#write(`DELETE FROM ${this.#table} WHERE ${this.#column} = $1`, name);
    } catch (error) {
      if (sqlStateOf(error) !== UNDEFINED_TABLE) throw error;
    }
  }

  /** What is written here may be written twice: when its answer was lost it is. */
  async #write(sql: string, name: string): Promise<void> {
    const write = () => this.#sequelize.query(sql, { bind: [name], transaction: null });
    try {
      await write();
    } catch (error) {
      if (findInChain(error, isCommitOutcomeUnknownError) === undefined) throw error;
      await write();
    }
  }
}
