import { randomUUID } from 'node:crypto';
import { parseArgs } from 'node:util';
import { Client } from 'pg';
import { DataTypes } from 'sequelize';
import { EntitySchema, EntitySchemaOptions } from 'typeorm';
import { DsqlClient } from '../src';
import { createDsqlSequelize, inBatches as inBatchesOfSequelize } from '../src/sequelize';
import { createDsqlDataSource, inBatches as inBatchesOfTypeOrm } from '../src/typeorm';
import { copyRows } from './copy';
import { measuredOf, report, rowOf } from './result';
import { login, withServer, type Server } from './server';

/**
 * How fast many rows are inserted: by both ORMs with `batch: true`, and by hand with node-postgres, as VALUES, as one
 * array per column and by COPY, by turns in the same run. The server is another process. The quietest round counts for each way,
 * and the middle half of the rounds is kept with it.
 *
 * With `--iterable` both ORMs write the rows of a generator by `inBatches`, once, and what counts is how much memory the client
 * takes at the most, with Node.js, the ORMs and this script.
 *
 * Usage: npm run bench -- bulk [--rows 30000] [--rounds 5] [--iterable] [--concurrency 4]
 */

interface Reading {
  readonly id: string;
  readonly tenant: string;
  readonly number: number;
  readonly total: string;
  readonly rate: number;
  readonly isActive: boolean;
  readonly name: string;
  readonly note: string | null;
  readonly createdAt: Date;
  readonly payload: object;
}

const COLUMNS = {
  id: 'uuid',
  tenant: 'uuid',
  number: 'integer',
  total: 'numeric(12,2)',
  rate: 'double precision',
  isActive: 'boolean',
  name: 'text',
  note: 'varchar(100)',
  createdAt: 'timestamptz',
  payload: 'jsonb',
} as const satisfies Record<keyof Reading, string>;
const NAMES = Object.keys(COLUMNS) as (keyof Reading)[];
const QUOTED_NAMES = NAMES.map((name) => `"${name}"`).join(', ');
const MAX_ROWS = 3000;

const makeRows = (count: number): Reading[] => Array.from({ length: count }, (_, number) => makeRow(number));

function* yieldRows(count: number): Generator<Reading> {
  for (let number = 0; number < count; number++) yield makeRow(number);
}

function makeRow(number: number): Reading {
  return {
    id: randomUUID(),
    tenant: randomUUID(),
    number,
    total: `${number}.25`,
    rate: number / 7,
    isActive: number % 2 === 0,
    name: `The reading number ${number}`,
    note: number % 3 === 0 ? null : 'as expected',
    createdAt: new Date(1_700_000_000_000 + number),
    payload: { number, tags: ['a', 'b'] },
  };
}

async function inParts(rows: readonly Reading[], write: (part: readonly Reading[]) => Promise<unknown>) {
  for (let from = 0; from < rows.length; from += MAX_ROWS) await write(rows.slice(from, from + MAX_ROWS));
}

function insertValues(client: Client, rows: readonly Reading[]): Promise<unknown> {
  let parameter = 0;
  const values = rows.map(() => `(${NAMES.map(() => `$${++parameter}`).join(', ')})`);
  return client.query(
    `INSERT INTO reading (${QUOTED_NAMES}) VALUES ${values.join(', ')}`,
    rows.flatMap((row) => NAMES.map((name) => row[name])),
  );
}

function insertArrays(client: Client, rows: readonly Reading[]): Promise<unknown> {
  const arrays = NAMES.map((name, index) => `$${index + 1}::${COLUMNS[name]}[]`);
  return client.query(
    `INSERT INTO reading (${QUOTED_NAMES}) SELECT * FROM unnest(${arrays.join(', ')})`,
    NAMES.map((name) => rows.map((row) => row[name])),
  );
}

type Way = (rows: Reading[]) => Promise<unknown>;
type StreamingWay = (rows: Iterable<Reading>, concurrency: number) => Promise<number>;

interface Opened {
  readonly ways: Record<string, Way>;
  readonly streamingWays: Record<string, StreamingWay>;
  readonly end: () => Promise<void>;
}

