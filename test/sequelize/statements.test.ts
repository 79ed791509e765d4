import {
  createDsqlSequelize,
  isCommitOutcomeUnknownError,
  isRetryExhaustedError,
  isTransactionRolledBackError,
} from 'aurora-dsql-orm/sequelize';
import type { Sequelize, Transaction } from 'sequelize';
import { useCluster } from '../cluster';
import { balances, createAccountTable, defineAccounts, failure, type Account } from './accounts';
import { useSequelize } from './use-sequelize';

const cluster = useCluster();
const open = useSequelize(cluster);
let sequelize: Sequelize;
let Account: ReturnType<typeof defineAccounts>;

beforeAll(async () => {
  await createAccountTable(cluster);
  sequelize = open();
  Account = defineAccounts(sequelize);
});

/** Two conflicts, of data or of the schema, where an autocommit statement is committed. */
function conflicts(error: 'OC000' | 'OC001' = 'OC000') {
  return cluster.local.faults.failCommit({
    error,
    times: 2,
    ...(error === 'OC000' && { table: 'account' }),
  });
}

describe('a statement outside a transaction', () => {
  it.each<[string, (account: Account) => Promise<unknown>, number[]]>([
    ['create', () => Account.create({ balance: 7 }), [100]],
    ['save', (account) => account.set({ balance: 7 }).save(), [7]],
    ['update', (account) => account.update({ balance: 7 }), [7]],
    ['increment', (account) => account.increment('balance', { by: 7 }), [107]],
    ['decrement', (account) => account.decrement('balance', { by: 7 }), [93]],
    ['destroy', (account) => account.destroy(), []],
    ['upsert', ({ id }) => Account.upsert({ id, balance: 7 }), [7]],
    ['bulkCreate', () => Account.bulkCreate([{ balance: 7 }, { balance: 8 }]), [100]],
    ['Model.update', ({ id }) => Account.update({ balance: 7 }, { where: { id } }), [7]],
    ['Model.increment', ({ id }) => Account.increment('balance', { by: 7, where: { id } }), [107]],
    ['Model.destroy', ({ id }) => Account.destroy({ where: { id } }), []],
    ['findOrCreate', ({ id }) => Account.findOrCreate({ where: { name: id } }), [100]],
    ['findCreateFind', ({ id }) => Account.findCreateFind({ where: { name: id } }), [100]],
    [
      'query',
      ({ id }) =>
        sequelize.query('UPDATE account SET balance = balance + 7 WHERE id = ?', { replacements: [id] }),
      [107],
    ],
    [
      'query with an object',
      ({ id }) => sequelize.query({ query: 'UPDATE account SET balance = 7 WHERE id = ?', values: [id] }),
      [7],
    ],
  ])('is sent again after a conflict: %s', async (_, run, expected) => {
    const account = await Account.create({ balance: 100 });
    const before = await Account.count();
    const fault = conflicts();
    await run(account);
    expect(fault.fired).toBe(2);
    expect(await balances(cluster, [account.id])).toStrictEqual(expected);
    expect(Math.abs((await Account.count()) - before)).toBeLessThan(3);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['findAll', () => Account.findAll()],
    ['findOne', () => Account.findOne()],
    ['count', () => Account.count()],
    ['sum', () => Account.sum('balance')],
    ['authenticate', () => sequelize.authenticate()],
  ])('is sent again after a conflict of the schema: %s', async (_, run) => {
    const fault = cluster.local.faults.failStatement({ error: 'OC001', kind: 'read' });
    await run();
    expect(fault.fired).toBe(1);
  });

  it('is waited for, and sent again, although its logging throws', async () => {
    const account = await Account.create({ balance: 100 });
    const fault = conflicts();
    const logged: string[] = [];
    const save = (fails: (times: number) => boolean) =>
      account.increment('balance', {
        by: 7,
        logging: (sql) => {
          if (fails(logged.push(sql))) throw new Error('The log is full.');
        },
      });
    await save((times) => times < 3);
    expect(logged).toHaveLength(3);
    expect(fault.fired).toBe(2);
    expect(await balances(cluster, [account.id])).toStrictEqual([107]);

    await expect(save(() => true)).rejects.toThrow('The log is full.');
    expect(await balances(cluster, [account.id])).toStrictEqual([114]);
  });

  it('runs the hooks of the model once', async () => {
    const hooks = jest.fn();
    const names = ['beforeValidate', 'beforeCreate', 'afterCreate', 'beforeSave', 'afterSave'] as const;
    for (const name of names) Account.addHook(name, name, () => void hooks(name));
    conflicts();
    await Account.create({});
    for (const name of names) Account.removeHook(name, name);
    expect(hooks.mock.calls.map(([name]) => String(name)).sort()).toStrictEqual([...names].sort());
  });

  it('leaves the instance as after one success', async () => {
    const account = Account.build({ balance: 7 });
    conflicts();
    await account.save();
    expect([account.isNewRecord, account.changed(), account.balance]).toStrictEqual([false, false, 7]);
  });

  it('leaves the instance as before when it gives up', async () => {
    const brief = open({ dsql: { retry: { maxAttempts: 2, baseDelayMs: 0 } } });
    const account = defineAccounts(brief).build({ balance: 7 });
    conflicts();
    expect(isRetryExhaustedError(await failure(account.save()))).toBe(true);
    expect([account.isNewRecord, account.balance]).toStrictEqual([true, 7]);
    await account.save();
    expect(await balances(cluster, [account.id])).toStrictEqual([7]);
  });

  it('gets its turn, however many want the same row', async () => {
    const { id } = await Account.create({ balance: 0 });
    await Promise.all(
      Array.from({ length: 40 }, () => Account.increment('balance', { by: 1, where: { id } })),
    );
    expect(await balances(cluster, [id])).toStrictEqual([40]);
  });

  it('whose answer was lost is reported as unknown, and not sent again', async () => {
    const { id } = await Account.create({ balance: 100 });
    const fault = cluster.local.faults.cutConnection({ at: 'after commit', table: 'account', times: 2 });
    const error = await failure(Account.increment('balance', { by: 1, where: { id } }));
    expect(isCommitOutcomeUnknownError(error)).toBe(true);
    expect(fault.fired).toBe(1);
    expect(await balances(cluster, [id])).toStrictEqual([101]);
  });

  it.each(['BEGIN; SELECT 1; COMMIT; SELECT 2', 'SELECT 1; /* and */ end; SELECT 2'])(
    'that ends transactions itself is not sent again: %s',
    async (text) => {
      const fault = cluster.local.faults.failStatement({ error: 'OC001', text: 'SELECT 2' });
      const error = await failure(sequelize.query(text));
      expect(error).toMatchObject({ name: 'SequelizeDatabaseError' });
      expect(fault.fired).toBe(1);
    },
  );

  it("may hold the words of transactions in other places: ';' and END", async () => {
    const fault = cluster.local.faults.failStatement({ error: 'OC001', text: 'SELECT CASE' });
    await sequelize.query("SELECT CASE WHEN true THEN '; or' END");
    expect(fault.fired).toBe(1);
  });

  it('that begins a transaction by hand does not swallow what comes behind it', async () => {
    const one = open({ pool: { max: 1 } });
    const Accounts = defineAccounts(one);
    await one.query('BEGIN');
    const { id } = await Accounts.create({ balance: 7 });
    expect(
      isTransactionRolledBackError(((await failure(one.query('COMMIT'))) as { parent: unknown }).parent),
    ).toBe(true);
    expect(await balances(cluster, [id])).toStrictEqual([7]);
  });
});

