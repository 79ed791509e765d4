import { Socket, type SocketConnectOpts } from 'node:net';
import {
  DataTypes,
  Sequelize,
  sql,
  type CreationOptional,
  type InferAttributes,
  type InferCreationAttributes,
  type Model,
  type ModelStatic,
} from '@sequelize/core';
import { PostgresDialect } from '@sequelize/postgres';
import { DsqlPool } from 'aurora-dsql-orm';
import { DsqlDialect, type DsqlOptions } from 'aurora-dsql-orm/sequelize7';
import type { TestCluster } from '../cluster';

/** A row of the table `account`. */
export interface Account extends Model<InferAttributes<Account>, InferCreationAttributes<Account>> {
  id: CreationOptional<string>;
  name: CreationOptional<string | null>;
  balance: CreationOptional<number>;
  tags: CreationOptional<string[]>;
}

export type Accounts = ModelStatic<Account>;

/** What the tests do with an instance of whatever dialect. */
export type AnySequelize = Pick<Sequelize, 'transaction' | 'query'>;

type More = Omit<Partial<ConstructorParameters<typeof Sequelize<DsqlDialect>>[0]>, 'dsql' | 'dialect'> & {
  readonly dsql?: DsqlOptions;
};

/** Creates the table `account`. */
export async function createAccountTable(cluster: TestCluster): Promise<void> {
  const pool = new DsqlPool(cluster.connection);
  await pool.query(
    'CREATE TABLE account (id uuid PRIMARY KEY, name text UNIQUE, balance integer NOT NULL, tags jsonb NOT NULL)',
  );
  await pool.end();
}

/** The model of the table `account`, on one instance. */
export function defineAccounts<Dialect extends PostgresDialect>(sequelize: Sequelize<Dialect>): Accounts {
  return (sequelize as unknown as Sequelize).define<Account>(
    'Account',
    {
      id: { type: DataTypes.UUID, defaultValue: sql.uuidV4, primaryKey: true },
      name: { type: DataTypes.TEXT, unique: true },
      balance: { type: DataTypes.INTEGER, allowNull: false, defaultValue: 100 },
      tags: { type: DataTypes.JSONB, allowNull: false, defaultValue: [] },
    },
    { tableName: 'account', timestamps: false },
  );
}

/** Instances of Sequelize 7 for the tests of one file, closed after each test. */
export function useSequelize(cluster: TestCluster) {
  const opened: { close(): Promise<void> }[] = [];
  afterEach(async () => {
    await Promise.all(opened.splice(0).map((sequelize) => sequelize.close()));
  });
  /** One that reaches the cluster through this package. */
  const ours = (options: More = {}) => {
    const sequelize = new Sequelize({
      dialect: DsqlDialect,
      ...cluster.orm,
      ...options,
      dsql: { ...cluster.orm.dsql, ...options.dsql },
    });
    opened.push(sequelize);
    return { sequelize, Account: defineAccounts(sequelize) };
  };
  /** Sequelize as it is, with as few of its statements left out as make it connect at all. */
  const stock = async (
    options: Partial<ConstructorParameters<typeof Sequelize<PostgresDialect>>[0]> = {},
  ) => {
    const { host, hostaddr, port, ca } = cluster.local;
    const { PGPASSWORD } = await cluster.local.env();
    const sequelize = new Sequelize({
      dialect: PostgresDialect,
      ...options,
      host,
      port,
      user: 'admin',
      password: PGPASSWORD,
      database: 'postgres',
      ssl: { ca },
      stream: () => new RedirectedSocket(hostaddr),
      clientMinMessages: false,
      standardConformingStrings: false,
      keepDefaultTimezone: true,
    });
    opened.push(sequelize);
    return { sequelize, Account: defineAccounts(sequelize) };
  };
  return { ours, stock };
}

/** What is in the table, seen from outside. */
export async function balances(cluster: TestCluster, ids?: readonly string[]): Promise<number[]> {
  const pool = new DsqlPool(cluster.connection);
  const { rows } = await pool.query<{ id: string; balance: number }>('SELECT id, balance FROM account');
  await pool.end();
  return rows
    .filter(({ id }) => ids === undefined || ids.includes(id))
    .map(({ balance }) => balance)
    .sort((a, b) => a - b);
}

/** The error that something fails with. */
export async function failure(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => {
      throw new Error('It did not fail.');
    },
    (error: unknown) => error,
  );
}

/** Dials one address whatever name it is given. */
class RedirectedSocket extends Socket {
  readonly #address: string;

  constructor(address: string) {
    super();
    this.#address = address;
  }

  override connect(...call: unknown[]): this {
    const [port] = call;
    const options: SocketConnectOpts = { port: Number(port), host: this.#address };
    return super.connect(options);
  }
}
