import { AsyncLocalStorage } from 'node:async_hooks';
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';
import {
  attachDsql,
  classifyError,
  createDsqlSequelize,
  isCommitOutcomeUnknownError,
  isNestedTransactionError,
  isOccConflict,
  runInTransaction,
  type DsqlSequelizeOptions,
} from 'aurora-dsql-orm/sequelize';
import { DataTypes, Model, Sequelize, type Transaction } from 'sequelize';
import { useCluster } from '../cluster';
import { oneOfEvery } from '../form';
import { balances, createAccountTable, defineAccounts, failure, type Accounts } from './accounts';

/** How long a statement may take, in milliseconds; and how long it takes where a fault strikes. */
const TIMEOUT_MS = 200;
const LATENCY_MS = 600;

const cluster = useCluster();
const opened: Sequelize[] = [];

beforeAll(() => createAccountTable(cluster));
afterEach(async () => {
  cluster.local.faults.clear();
  await Promise.all(opened.splice(0).map((instance) => instance.close()));
});

/** An instance with one connection at the most. */
function single({ dsql, ...options }: DsqlSequelizeOptions = {}) {
  const sequelize = createDsqlSequelize({
    ...cluster.orm,
    logging: false,
    pool: { max: 1 },
    ...options,
    dsql: { ...cluster.orm.dsql, ...dsql },
  });
  opened.push(sequelize);
  return { sequelize, Account: defineAccounts(sequelize) };
}

const hasTimeout = { dialectOptions: { query_timeout: TIMEOUT_MS } };

const strike = () => void cluster.local.faults.addLatency(LATENCY_MS);

/** The next user of the only connection writes, and others see it at once. */
async function expectNextWriteToLast(Account: Accounts): Promise<void> {
  const { id } = await Account.create({ balance: 1 });
  expect(await balances(cluster, [id])).toStrictEqual([1]);
}

describe('a time-out', () => {
  const moments: readonly (readonly [
    string,
    (Account: Accounts, transaction: Transaction) => Promise<unknown>,
  ])[] = [
    [
      'at the statement that carries BEGIN',
      (Account, transaction) => {
        strike();
        return Account.create({ balance: 5 }, { transaction });
      },
    ],
    [
      'at a later statement',
      async (Account, transaction) => {
        await Account.create({ balance: 5 }, { transaction });
        strike();
        return Account.findAll({ transaction });
      },
    ],
  ];

  it.each(moments)('%s of a managed transaction leaves nothing of it', async (_, act) => {
    const { sequelize, Account } = single(hasTimeout);
    await Account.destroy({ where: {} });
    const error = await failure(sequelize.transaction((transaction) => act(Account, transaction)));
    cluster.local.faults.clear();
    expect(error).toMatchObject({ message: 'Query read timeout' });
    await expectNextWriteToLast(Account);
    await sleep(LATENCY_MS);
    expect(await balances(cluster)).toStrictEqual([1]);
  });

  it.each(moments)('%s of an unmanaged transaction leaves nothing of it', async (_, act) => {
    const { sequelize, Account } = single(hasTimeout);
    await Account.destroy({ where: {} });
    const transaction = await sequelize.transaction();
    expect(await failure(act(Account, transaction))).toMatchObject({ message: 'Query read timeout' });
    cluster.local.faults.clear();
    await transaction.rollback();
    await expectNextWriteToLast(Account);
    await sequelize.transaction((other) => Account.create({ balance: 2 }, { transaction: other }));
    await sleep(LATENCY_MS);
    expect(await balances(cluster)).toStrictEqual([1, 2]);
  });

  it('that was caught does not let the transaction be committed', async () => {
    const { sequelize, Account } = single(hasTimeout);
    await Account.destroy({ where: {} });
    const error = await failure(
      sequelize.transaction({ maxAttempts: 1 }, async (transaction) => {
        await Account.create({ balance: 5 }, { transaction });
        strike();
        await failure(Account.create({ balance: 6 }, { transaction }));
        cluster.local.faults.clear();
      }),
    );
    expect(isCommitOutcomeUnknownError(error)).toBe(false);
    await sleep(LATENCY_MS);
    expect(await balances(cluster)).toStrictEqual([]);
  });

  it('at ROLLBACK does not hide why it was rolled back', async () => {
    const { sequelize, Account } = single(hasTimeout);
    const mistake = new Error('mine');
    const error = await failure(
      sequelize.transaction(async (transaction) => {
        await Account.create({ balance: 5 }, { transaction });
        strike();
        throw mistake;
      }),
    );
    cluster.local.faults.clear();
    expect(error).toBe(mistake);
    await expectNextWriteToLast(Account);
  });

  it('at COMMIT of an unmanaged transaction leaves its outcome unknown, also for who rolls back then', async () => {
    const { sequelize, Account } = single(hasTimeout);
    const transaction = await sequelize.transaction();
    await Account.create({ balance: 5 }, { transaction });
    strike();
    expect(isCommitOutcomeUnknownError(await failure(transaction.commit()))).toBe(true);
    cluster.local.faults.clear();
    await transaction.rollback();
    await expectNextWriteToLast(Account);
  });

  it('of a write outside a transaction leaves its outcome unknown, and of a read it does not', async () => {
    const { Account } = single(hasTimeout);
    await Account.count();
    strike();
    expect(isCommitOutcomeUnknownError(await failure(Account.create({})))).toBe(true);
    cluster.local.faults.clear();
    await Account.count();
    strike();
    expect(isCommitOutcomeUnknownError(await failure(Account.count()))).toBe(false);
    cluster.local.faults.clear();
    await expectNextWriteToLast(Account);
  });
});