async function openWays(server: Server): Promise<Opened> {
  const { host, port, ...dsql } = server;
  const client = new DsqlClient(server);
  await client.connect();
  const plain = new Client(await login(server));
  await plain.connect();
  const entity = Object.assign(new EntitySchemaOptions<Reading>(), {
    name: 'reading',
    columns: {
      id: { type: 'uuid', primary: true },
      tenant: { type: 'uuid' },
      number: { type: 'integer' },
      total: { type: 'numeric', precision: 12, scale: 2 },
      rate: { type: 'double precision' },
      isActive: { type: 'boolean' },
      name: { type: 'text' },
      note: { type: 'varchar', length: 100, nullable: true },
      createdAt: { type: 'timestamptz' },
      payload: { type: 'jsonb' },
    },
  });
  const Entity = new EntitySchema<Reading>(entity);
  const dataSource = await createDsqlDataSource({
    host,
    port,
    entities: [Entity],
    dsql: { ...dsql, batch: true },
  }).initialize();
  const sequelize = createDsqlSequelize({ host, port, logging: false, dsql: { ...dsql, batch: true } });
  const Model = sequelize.define(
    'reading',
    {
      id: { type: DataTypes.UUID, primaryKey: true },
      tenant: DataTypes.UUID,
      number: DataTypes.INTEGER,
      total: DataTypes.DECIMAL(12, 2),
      rate: DataTypes.DOUBLE,
      isActive: DataTypes.BOOLEAN,
      name: DataTypes.TEXT,
      note: DataTypes.STRING(100),
      createdAt: DataTypes.DATE,
      payload: DataTypes.JSONB,
    },
    { tableName: 'reading', timestamps: false },
  );
  const columns = NAMES.map((name) => `"${name}" ${COLUMNS[name]}${name === 'id' ? ' PRIMARY KEY' : ''}`);
  await client.query(`CREATE TABLE reading (${columns.join(', ')})`);
  return {
    ways: {
      'pg, VALUES': (rows) => inParts(rows, (part) => insertValues(client, part)),
      'pg, unnest': (rows) => inParts(rows, (part) => insertArrays(client, part)),
      'pg, COPY': (rows) =>
        inParts(rows, (part) => copyRows(plain, `reading (${QUOTED_NAMES})`, NAMES, part)),
      'TypeORM insert': (rows) => dataSource.manager.insert(Entity, rows),
      'TypeORM save': (rows) => dataSource.manager.save(Entity, rows),
      'Sequelize bulkCreate': (rows) => Model.bulkCreate(rows as never),
    },
    streamingWays: {
      'TypeORM insert': (rows, concurrency) =>
        inBatchesOfTypeOrm(dataSource, rows, { concurrency }, (batch, manager) =>
          manager.insert(Entity, [...batch]),
        ),
      'Sequelize bulkCreate': (rows, concurrency) =>
        inBatchesOfSequelize(sequelize, rows, { concurrency }, (batch, transaction) =>
          Model.bulkCreate(batch as never, { transaction, returning: false }),
        ),
    },
    end: async () => {
      await client.end();
      await plain.end();
      await dataSource.destroy();
      await sequelize.close();
    },
  };
}

async function bench(server: Server, rowCount: number, rounds: number): Promise<void> {
  const { ways, end } = await openWays(server);
  const all = new Map<string, number[]>();
  for (let round = 0; round < rounds; round++) {
    for (const [name, write] of Object.entries(ways)) {
      const rows = makeRows(rowCount);
      const begun = performance.now();
      await write(rows);
      const perSecond = rows.length / ((performance.now() - begun) / 1000);
      all.set(name, [...(all.get(name) ?? []), perSecond]);
    }
  }
  await end();
  report({
    name: 'bulk',
    title: `Inserting ${rowCount} rows of ${NAMES.length} columns`,
    unit: 'rows/s',
    better: 'more',
    series: ['rows/s'],
    rows: [...all].map(([name, perSecond]) => rowOf(name, [measuredOf(perSecond, 'more')])),
  });
}

/** Says how much memory each way takes that reads its rows from a generator. */
async function benchIterables(server: Server, rowCount: number, concurrency: number): Promise<void> {
  const { streamingWays, end } = await openWays(server);
  const inMiB = (bytes: number) => bytes / 1024 ** 2;
  const measured: { readonly name: string; readonly values: number[]; readonly perSecond: number }[] = [];
  for (const [name, write] of Object.entries(streamingWays)) {
    let peak = 0;
    const before = process.memoryUsage.rss();
    const watch = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage.rss());
    }, 20);
    const begun = performance.now();
    const written = await write(yieldRows(rowCount), concurrency);
    clearInterval(watch);
    const perSecond = written / ((performance.now() - begun) / 1000);
    measured.push({ name, values: [inMiB(before), inMiB(peak)], perSecond });
  }
  await end();
  report({
    name: 'bulk-memory',
    title: `Memory of a client that inserts ${rowCount} rows of a generator, ${concurrency} batches at a time`,
    unit: 'MiB',
    better: 'less',
    series: ['before', 'at most'],
    rows: measured.map(({ name, values }) => ({ name, values })),
  });
  report({
    name: 'bulk-memory-speed',
    title: `Inserting ${rowCount} rows of a generator, ${concurrency} batches at a time`,
    unit: 'rows/s',
    better: 'more',
    series: ['rows/s'],
    rows: measured.map(({ name, perSecond }) => ({ name, values: [perSecond] })),
    isPlotted: false,
  });
}

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '30000' },
    rounds: { type: 'string', default: '5' },
    iterable: { type: 'boolean' },
    concurrency: { type: 'string', default: '4' },
  },
});

withServer(__filename, (server) => {
  const rows = Number(values.rows);
  return values.iterable
    ? benchIterables(server, rows, Number(values.concurrency))
    : bench(server, rows, Number(values.rounds));
});
