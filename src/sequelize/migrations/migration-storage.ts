import { QueryTypes, type Sequelize, type Transaction } from 'sequelize';
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
    try {
      await this.#write((transaction) => this.log(name, transaction));
    } catch (error) {
      if (sqlStateOf(error) !== UNDEFINED_TABLE) throw error;
      await this.create();
      await this.#write((transaction) => this.log(name, transaction));
    }
  }

  /** Makes the table, unless it is there. */
  async create(): Promise<void> {
    await this.#sequelize.query(
      `CREATE TABLE IF NOT EXISTS ${this.#table} (${this.#column} varchar(255) NOT NULL PRIMARY KEY)`,
      { transaction: null },
    );
  }

  /** Whether the table is there. */
  async isThere(): Promise<boolean> {
    try {
      await this.#sequelize.query(`SELECT 1 FROM ${this.#table} LIMIT 1`, { transaction: null });
      return true;
    } catch (error) {
      if (sqlStateOf(error) === UNDEFINED_TABLE) return false;
      throw error;
    }
  }

  /** Notes in a transaction that a migration was run. */
  async log(name: string, transaction: Transaction | null): Promise<void> {
    const sql = `INSERT INTO ${this.#table} (${this.#column}) VALUES ($1) ON CONFLICT DO NOTHING`;
    await this.#sequelize.query(sql, { bind: [name], transaction });
  }

  /** Notes in a transaction that a migration was undone. */
  async unlog(name: string, transaction: Transaction | null): Promise<void> {
    const sql = `DELETE FROM ${this.#table} WHERE ${this.#column} = $1`;
    await this.#sequelize.query(sql, { bind: [name], transaction });
  }

  /** Notes that a migration was undone. */
  async unlogMigration({ name }: { readonly name: string }): Promise<void> {
    try {
      await this.#write((transaction) => this.unlog(name, transaction));
    } catch (error) {
      if (sqlStateOf(error) !== UNDEFINED_TABLE) throw error;
    }
  }

  /** What is written here may be written twice: when its answer was lost it is. */
  async #write(write: (transaction: null) => Promise<void>): Promise<void> {
    try {
      await write(null);
    } catch (error) {
      if (findInChain(error, isCommitOutcomeUnknownError) === undefined) throw error;
      await write(null);
    }
  }
}