describe("Sequelize's own `retry` option", () => {
  it.each([
    { max: 3 },
    { max: 3, match: [] },
    { max: 3, match: [/OC00\d/] },
    { max: 3, match: /another transaction/gi },
    { max: 2, match: [Error] },
    { max: 2, match: ['SequelizeDatabaseError: change conflicts with another transaction (OC000)'] },
    { max: 2, match: [(error: Error) => error.message.includes('OC001')] },
    { max: 2, match: [/connection/] },
    { max: 2, match: [/was sent/, /ECONNRESET/] },
  ])('is refused when it would match a conflict, or a lost answer: %p', (retry) => {
    const create = (option: object) => () => createDsqlSequelize({ ...cluster.orm, ...option });
    expect(create({ retry })).toThrow(
      expect.objectContaining({ name: 'ConfigurationError', option: 'retry' }) as Error,
    );
    expect(create({ query: { retry } })).toThrow(
      expect.objectContaining({ name: 'ConfigurationError', option: 'query.retry' }) as Error,
    );
  });

  it.each([
    { max: 1, match: [/OC00\d/] },
    {
      max: 3,
      match: [
        /deadlock/,
        /SequelizeConnectionError/,
        /ETIMEDOUT/,
        'SQLITE_BUSY',
        TypeError,
        (error: { code: { length: number } }) => error.code.length > 9,
      ],
    },
    {},
  ])('is left alone when it would not: %p', async (retry) => {
    const allowed = open({ retry: retry as { max: number } });
    await expect(allowed.authenticate()).resolves.toBeUndefined();
  });

  it('is not applied inside a transaction', async () => {
    const retried = open({ retry: { max: 3, match: [/no_such_column/] } });
    const work = (transaction: Transaction | null) => retried.query('SELECT no_such_column', { transaction });
    const sent = jest.fn();
    retried.addHook('beforeQuery', sent);
    await failure(retried.transaction(work));
    expect(sent).toHaveBeenCalledTimes(3); // BEGIN, the statement, ROLLBACK
    sent.mockClear();
    await failure(work(null));
    expect(sent).toHaveBeenCalledTimes(3);
  });
});
