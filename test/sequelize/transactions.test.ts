import { AsyncLocalStorage } from 'node:async_hooks';
import { DsqlPool } from 'aurora-dsql-orm';
import {
  createDsqlSequelize,
  DsqlSequelize,
  isAfterCommitError,
  isCommitOutcomeUnknownError,
  isNestedTransactionError,
  isRetryExhaustedError,
  isTransactionRolledBackError,
  isUnsupportedFeatureError,
  runInTransaction,
  transactionCounters,
  type DsqlSequelizeOptions,
  type SequelizeTransactionOptions,
} from 'aurora-dsql-orm/sequelize';
import { Sequelize, Transaction, type Options } from 'sequelize';
import { useCluster } from '../cluster';
import { balances, createAccountTable, defineAccounts, failure, stockSequelize } from './accounts';

const cluster = useCluster();
const opened: Sequelize[] = [];
let sequelize: ReturnType<typeof createDsqlSequelize>;
let Account: ReturnType<typeof defineAccounts>;

beforeAll(async () => {
  await createAccountTable(cluster);
  sequelize = createDsqlSequelize({ ...cluster.orm, logging: false });
  Account = defineAccounts(sequelize);
});
afterEach(async () => {
  cluster.local.faults.clear();
  await Promise.all(opened.splice(0).map((instance) => instance.close()));
});
afterAll(async () => {
  await sequelize.close();
});

function another(options: Partial<DsqlSequelizeOptions> = {}) {
  const instance = createDsqlSequelize({
    ...cluster.orm,
    logging: false,
    ...options,
    dsql: { ...cluster.orm.dsql, ...options.dsql },
  });
  opened.push(instance);
  return { instance, Accounts: defineAccounts(instance) };
}

function conflicts(times = 1) {
  return cluster.local.faults.failCommit({ error: 'OC000', table: 'account', times });
}

const stateOf = (transaction: Transaction) => (transaction as unknown as { finished?: string }).finished;

describe('a managed transaction', () => {
  it('is run again until it meets no conflict, and returns what that attempt returned', async () => {
    conflicts(3);
    const attempts = jest.fn();
    const result = await sequelize.transaction(async (transaction) => {
      attempts();
      const { id } = await Account.create({ balance: 5 }, { transaction });
      return { id, attempt: attempts.mock.calls.length };
    });
    expect(result.attempt).toBe(4);
    expect(await balances(cluster, [result.id])).toStrictEqual([5]);
  });

  it('gives every conflicting transaction its turn', async () => {
    const { id } = await Account.create({ balance: 0 });
    await Promise.all(
      Array.from({ length: 12 }, () =>
        sequelize.transaction(async (transaction) => {
          const account = await Account.findByPk(id, { transaction, rejectOnEmpty: true });
          await account.update({ balance: account.balance + 1 }, { transaction });
        }),
      ),
    );
    expect(await balances(cluster, [id])).toStrictEqual([12]);
  });

  it('is not run again after another error, which surfaces unchanged', async () => {
    const attempts = jest.fn();
    const mistake = new Error('mine');
    const error = await failure(
      sequelize.transaction(async (transaction) => {
        attempts();
        await Account.create({}, { transaction });
        throw mistake;
      }),
    );
    expect(error).toBe(mistake);
    expect(attempts).toHaveBeenCalledTimes(1);
  });

  it('says in which state it is', async () => {
    conflicts();
    const begun: Transaction[] = [];
    await sequelize.transaction(async (transaction) => {
      begun.push(transaction);
      await Account.create({}, { transaction });
    });
    expect(begun.map(stateOf)).toStrictEqual(['rollback', 'commit']);
    await expect(Account.count({ transaction: begun[0] })).rejects.toThrow(/rollback has been called/);
  });

  it('takes the options of Sequelize', async () => {
    const logging = jest.fn();
    await sequelize.transaction(
      { isolationLevel: Transaction.ISOLATION_LEVELS.REPEATABLE_READ, logging },
      (transaction) => Account.count({ transaction }),
    );
    expect(logging.mock.calls.map(([line]) => String(line).replace(/^.*: /, ''))).toStrictEqual([
      'START TRANSACTION;',
      'COMMIT;',
    ]);
  });

  it('is one with `transaction: null`, too', async () => {
    const logging = jest.fn();
    await sequelize.transaction({ transaction: null, logging }, () => Promise.resolve());
    expect(logging).toHaveBeenCalledTimes(2);
    const unmanaged = await sequelize.transaction({ transaction: null });
    const { id } = await Account.create({}, { transaction: unmanaged });
    await unmanaged.rollback();
    expect(await balances(cluster, [id])).toStrictEqual([]);
  });

  it.each([Transaction.ISOLATION_LEVELS.SERIALIZABLE, Transaction.ISOLATION_LEVELS.READ_COMMITTED])(
    'cannot have the isolation level %s',
    async (isolationLevel) => {
      const work = jest.fn();
      const error = await failure(sequelize.transaction({ isolationLevel }, work));
      expect(isUnsupportedFeatureError(error)).toBe(true);
      expect(isUnsupportedFeatureError(await failure(sequelize.transaction({ isolationLevel })))).toBe(true);
      expect(work).not.toHaveBeenCalled();
    },
  );

  it('cannot skip what is locked', async () => {
    const error = await failure(
      sequelize.transaction((transaction) => Account.findAll({ lock: true, skipLocked: true, transaction })),
    );
    expect(isUnsupportedFeatureError(error)).toBe(true);
    expect(error).toHaveProperty(
      'message',
      expect.stringContaining('Omit `skipLocked`: no row is ever locked'),
    );
  });

  it('locks for update', async () => {
    const { id } = await Account.create({});
    const found = await sequelize.transaction((transaction) =>
      Account.findByPk(id, { lock: transaction.LOCK.UPDATE, transaction }),
    );
    expect(found).toMatchObject({ id });
  });

  it('counts what it does', async () => {
    const { instance, Accounts } = another();
    conflicts(2);
    await instance.transaction((transaction) => Accounts.create({}, { transaction }));
    expect(transactionCounters(instance)).toStrictEqual({
      attempts: 3,
      commits: 1,
      conflicts: 2,
      retries: 2,
      unknown: 0,
    });
  });
});

