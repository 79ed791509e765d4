import { parseArgs } from 'node:util';
import { Client } from 'pg';
import { DataTypes, type Model, type ModelStatic } from 'sequelize';
import { DataSource, EntitySchema, EntitySchemaOptions } from 'typeorm';
import { DsqlClient } from '../src';
import { emptyDatabase } from '../src/local';
import { createDsqlDataSource } from '../src/typeorm';
import { measuredOf, numbersOf, report, rowOf, type Result, type Row } from './result';
import { withServer, type Direct, type Server } from './server';
import {
  AccountEntity,
  CREATE_ACCOUNT,
  defineAccount,
  insertAccounts,
  newDataSources,
  newSequelizes,
} from './sides';

/**
 * How time grows with what there is more of, with this package and without it, by turns: connections of a pool, entities,
 * rows of a result, children of an entity that is written. Of all rounds the quietest one counts, and the middle half is kept
 * with it. `synchronize` of the stock
 * ORM, which changes the schema in one transaction as DSQL does not allow, is measured on the PostgreSQL of the local DSQL.
 *
 * Usage: npm run bench -- growth [--of pool,rows,graph,entities] [--rounds 3] [--pools 1,5,20,50] [--workers 64]
 *   [--rows 1,10,100,1000,10000] [--children 1,10,100,300] [--entities 10,100,1000] [--tables 10,50,150]
 *   [--latencyMs 1]
 */

const SERIES = ['TypeORM', 'TypeORM with us', 'Sequelize', 'Sequelize with us'];

type Table = Pick<Result, 'rows' | 'series'>;

async function timeOf(work: () => Promise<unknown>): Promise<number> {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

/** The times of each piece of work, in milliseconds. */
async function timesOf(works: readonly (() => Promise<unknown>)[], rounds: number): Promise<number[][]> {
  const times = works.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, work] of works.entries()) times[index]?.push(await timeOf(work));
  }
  return times;
}

/** A row of how long each piece of work has taken, in milliseconds. */
const rowOfTimes = (name: string, times: readonly number[][]): Row =>
  rowOf(
    name,
    times.map((rounds) => measuredOf(rounds, 'less')),
  );

interface Accounts {
  readonly find: readonly ((rows: number) => Promise<unknown>)[];
  readonly findById: readonly ((id: number) => Promise<unknown>)[];
  readonly end: () => Promise<unknown>;
}

/** The accounts by all four, in the order of `SERIES`. */
async function openAccounts(server: Server, poolSize: number): Promise<Accounts> {
  const dataSources = await newDataSources(server, [AccountEntity], poolSize);
  const sequelizes = await newSequelizes(server, poolSize);
  const repositories = [];
  for (const dataSource of [dataSources.stock, dataSources.ours]) {
    await dataSource.initialize();
    repositories.push(dataSource.getRepository(AccountEntity));
  }
  const models = [sequelizes.stock, sequelizes.ours].map(defineAccount);
  return {
    find: [
      ...repositories.map((of) => (take: number) => of.find({ order: { id: 'ASC' }, take })),
      ...models.map((of) => (limit: number) => of.findAll({ order: ['id'], limit })),
    ],
    findById: [
      ...repositories.map((of) => (id: number) => of.findOneBy({ id })),
      ...models.map((of) => (id: number) => of.findByPk(id)),
    ],
    end: () =>
      Promise.all([
        dataSources.stock.destroy(),
        dataSources.ours.destroy(),
        sequelizes.stock.close(),
        sequelizes.ours.close(),
      ]),
  };
}

/** Finds by id, by so many workers at once that each connection is busy. */
async function byPoolSize(
  server: Server,
  sizes: readonly number[],
  workers: number,
  rounds: number,
): Promise<Table> {
  const rows: Row[] = [];
  for (const size of sizes) {
    const { findById, end } = await openAccounts(server, size);
    const together = async (find: Accounts['findById'][number], times: number) => {
      let left = times;
      const work = async () => {
        while (left-- > 0) await find(1 + (left % MAX_ROWS));
      };
      await Promise.all(Array.from({ length: workers }, work));
    };
    // So many that each takes about as long, and at least one of each worker.
    const times = Math.max(workers, FINDS_OF_A_CONNECTION * Math.min(size, CONNECTIONS_THAT_TWO_CORES_SERVE));
    for (const find of findById) await together(find, workers);
    const all = await timesOf(
      findById.map((find) => () => together(find, times)),
      rounds,
    );
    const perSecond = all.map((each) => each.map((ms) => times / (ms / 1000)));
    rows.push(
      rowOf(
        String(size),
        perSecond.map((each) => measuredOf(each, 'more')),
      ),
    );
    await end();
  }
  return { rows, series: SERIES };
}

