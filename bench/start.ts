import { execFile } from 'node:child_process';
import { realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { build } from 'esbuild';
import { DsqlClient } from '../src';
import { installPackage } from '../test/package/installed-package';
import { median, report, type Row } from './result';
import { withServer, type Server } from './server';

/**
 * What starting costs, with the packed package: the time that `require` takes, and one file of a minimal handler made by
 * esbuild, how large it is and how long a new process takes from its start to the first row. Processes take turns; the median
 * counts.
 *
 * Usage: npm run bench -- start [--rounds 15]
 */

/** Prints how long the process has been running when the handler has its row. */
const RUN = `
handler(JSON.parse(process.env.SERVER)).then((rows) => {
  if (rows.length !== 1) throw new Error('There is no row.');
  console.log(performance.now());
});
`;

const ITEM_OF_TYPEORM = `
const Item = new EntitySchema({
  name: 'item',
  columns: { id: { type: 'integer', primary: true }, name: { type: 'text' } },
});
`;

const DEFINE_ITEM = `sequelize.define(
    'item',
    { id: { type: DataTypes.INTEGER, primaryKey: true }, name: DataTypes.TEXT },
    { tableName: 'item', timestamps: false },
  )`;

const SIGN = `new DsqlSigner({ hostname: host, region, credentials }).getDbConnectAdminAuthToken()`;

/** A handler with the ORM alone signs its token as AWS's samples do. */
const HANDLERS: Readonly<Record<string, Readonly<Record<'stock' | 'ours', string>>>> = {
  typeorm: {
    stock: `
import { DsqlSigner } from '@aws-sdk/dsql-signer';
import { DataSource, EntitySchema } from 'typeorm';
${ITEM_OF_TYPEORM}
async function handler({ host, hostaddr, port, ca, region, credentials }) {
  const dataSource = await new DataSource({
    type: 'postgres', host: hostaddr, port, username: 'admin', database: 'postgres',
    password: await ${SIGN},
    ssl: { ca, servername: host }, installExtensions: false, entities: [Item],
  }).initialize();
  const rows = await dataSource.manager.find(Item, { take: 1 });
  await dataSource.destroy();
  return rows;
}
`,
    ours: `
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import { EntitySchema } from 'typeorm';
${ITEM_OF_TYPEORM}
async function handler({ host, port, ...dsql }) {
  const dataSource = await createDsqlDataSource({ host, port, dsql, entities: [Item] }).initialize();
  const rows = await dataSource.manager.find(Item, { take: 1 });
  await dataSource.destroy();
  return rows;
}
`,
  },
  sequelize: {
    stock: `
import { DsqlSigner } from '@aws-sdk/dsql-signer';
import pg from 'pg';
import { DataTypes, Sequelize } from 'sequelize';

async function handler({ host, hostaddr, port, ca, region, credentials }) {
  const sequelize = new Sequelize({
    dialect: 'postgres', dialectModule: pg, host: hostaddr, port, username: 'admin', database: 'postgres',
    password: await ${SIGN},
    dialectOptions: { ssl: { ca, servername: host }, clientMinMessages: 'ignore' }, logging: false,
  });
  const rows = await ${DEFINE_ITEM}.findAll({ limit: 1 });
  await sequelize.close();
  return rows;
}
`,
    ours: `
import { createDsqlSequelize } from 'aurora-dsql-orm/sequelize';
import { DataTypes } from 'sequelize';

async function handler({ host, port, ...dsql }) {
  const sequelize = createDsqlSequelize({ host, port, dsql, logging: false });
  const rows = await ${DEFINE_ITEM}.findAll({ limit: 1 });
  await sequelize.close();
  return rows;
}
`,
  },
};

const SIDES = ['stock', 'ours'] as const;
const SHARED = { series: SIDES, comparedWith: 'stock', better: 'less' } as const;

/** Runs a program that prints a number. */
async function numberOf(args: readonly string[], cwd: string, env: Record<string, string> = {}) {
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    cwd,
    env: { PATH: process.env.PATH, ...env },
  });
  return Number(stdout);
}

/** Runs each side in turn, and returns the median of each. */
async function inTurns(rounds: number, run: (side: (typeof SIDES)[number]) => Promise<number>) {
  const measured = SIDES.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [index, side] of SIDES.entries()) measured[index]?.push(await run(side));
  }
  return measured.map(median);
}

async function measureRequire(consumer: string, rounds: number): Promise<void> {
  const rows: Row[] = [];
  for (const host of Object.keys(HANDLERS)) {
    const programOf = (name: string) => `
      const begun = performance.now();
      require('${name}');
      console.log(performance.now() - begun);
    `;
    const values = await inTurns(rounds, (side) =>
      numberOf(['--eval', programOf(side === 'ours' ? `aurora-dsql-orm/${host}` : host)], consumer),
    );
    rows.push({ name: host, values });
  }
  report({
    ...SHARED,
    name: 'start-require',
    title: 'require of an entry, and of its ORM alone',
    unit: 'ms',
    rows,
  });
}

async function bundle(consumer: string, host: string, side: string, code: string): Promise<string> {
  const entry = join(consumer, `${host}-${side}.mjs`);
  const outfile = join(consumer, `${host}-${side}.bundle.cjs`);
  writeFileSync(entry, `${code}${RUN}`);
  await build({
    entryPoints: [entry],
    absWorkingDir: consumer,
    bundle: true,
    platform: 'node',
    format: 'cjs',
    minify: true,
    // The ORMs call what they were not given by its name.
    keepNames: true,
    preserveSymlinks: true,
    outfile,
    logLevel: 'silent',
  });
  return outfile;
}

async function measureBundles(consumer: string, server: Server, rounds: number): Promise<void> {
  const sizes: Row[] = [];
  const starts: Row[] = [];
  for (const [host, handlers] of Object.entries(HANDLERS)) {
    const files = {
      stock: await bundle(consumer, host, 'stock', handlers.stock),
      ours: await bundle(consumer, host, 'ours', handlers.ours),
    };
    sizes.push({ name: host, values: SIDES.map((side) => statSync(files[side]).size / 1024) });
    const env = { SERVER: JSON.stringify(server) };
    const values = await inTurns(rounds, (side) => numberOf([files[side]], consumer, env));
    starts.push({ name: host, values });
  }
  report({
    ...SHARED,
    name: 'start-bundle',
    title: 'A minified bundle of a minimal handler',
    unit: 'KiB',
    rows: sizes,
  });
  report({
    ...SHARED,
    name: 'start-first-row',
    title: 'That handler, from the start of the process to the first row',
    unit: 'ms',
    rows: starts,
  });
}

const { values } = parseArgs({ options: { rounds: { type: 'string', default: '15' } } });

withServer(__filename, async (server) => {
  const rounds = Number(values.rounds);
  const client = new DsqlClient(server);
  await client.connect();
  await client.query('CREATE TABLE item (id integer PRIMARY KEY, name text)');
  await client.query(`INSERT INTO item VALUES (1, 'first')`);
  await client.end();
  const consumer = realpathSync(installPackage());
  // Its own, so that what lies above its folder does not count.
  writeFileSync(join(consumer, 'package.json'), '{}');
  try {
    await measureRequire(consumer, rounds);
    await measureBundles(consumer, server, rounds);
  } finally {
    rmSync(consumer, { recursive: true, force: true });
  }
});
