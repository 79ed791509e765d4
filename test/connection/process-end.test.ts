import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import { useCluster } from '../cluster';

const cluster = useCluster();
const root = path.join(__dirname, '../..');
const nodeArgs = ['-r', path.join(root, 'test/typescript-register.cjs'), '-e'];

/** Programs that end nothing, by what they use. */
const programs: readonly (readonly [what: string, program: string])[] = [
  [
    'a DsqlPool',
    `const { DsqlPool } = require('aurora-dsql-orm');
     const pool = new DsqlPool();
     pool.query('SELECT 1 AS one').then(({ rows }) => console.log(rows[0].one));`,
  ],
  [
    'a data source',
    `const { createDsqlDataSource } = require('aurora-dsql-orm/typeorm');
     createDsqlDataSource({}).initialize()
       .then((dataSource) => dataSource.query('SELECT 1 AS one'))
       .then(([{ one }]) => console.log(one));`,
  ],
  [
    'a Sequelize instance',
    `const { createDsqlSequelize } = require('aurora-dsql-orm/sequelize');
     const sequelize = createDsqlSequelize({ logging: false });
     const one = () => sequelize.query('SELECT 1 AS one', { plain: true });
     // Each second its pool looks for what nobody uses.
     one().then(() => new Promise((resolve) => setTimeout(resolve, 1500))).then(one).then(({ one }) => console.log(one));`,
  ],
  [
    'a Sequelize instance with replication',
    `const { createDsqlSequelize } = require('aurora-dsql-orm/sequelize');
     const { PGHOST: host } = process.env;
     const sequelize = createDsqlSequelize({ logging: false, replication: { read: [{ host }], write: { host } } });
     sequelize.query('SELECT 1 AS one', { plain: true, type: 'SELECT' }).then(({ one }) => console.log(one));`,
  ],
];

it.each(programs)('a program ends that has not ended %s', async (_, program) => {
  const env = { ...process.env, ...(await cluster.local.env()) };
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [...nodeArgs, program], {
    env,
    cwd: root,
  });
  expect({ stdout, stderr }).toEqual({ stdout: '1\n', stderr: '' });
});

it('a program does not end while a write that was left on a connection has no answer', async () => {
  const program = `
    const { DsqlPool } = require('aurora-dsql-orm');
    const pool = new DsqlPool();
    pool.connect().then((client) => {
      client.query('SELECT pg_sleep(1)').then(() => console.log('answered'));
      client.release();
    });`;
  const env = { ...process.env, ...(await cluster.local.env()) };
  const child = spawn(process.execPath, [...nodeArgs, program], { env, cwd: root });
  let printed = '';
  child.stdout.on('data', (text: Buffer) => (printed += text.toString()));
  const [status] = (await once(child, 'close')) as [number];
  expect({ status, printed }).toEqual({ status: 0, printed: 'answered\n' });
});

/** Waits until its pool knows that nobody uses the connection. */
const UNUSED = 'const unused = () => new Promise((resolve) => setTimeout(resolve, 100));';

const endings: readonly (readonly [what: string, program: string])[] = [
  [
    'a DsqlPool',
    `const { DsqlPool } = require('aurora-dsql-orm');
     const pool = new DsqlPool();
     pool.query('SELECT 1').then(unused).then(() => pool.end()).then(() => console.log('ended'));`,
  ],
  [
    'a data source',
    `const { createDsqlDataSource } = require('aurora-dsql-orm/typeorm');
     const dataSource = createDsqlDataSource({});
     dataSource.initialize().then(() => dataSource.query('SELECT 1')).then(unused).then(() => dataSource.destroy()).then(() => console.log('ended'));`,
  ],
  [
    'a Sequelize instance',
    `const { createDsqlSequelize } = require('aurora-dsql-orm/sequelize');
     const sequelize = createDsqlSequelize({ logging: false });
     sequelize.query('SELECT 1').then(unused).then(() => sequelize.close()).then(() => console.log('ended'));`,
  ],
];

/** What passes on the bytes of a local DSQL, and the end of a connection a fifth of a second later. */
async function slowToClose(port: number): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (near) => {
    const far = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    for (const socket of [near, far]) socket.on('error', () => undefined);
    near.pipe(far);
    far.pipe(near, { end: false });
    far.on('end', () => setTimeout(() => near.end(), 200));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

it.each(endings)(
  'a program does not end before %s has ended, and does what comes behind that',
  async (_, program) => {
    const { PGPORT, ...rest } = await cluster.local.env();
    const server = await slowToClose(Number(PGPORT));
    try {
      const { port } = server.address() as AddressInfo;
      const env = { ...process.env, ...rest, PGPORT: String(port) };
      const { stdout } = await promisify(execFile)(process.execPath, [...nodeArgs, UNUSED + program], {
        env,
        cwd: root,
      });
      expect(stdout).toBe('ended\n');
    } finally {
      server.close();
    }
  },
);

it('a program keeps running for its pool where it asks for that', async () => {
  const program = `
    const { DsqlPool } = require('aurora-dsql-orm');
    const pool = new DsqlPool({ allowExitOnIdle: false, idleTimeoutMillis: 1500 });
    pool.once('remove', () => console.log('idle for too long'));
    pool.query('SELECT 1');`;
  const env = { ...process.env, ...(await cluster.local.env()) };
  const { stdout } = await promisify(execFile)(process.execPath, [...nodeArgs, program], { env, cwd: root });
  expect(stdout).toBe('idle for too long\n');
});
