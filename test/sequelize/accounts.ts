import { DsqlPool } from 'aurora-dsql-orm';
import { dsqlBeforeConnect } from 'aurora-dsql-orm/sequelize';
import {
  DataTypes,
  Sequelize,
  type CreationOptional,
  type InferAttributes,
  type InferCreationAttributes,
  type Model,
  type ModelStatic,
  type Options,
} from 'sequelize';
import type { TestCluster } from '../cluster';

/** A row of the table `account`. */
export interface Account extends Model<InferAttributes<Account>, InferCreationAttributes<Account>> {
  id: CreationOptional<string>;
  name: CreationOptional<string | null>;
  balance: CreationOptional<number>;
  tags: CreationOptional<string[]>;
}

export type Accounts = ModelStatic<Account>;

/** Creates the table `account`. */
export async function createAccountTable(cluster: TestCluster): Promise<void> {
  const pool = new DsqlPool(cluster.connection);
  await pool.query(
    'CREATE TABLE account (id uuid PRIMARY KEY, name text UNIQUE, balance integer NOT NULL, tags jsonb NOT NULL)',
  );
  await pool.end();
}

/** The model of the table `account`, on one instance. */
export function defineAccounts(sequelize: Sequelize): Accounts {
  return sequelize.define<Account>(
    'Account',
    {
      id: { type: DataTypes.UUID, defaultValue: DataTypes.UUIDV4, primaryKey: true },
      name: { type: DataTypes.TEXT, unique: true },
      balance: { type: DataTypes.INTEGER, allowNull: false, defaultValue: 100 },
      tags: { type: DataTypes.JSONB, allowNull: false, defaultValue: [] },
    },
    { tableName: 'account', timestamps: false },
  );
}

/** Sequelize as it is, on the same cluster. */
export function stockSequelize(cluster: TestCluster, options: Options = {}): Sequelize {
  return new Sequelize({
    dialect: 'postgres',
    logging: false,
    ...options,
    hooks: { ...options.hooks, beforeConnect: dsqlBeforeConnect(cluster.connection) },
  });
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
