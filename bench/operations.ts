import { AuroraDSQLClient } from '@aws/aurora-dsql-node-postgres-connector';
import { Client } from 'pg';
import { parseArgs } from 'node:util';
import type { Sequelize } from 'sequelize';
import type { DataSource } from 'typeorm';
import { RedirectedSocket } from '../test/local/local-client';
import { DsqlClient } from '../src';
import { measuredOf, numbersOf, report, rowOf, type Measured } from './result';
import { login, withServer, type Server } from './server';
import {
  AccountEntity,
  CREATE_ACCOUNT,
  defineAccount,
  insertAccounts,
  newDataSources,
  newSequelizes,
  type Account,
} from './sides';

/**
 * What one operation costs, with this package and without it, by turns in the same run on one connection each: processor time
 * of the client and time on the clock. Both ORMs, and SQL by hand with `pg`, with the connector of AWS and with `DsqlClient`.
 * Of all rounds the quietest one counts for each side, and the middle half is kept with it.
 *
 * Usage: npm run bench -- operations [--latencyMs 0,1,5] [--rounds 15] [--operations 100]
 */

type Operation = () => Promise<unknown>;

interface Side {
  readonly operations: Readonly<Record<string, Operation>>;
  readonly end: () => Promise<unknown>;
}

/** By its name; the first one is what the others are compared with. */
type Group = Readonly<Record<string, Side>>;

/** The rows that are there at first, under the ids from 1. */
const ROWS = 1000;
const LARGEST_NEW_ID = 1_000_000_000;

let newIds = ROWS;
const newId = () => ++newIds % LARGEST_NEW_ID;
const anyId = () => 1 + Math.floor(Math.random() * ROWS);
const newName = () => `name ${newIds++}`;
const newAccount = (): Account => ({ id: newId(), name: 'new', balance: 0, createdAt: new Date() });

async function openTypeorm(dataSource: DataSource): Promise<Side> {
  await dataSource.initialize();
  const accounts = dataSource.getRepository(AccountEntity);
  return {
    operations: {
      'find by id': () => accounts.findOneBy({ id: anyId() }),
      'find 100': () => accounts.find({ where: { balance: 0 }, order: { id: 'ASC' }, take: 100 }),
      insert: () => accounts.insert(newAccount()),
      update: () => accounts.update({ id: anyId() }, { name: newName() }),
      'save, new': () => accounts.save(newAccount()),
      'transaction of two': () =>
        dataSource.transaction(async (manager) => {
          await manager.update(AccountEntity, { id: anyId() }, { name: newName() });
          await manager.insert(AccountEntity, newAccount());
        }),
    },
    end: () => dataSource.destroy(),
  };
}

function openSequelize(sequelize: Sequelize): Side {
  const accounts = defineAccount(sequelize);
  return {
    operations: {
      'find by id': () => accounts.findByPk(anyId()),
      'find 100': () => accounts.findAll({ where: { balance: 0 }, order: ['id'], limit: 100 }),
      insert: () => accounts.create(newAccount()),
      update: () => accounts.update({ name: newName() }, { where: { id: anyId() } }),
      'transaction of two': () =>
        sequelize.transaction(async (transaction) => {
          await accounts.update({ name: newName() }, { where: { id: anyId() }, transaction });
          await accounts.create(newAccount(), { transaction });
        }),
    },
    end: () => sequelize.close(),
  };
}

/** What the three clients have in common. */
type AnyClient = Pick<Client, 'query' | 'end'> & { connect(): Promise<unknown> };

async function openClient(client: AnyClient): Promise<Side> {
  await client.connect();
  const insert = () =>
    client.query('INSERT INTO account VALUES ($1, $2, $3, $4)', Object.values(newAccount()));
  const update = () => client.query('UPDATE account SET name = $2 WHERE id = $1', [anyId(), newName()]);
  return {
    operations: {
      'find by id': () => client.query('SELECT * FROM account WHERE id = $1', [anyId()]),
      'find 100': () => client.query('SELECT * FROM account WHERE balance = $1 ORDER BY id LIMIT 100', [0]),
      insert,
      update,
      'transaction of two': async () => {
        await client.query('BEGIN');
        await update();
        await insert();
        await client.query('COMMIT');
      },
    },
    end: () => client.end(),
  };
}

function awsClient({ host, port, hostaddr, ca, credentials, region }: Server): AnyClient {
  return new AuroraDSQLClient({
    host,
    port,
    region,
    customCredentialsProvider: credentials,
    ssl: { ca, rejectUnauthorized: true },
    stream: () => new RedirectedSocket(hostaddr),
  });
}

async function open(server: Server): Promise<Readonly<Record<string, Group>>> {
  const dataSources = await newDataSources(server, [AccountEntity], 1);
  const sequelizes = await newSequelizes(server, 1);
  return {
    TypeORM: { stock: await openTypeorm(dataSources.stock), ours: await openTypeorm(dataSources.ours) },
    Sequelize: { stock: openSequelize(sequelizes.stock), ours: openSequelize(sequelizes.ours) },
    pg: {
      'plain pg': await openClient(new Client(await login(server))),
      "AWS's connector": await openClient(awsClient(server)),
      ours: await openClient(new DsqlClient(server)),
    },
  };
}