const FINDS_OF_A_CONNECTION = 200;
const CONNECTIONS_THAT_TWO_CORES_SERVE = 5;

async function byRows(server: Server, sizes: readonly number[], rounds: number): Promise<Table> {
  const { find, end } = await openAccounts(server, 1);
  const rows: Row[] = [];
  for (const size of sizes) {
    for (const each of find) await each(size);
    const times = await timesOf(
      find.map((each) => () => each(size)),
      rounds * Math.ceil(MOST_FINDS / (size + 1)),
    );
    rows.push(rowOfTimes(String(size), times));
  }
  await end();
  return { rows, series: SERIES };
}

/** Of one row; fewer of more. */
const MOST_FINDS = 300;
/** DSQL takes so many in one transaction. */
const MAX_ROWS = 3000;

interface Parent {
  id?: string;
  name: string;
  children: Child[];
}

interface Child {
  id?: string;
  number: number;
  parent?: Parent;
}

const uuid = { type: 'uuid', primary: true, generated: 'uuid' } as const;

const ParentEntity = new EntitySchema<Parent>(
  Object.assign(new EntitySchemaOptions<Parent>(), {
    name: 'parent',
    columns: { id: uuid, name: { type: 'text' } },
    relations: { children: { type: 'one-to-many', target: 'child', inverseSide: 'parent', cascade: true } },
  }),
);

const ChildEntity = new EntitySchema<Child>(
  Object.assign(new EntitySchemaOptions<Child>(), {
    name: 'child',
    columns: { id: uuid, number: { type: 'integer' } },
    relations: { parent: { type: 'many-to-one', target: 'parent', inverseSide: 'children' } },
  }),
);

const newParent = (children: number): Parent => ({
  name: 'parent',
  children: Array.from({ length: children }, (_, number) => ({ number })),
});

async function byGraph(server: Server, sizes: readonly number[], rounds: number): Promise<Table> {
  await execute(server, [
    'CREATE TABLE parent (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text)',
    'CREATE TABLE child (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), number integer, "parentId" uuid)',
  ]);
  const dataSources = await newDataSources(server, [ParentEntity, ChildEntity], 1);
  const sequelizes = await newSequelizes(server, 1);
  const [stock, ours] = [await dataSources.stock.initialize(), await dataSources.ours.initialize()];
  const models = [sequelizes.stock, sequelizes.ours].map((sequelize): ModelStatic<Model> => {
    const id = { type: DataTypes.UUID, primaryKey: true, defaultValue: DataTypes.UUIDV4 };
    const options = { freezeTableName: true, timestamps: false };
    const Parents = sequelize.define('parent', { id, name: DataTypes.TEXT }, options);
    const Children = sequelize.define('child', { id, number: DataTypes.INTEGER }, options);
    Parents.hasMany(Children, { as: 'children', foreignKey: 'parentId' });
    return Parents;
  });
  const rows: Row[] = [];
  for (const size of sizes) {
    const works = [
      ...[stock, ours].map((dataSource) => () => dataSource.manager.save(ParentEntity, newParent(size))),
      ...models.map((model) => () => model.create({ ...newParent(size) }, { include: ['children'] })),
    ];
    for (const work of works) await work();
    rows.push(rowOfTimes(String(size), await timesOf(works, rounds)));
  }
  await Promise.all([stock.destroy(), ours.destroy(), sequelizes.stock.close(), sequelizes.ours.close()]);
  return { rows, series: SERIES };
}

/** Entities whose tables no other call names. */
function newEntities(count: number): EntitySchema[] {
  const group = groups++;
  return Array.from(
    { length: count },
    (_, number) =>
      new EntitySchema(
        Object.assign(new EntitySchemaOptions(), {
          name: `entity_${group}_${number}`,
          columns: {
            id: { type: 'uuid', primary: true },
            name: { type: 'text' },
            balance: { type: 'integer' },
          },
        }),
      ),
  );
}

let groups = 0;

async function initializeByEntities(
  server: Server,
  sizes: readonly number[],
  rounds: number,
): Promise<Table> {
  const rows: Row[] = [];
  for (const size of sizes) {
    const entities = newEntities(size);
    const times: [number[], number[]] = [[], []];
    for (let round = 0; round < rounds; round++) {
      const { stock, ours } = await newDataSources(server, entities, 1);
      for (const [side, dataSource] of [stock, ours].entries()) {
        times[side]?.push(await timeOf(() => dataSource.initialize()));
        await dataSource.destroy();
      }
    }
    rows.push(rowOfTimes(String(size), times));
  }
  return { rows, series: SERIES.slice(0, 2) };
}