it('a query that node-postgres refuses behind BEGIN leaves the connection to nobody else', async () => {
  const toPostgres = () => {
    throw new Error('no text for this');
  };
  const { sequelize, Account } = single();
  await Account.destroy({ where: {} });
  await failure(
    sequelize.transaction((transaction) =>
      sequelize.query('SELECT $1', { bind: [{ toPostgres }], transaction }),
    ),
  );
  await expectNextWriteToLast(Account);
  await sequelize.transaction((transaction) => Account.create({ balance: 2 }, { transaction }));
  expect(await balances(cluster)).toStrictEqual([1, 2]);
});

describe('a connection that ends before COMMIT is written', () => {
  const end = async () => {
    cluster.local.faults.endConnections();
    await sleep(50);
  };

  it('lets a managed transaction be run again, and commits it once', async () => {
    const { sequelize, Account } = single();
    const attempts: string[] = [];
    await sequelize.transaction(async (transaction) => {
      const { id } = await Account.create({ balance: 5 }, { transaction });
      if (attempts.push(id) === 1) await end();
    });
    expect(attempts).toHaveLength(2);
    expect(await balances(cluster, attempts)).toStrictEqual([5]);
  });

  it('without another attempt is known to have committed nothing', async () => {
    const { sequelize, Account } = single();
    let id = '';
    const error = await failure(
      sequelize.transaction({ retry: false }, async (transaction) => {
        ({ id } = await Account.create({ balance: 5 }, { transaction }));
        await end();
      }),
    );
    expect(error).toMatchObject({ name: 'NotSentError', subject: 'COMMIT' });
    expect(await balances(cluster, [id])).toStrictEqual([]);
  });

  it('is reported by an unmanaged transaction as not sent, and its rollback has nothing to do', async () => {
    const { sequelize, Account } = single();
    const transaction = await sequelize.transaction();
    const { id } = await Account.create({ balance: 5 }, { transaction });
    await end();
    expect(await failure(transaction.commit())).toMatchObject({ name: 'NotSentError', subject: 'COMMIT' });
    await transaction.rollback();
    expect(await balances(cluster, [id])).toStrictEqual([]);
    await expectNextWriteToLast(Account);
  });

  it('before ROLLBACK is written leaves nothing to roll back', async () => {
    const { sequelize, Account } = single();
    const transaction = await sequelize.transaction();
    const { id } = await Account.create({ balance: 5 }, { transaction });
    await end();
    await transaction.rollback();
    expect(await balances(cluster, [id])).toStrictEqual([]);
    await expectNextWriteToLast(Account);
  });
});

