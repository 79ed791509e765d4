import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { classifyError, isPartlyCommittedError, MigrationStorage } from 'aurora-dsql-orm/sequelize';
import { DataTypes, QueryTypes, type Sequelize, type Transaction } from 'sequelize';
import { SequelizeStorage, Umzug, type UmzugStorage } from 'umzug';
import { useCluster } from '../cluster';
import { byForm } from '../form';
import { sequelizeCli, startSequelizeCli } from './sequelize-cli';
import { useSequelize } from './use-sequelize';

const cluster = useCluster();
const open = useSequelize(cluster);
/** How many processes start together. */
const PODS = byForm({ short: 2, long: 8, soak: 8 });
let sequelize: Sequelize;

beforeAll(() => {
  sequelize = open();
});

const namesIn = async (table: string) => {
  const rows = await sequelize.query<{ name: string }>(`SELECT name FROM "${table}" ORDER BY name`, {
    type: QueryTypes.SELECT,
  });
  return rows.map(({ name }) => name);
};

describe('umzug with MigrationStorage', () => {
  let storage: MigrationStorage;
  let tables = 0;
  let tableName: string;

  beforeEach(() => {
    tableName = `meta_${++tables}`;
    storage = new MigrationStorage({ sequelize, tableName });
  });

  const umzug = (run: () => unknown = () => undefined) =>
    new Umzug({
      context: sequelize,
      storage: storage satisfies UmzugStorage<Sequelize>,
      logger: undefined,
      migrations: ['01-one', '02-two'].map((name) => ({
        name,
        up: () => Promise.resolve(run()),
        down: () => Promise.resolve(run()),
      })),
    });

  it('runs migrations once, undoes them and runs them again', async () => {
    const run = jest.fn();
    await umzug(run).up();
    await umzug(run).up();
    expect(run).toHaveBeenCalledTimes(2);
    expect(await namesIn(tableName)).toStrictEqual(['01-one', '02-two']);
    await umzug(run).down();
    expect(await namesIn(tableName)).toStrictEqual(['01-one']);
    expect((await umzug(run).pending()).map(({ name }) => name)).toStrictEqual(['02-two']);
    await umzug(run).up();
    expect(await namesIn(tableName)).toStrictEqual(['01-one', '02-two']);
  });

  it('sends no DDL to read, and creates its table once', async () => {
    const ddl = () => cluster.local.trace.start();
    const reading = ddl();
    expect(await umzug().executed()).toStrictEqual([]);
    expect(reading.stop().statements.map(({ kind }) => kind)).toStrictEqual(['read']);
    const writing = ddl();
    await umzug().up();
    expect(writing.stop().statements.filter(({ kind }) => kind === 'ddl')).toHaveLength(1);
  });

  it.each(['OC000', 'OC001'] as const)(
    'notes each migration once although it conflicts: %s',
    async (error) => {
      await umzug().up({ to: '01-one' });
      const fault = cluster.local.faults.failCommit({ error, times: 2 });
      await umzug().up();
      expect(fault.fired).toBe(2);
      expect(await namesIn(tableName)).toStrictEqual(['01-one', '02-two']);
    },
  );

  it('notes each once when the answer of the database is lost', async () => {
    await umzug().up({ to: '01-one' });
    const fault = cluster.local.faults.cutConnection({ at: 'after commit', table: tableName });
    await umzug().up();
    expect(fault.fired).toBe(1);
    expect(await namesIn(tableName)).toStrictEqual(['01-one', '02-two']);
  });

  it('lets others note the same at the same time', async () => {
    await Promise.all(Array.from({ length: 6 }, () => storage.logMigration({ name: 'same' })));
    expect(await namesIn(tableName)).toStrictEqual(['same']);
    await Promise.all(Array.from({ length: 6 }, () => storage.unlogMigration({ name: 'same' })));
    expect(await namesIn(tableName)).toStrictEqual([]);
  });

  it("goes on with the table of umzug's own storage", async () => {
    const stock = new SequelizeStorage({ sequelize, tableName, modelName: tableName });
    await stock.logMigration({ name: '01-one' });
    await umzug().up();
    expect(await stock.executed()).toStrictEqual(['01-one', '02-two']);
  });
});

