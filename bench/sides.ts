import { DataTypes, Sequelize, type Model, type ModelStatic, type PoolOptions } from 'sequelize';
import { DataSource, EntitySchema, EntitySchemaOptions } from 'typeorm';
import { createDsqlSequelize } from '../src/sequelize';
import { createDsqlDataSource } from '../src/typeorm';
import { login, type Server } from './server';

/**
 * Both sides of a comparison, on the same local DSQL: an ORM as it is, which gets a token and the certificate by hand, and
 * the same ORM with this package.
 */
export interface Sides<T> {
  readonly stock: T;
  readonly ours: T;
}

/** The data sources are not initialised. */
export async function newDataSources(
  server: Server,
  entities: EntitySchema[],
  poolSize: number,
): Promise<Sides<DataSource>> {
  const { user, ...stock } = await login(server);
  const { host, port, ...dsql } = server;
  return {
    stock: new DataSource({
      type: 'postgres',
      ...stock,
      username: user,
      installExtensions: false,
      entities,
      poolSize,
    }),
    ours: createDsqlDataSource({ host, port, entities, poolSize, dsql }),
  };
}

export async function newSequelizes(server: Server, max: number): Promise<Sides<Sequelize>> {
  const { user, ssl, ...stock } = await login(server);
  const { host, port, ...dsql } = server;
  const pool: PoolOptions = { max, min: 0, idle: 600_000 };
  return {
    stock: new Sequelize({
      dialect: 'postgres',
      ...stock,
      username: user,
      logging: false,
      pool,
      dialectOptions: { ssl, clientMinMessages: 'ignore' },
    }),
    ours: createDsqlSequelize({ host, port, logging: false, pool, dsql }),
  };
}

export interface Account {
  id: number;
  name: string;
  balance: number;
  createdAt: Date;
}

export const CREATE_ACCOUNT =
  'CREATE TABLE account (id integer PRIMARY KEY, name text, balance integer, "createdAt" timestamptz)';

/** An INSERT of the accounts with these numbers, which DSQL takes at most 3,000 of. */
export const insertAccounts = (from: number, to: number) =>
  `INSERT INTO account SELECT n, 'name', 0, now() FROM generate_series(${from}, ${to}) AS n`;

export const AccountEntity = new EntitySchema<Account>(
  Object.assign(new EntitySchemaOptions<Account>(), {
    name: 'account',
    columns: {
      id: { type: 'integer', primary: true },
      name: { type: 'text' },
      balance: { type: 'integer' },
      createdAt: { type: 'timestamptz' },
    },
  }),
);

export function defineAccount(sequelize: Sequelize): ModelStatic<Model<Account>> {
  return sequelize.define(
    'account',
    {
      id: { type: DataTypes.INTEGER, primaryKey: true },
      name: DataTypes.TEXT,
      balance: DataTypes.INTEGER,
      createdAt: DataTypes.DATE,
    },
    { tableName: 'account', timestamps: false },
  );
}