describe('what a call says of its transaction', () => {
  const methods = {
    runInTransaction: (
      options: SequelizeTransactionOptions,
      work: (transaction: Transaction) => Promise<unknown>,
    ) => runInTransaction(sequelize, work, options),
    'sequelize.transaction': (
      options: SequelizeTransactionOptions,
      work: (transaction: Transaction) => Promise<unknown>,
    ) => sequelize.transaction(options, work),
  };

  describe.each(Object.entries(methods))('through %s', (_, run) => {
    const create = (transaction: Transaction) => Account.create({}, { transaction });

    it('`retry: false` lets a conflict surface as Sequelize reports it', async () => {
      conflicts();
      await expect(run({ retry: false }, create)).rejects.toMatchObject({
        name: 'SequelizeDatabaseError',
        parent: { code: '40001' },
      });
    });

    it('`maxAttempts` bounds the attempts', async () => {
      const fault = conflicts(5);
      const error = await failure(run({ maxAttempts: 3, baseDelayMs: 0 }, create));
      expect(isRetryExhaustedError(error)).toBe(true);
      expect(error).toMatchObject({ attempts: 3, code: '40001', cause: { name: 'SequelizeDatabaseError' } });
      expect(fault.fired).toBe(3);
    });

    it('`deadlineMs` bounds the time', async () => {
      conflicts(100);
      const error = await failure(
        run({ deadlineMs: 50, baseDelayMs: 10_000, maxDelayMs: 10_000, admission: false }, create),
      );
      expect(isRetryExhaustedError(error)).toBe(true);
    });

    it('`signal` ends the waiting', async () => {
      conflicts(100);
      const stop = new AbortController();
      const waiting = run({ signal: stop.signal, baseDelayMs: 50_000, maxDelayMs: 50_000 }, create);
      const stopped = failure(waiting);
      setTimeout(() => {
        stop.abort(new Error('enough'));
      }, 100);
      expect(await stopped).toMatchObject({ name: 'AbortError' });
    });

    it('`onRetry` is told of each conflict', async () => {
      conflicts(2);
      const onRetry = jest.fn();
      await run({ onRetry, label: 'told' }, create);
      expect(onRetry.mock.calls).toMatchObject([[{ attempt: 1 }], [{ attempt: 2 }]]);
    });

    it.each([{ maxAttempts: 0 }, { deadlineMs: 600_000 }, { nested: 'savepoint' }, { restore: [{}] }])(
      'refuses %j by name, before anything is sent',
      async (options) => {
        const work = jest.fn();
        const error = await failure(run(options as SequelizeTransactionOptions, work));
        expect(error).toMatchObject({ name: 'ConfigurationError', option: Object.keys(options)[0] });
        expect(work).not.toHaveBeenCalled();
      },
    );
  });

  it('a name that nobody knows is refused', async () => {
    await expect(
      runInTransaction(sequelize, jest.fn(), { maxAttemps: 3 } as SequelizeTransactionOptions),
    ).rejects.toMatchObject({ name: 'ConfigurationError', option: 'maxAttemps' });
  });
});

describe('what `dsql` says of all transactions', () => {
  it('holds where a call does not say otherwise', async () => {
    const { instance, Accounts } = another({ dsql: { retry: { maxAttempts: 2, baseDelayMs: 0 } } });
    const create = (transaction: Transaction) => Accounts.create({}, { transaction });
    conflicts(4);
    expect(await failure(instance.transaction(create))).toMatchObject({ attempts: 2 });
    expect(await failure(instance.transaction({ maxAttempts: 1 }, create))).toMatchObject({ attempts: 1 });
    await expect(instance.transaction({ maxAttempts: 9 }, create)).resolves.toBeDefined();
  });

  it('`retry: false` turns off every retry', async () => {
    const { instance, Accounts } = another({ dsql: { retry: false } });
    conflicts(2);
    await expect(
      instance.transaction((transaction) => Accounts.create({}, { transaction })),
    ).rejects.toMatchObject({ name: 'SequelizeDatabaseError' });
    await expect(Accounts.create({})).rejects.toMatchObject({ name: 'SequelizeDatabaseError' });
  });

  it.each([
    ['dsql.retry.maxAttemps', { retry: { maxAttemps: 1 } }],
    ['dsql.retry', { retry: true }],
    ['dsql.nested', { nested: 'savepoint' }],
    ['dsql.commitMarkers', { commitMarkers: 1 }],
  ])('%s is refused by name', (option, dsql) => {
    expect(() => another({ dsql: dsql as DsqlSequelizeOptions['dsql'] })).toThrow(
      expect.objectContaining({ name: 'ConfigurationError', option }) as Error,
    );
  });
});