describe('a transaction that changes the schema', () => {
  let told: string[] = [];

  beforeEach(async () => {
    told = [];
    await sequelize.query('CREATE TABLE box (id int PRIMARY KEY, label text)');
  });
  afterEach(async () => {
    await sequelize.query('DROP TABLE IF EXISTS box, lid');
  });

  const logging = (message: string) => told.push(message);
  const labels = async () =>
    (await sequelize.query('SELECT * FROM box ORDER BY id', { type: QueryTypes.SELECT })) as unknown[];
  const insert = (id: number, transaction: Transaction) =>
    sequelize.getQueryInterface().bulkInsert('box', [{ id, label: `number ${id}` }], { transaction });
  const addWidth = (transaction: Transaction) =>
    sequelize
      .getQueryInterface()
      .addColumn(
        'box',
        'width',
        { type: DataTypes.INTEGER, allowNull: false, defaultValue: 3 },
        { transaction },
      );

  it('is taken apart, which is said once', async () => {
    await sequelize.transaction({ logging }, async (transaction) => {
      await insert(1, transaction);
      await insert(2, transaction);
      await addWidth(transaction);
      await sequelize.getQueryInterface().addIndex('box', ['label'], { transaction });
      await insert(3, transaction);
      expect(
        await sequelize.query('SELECT id FROM box', { transaction, type: QueryTypes.SELECT }),
      ).toHaveLength(3);
    });
    expect(await labels()).toStrictEqual([
      { id: 1, label: 'number 1', width: 3 },
      { id: 2, label: 'number 2', width: 3 },
      { id: 3, label: 'number 3', width: 3 },
    ]);
    expect(told.filter((message) => message.startsWith('A transaction changes the schema.'))).toHaveLength(1);
  });

  it('says what stays when it fails, and rolls the rest back', async () => {
    const work = sequelize.transaction(async (transaction) => {
      await insert(1, transaction);
      await sequelize.query('CREATE TABLE lid (id int PRIMARY KEY)', { transaction });
      await insert(2, transaction);
      throw new Error('enough');
    });
    await expect(work).rejects.toThrow(
      /^enough\n2 statements of the transaction had been committed before and will stay/,
    );
    expect(await labels()).toStrictEqual([{ id: 1, label: 'number 1' }]);
  });

  it('that its caller ends says so in the error of the statement', async () => {
    const transaction = await sequelize.transaction();
    await sequelize.query('CREATE TABLE lid (id int PRIMARY KEY)', { transaction });
    await insert(2, transaction);
    await expect(sequelize.query('SELECT 1 / 0', { transaction })).rejects.toThrow(
      /^division by zero\nOne statement of the transaction had been committed/,
    );
    await transaction.rollback();
    expect(await labels()).toStrictEqual([]);
  });

  it('is not run again when it conflicts after a part of it was committed', async () => {
    let runs = 0;
    const work = sequelize.transaction(async (transaction) => {
      runs++;
      await sequelize.query('CREATE TABLE lid (id int PRIMARY KEY)', { transaction });
      await insert(1, transaction);
      cluster.local.faults.failCommit({ error: 'OC000', table: 'box' });
    });
    const error: unknown = await work.catch((caught: unknown) => caught);
    expect(isPartlyCommittedError(error)).toBe(true);
    expect(classifyError(error).isRetryable).toBe(false);
    expect(runs).toBe(1);
    expect(await labels()).toStrictEqual([]);
  });

  it('is run again when it conflicts before anything of it was committed', async () => {
    let runs = 0;
    cluster.local.faults.failCommit({ error: 'OC000', table: 'box' });
    await sequelize.transaction(async (transaction) => {
      runs++;
      await insert(1, transaction);
      await sequelize.query('CREATE TABLE lid (id int PRIMARY KEY)', { transaction });
    });
    expect(runs).toBe(2);
    expect(await labels()).toHaveLength(1);
  });

  it('lets what is asked for at the same time wait', async () => {
    await sequelize.transaction((transaction) =>
      Promise.all([
        addWidth(transaction),
        sequelize.query('CREATE TABLE lid (id int PRIMARY KEY)', { transaction }),
        insert(1, transaction),
        sequelize.getQueryInterface().addIndex('box', ['label'], { transaction }),
      ]),
    );
    expect(await labels()).toStrictEqual([{ id: 1, label: 'number 1', width: 3 }]);
  });

  it('what is refused in it is sent nowhere, and nothing is committed', async () => {
    const work = sequelize.transaction(async (transaction) => {
      await insert(1, transaction);
      await sequelize.query('CREATE TABLE lid (tags text[])', { transaction });
    });
    await expect(work).rejects.toThrow(/jsonb/);
    expect(await labels()).toStrictEqual([]);
  });
});