/** What one round has measured. */
interface Cost {
  readonly cpuMicros: number;
  readonly wallMicros: number;
}

/** What all rounds of an operation have measured. */
type CostOfRounds = Readonly<Record<keyof Cost, Measured>>;

async function measure(operation: Operation, times: number): Promise<Cost> {
  const cpu = process.cpuUsage();
  const begun = performance.now();
  for (let time = 0; time < times; time++) await operation();
  const wallMs = performance.now() - begun;
  const { user, system } = process.cpuUsage(cpu);
  return { cpuMicros: (user + system) / times, wallMicros: (wallMs * 1000) / times };
}

/** What an operation costs on each side. */
async function compare(
  operations: readonly Operation[],
  rounds: number,
  times: number,
): Promise<CostOfRounds[]> {
  const all = operations.map((): Cost[] => []);
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? [...operations.keys()] : [...operations.keys()].reverse();
    for (const side of order) {
      const operation = operations[side];
      if (operation) all[side]?.push(await measure(operation, times));
    }
  }
  const of = (costs: readonly Cost[], what: keyof Cost) =>
    measuredOf(
      costs.map((cost) => cost[what]),
      'less',
    );
  return all.map((costs) => ({ cpuMicros: of(costs, 'cpuMicros'), wallMicros: of(costs, 'wallMicros') }));
}

type Costs = Readonly<Record<string, readonly CostOfRounds[]>>;

/** The operations of a group at one latency. */
async function measureGroup(group: Group, rounds: number, times: number): Promise<Costs> {
  const sides = Object.values(group);
  const costs: Record<string, readonly CostOfRounds[]> = {};
  for (const name of Object.keys(sides[0]?.operations ?? {})) {
    const operations = sides.flatMap((side) => side.operations[name] ?? []);
    costs[name] = await compare(operations, rounds, times);
  }
  return costs;
}

function reportCosts(groupName: string, series: readonly string[], latencyMs: number, costs: Costs): void {
  const shared = {
    series,
    comparedWith: series[0] ?? '',
    better: 'less',
    unit: 'µs',
    isPlotted: false,
  } as const;
  const id = groupName.toLowerCase();
  const of = (what: keyof Cost) =>
    Object.entries(costs).map(([name, sides]) =>
      rowOf(
        name,
        sides.map((cost) => cost[what]),
      ),
    );
  report({
    ...shared,
    name: `operations-${id}-${latencyMs}-ms`,
    title: `${groupName}: time of an operation, ${latencyMs} ms added to each round trip`,
    rows: of('wallMicros'),
  });
  if (latencyMs > 0) return;
  report({
    ...shared,
    name: `operations-${id}-processor`,
    title: `${groupName}: the client's processor time of an operation`,
    rows: of('cpuMicros'),
  });
}

/** What is plotted: how long an operation takes with us, in terms of the first side. */
function reportRatios(groupName: string, base: string, at: ReadonlyMap<number, Costs>): void {
  const names = Object.keys([...at.values()][0] ?? {});
  report({
    name: `operations-${groupName.toLowerCase()}`,
    title: `${groupName}: time of an operation with this package, ${base} = 1`,
    unit: 'ratio',
    better: 'less',
    series: [...at.keys()].map((latencyMs) => `${latencyMs} ms added`),
    rows: names.map((name) => ({
      name,
      values: [...at.values()].map(
        ({ [name]: costs = [] }) =>
          (costs.at(-1)?.wallMicros.value ?? NaN) / (costs[0]?.wallMicros.value ?? NaN),
      ),
    })),
  });
}

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '15' },
    operations: { type: 'string', default: '100' },
    latencyMs: { type: 'string', default: '0,1,5' },
  },
});

withServer(__filename, async (server, addLatency) => {
  const client = new DsqlClient(server);
  await client.connect();
  await client.query(CREATE_ACCOUNT);
  await client.query(insertAccounts(1, ROWS));
  await client.end();
  const [rounds, times] = [Number(values.rounds), Number(values.operations)];
  for (const [name, group] of Object.entries(await open(server))) {
    const series = Object.keys(group);
    const at = new Map<number, Costs>();
    for (const latencyMs of numbersOf(values.latencyMs)) {
      await addLatency(latencyMs);
      // Where each takes milliseconds, fewer say as much.
      const share = 1 / (1 + latencyMs);
      const costs = await measureGroup(group, Math.ceil(rounds * share), Math.ceil(times * share));
      at.set(latencyMs, costs);
      reportCosts(name, series, latencyMs, costs);
    }
    reportRatios(name, series[0] ?? '', at);
    for (const { end } of Object.values(group)) await end();
  }
});
