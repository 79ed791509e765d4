import { DsqlSigner } from '@aws-sdk/dsql-signer';
import { parseArgs } from 'node:util';
import { DataTypes, Sequelize, type Model, type ModelStatic } from 'sequelize';
import { DataSource, EntitySchema, EntitySchemaOptions, type DataSourceOptions } from 'typeorm';
import { DsqlClient } from '../src';
import { createDsqlSequelize } from '../src/sequelize';
import { createDsqlDataSource } from '../src/typeorm';
import { withServer, type Server } from './server';

/**
 * What one operation of an ORM costs, with this package and without it, by turns in the same run on one connection each:
 * processor time of the client and time on the clock. The server is another process. Of all rounds the quietest one
 * counts for each side. Both sides talk to the same local DSQL; the stock ORM gets a token and the certificate by hand.
 *
 * Usage: npm run bench:operations -- [--rounds 15] [--operations 100] [--latencyMs 0]
 */

type Operation = () => Promise<unknown>;
type Operations = Readonly<Record<string, Operation>>;

interface Side {
  readonly operations: Operations;
  readonly end: () => Promise<unknown>;
}

interface Account {
  id: number;
  name: string;
  balance: number;
  createdAt: Date;
}

/** The rows that are there at first, under the ids from 1. */
const ROWS = 1000;
const LARGEST_NEW_ID = 1_000_000_000;

let newIds = ROWS;
const newId = () => ++newIds % LARGEST_NEW_ID;
const anyId = () => 1 + Math.floor(Math.random() * ROWS);

const Account = new EntitySchema<Account>(
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

const newAccount = (): Account => ({ id: newId(), name: 'new', balance: 0, createdAt: new Date() });

async function openTypeorm(dataSource: DataSource): Promise<Side> {
  await dataSource.initialize();
  const accounts = dataSource.getRepository(Account);
  return {
    operations: {
      'find by id': () => accounts.findOneBy({ id: anyId() }),
      'find 100': () => accounts.find({ where: { balance: 0 }, order: { id: 'ASC' }, take: 100 }),
      insert: () => accounts.insert(newAccount()),
      update: () => accounts.update({ id: anyId() }, { name: `name ${newIds++}` }),
      'save, new': () => accounts.save(newAccount()),
      'transaction of two': () =>
        dataSource.transaction(async (manager) => {
          await manager.update(Account, { id: anyId() }, { name: `name ${newIds++}` });
          await manager.insert(Account, newAccount());
        }),
    },
    end: () => dataSource.destroy(),
  };
}

function openSequelize(sequelize: Sequelize): Side {
  const Accounts: ModelStatic<Model<Account>> = sequelize.define(
    'account',
    {
      id: { type: DataTypes.INTEGER, primaryKey: true },
      name: DataTypes.TEXT,
      balance: DataTypes.INTEGER,
      createdAt: DataTypes.DATE,
    },
    { tableName: 'account', timestamps: false },
  );
  return {
    operations: {
      'find by id': () => Accounts.findByPk(anyId()),
      'find 100': () => Accounts.findAll({ where: { balance: 0 }, order: ['id'], limit: 100 }),
      insert: () => Accounts.create(newAccount()),
      update: () => Accounts.update({ name: `name ${newIds++}` }, { where: { id: anyId() } }),
      'transaction of two': () =>
        sequelize.transaction(async (transaction) => {
          await Accounts.update({ name: `name ${newIds++}` }, { where: { id: anyId() }, transaction });
          await Accounts.create(newAccount(), { transaction });
        }),
    },
    end: () => sequelize.close(),
  };
}

async function open(
  server: Server,
): Promise<Readonly<Record<string, { readonly stock: Side; readonly ours: Side }>>> {
  const { host, port, hostaddr, ca, credentials, region } = server;
  const dsql = { hostaddr, ca, credentials, region };
  const token = await new DsqlSigner({ hostname: host, region, credentials }).getDbConnectAdminAuthToken();
  const stock = { host: hostaddr, port, username: 'admin', password: token, database: 'postgres' };
  const ssl = { ca, servername: host };
  const common = { entities: [Account], poolSize: 1 };
  const pool = { max: 1, min: 0, idle: 600_000 };
  const plain: DataSourceOptions = { type: 'postgres', ...stock, ssl, installExtensions: false, ...common };
  const dialectOptions = { ssl, clientMinMessages: 'ignore' };
  return {
    TypeORM: {
      stock: await openTypeorm(new DataSource(plain)),
      ours: await openTypeorm(createDsqlDataSource({ host, port, ...common, dsql })),
    },
    Sequelize: {
      stock: openSequelize(
        new Sequelize({
          dialect: 'postgres',
          ...stock,
          logging: false,
          pool,
          dialectOptions,
        }),
      ),
      ours: openSequelize(createDsqlSequelize({ host, port, logging: false, pool, dsql })),
    },
  };
}

interface Cost {
  cpuMicros: number;
  wallMicros: number;
}

async function measure(operation: Operation, times: number): Promise<Cost> {
  const cpu = process.cpuUsage();
  const begun = performance.now();
  for (let time = 0; time < times; time++) await operation();
  const wallMs = performance.now() - begun;
  const { user, system } = process.cpuUsage(cpu);
  return { cpuMicros: (user + system) / times, wallMicros: (wallMs * 1000) / times };
}

const NO_COST: Cost = { cpuMicros: Infinity, wallMicros: Infinity };

function quieter(one: Cost, other: Cost): Cost {
  return {
    cpuMicros: Math.min(one.cpuMicros, other.cpuMicros),
    wallMicros: Math.min(one.wallMicros, other.wallMicros),
  };
}

/** What an operation costs at best on either side. */
async function compare(stock: Operation, ours: Operation, rounds: number, times: number) {
  const best = { stock: NO_COST, ours: NO_COST };
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? (['stock', 'ours'] as const) : (['ours', 'stock'] as const);
    for (const side of order) {
      const cost = await measure(side === 'stock' ? stock : ours, times);
      best[side] = quieter(best[side], cost);
    }
  }
  return best;
}

const ratio = (ours: number, stock: number) => Number((ours / stock).toFixed(2));

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '15' },
    operations: { type: 'string', default: '100' },
    latencyMs: { type: 'string', default: '0' },
  },
});

withServer(__filename, async (server, addLatency) => {
  const client = new DsqlClient(server);
  await client.connect();
  await client.query(
    'CREATE TABLE account (id integer PRIMARY KEY, name text, balance integer, "createdAt" timestamptz)',
  );
  await client.query(`INSERT INTO account SELECT n, 'name', 0, now() FROM generate_series(1, ${ROWS}) AS n`);
  await client.end();
  const sides = await open(server);
  await addLatency(Number(values.latencyMs));
  for (const [orm, { stock, ours }] of Object.entries(sides)) {
    const rows = [];
    for (const [name, operation] of Object.entries(stock.operations)) {
      const other = ours.operations[name] ?? operation;
      const best = await compare(operation, other, Number(values.rounds), Number(values.operations));
      rows.push({
        [orm]: name,
        'stock, CPU µs': Math.round(best.stock.cpuMicros),
        'ours, CPU µs': Math.round(best.ours.cpuMicros),
        'CPU ratio': ratio(best.ours.cpuMicros, best.stock.cpuMicros),
        'stock, µs': Math.round(best.stock.wallMicros),
        'ours, µs': Math.round(best.ours.wallMicros),
        'time ratio': ratio(best.ours.wallMicros, best.stock.wallMicros),
      });
    }
    console.table(rows);
    await stock.end();
    await ours.end();
  }
});