describe('after the commit', () => {
  it('hooks of joined transactions run as well, once', async () => {
    const hook = jest.fn();
    conflicts();
    await sequelize.transaction((transaction) =>
      sequelize.transaction({ transaction, nested: 'join' }, async (inner) => {
        inner.afterCommit(hook);
        await Account.create({}, { transaction: inner });
      }),
    );
    expect(hook).toHaveBeenCalledTimes(1);
  });

  it('a hook that fails does not undo the transaction, nor run it again', async () => {
    const attempts = jest.fn();
    let id = '';
    const error = await failure(
      sequelize.transaction(async (transaction) => {
        attempts();
        transaction.afterCommit(async () => {
          conflicts();
          await sequelize.transaction({ retry: false }, (other) =>
            Account.create({}, { transaction: other }),
          );
        });
        ({ id } = await Account.create({ balance: 3 }, { transaction }));
      }),
    );
    expect(isAfterCommitError(error)).toBe(true);
    expect(error).toMatchObject({ cause: { name: 'SequelizeDatabaseError' } });
    expect(attempts).toHaveBeenCalledTimes(1);
    expect(await balances(cluster, [id])).toStrictEqual([3]);
  });

  it('a query hook that fails behind COMMIT does not hide that it was done', async () => {
    const { instance, Accounts } = another();
    const hook = jest.fn();
    instance.addHook('afterQuery', (_, query) => {
      if ((query as unknown as { sql?: string }).sql === 'COMMIT;') throw new Error('hook');
    });
    let id = '';
    const error = await failure(
      instance.transaction(async (transaction) => {
        transaction.afterCommit(hook);
        ({ id } = await Accounts.create({ balance: 3 }, { transaction }));
      }),
    );
    expect(isAfterCommitError(error)).toBe(true);
    expect(hook).toHaveBeenCalledTimes(1);
    expect(await balances(cluster, [id])).toStrictEqual([3]);
  });

  describe('commits through queryInterface.commitTransaction, so that', () => {
    type Commit = (transaction: Transaction, options?: object) => Promise<unknown>;

    /** Creates an account in a transaction whose commits go through what `replace` makes of the stock method. */
    async function createWith(replace: (stock: Commit) => Commit) {
      const { instance, Accounts } = another();
      const queryInterface = instance.getQueryInterface();
      const stock = queryInterface.commitTransaction.bind(queryInterface) as Commit;
      Object.assign(queryInterface, { commitTransaction: replace(stock) });
      const transaction = await instance.transaction();
      const { id } = await Accounts.create({ balance: 3 }, { transaction });
      const { processID } = (transaction as unknown as { connection: { processID: number } }).connection;
      const error = await transaction.commit().then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      const [rows] = await instance.query('SELECT pg_backend_pid() AS pid');
      return {
        error,
        state: stateOf(transaction),
        isSameConnection: (rows as { pid: number }[])[0]?.pid === processID,
        balances: await balances(cluster, [id]),
      };
    }

    it('what replaces it and fails ends the connection, and nothing is committed', async () => {
      const outcome = await createWith(() => () => Promise.reject(new Error('replaced')));
      expect(outcome).toMatchObject({
        error: { message: 'replaced' },
        state: 'rollback',
        isSameConnection: false,
        balances: [],
      });
    });

    it('what replaces it and sends nothing is an error, and nothing is committed', async () => {
      const outcome = await createWith(() => () => Promise.resolve());
      expect(outcome).toMatchObject({
        error: { message: expect.stringMatching(/^COMMIT was not sent/) as string },
        state: 'rollback',
        isSameConnection: false,
        balances: [],
      });
    });

    it('what wraps it need not hand on the answer', async () => {
      const outcome = await createWith((stock) => async (...args) => {
        await stock(...args);
      });
      expect(outcome).toStrictEqual({
        error: undefined,
        state: 'commit',
        isSameConnection: true,
        balances: [3],
      });
    });

    it.each<[string, (stock: Commit) => Commit]>([
      ['has options of its own', (stock) => async (transaction) => stock(transaction, { logging: false })],
      [
        'has options of its own, and hands on no answer',
        (stock) => async (transaction) => {
          await stock(transaction, {});
        },
      ],
    ])('what wraps it and %s commits', async (_, replace) => {
      const outcome = await createWith(replace);
      expect(outcome).toMatchObject({ error: undefined, state: 'commit', balances: [3] });
    });

    it('what commits twice does not hide that it was done', async () => {
      const outcome = await createWith((stock) => async (...args) => {
        await stock(...args);
        return stock(...args);
      });
      expect(isAfterCommitError(outcome.error)).toBe(true);
      expect(outcome).toMatchObject({ state: 'commit', balances: [3] });
    });

    it.each<[string, () => unknown]>([
      ['hands on an answer of its own', () => 'done'],
      [
        'fails behind it',
        () => {
          throw new Error('behind');
        },
      ],
    ])('what sends COMMIT past Sequelize and %s is not said to be rolled back', async (_, behind) => {
      const outcome = await createWith(() => async (transaction) => {
        const { connection } = transaction as unknown as {
          connection: { query(sql: string): Promise<unknown> };
        };
        await connection.query('COMMIT');
        return behind();
      });
      expect(isCommitOutcomeUnknownError(outcome.error)).toBe(true);
      expect(outcome).toMatchObject({ state: 'unknown', isSameConnection: false, balances: [3] });
    });

    it('what wraps it and fails behind it does not hide that it was done', async () => {
      const outcome = await createWith((stock) => async (...args) => {
        await stock(...args);
        throw new Error('behind');
      });
      expect(isAfterCommitError(outcome.error)).toBe(true);
      expect(outcome).toMatchObject({ state: 'commit', balances: [3] });
    });
  });

  it('a query hook that fails before COMMIT rolls back', async () => {
    const { instance, Accounts } = another();
    let statements = 0;
    instance.addHook('beforeQuery', () => {
      statements++;
      if (statements === 3) throw new Error('hook');
    });
    let id = '';
    const error = await failure(
      instance.transaction(async (transaction) => {
        ({ id } = await Accounts.create({ balance: 3 }, { transaction }));
      }),
    );
    expect(error).toMatchObject({ message: 'hook' });
    expect(await balances(cluster, [id])).toStrictEqual([]);
  });

  it('a callback may commit by itself, and no failure behind that is taken for one of the transaction', async () => {
    const hook = jest.fn(() => {
      throw new Error('hook');
    });
    const ids: string[] = [];
    const error = await failure(
      sequelize.transaction(async (transaction) => {
        transaction.afterCommit(hook);
        ids.push((await Account.create({ balance: 3 }, { transaction })).id);
        await transaction.commit();
      }),
    );
    expect(error).toMatchObject({ name: 'AfterCommitError', cause: { message: 'hook' } });
    expect(hook).toHaveBeenCalledTimes(1);
    expect(await balances(cluster, ids)).toStrictEqual([3]);
  });

  it('a callback that commits by itself and then meets a conflict is not run again', async () => {
    const attempts = jest.fn();
    let id = '';
    const error = await failure(
      sequelize.transaction(async (transaction) => {
        attempts();
        ({ id } = await Account.create({ balance: 3 }, { transaction }));
        await transaction.commit();
        conflicts();
        await sequelize.transaction({ retry: false, transaction: null }, (other) =>
          Account.create({}, { transaction: other }),
        );
      }),
    );
    expect(isAfterCommitError(error)).toBe(true);
    expect(attempts).toHaveBeenCalledTimes(1);
    expect(await balances(cluster, [id])).toStrictEqual([3]);
  });
});