/** That of the stock ORM: the tables have the same names on both sides. */
const DATABASE = 'stock';

/** Creates the tables of entities, and looks at them once more, when there is nothing to do. */
async function synchronizeByEntities(
  server: Server,
  direct: Direct,
  sizes: readonly number[],
): Promise<Table> {
  const { host, port, ...dsql } = server;
  const superuser = new Client(direct);
  await superuser.connect();
  await superuser.query(`CREATE DATABASE ${DATABASE} TEMPLATE template0`);
  await superuser.end();
  const rows: Row[] = [];
  for (const size of sizes) {
    // DSQL has room for 1,000 tables, ours among them.
    await withClient(server, emptyDatabase);
    const entities = newEntities(size);
    const values: number[] = [];
    for (const dataSource of [
      new DataSource({
        type: 'postgres',
        ...direct,
        username: direct.user,
        database: DATABASE,
        installExtensions: false,
        entities,
      }),
      createDsqlDataSource({ host, port, entities, dsql }),
    ]) {
      await dataSource.initialize();
      values.push(await timeOf(() => dataSource.synchronize()));
      values.push(await timeOf(() => dataSource.synchronize()));
      await dataSource.destroy();
    }
    rows.push({ name: String(size), values });
  }
  return {
    rows,
    series: [
      'PostgreSQL: creates',
      'PostgreSQL: nothing to do',
      'with us: creates',
      'with us: nothing to do',
    ],
  };
}

async function withClient(server: Server, work: (client: DsqlClient) => Promise<unknown>): Promise<void> {
  const client = new DsqlClient(server);
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}

function execute(server: Server, statements: readonly string[]): Promise<void> {
  return withClient(server, async (client) => {
    for (const statement of statements) await client.query(statement);
  });
}

const { values } = parseArgs({
  options: {
    of: { type: 'string', default: 'pool,rows,graph,entities' },
    rounds: { type: 'string', default: '3' },
    pools: { type: 'string', default: '1,5,20,50' },
    workers: { type: 'string', default: '64' },
    rows: { type: 'string', default: '1,10,100,1000,10000' },
    children: { type: 'string', default: '1,10,100,300' },
    entities: { type: 'string', default: '10,100,1000' },
    tables: { type: 'string', default: '10,50,150' },
    latencyMs: { type: 'string', default: '1' },
  },
});

async function fill(server: Server, count: number): Promise<void> {
  const parts = Array.from({ length: Math.ceil(count / MAX_ROWS) }, (_, part) =>
    insertAccounts(1 + part * MAX_ROWS, Math.min(count, (part + 1) * MAX_ROWS)),
  );
  await execute(server, [CREATE_ACCOUNT, ...parts]);
}

withServer(__filename, async (server, addLatency, direct) => {
  const parts = new Set(values.of.split(','));
  const rounds = Number(values.rounds);
  const at = `${values.latencyMs} ms added to each round trip`;
  const growth = { better: 'less', unit: 'ms', isAxis: true } as const;
  const sizes = numbersOf(values.rows);
  await fill(server, Math.max(MAX_ROWS, ...sizes));
  await addLatency(Number(values.latencyMs));
  if (parts.has('pool')) {
    const measured = await byPoolSize(server, numbersOf(values.pools), Number(values.workers), rounds);
    const title = `Finding by id, ${values.workers} workers, by connections of the pool, ${at}`;
    report({ ...growth, ...measured, name: 'growth-pool', title, unit: 'finds/s', better: 'more' });
  }
  if (parts.has('rows')) {
    const measured = await byRows(server, sizes, rounds);
    report({ ...growth, ...measured, name: 'growth-rows', title: `Finding, by rows of the result, ${at}` });
  }
  if (parts.has('graph')) {
    const measured = await byGraph(server, numbersOf(values.children), rounds);
    const title = `Writing a new row and its children, by children, ${at}`;
    report({ ...growth, ...measured, name: 'growth-graph', title });
  }
  await addLatency(0);
  if (parts.has('entities')) {
    const initialized = await initializeByEntities(server, numbersOf(values.entities), rounds);
    report({
      ...growth,
      ...initialized,
      name: 'growth-initialize',
      title: 'TypeORM: initialize, by entities',
    });
    const synchronized = await synchronizeByEntities(server, direct, numbersOf(values.tables));
    report({
      ...growth,
      ...synchronized,
      name: 'growth-synchronize',
      title: 'TypeORM: synchronize, by entities',
    });
  }
});