describe("an unmanaged transaction as Sequelize's manual writes it", () => {
  const asInTheManual = async (
    sequelize: Sequelize,
    work: (transaction: Transaction) => Promise<unknown>,
  ) => {
    const transaction = await sequelize.transaction();
    try {
      await work(transaction);
      await transaction.commit();
    } catch (error) {
      await transaction.rollback();
      throw error;
    }
  };

  it.each(['commit', 'statement'])('reports the conflict of its %s', async (place) => {
    const { sequelize, Account } = single();
    const conflict = { error: 'OC000', table: 'account' } as const;
    let id = '';
    if (place === 'commit') cluster.local.faults.failCommit(conflict);
    else cluster.local.faults.failStatement(conflict);
    const work = async (transaction: Transaction) => {
      // The first statement of all would be sent again.
      await sequelize.query('SELECT 1', { transaction });
      ({ id } = await Account.create({ balance: 5 }, { transaction }));
    };
    expect(isOccConflict(await failure(asInTheManual(sequelize, work)))).toBe(true);
    await asInTheManual(sequelize, work);
    expect(await balances(cluster, [id])).toStrictEqual([5]);
  });

  it('reports that an error in it was caught', async () => {
    const { sequelize, Account } = single();
    const error = await failure(
      asInTheManual(sequelize, async (transaction) => {
        await Account.create({ balance: 5 }, { transaction });
        await failure(sequelize.query('SELECT no_such_column', { transaction }));
      }),
    );
    expect(error).toMatchObject({ name: 'TransactionRolledBackError' });
    await expectNextWriteToLast(Account);
  });

  it('reports that it was committed where a hook has failed after that', async () => {
    const { sequelize, Account } = single();
    let id = '';
    const error = await failure(
      asInTheManual(sequelize, async (transaction) => {
        ({ id } = await Account.create({ balance: 5 }, { transaction }));
        transaction.afterCommit(() => {
          throw new Error('after the commit');
        });
      }),
    );
    expect(error).toMatchObject({ name: 'AfterCommitError' });
    expect(await balances(cluster, [id])).toStrictEqual([5]);
  });

  it('says, as Sequelize does, that it cannot be rolled back after it was committed', async () => {
    const { sequelize, Account } = single();
    const transaction = await sequelize.transaction();
    await Account.create({}, { transaction });
    await transaction.commit();
    await expect(transaction.rollback()).rejects.toThrow(/has been finished with state: commit/);
  });
});

it('a text with several statements whose answer is lost says so itself, whatever transactions it holds', async () => {
  const { sequelize } = single();
  await sequelize.query('SELECT 1');
  cluster.local.faults.cutConnection({ at: 'after commit', table: 'account' });
  const error = await failure(sequelize.query('BEGIN; UPDATE account SET balance = 1; COMMIT'));
  expect(isCommitOutcomeUnknownError(error)).toBe(true);
});

describe('a text that would end a transaction', () => {
  const texts = ['COMMIT', '-- x\nROLLBACK', 'END; SELECT 1', 'COMMIT; BEGIN', 'ABORT'];

  it.each(texts)('is not sent in a managed one: %j', async (text) => {
    const { sequelize, Account } = single();
    await Account.destroy({ where: {} });
    for (const isCaught of [false, true]) {
      const work = sequelize.transaction(async (transaction) => {
        await Account.create({ balance: 5 }, { transaction });
        const end = sequelize.query(text, { transaction });
        await (isCaught ? end.catch(() => undefined) : end);
        await Account.create({ balance: 6 }, { transaction });
      });
      const error = (await failure(work)) as Error;
      expect(String(isCaught ? error.cause : error)).toContain('would have ended the transaction');
      expect(await balances(cluster)).toStrictEqual([]);
    }
    await expectNextWriteToLast(Account);
  });

  it.each(oneOfEvery(2, texts))('is not sent in an unmanaged one: %j', async (text) => {
    const { sequelize, Account } = single();
    await Account.destroy({ where: {} });
    const transaction = await sequelize.transaction();
    await Account.create({ balance: 5 }, { transaction });
    await expect(sequelize.query(text, { transaction })).rejects.toThrow('would have ended the transaction');
    await transaction.rollback();
    expect(await balances(cluster)).toStrictEqual([]);
    await expectNextWriteToLast(Account);
  });
});