/** Whether the lease of migrations is held. */
const leases = async () => {
  const rows = await sequelize.query<{ held: boolean }>(
    'SELECT expires_at > now() AS held FROM aurora_dsql_orm_migration_lease',
    { type: QueryTypes.SELECT },
  );
  return rows.map(({ held }) => held);
};

/** What is journalled of the runs of migrations, the last one first. */
const runs = () =>
  sequelize.query(
    'SELECT migration, direction, state FROM aurora_dsql_orm_migration ORDER BY started_at DESC',
    { type: QueryTypes.SELECT },
  );

describe('sequelize-cli', () => {
  let project = '';

  const cli = (...args: string[]) => sequelizeCli(cluster, project, ...args);

  /** As `sequelize-cli init` leaves it. */
  beforeAll(async () => {
    project = mkdtempSync(path.join(tmpdir(), 'aurora-dsql-orm-cli-'));
    symlinkSync(path.resolve(__dirname, '../../node_modules'), path.join(project, 'node_modules'));
    await cli('init');
  });
  afterAll(() => {
    rmSync(project, { recursive: true, force: true });
  });

  const write = (file: string, text: string) => {
    writeFileSync(path.join(project, file), text);
  };

  it('says what to change in the configuration that it has generated', async () => {
    const generated = JSON.parse(readFileSync(path.join(project, 'config/config.json'), 'utf8')) as {
      development: object;
    };
    write('.sequelizerc', "require('aurora-dsql-orm/sequelize/register');");
    const { host } = cluster.local;
    const development = { ...generated.development, dialect: 'postgres', host, dsql: {} };
    write('config/config.json', JSON.stringify({ development }));
    const { status, output } = await cli('db:migrate:status');
    expect(status).toBe(1);
    expect(output).toMatch(/database: .*postgres/);
  });

  it('migrates, tells the status, seeds and undoes', async () => {
    write(
      'config/config.json',
      JSON.stringify({ development: { username: 'admin', password: null, dialect: 'postgres', dsql: {} } }),
    );
    write(
      'migrations/20260101000000-create-pet.js',
      `module.exports = {
         up: (queryInterface, { DataTypes }) => queryInterface.createTable('pet', {
           id: { type: DataTypes.UUID, primaryKey: true, defaultValue: DataTypes.UUIDV4 },
           name: { type: DataTypes.STRING, allowNull: false },
         }),
         down: (queryInterface) => queryInterface.dropTable('pet'),
       };`,
    );
    write(
      'migrations/20260101000001-add-age.js',
      `module.exports = {
         up: (queryInterface, { DataTypes }) => queryInterface.addColumn('pet', 'age', DataTypes.INTEGER),
         down: (queryInterface) => queryInterface.removeColumn('pet', 'age'),
       };`,
    );
    write(
      'seeders/20260101000000-pets.js',
      `const { randomUUID } = require('node:crypto');
       module.exports = {
         up: (queryInterface) => queryInterface.bulkInsert('pet', ['Rex', 'Tom'].map((name) => ({ id: randomUUID(), name, age: 3 }))),
         down: (queryInterface) => queryInterface.bulkDelete('pet', null, {}),
       };`,
    );
    expect((await cli('db:migrate:status')).output).toMatch(/down 20260101000000-create-pet/);
    expect(await cli('db:migrate')).toMatchObject({ status: 0 });
    expect(await namesIn('SequelizeMeta')).toHaveLength(2);
    expect(await cli('db:seed:all')).toMatchObject({ status: 0 });
    expect(await namesIn('pet')).toStrictEqual(['Rex', 'Tom']);
    expect((await cli('db:migrate:status')).output).toMatch(/up 20260101000001-add-age/);
    expect(await cli('db:seed:undo:all')).toMatchObject({ status: 0 });
    expect(await namesIn('pet')).toStrictEqual([]);
    expect(await cli('db:migrate:undo')).toMatchObject({ status: 0 });
    expect(await namesIn('SequelizeMeta')).toStrictEqual(['20260101000000-create-pet.js']);
    expect(await cli('db:migrate:undo:all')).toMatchObject({ status: 0 });
    expect(await namesIn('SequelizeMeta')).toStrictEqual([]);
  });

  it.each(['db:create', 'db:drop'])('%s says that a cluster has one database', async (command) => {
    expect(await cli(command)).toMatchObject({
      status: 1,
      output: expect.stringContaining('run db:migrate') as string,
    });
  });

  it('migrates with a configuration in JavaScript and a url', async () => {
    const { host, port } = cluster.local;
    rmSync(path.join(project, '.sequelizerc'));
    write(
      'config/config.js',
      `require('aurora-dsql-orm/sequelize/register');
       module.exports = { development: { url: 'postgres://admin@${host}:${port}/postgres', dsql: {} } };`,
    );
    expect(await cli('db:migrate')).toMatchObject({ status: 0 });
    expect(await namesIn('SequelizeMeta')).toHaveLength(2);
  });

  it('runs each migration once, and undoes it once, however many processes start together', async () => {
    await sequelize.query('CREATE TABLE ran (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text)');
    for (const name of ['20260101000002-count', '20260101000003-count']) {
      const note = (way: string) =>
        `async ({ sequelize }) => {
           await new Promise((resolve) => setTimeout(resolve, 100));
           await sequelize.query("INSERT INTO ran (name) VALUES ('${name} ${way}')");
           await sequelize.sync();
         }`;
      write(`migrations/${name}.js`, `module.exports = { up: ${note('up')}, down: ${note('down')} };`);
    }
    const together = async (command: string) => {
      const ended = await Promise.all(Array.from({ length: PODS }, () => cli(command)));
      return ended.map(({ status, output }) => (status === 0 ? 0 : output));
    };
    const allWell = Array<number>(PODS).fill(0);
    expect(await together('db:migrate')).toStrictEqual(allWell);
    const up = ['20260101000002-count up', '20260101000003-count up'];
    expect(await namesIn('ran')).toStrictEqual(up);
    expect(await namesIn('SequelizeMeta')).toHaveLength(4);
    expect(await together('db:migrate:undo:all')).toStrictEqual(allWell);
    expect(await leases()).toStrictEqual([false]);
    const ran = ['20260101000002-count down', ...up.slice(0, 1), '20260101000003-count down', ...up.slice(1)];
    expect(await namesIn('ran')).toStrictEqual(ran);
    expect(await namesIn('SequelizeMeta')).toStrictEqual([]);
  });

  describe('when it is killed half-way', () => {
    const name = '20260101000009-halt.js';

    beforeAll(() => {
      const { host, port } = cluster.local;
      rmSync(path.join(project, 'migrations'), { recursive: true });
      mkdirSync(path.join(project, 'migrations'));
      write(
        'config/config.js',
        `require('aurora-dsql-orm/sequelize/register');
         const dsql = { migrations: { leaseMs: 1000 } };
         module.exports = { development: { url: 'postgres://admin@${host}:${port}/postgres', dsql } };`,
      );
      write(
        'migrations/20260101000008-before.js',
        `module.exports = {
           up: ({ sequelize }) => sequelize.query('CREATE TABLE stop (name text PRIMARY KEY)'),
           down: ({ sequelize }) => sequelize.query('DROP TABLE stop'),
         };`,
      );
      write(
        `migrations/${name}`,
        `const { existsSync, rmSync } = require('node:fs');
         const pass = async ({ sequelize }, name) => {
           // What is asked for at once is in its order, too.
           const asked = [sequelize.query('SELECT 1 AS one'), sequelize.query('SELECT 2 AS two')];
           const [[[{ one }]], [[{ two }]]] = await Promise.all(asked);
           await sequelize.query('INSERT INTO stop VALUES ($1)', { bind: [name + one + two] });
           await sequelize.transaction((transaction) =>
             sequelize.query('INSERT INTO stop VALUES ($1)', { bind: [name + ' twice'], transaction }));
           for (const signal of ['SIGKILL', 'SIGSTOP']) {
             if (!existsSync(signal)) continue;
             rmSync(signal);
             process.kill(process.pid, signal);
           }
         };
         module.exports = {
           up: async (queryInterface, { DataTypes }) => {
             await queryInterface.createTable('shelf', { id: { type: DataTypes.INTEGER, primaryKey: true } });
             await pass(queryInterface, 'up');
             await queryInterface.addColumn('shelf', 'label', DataTypes.STRING);
           },
           down: async (queryInterface) => {
             await queryInterface.removeColumn('shelf', 'label');
             await pass(queryInterface, 'down');
             await queryInterface.dropTable('shelf');
           },
         };`,
      );
    });

    it.each([
      ['db:migrate', 'up', /^(?:CREATE TABLE IF NOT EXISTS "shelf"|ALTER TABLE "public"."shelf")/],
      ['db:migrate:undo', 'down', /^(?:DROP TABLE IF EXISTS "shelf"|ALTER TABLE "public"."shelf")/],
    ])('%s goes on behind the last statement that is finished', async (command, way, changes) => {
      const trace = cluster.local.trace.start();
      write('SIGKILL', '');
      expect(await cli(command)).toMatchObject({ status: null });
      const [half] = await runs();
      expect(half).toStrictEqual({ migration: name, direction: way, state: 'running' });
      expect(await cli(command)).toMatchObject({ status: 0 });
      expect((await runs())[0]).toStrictEqual({ migration: name, direction: way, state: 'done' });
      const sent = trace.stop().statements.filter(({ text }) => changes.test(text));
      expect(sent).toHaveLength(2);
      expect((await namesIn('stop')).filter((each) => each.startsWith(way))).toStrictEqual([
        `${way} twice`,
        `${way}12`,
      ]);
      expect((await namesIn('SequelizeMeta')).includes(name)).toBe(way === 'up');
    });

    it('what is frozen past its lease sends nothing more', async () => {
      await sequelize.query('DELETE FROM stop');
      write('SIGSTOP', '');
      const frozen = await startSequelizeCli(cluster, project, 'db:migrate');
      const isRunning = () => frozen.child.exitCode === null && existsSync(path.join(project, 'SIGSTOP'));
      while (isRunning()) await new Promise((look) => setTimeout(look, 20));
      expect(frozen.child.exitCode === null ? '' : (await frozen.ended).output).toBe('');
      expect(await cli('db:migrate')).toMatchObject({ status: 0 });
      const trace = cluster.local.trace.start();
      frozen.child.kill('SIGCONT');
      expect(await frozen.ended).toMatchObject({
        status: 1,
        output: expect.stringMatching(/lost its lease/) as string,
      });
      const sent = trace.stop().statements.filter(({ text }) => !text.includes('migration_lease'));
      expect(sent.filter(({ kind }) => kind !== 'rollback')).toStrictEqual([]);
      expect((await namesIn('SequelizeMeta')).filter((each) => each === name)).toHaveLength(1);
    });
  });
});