describe('a transaction inside another one', () => {
  it('is refused before anything is sent', async () => {
    const work = jest.fn();
    const error = await failure(
      sequelize.transaction((transaction) => sequelize.transaction({ transaction }, work)),
    );
    expect(isNestedTransactionError(error)).toBe(true);
    expect(work).not.toHaveBeenCalled();
  });

  it('joins when it is asked to', async () => {
    const [outer, inner] = await sequelize.transaction(async (transaction) => {
      const first = await Account.create({ balance: 1 }, { transaction });
      const second = await sequelize.transaction({ transaction, nested: 'join' }, (joined) =>
        Account.create({ balance: 2 }, { transaction: joined }),
      );
      return [first.id, second.id] as const;
    });
    expect(await balances(cluster, [outer, inner])).toStrictEqual([1, 2]);
  });

  it('joins where the instance says so, unmanaged too', async () => {
    const { instance, Accounts } = another({ dsql: { nested: 'join' } });
    const [outer, inner] = await instance.transaction(async (transaction) => {
      const first = await Accounts.create({ balance: 1 }, { transaction });
      const joined = await instance.transaction({ transaction });
      const second = await Accounts.create({ balance: 2 }, { transaction: joined });
      await joined.commit();
      await expect(Accounts.count({ transaction: joined })).rejects.toThrow(/commit has been called/);
      return [first.id, second.id] as const;
    });
    expect(await balances(cluster, [outer, inner])).toStrictEqual([1, 2]);
  });

  it('takes the outer one along when it fails, even if that error is caught', async () => {
    const mistake = new Error('inner');
    let id = '';
    const error = await failure(
      sequelize.transaction(async (transaction) => {
        ({ id } = await Account.create({ balance: 1 }, { transaction }));
        await sequelize
          .transaction({ transaction, nested: 'join' }, () => Promise.reject(mistake))
          .catch(() => undefined);
      }),
    );
    expect(isTransactionRolledBackError(error)).toBe(true);
    expect(error).toMatchObject({ circumstance: 'joined', cause: mistake });
    expect(await balances(cluster, [id])).toStrictEqual([]);
  });

  it('takes the outer one along when it is rolled back by hand', async () => {
    let id = '';
    const error = await failure(
      sequelize.transaction(async (transaction) => {
        ({ id } = await Account.create({ balance: 1 }, { transaction }));
        const joined = await sequelize.transaction({ transaction, nested: 'join' });
        await joined.rollback();
      }),
    );
    expect(error).toMatchObject({ name: 'TransactionRolledBackError', circumstance: 'joined' });
    expect(await balances(cluster, [id])).toStrictEqual([]);
  });

  it('runs the outer one again when it meets a conflict, even if that is caught', async () => {
    cluster.local.faults.failStatement({ error: 'OC001', text: 'SELECT 8' });
    const [outer, inner] = await sequelize.transaction(async (transaction) => {
      const first = await Account.create({ balance: 1 }, { transaction });
      const second = await sequelize
        .transaction({ transaction, nested: 'join' }, async (joined) => {
          await sequelize.query('SELECT 8', { transaction: joined });
          return Account.create({ balance: 2 }, { transaction: joined });
        })
        .catch(() => undefined);
      return [first.id, second?.id ?? ''] as const;
    });
    expect(await balances(cluster, [outer, inner])).toStrictEqual([1, 2]);
  });

  it('cannot be used when the outer one is over', async () => {
    const kept: Transaction[] = [];
    await sequelize.transaction(async (transaction) => {
      kept.push(await sequelize.transaction({ transaction, nested: 'join' }));
    });
    const [joined] = kept;
    await expect(Account.create({}, { transaction: joined })).rejects.toThrow(/commit has been called/);
    await expect(sequelize.transaction({ transaction: joined, nested: 'join' })).rejects.toThrow(/finished/);
  });
});