describe('a NestedTransactionError that is caught', () => {
  it.each(['managed', 'unmanaged'])('does not let the outer transaction be committed (%s)', async (kind) => {
    const { sequelize, Account } = single();
    const ids: string[] = [];
    const work = async (transaction: Transaction) => {
      ids.push((await Account.create({ balance: 5 }, { transaction })).id);
      const inner = () => Promise.resolve();
      expect(isNestedTransactionError(await failure(sequelize.transaction({ transaction }, inner)))).toBe(
        true,
      );
      ids.push((await Account.create({ balance: 6 }, { transaction })).id);
    };
    const run = async () => {
      if (kind === 'managed') return sequelize.transaction(work);
      const transaction = await sequelize.transaction();
      await work(transaction);
      return transaction.commit();
    };
    expect(await failure(run())).toMatchObject({
      name: 'TransactionRolledBackError',
      circumstance: 'joined',
      cause: { name: 'NestedTransactionError' },
    });
    expect(await balances(cluster, ids)).toStrictEqual([]);
    await expectNextWriteToLast(Account);
  });

  it('does not either where CLS has found the outer one', async () => {
    class WithCls extends Sequelize {}
    const storage = new AsyncLocalStorage<Map<string, unknown>>();
    const namespace = {
      get: (name: string) => storage.getStore()?.get(name),
      set: (name: string, value: unknown) => storage.getStore()?.set(name, value),
      run: (work: (store: unknown) => unknown) => storage.run(new Map(storage.getStore()), work, undefined),
      bind: (work: unknown) => work,
    };
    (WithCls as unknown as { _cls: unknown })._cls = namespace;
    (WithCls as unknown as { _clsRun: unknown })._clsRun = (work: () => unknown) => {
      let result: unknown;
      namespace.run(() => (result = work()));
      return result;
    };
    const { host, port, dsql } = cluster.orm;
    const sequelize = attachDsql(new WithCls({ dialect: 'postgres', host, port, logging: false }), dsql);
    opened.push(sequelize);
    const Account = defineAccounts(sequelize);
    let id = '';
    const error = await failure(
      sequelize.transaction(async () => {
        ({ id } = await Account.create({ balance: 5 }));
        await failure(sequelize.transaction(() => Promise.resolve()));
      }),
    );
    expect(error).toMatchObject({ name: 'TransactionRolledBackError', circumstance: 'joined' });
    expect(await balances(cluster, [id])).toStrictEqual([]);
  });
});

describe('what is known not to be committed when no attempt is left', () => {
  const losses = [
    [
      'the server was unavailable',
      () => cluster.local.faults.failCommit({ error: 'XX000', table: 'account' }),
    ],
    [
      'the connection was cut',
      () => cluster.local.faults.cutConnection({ at: 'before commit', table: 'account' }),
    ],
  ] as const;

  it.each(losses)('is no unknown outcome of a transaction (%s)', async (_, lose) => {
    const { sequelize, Account } = single({ dsql: { commitMarkers: true }, pool: { max: 2 } });
    const account = Account.build({ balance: 5 });
    for (const options of [{ maxAttempts: 1 }, { retry: false }]) {
      lose();
      const error = await failure(
        sequelize.transaction({ ...options, restore: [account] }, (transaction) =>
          account.save({ transaction }),
        ),
      );
      expect(error).toMatchObject({ name: 'RetryExhaustedError', attempts: 1 });
      expect((error as Error).message).toContain('was not committed');
      expect(classifyError(error)).toMatchObject({ kind: 'not-committed', isRetryable: true });
      expect(isCommitOutcomeUnknownError(error)).toBe(false);
      expect(account.isNewRecord).toBe(true);
    }
    await account.save();
    expect(await balances(cluster, [account.id])).toStrictEqual([5]);
  });

  it.each(losses)('is none of a statement outside a transaction (%s)', async (_, lose) => {
    const { Account } = single({
      dsql: { commitMarkers: true, retry: { maxAttempts: 1 } },
      pool: { max: 2 },
    });
    const account = Account.build({ balance: 5 });
    lose();
    const error = await failure(account.save());
    expect(classifyError(error).kind).toBe('not-committed');
    expect(await balances(cluster, [account.id])).toStrictEqual([]);
  });
});

