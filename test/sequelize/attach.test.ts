import 'aurora-dsql-orm/sequelize/register';
import { attachDsql, createDsqlSequelize, runInTransaction } from 'aurora-dsql-orm/sequelize';
import { Sequelize, type Options } from 'sequelize';
import { useCluster } from '../cluster';
import { balances, createAccountTable, defineAccounts } from './accounts';

const cluster = useCluster();
const opened: Sequelize[] = [];

beforeAll(() => createAccountTable(cluster));
afterEach(async () => {
  cluster.local.faults.clear();
  await Promise.all(opened.splice(0).map((sequelize) => sequelize.close()));
});

/** Where the cluster is, without what is Aurora DSQL's own. */
function options(): Options {
  const { host, port } = cluster.orm;
  return { dialect: 'postgres', host, port, logging: false };
}

const ways: readonly [string, () => Sequelize][] = [
  ['createDsqlSequelize', () => createDsqlSequelize({ ...cluster.orm, logging: false })],
  [
    'createDsqlSequelize with a database and a user name',
    () => createDsqlSequelize('postgres', 'admin', null, { ...cluster.orm, logging: false }),
  ],
  ['attachDsql', () => attachDsql(new Sequelize(options()), cluster.orm.dsql)],
  ['register', () => new Sequelize({ ...options(), dsql: cluster.orm.dsql })],
  [
    'register with a user name and a database',
    () => new Sequelize('postgres', 'admin', undefined, { ...options(), dsql: cluster.orm.dsql }),
  ],
  [
    'register with a url',
    () => {
      const { host, port, dsql } = cluster.orm;
      return new Sequelize(`postgres://admin@${host}:${port}/postgres`, { logging: false, dsql });
    },
  ],
];

describe.each(ways)('an instance made with %s', (_, make) => {
  const open = () => {
    const sequelize = make();
    opened.push(sequelize);
    return sequelize;
  };

  it('opens one connection with one token, and sends its query alone', async () => {
    const sequelize = open();
    const recording = cluster.local.trace.start();
    await sequelize.query('SELECT 1');
    const { connectionsOpened, tokensVerified, statements } = recording.stop();
    expect({ connectionsOpened, tokensVerified }).toStrictEqual({ connectionsOpened: 1, tokensVerified: 1 });
    expect(statements.map(({ text }) => text)).toStrictEqual(['SELECT 1']);
  });

  it('lends its connections to what inherits from it', async () => {
    const heir = Object.create(open()) as Sequelize;
    expect(await heir.query('SELECT 1 AS one', { type: 'SELECT' })).toEqual([{ one: 1 }]);
    await expect(
      heir.transaction((transaction) => heir.query('SELECT 1', { transaction })),
    ).resolves.toBeTruthy();
  });

  it('runs statements, findOrCreate and transactions again after a conflict', async () => {
    const sequelize = open();
    const Account = defineAccounts(sequelize);
    const fault = cluster.local.faults.failCommit({ error: 'OC000', table: 'account', times: 3 });
    const { id } = await Account.create({ balance: 1 });
    const [{ id: found }] = await Account.findOrCreate({ where: { id } });
    await sequelize.transaction(async (transaction) => {
      const account = await Account.findByPk(id, { transaction, rejectOnEmpty: true });
      await account.update({ balance: account.balance + 1 }, { transaction });
    });
    await runInTransaction(sequelize, (transaction) =>
      Account.increment('balance', { by: 1, where: { id }, transaction }),
    );
    expect(found).toBe(id);
    expect(fault.fired).toBe(3);
    expect(await balances(cluster, [id])).toStrictEqual([3]);
  });
});

describe('the options of an instance', () => {
  it('make another instance', async () => {
    const first = new Sequelize({ ...options(), dsql: cluster.orm.dsql });
    opened.push(first);
    await first.authenticate();
    const { options: taken } = first as unknown as { readonly options: Options };
    const second = new Sequelize({ ...taken, pool: { max: 1 } });
    opened.push(second);
    await expect(second.authenticate()).resolves.toBeUndefined();
  });
});

describe('register', () => {
  it('leaves an instance without `dsql` as it is', () => {
    const sequelize = new Sequelize(options());
    opened.push(sequelize);
    expect(Object.hasOwn(sequelize, 'query')).toBe(false);
    expect(sequelize.getQueryInterface().constructor.name).toBe('PostgresQueryInterface');
  });

  it('refuses what cannot be as soon as the instance is asked for something', async () => {
    const sequelize = new Sequelize({ ...options(), password: 'x', dsql: {} });
    const cause = { name: 'ConfigurationError', option: 'password' };
    const refusal = { name: 'SequelizeConnectionError', cause };
    const recording = cluster.local.trace.start();
    await expect(sequelize.authenticate()).rejects.toMatchObject(refusal);
    await expect(sequelize.transaction()).rejects.toMatchObject(refusal);
    const { connectionsOpened, connectionsRefused } = recording.stop();
    expect([connectionsOpened, connectionsRefused]).toStrictEqual([0, 0]);
  });

  it('leaves the options of the caller as they were, and takes those of a generated configuration', async () => {
    const given = Object.freeze({
      ...options(),
      username: 'admin',
      password: null as never,
      database: 'postgres',
      dialectOptions: Object.freeze({ keepAlive: true }),
      pool: Object.freeze({ max: 1 }),
      dsql: Object.freeze({ ...cluster.orm.dsql }),
    });
    const sequelize = new Sequelize(given);
    opened.push(sequelize);
    await expect(sequelize.authenticate()).resolves.toBeUndefined();
  });
});

describe('attachDsql', () => {
  it('gives the instance back, and does nothing a second time', () => {
    const sequelize = new Sequelize(options());
    const attached = attachDsql(sequelize, cluster.orm.dsql);
    const query: unknown = Reflect.get(attached, 'query');
    expect(attached).toBe(sequelize);
    expect(attachDsql(sequelize)).toBe(sequelize);
    expect(Reflect.get(sequelize, 'query')).toBe(query);
  });

  it('refuses an instance that has models', () => {
    const sequelize = new Sequelize(options());
    defineAccounts(sequelize);
    expect(() => attachDsql(sequelize, cluster.orm.dsql)).toThrow(/before you define the first model/);
  });
});