describe('with CLS', () => {
  /** The part of cls-hooked that Sequelize uses. */
  class Namespace {
    readonly #storage = new AsyncLocalStorage<Map<string, unknown>>();
    get(name: string): unknown {
      return this.#storage.getStore()?.get(name);
    }
    set(name: string, value: unknown): void {
      this.#storage.getStore()?.set(name, value);
    }
    run(work: (context: Map<string, unknown>) => unknown): Map<string, unknown> {
      const context = new Map(this.#storage.getStore());
      this.#storage.run(context, () => work(context));
      return context;
    }
    bind<T>(work: T): T {
      return work;
    }
  }

  beforeAll(() => {
    Sequelize.useCLS(new Namespace());
  });
  afterAll(() => {
    Reflect.deleteProperty(Sequelize, '_cls');
  });

  it('statements find the transaction of their attempt', async () => {
    conflicts(2);
    const id = await sequelize.transaction(async () => {
      const account = await Account.create({ balance: 1 });
      await account.increment('balance', { by: 4 });
      return account.id;
    });
    expect(await balances(cluster, [id])).toStrictEqual([5]);
  });

  it('nothing of an attempt that failed is written', async () => {
    const ids: string[] = [];
    await failure(
      sequelize.transaction(async () => {
        ids.push((await Account.create({})).id);
        throw new Error('mine');
      }),
    );
    expect(await balances(cluster, ids)).toStrictEqual([]);
  });

  it('a transaction inside another one is found without being told of it', async () => {
    const work = jest.fn();
    const inner = [
      () => sequelize.transaction(work),
      () => runInTransaction(sequelize, work),
      () => sequelize.transaction(),
    ];
    for (const begin of inner) {
      const error = await failure(sequelize.transaction(() => begin()));
      expect(isNestedTransactionError(error)).toBe(true);
    }
    expect(work).not.toHaveBeenCalled();
  });

  it('joins when it is asked to, and takes the outer one along when it fails', async () => {
    const ids: string[] = [];
    const work = (mistake?: Error) =>
      sequelize.transaction(async () => {
        ids.push((await Account.create({ balance: 1 })).id);
        await sequelize
          .transaction({ nested: 'join' }, async () => {
            ids.push((await Account.create({ balance: 2 })).id);
            if (mistake !== undefined) throw mistake;
          })
          .catch(() => undefined);
        ids.push((await Account.create({ balance: 3 })).id);
      });
    await work();
    expect(await balances(cluster, ids.splice(0))).toStrictEqual([1, 2, 3]);
    await failure(work(new Error('inner')));
    expect(await balances(cluster, ids)).toStrictEqual([]);
  });

  it('`transaction: null` begins one that is independent', async () => {
    const ids: string[] = [];
    await failure(
      sequelize.transaction(async () => {
        await sequelize.transaction({ transaction: null }, async () => {
          ids.push((await Account.create({ balance: 1 })).id);
        });
        ids.push((await Account.create({ balance: 2 })).id);
        throw new Error('mine');
      }),
    );
    expect(await balances(cluster, ids)).toStrictEqual([1]);
  });

  it('a statement behind the transaction is an autocommit statement', async () => {
    const id = await sequelize
      .transaction(async (transaction) => {
        const account = await Account.create({ balance: 1 });
        await transaction.commit().catch(() => undefined);
        return account.id;
      })
      .catch(() => undefined);
    expect(id).toBeUndefined();
    await expect(Account.create({})).resolves.toBeDefined();
  });

  it('findOrCreate takes part in the transaction', async () => {
    const name = 'cls';
    await failure(
      sequelize.transaction(async () => {
        await Account.findOrCreate({ where: { name } });
        throw new Error('mine');
      }),
    );
    expect(await Account.count({ where: { name } })).toBe(0);
  });
});

describe('an unmanaged transaction', () => {
  it('is committed once, and rolled back', async () => {
    const first = await sequelize.transaction();
    const { id } = await Account.create({ balance: 1 }, { transaction: first });
    await first.commit();
    const second = await sequelize.transaction();
    await Account.update({ balance: 2 }, { where: { id }, transaction: second });
    await second.rollback();
    expect(await balances(cluster, [id])).toStrictEqual([1]);
    await expect(first.commit()).rejects.toThrow(/finished with state: commit/);
    await expect(first.rollback()).rejects.toThrow(/finished with state: commit/);
    await expect(second.rollback()).rejects.toThrow(/finished with state: rollback/);
    await expect(second.commit()).rejects.toThrow(/finished with state: rollback/);
  });

  it('begins anew where its first statement meets a conflict, with those behind it', async () => {
    const transaction = await sequelize.transaction();
    const fault = cluster.local.faults.failStatement({ error: 'OC001', table: 'account', times: 2 });
    const accounts = await Promise.all([
      Account.create({}, { transaction }),
      Account.create({}, { transaction }),
    ]);
    expect(fault.fired).toBe(2);
    await transaction.commit();
    expect(await Account.count({ where: { id: accounts.map(({ id }) => id) } })).toBe(2);
    cluster.local.faults.failStatement({ error: 'OC001', table: 'account' });
    const second = await sequelize.transaction();
    const creating = Account.create({}, { transaction: second });
    await second.rollback();
    await creating.catch(() => undefined);
    expect(await Account.count()).toBe(await Account.count({ transaction: null }));
  });

  it.each([
    // Sequelize also runs this one when the statement has failed.
    ['afterQuery', 0],
    ['beforeQuery', 1],
  ] as const)(
    'sends what a hook of its first statement asks for, and that again after a conflict (%s)',
    async (hook, times) => {
      const { instance, Accounts } = another();
      const name = `first with ${hook}`;
      let isAsked = false;
      const logged: string[] = [];
      instance.addHook(hook, async ({ transaction = null }: { transaction?: Transaction | null }) => {
        if (transaction === null || !isAsked) return;
        isAsked = false;
        await instance.query('SELECT 1', { transaction, logging: (text) => logged.push(text) });
      });
      const transaction = await instance.transaction();
      isAsked = true;
      if (times > 0) cluster.local.faults.failStatement({ error: 'OC001', table: 'account', times });
      await Accounts.create({ name }, { transaction });
      await transaction.commit();
      expect(logged).toHaveLength(1);
      expect(await Account.count({ where: { name } })).toBe(1);
    },
  );

  it('is whole whatever a logger throws while it begins anew', async () => {
    let mistake: Error | undefined;
    const { instance, Accounts } = another({
      logging: (text) => {
        if (mistake !== undefined && /ROLLBACK|START/.test(text)) throw mistake;
      },
    });
    const name = 'whole';
    const transaction = await instance.transaction();
    mistake = new Error('a mistake in a logger');
    cluster.local.faults.failStatement({ error: 'OC001', table: 'account' });
    await Accounts.create({}, { transaction }).catch(() => undefined);
    mistake = undefined;
    await Accounts.create({ name }, { transaction });
    await transaction.rollback();
    expect(await Account.count({ where: { name } })).toBe(0);
  });

  it('surfaces a conflict of a statement behind the first, and one that does not pass', async () => {
    const name = 'unmanaged';
    const transaction = await sequelize.transaction();
    await Account.create({ name }, { transaction });
    const fault = cluster.local.faults.failStatement({ error: 'OC001', table: 'account', times: 99 });
    await expect(Account.create({ name }, { transaction })).rejects.toThrow(/OC001/);
    expect(fault.fired).toBe(1);
    await transaction.rollback();
    const second = await sequelize.transaction();
    await expect(Account.create({ name }, { transaction: second })).rejects.toThrow(/OC001/);
    expect(fault.fired).toBe(6);
    await expect(second.commit()).rejects.toThrow(/OC001|rolled back/);
    cluster.local.faults.clear();
    expect(await Account.count({ where: { name } })).toBe(0);
  });

  it('surfaces a conflict, is rolled back then, and runs no hooks', async () => {
    conflicts();
    const hook = jest.fn();
    const transaction = await sequelize.transaction();
    transaction.afterCommit(hook);
    await Account.create({}, { transaction });
    await expect(transaction.commit()).rejects.toMatchObject({ name: 'SequelizeDatabaseError' });
    expect(stateOf(transaction)).toBe('rollback');
    await expect(transaction.rollback()).resolves.toBeUndefined();
    expect(hook).not.toHaveBeenCalled();
  });

  it('says when its outcome is unknown', async () => {
    cluster.local.faults.cutConnection({ at: 'after commit', table: 'account' });
    const transaction = await sequelize.transaction();
    await Account.create({}, { transaction });
    const error = await failure(transaction.commit());
    expect(isCommitOutcomeUnknownError(error)).toBe(true);
    expect(stateOf(transaction)).toBe('unknown');
    await expect(transaction.rollback()).resolves.toBeUndefined();
  });
});

describe('when the answer to COMMIT is lost', () => {
  const faults = {
    'before it was done': () => cluster.local.faults.cutConnection({ at: 'before commit', table: 'account' }),
    'after it was done': () => cluster.local.faults.cutConnection({ at: 'after commit', table: 'account' }),
    'as the server was unavailable, and it was not done': () =>
      cluster.local.faults.failCommit({ error: 'XX000', table: 'account' }),
    'as the server was unavailable, and it was done': () =>
      cluster.local.faults.failCommit({ error: 'XX000', committed: true, table: 'account' }),
  };

  describe.each(Object.entries(faults))('%s', (when, inject) => {
    const wasDone = !when.includes('not done') && !when.includes('before');

    it('the outcome is reported as unknown, and the transaction is not run again', async () => {
      const fault = inject();
      const ids: string[] = [];
      const error = await failure(
        sequelize.transaction(async (transaction) => {
          ids.push((await Account.create({ balance: 1 }, { transaction })).id);
        }),
      );
      expect(isCommitOutcomeUnknownError(error)).toBe(true);
      expect([fault.fired, ids.length]).toStrictEqual([1, 1]);
      expect(await balances(cluster, ids)).toStrictEqual(wasDone ? [1] : []);
    });

    it('`verifyCommitted` answers, and it is done once', async () => {
      inject();
      const ids: string[] = [];
      const hook = jest.fn();
      const result = await runInTransaction(
        sequelize,
        async (transaction) => {
          transaction.afterCommit(hook);
          ids.push((await Account.create({ balance: 1 }, { transaction })).id);
          return ids.length;
        },
        {
          verifyCommitted: async (database) => {
            expect(database).toBe(sequelize);
            return (await Account.count({ where: { id: ids.at(-1) } })) === 1;
          },
        },
      );
      expect(result).toBe(wasDone ? 1 : 2);
      expect(await balances(cluster, ids)).toStrictEqual([1]);
      expect(hook).toHaveBeenCalledTimes(1);
    });

    it('`verifyCommitted` may not know, or fail', async () => {
      for (const verifyCommitted of [
        () => Promise.resolve(undefined),
        () => Promise.reject(new Error('no')),
      ]) {
        inject();
        const error = await failure(
          sequelize.transaction({ verifyCommitted }, (transaction) => Account.create({}, { transaction })),
        );
        expect(isCommitOutcomeUnknownError(error)).toBe(true);
      }
    });

    it('`commitMarkers` have the answer, and it is done once', async () => {
      const { instance, Accounts } = another({ dsql: { commitMarkers: true } });
      inject();
      const ids: string[] = [];
      const verifyCommitted = jest.fn();
      await instance.transaction({ verifyCommitted }, async (transaction) => {
        ids.push((await Accounts.create({ balance: 1 }, { transaction })).id);
      });
      expect(ids).toHaveLength(wasDone ? 1 : 2);
      expect(await balances(cluster, ids)).toStrictEqual([1]);
      expect(verifyCommitted).not.toHaveBeenCalled();
    });
  });

  it('because of a timeout of the client, the outcome is unknown as well', async () => {
    const { instance, Accounts } = another({ dialectOptions: { query_timeout: 500 } });
    const ids: string[] = [];
    const error = await failure(
      instance.transaction(async (transaction) => {
        ids.push((await Accounts.create({}, { transaction })).id);
        cluster.local.faults.addLatency(1_500);
      }),
    );
    expect(isCommitOutcomeUnknownError(error)).toBe(true);
    expect(ids).toHaveLength(1);
  });

  it('a transaction that runs nothing needs no marker', async () => {
    const { instance } = another({ dsql: { commitMarkers: true } });
    await instance.transaction(() => Promise.resolve());
    const pool = new DsqlPool(cluster.connection);
    const before = await pool.query('SELECT id FROM aurora_dsql_orm_commit_marker');
    await instance.transaction(() => Promise.resolve());
    const after = await pool.query('SELECT id FROM aurora_dsql_orm_commit_marker');
    await pool.end();
    expect(after.rows).toStrictEqual(before.rows);
  });

  it('the unknown outcome of another statement is not taken for that of the transaction', async () => {
    cluster.local.faults.cutConnection({ at: 'statement', text: 'UPDATE "account"' });
    const verifyCommitted = jest.fn();
    const attempts = jest.fn();
    const error = await failure(
      sequelize.transaction({ verifyCommitted, commitMarkers: true }, async () => {
        attempts();
        await Account.update({ balance: 1 }, { where: { name: 'nobody' }, transaction: null });
      }),
    );
    expect(isCommitOutcomeUnknownError(error)).toBe(true);
    expect(attempts).toHaveBeenCalledTimes(1);
    expect(verifyCommitted).not.toHaveBeenCalled();
  });
});

describe('a connection that is lost', () => {
  it('in the middle of a transaction ends it, with the first error, and is replaced', async () => {
    const { instance, Accounts } = another({ pool: { max: 1 } });
    cluster.local.faults.cutConnection({ at: 'statement', text: 'SELECT 9' });
    let id = '';
    const error = await failure(
      instance.transaction(async (transaction) => {
        ({ id } = await Accounts.create({}, { transaction }));
        await instance.query('SELECT 9', { transaction });
      }),
    );
    expect(error).toMatchObject({ name: 'SequelizeDatabaseError' });
    expect(await balances(cluster, [id])).toStrictEqual([]);
    await expect(Accounts.create({})).resolves.toBeDefined();
  });

  it('and refused for a moment is asked for again', async () => {
    const { Accounts } = another();
    const fault = cluster.local.faults.refuseConnections({ error: '53400', times: 2 });
    await expect(Accounts.create({})).resolves.toBeDefined();
    expect(fault.fired).toBe(2);
  });
});

describe('runInTransaction on a plain instance', () => {
  it('runs the transaction again, with the options of the call', async () => {
    const plain = stockSequelize(cluster);
    opened.push(plain);
    const Plain = defineAccounts(plain);
    conflicts(2);
    const onRetry = jest.fn();
    const { id } = await runInTransaction(plain, (transaction) => Plain.create({}, { transaction }), {
      onRetry,
    });
    expect(onRetry).toHaveBeenCalledTimes(2);
    expect(await balances(cluster, [id])).toStrictEqual([100]);
    expect(transactionCounters(plain)).toMatchObject({ attempts: 3, commits: 1 });
  });

  it('reports an unknown outcome, and settles it', async () => {
    const plain = stockSequelize(cluster);
    opened.push(plain);
    const Plain = defineAccounts(plain);
    const ids: string[] = [];
    const work = async (transaction: Transaction) => {
      ids.push((await Plain.create({ balance: 1 }, { transaction })).id);
    };
    cluster.local.faults.cutConnection({ at: 'after commit', table: 'account' });
    expect(isCommitOutcomeUnknownError(await failure(runInTransaction(plain, work)))).toBe(true);
    ids.length = 0;
    cluster.local.faults.cutConnection({ at: 'after commit', table: 'account' });
    await runInTransaction(plain, work, { commitMarkers: true });
    cluster.local.faults.cutConnection({ at: 'before commit', table: 'account' });
    await runInTransaction(plain, work, { commitMarkers: true });
    expect(await balances(cluster, ids)).toStrictEqual([1, 1]);
    expect(ids).toHaveLength(3);
  });

  it('leaves its other transactions alone', async () => {
    const plain = stockSequelize(cluster);
    opened.push(plain);
    const Plain = defineAccounts(plain);
    await runInTransaction(plain, (transaction) => Plain.create({}, { transaction }));
    conflicts();
    const warn = jest.spyOn(console, 'warn').mockImplementation();
    await expect(plain.transaction((transaction) => Plain.create({}, { transaction }))).rejects.toMatchObject(
      { name: 'SequelizeDatabaseError' },
    );
    warn.mockRestore();
  });
});

describe('a class that is made to reach Aurora DSQL', () => {
  /** As sequelize-typescript does: the models are defined before the constructor returns. */
  class WithModels extends Sequelize {
    static readonly defined: ReturnType<typeof defineAccounts>[] = [];
    constructor(options?: Options);
    constructor(uri: string, options?: Options);
    constructor(...args: [Options?] | [string, Options?]) {
      super(...(args as [string, Options?]));
      WithModels.defined.push(defineAccounts(this));
    }
  }

  it('sees models that its base defines in the constructor', async () => {
    const OnDsql = DsqlSequelize(WithModels);
    const instance = new OnDsql({ ...cluster.orm, logging: false });
    opened.push(instance);
    const [Defined] = OnDsql.defined.slice(-1);
    if (Defined === undefined) throw new Error('It has no models.');
    expect(instance).toBeInstanceOf(WithModels);
    const kept = Defined.build({ balance: 1 });
    conflicts(1);
    expect(await failure(instance.transaction((transaction) => kept.save({ transaction })))).toMatchObject({
      name: 'StaleInstanceError',
    });
    conflicts(1);
    const [{ id }] = await Defined.findOrCreate({ where: { name: 'defined' } });
    expect(await balances(cluster, [id])).toHaveLength(1);
  });

  it('can be a base itself', async () => {
    class Mine extends DsqlSequelize(Sequelize) {
      readonly isMine = true;
    }
    const { host, port, dsql } = cluster.orm;
    const instance = new Mine(`dsql://admin@${host}:${port}`, { dsql, logging: false });
    expect(instance.isMine).toBe(true);
    await expect(instance.authenticate()).resolves.toBeUndefined();
    await instance.close();
  });
});