describe('the look at the catalogue', () => {
  it('is never one of a transaction, so that its conflict cannot end that', async () => {
    const { sequelize } = single();
    await sequelize.query(
      'CREATE TABLE IF NOT EXISTS numbered (id bigint GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY, note text)',
    );
    await sequelize.query("INSERT INTO numbered (note) VALUES ('x')");
    const fresh = single().sequelize;
    const fault = cluster.local.faults.failStatement({
      error: 'OC001',
      text: /pg_attribute|pg_class/,
      times: 2,
    });
    const rows = await fresh.transaction(async (transaction) => {
      const [found] = await fresh.query('SELECT id, note FROM numbered', { transaction });
      await fresh.query("INSERT INTO numbered (note) VALUES ('y')", { transaction });
      return found;
    });
    expect(fault.fired).toBeGreaterThan(0);
    expect(rows).toMatchObject([{ id: 1, note: 'x' }]);
  });
});

describe('models', () => {
  const define = (sequelize: Sequelize) =>
    class extends Model {
      declare id: string;
    }.init(
      {
        id: { type: DataTypes.UUID, defaultValue: DataTypes.UUIDV4, primaryKey: true },
        name: { type: DataTypes.TEXT, unique: true },
        balance: { type: DataTypes.INTEGER, defaultValue: 1 },
        tags: { type: DataTypes.JSONB, defaultValue: [] },
      },
      { sequelize, modelName: 'Supervised', tableName: 'account', timestamps: false },
    );
  const { attached, created } = {
    attached: () => {
      const { host, port, dsql } = cluster.orm;
      const sequelize = attachDsql(new Sequelize({ dialect: 'postgres', host, port, logging: false }), dsql);
      opened.push(sequelize);
      return sequelize;
    },
    created: () => single({ pool: { max: 10 } }).sequelize,
  };

  it.each([
    ['created', created],
    ['attached', attached],
  ])('are supervised whatever becomes of the hooks (%s)', async (_, make) => {
    const sequelize = make();
    const host = sequelize as unknown as { options: { hooks: object } };
    host.options.hooks = {};
    const Account = define(sequelize);
    host.options.hooks = {};
    (Account as unknown as { options: { hooks: object } }).options.hooks = {};
    const name = randomUUID();
    cluster.local.faults.failCommit({ error: 'OC000', table: 'account', times: 3 });
    const results = await Promise.all(
      Array.from({ length: 8 }, () => Account.findOrCreate({ where: { name } })),
    );
    expect(new Set(results.map(([{ id }]) => id)).size).toBe(1);
    expect(results.filter(([, isNew]) => isNew)).toHaveLength(1);
    // An instance from outside that a failed attempt has changed is not used as if it had been committed.
    const [account] = results[0] ?? [];
    cluster.local.faults.failCommit({ error: 'OC000', table: 'account' });
    await failure(
      runInTransaction(
        sequelize,
        (transaction) => account?.update({ balance: 2 }, { transaction }) as never,
        {
          retry: false,
        },
      ),
    );
    expect(await failure(Promise.resolve().then(() => account?.get('balance')))).toMatchObject({
      name: 'StaleInstanceError',
    });
  });
});

describe('an attached instance', () => {
  it('shows no secret', async () => {
    const { host, port, dsql } = cluster.orm;
    const credentials = { ...cluster.local.credentials };
    const sequelize = attachDsql(
      new Sequelize({
        dialect: 'postgres',
        host,
        port,
        logging: false,
        dsql: { ...dsql, credentials },
      } as never),
    );
    opened.push(sequelize);
    await sequelize.query('SELECT 1');
    const { options, config } = sequelize as unknown as Record<'options' | 'config', object>;
    const json = (held: unknown) => {
      const seen = new WeakSet();
      return JSON.stringify({ held }, (_, value: unknown) => {
        if (typeof value !== 'object' || value === null) return value;
        if (seen.has(value)) return undefined;
        seen.add(value);
        return value;
      });
    };
    for (const held of [sequelize, options, config, sequelize.connectionManager]) {
      for (const text of [
        inspect(held, { depth: 20, showHidden: true, maxStringLength: null }),
        json(held),
      ]) {
        expect(text.includes(credentials.secretAccessKey)).toBe(false);
        expect(text.includes('X-Amz-Signature')).toBe(false);
      }
    }
  });
});
