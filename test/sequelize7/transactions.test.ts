import { setTimeout as sleep } from 'node:timers/promises';
import {
  ConstraintChecking,
  IsolationLevel,
  Lock,
  TransactionNestMode,
  type Transaction,
} from '@sequelize/core';
import { PostgresDialect } from '@sequelize/postgres';
import { DsqlPool } from 'aurora-dsql-orm';
import {
  isCommitOutcomeUnknownError,
  isNestedTransactionError,
  isRetryExhaustedError,
  isTransactionRolledBackError,
  isUnsupportedFeatureError,
  runInTransaction,
  transactionCounters,
  type SequelizeTransactionOptions,
} from 'aurora-dsql-orm/sequelize7';
import { useCluster } from '../cluster';
import {
  balances,
  createAccountTable,
  failure,
  useSequelize,
  type Accounts,
  type AnySequelize,
} from './accounts';

const cluster = useCluster();
const { ours, stock } = useSequelize(cluster);

type Ours = ReturnType<typeof ours>['sequelize'];

beforeAll(async () => {
  await createAccountTable(cluster);
});
afterEach(() => {
  cluster.local.faults.clear();
});

function conflicts(times = 1, error: 'OC000' | 'OC001' = 'OC000') {
  return cluster.local.faults.failCommit({ error, table: 'account', times });
}

describe('a managed transaction', () => {
  it('is run again until it meets no conflict, and returns what that attempt returned', async () => {
    const { sequelize, Account } = ours();
    conflicts(3);
    const attempts = jest.fn();
    const { id, attempt } = await sequelize.transaction(async () => {
      attempts();
      const account = await Account.create({ balance: 5 });
      return { id: account.id, attempt: attempts.mock.calls.length };
    });
    expect(attempt).toBe(4);
    expect(await balances(cluster, [id])).toStrictEqual([5]);
    expect(transactionCounters(sequelize)).toStrictEqual({
      attempts: 4,
      commits: 1,
      conflicts: 3,
      retries: 3,
      unknown: 0,
    });
  });

  it('gives every conflicting transaction its turn', async () => {
    const { sequelize, Account } = ours();
    const { id } = await Account.create({ balance: 0 });
    await Promise.all(
      Array.from({ length: 12 }, () =>
        sequelize.transaction(async () => {
          const account = await Account.findByPk(id, { rejectOnEmpty: true });
          await account.update({ balance: account.balance + 1 });
        }),
      ),
    );
    expect(await balances(cluster, [id])).toStrictEqual([12]);
  });

  it('is not run again after another error, which surfaces unchanged, and leaves nothing', async () => {
    const { sequelize, Account } = ours();
    const ids: string[] = [];
    const mistake = new Error('mine');
    const work = sequelize.transaction(async () => {
      ids.push((await Account.create({})).id);
      throw mistake;
    });
    expect(await failure(work)).toBe(mistake);
    expect(ids).toHaveLength(1);
    expect(await balances(cluster, ids)).toStrictEqual([]);
  });

  it('says in which state it is', async () => {
    const { sequelize, Account } = ours();
    conflicts();
    const begun: Transaction[] = [];
    await sequelize.transaction(async (transaction) => {
      begun.push(transaction);
      await Account.create({});
    });
    expect(begun.map(({ finished }) => finished)).toStrictEqual(['rollback', 'commit']);
    await expect(Account.count({ transaction: begun[0] })).rejects.toThrow(/rollback has been called/);
    expect(begun[1]?.getConnectionIfExists()).toBeUndefined();
  });

  it('takes the options of Sequelize', async () => {
    const { sequelize, Account } = ours();
    const logging = jest.fn();
    await sequelize.transaction(
      {
        isolationLevel: IsolationLevel.REPEATABLE_READ,
        readOnly: true,
        constraintChecking: ConstraintChecking.DEFERRED,
        logging,
      },
      () => Account.count(),
    );
    expect(logging.mock.calls.map(([line]) => String(line).replace(/^.*?: /, ''))).toStrictEqual([
      'START TRANSACTION READ ONLY',
      'COMMIT',
    ]);
    const error = await failure(sequelize.transaction({ readOnly: true }, () => Account.create({})));
    expect(error).toMatchObject({ name: 'SequelizeDatabaseError' });
  });

  it.each([IsolationLevel.SERIALIZABLE, IsolationLevel.READ_COMMITTED])(
    'cannot have the isolation level %s',
    async (isolationLevel) => {
      const { sequelize } = ours();
      const work = jest.fn();
      const begun = [
        sequelize.transaction({ isolationLevel }, work),
        sequelize.startUnmanagedTransaction({ isolationLevel }),
        sequelize.transaction((transaction) => transaction.setIsolationLevel(isolationLevel)),
      ];
      for (const each of begun) expect(isUnsupportedFeatureError(await failure(each))).toBe(true);
      expect(work).not.toHaveBeenCalled();
    },
  );

  it.each([{ lock: Lock.SHARE }, { lock: Lock.NO_KEY_UPDATE }, { lock: true, skipLocked: true }])(
    'cannot lock with %j, unless that may be strengthened',
    async (lock) => {
      const { sequelize, Account } = ours();
      const error = await failure(sequelize.transaction(() => Account.findAll(lock)));
      expect(isUnsupportedFeatureError(error)).toBe(true);
      const logging = jest.fn<undefined, [string]>();
      const { sequelize: simple, Account: Simple } = ours({ dsql: { simplify: { rowLocks: true } } });
      await simple.transaction(() => Simple.findAll({ ...lock, logging }));
      expect(logging.mock.calls[0]?.[0]).toMatch(/FOR UPDATE;$/);
    },
  );

  it.each([Lock.UPDATE, Lock.KEY_SHARE])('locks with %s', async (lock) => {
    const { sequelize, Account } = ours();
    const { id } = await Account.create({});
    const found = await sequelize.transaction(() => Account.findByPk(id, { lock, rejectOnEmpty: true }));
    expect(found.id).toBe(id);
  });

  it('needs a callback', async () => {
    const { sequelize } = ours();
    await expect(sequelize.transaction({} as never, undefined as never)).rejects.toThrow(
      /requires a callback/,
    );
  });
});

describe('what a call says of its transaction', () => {
  const methods = {
    runInTransaction: (sequelize: Ours, options: SequelizeTransactionOptions, work: () => Promise<unknown>) =>
      runInTransaction(sequelize, work, options),
    'sequelize.transaction': (
      sequelize: Ours,
      options: SequelizeTransactionOptions,
      work: () => Promise<unknown>,
    ) => sequelize.transaction(options, work),
  };

  describe.each(Object.entries(methods))('through %s', (_, method) => {
    const creating = (options: SequelizeTransactionOptions) => {
      const { sequelize, Account } = ours();
      return method(sequelize, options, () => Account.create({}));
    };

    it('`retry: false` lets a conflict surface as Sequelize reports it', async () => {
      conflicts();
      await expect(creating({ retry: false })).rejects.toMatchObject({
        name: 'SequelizeDatabaseError',
        cause: { code: '40001' },
      });
    });

    it('`maxAttempts` bounds the attempts', async () => {
      const fault = conflicts(5);
      const error = await failure(creating({ maxAttempts: 3, baseDelayMs: 0 }));
      expect(isRetryExhaustedError(error)).toBe(true);
      expect(error).toMatchObject({ attempts: 3, code: '40001', cause: { name: 'SequelizeDatabaseError' } });
      expect(fault.fired).toBe(3);
    });

    it('`signal` ends the waiting', async () => {
      conflicts(100);
      const stop = new AbortController();
      const stopped = failure(creating({ signal: stop.signal, baseDelayMs: 50_000, maxDelayMs: 50_000 }));
      await sleep(100);
      stop.abort(new Error('enough'));
      expect(await stopped).toMatchObject({ name: 'AbortError' });
    });

    it('`onRetry` is told of each conflict', async () => {
      conflicts(2);
      const onRetry = jest.fn();
      await creating({ onRetry, label: 'told' });
      expect(onRetry.mock.calls).toMatchObject([[{ attempt: 1 }], [{ attempt: 2 }]]);
    });

    it.each([{ maxAttempts: 0 }, { deadlineMs: 600_000 }, { nested: 'savepoint' }, { restore: [{}] }])(
      'refuses %j by name, before anything is sent',
      async (options) => {
        const error = await failure(creating(options as SequelizeTransactionOptions));
        expect(error).toMatchObject({ name: 'ConfigurationError', option: Object.keys(options)[0] });
      },
    );
  });

  it('a name that nobody knows is refused', async () => {
    const { sequelize } = ours();
    const options = { maxAttemps: 3 } as SequelizeTransactionOptions;
    await expect(runInTransaction(sequelize, jest.fn(), options)).rejects.toMatchObject({
      name: 'ConfigurationError',
      option: 'maxAttemps',
    });
  });

  it('an instance with another dialect is refused', async () => {
    const { sequelize } = await stock();
    expect(sequelize.dialect).toBeInstanceOf(PostgresDialect);
    await expect(runInTransaction(sequelize, jest.fn())).rejects.toMatchObject({
      name: 'ConfigurationError',
      option: 'dialect',
    });
    expect(() => transactionCounters(sequelize)).toThrow(/dialect/);
  });
});

describe('what `dsql` says of all transactions', () => {
  it('holds where a call does not say otherwise', async () => {
    const { sequelize, Account } = ours({ dsql: { retry: { maxAttempts: 2, baseDelayMs: 0 } } });
    conflicts(4);
    const create = () => Account.create({});
    expect(await failure(sequelize.transaction(create))).toMatchObject({ attempts: 2 });
    expect(await failure(runInTransaction(sequelize, create, { maxAttempts: 1 }))).toMatchObject({
      attempts: 1,
    });
    await expect(runInTransaction(sequelize, create, { maxAttempts: 9 })).resolves.toBeDefined();
  });

  it('`retry: false` turns off every retry', async () => {
    const { sequelize, Account } = ours({ dsql: { retry: false } });
    conflicts(2);
    const surfaced = { name: 'SequelizeDatabaseError' };
    await expect(sequelize.transaction(() => Account.create({}))).rejects.toMatchObject(surfaced);
    await expect(Account.create({})).rejects.toMatchObject(surfaced);
  });
});

describe('a transaction inside another one', () => {
  const nested = (
    sequelize: AnySequelize,
    Account: Accounts,
    options: SequelizeTransactionOptions,
    mistake?: Error,
  ) => {
    const ids: string[] = [];
    const done = sequelize.transaction(async () => {
      ids.push((await Account.create({ balance: 1 })).id);
      await sequelize
        .transaction(options, async () => {
          ids.push((await Account.create({ balance: 2 })).id);
          if (mistake !== undefined) throw mistake;
        })
        .catch((error: unknown) => {
          if (error !== mistake) throw error;
        });
      ids.push((await Account.create({ balance: 3 })).id);
    });
    return { ids, done };
  };

  it('is the same one by default, as in Sequelize', async () => {
    const { sequelize, Account } = ours();
    const seen = new Set<Transaction>();
    await sequelize.transaction(async (outer) => {
      seen.add(outer);
      await sequelize.transaction(async (inner) => Promise.resolve(void seen.add(inner)));
      await runInTransaction(sequelize, (inner) => void seen.add(inner));
    });
    expect(seen.size).toBe(1);
    const { ids, done } = nested(sequelize, Account, {}, new Error('caught'));
    await done;
    expect(await balances(cluster, ids)).toStrictEqual([1, 2, 3]);
  });

  it('must be compatible with it, as in Sequelize', async () => {
    const { sequelize, Account } = ours();
    await expect(nested(sequelize, Account, { readOnly: true }).done).rejects.toThrow(/not compatible/);
  });

  it('runs the outer one again when it meets a conflict', async () => {
    const { sequelize, Account } = ours();
    cluster.local.faults.failStatement({ error: 'OC001', text: 'SELECT 8' });
    const attempts = jest.fn();
    await sequelize.transaction(async () => {
      attempts();
      await sequelize.transaction(() => sequelize.query('SELECT 8')).catch(() => undefined);
      await Account.create({});
    });
    expect(attempts).toHaveBeenCalledTimes(2);
  });

  it('that would need a savepoint is refused before anything is sent', async () => {
    const { sequelize, Account } = ours();
    const { ids, done } = nested(sequelize, Account, { nestMode: TransactionNestMode.savepoint });
    expect(isNestedTransactionError(await failure(done))).toBe(true);
    expect(ids).toHaveLength(1);
    const { sequelize: always } = ours({ defaultTransactionNestMode: TransactionNestMode.savepoint });
    const inner = () => sequelizeTransaction(always);
    expect(isNestedTransactionError(await failure(always.transaction(inner)))).toBe(true);
    const outer = await sequelize.startUnmanagedTransaction();
    const unmanaged = sequelize.startUnmanagedTransaction({ transaction: outer });
    expect(isNestedTransactionError(await failure(unmanaged))).toBe(true);
    await outer.rollback();
  });

  it("that would need a savepoint joins with `nested: 'join'`, and takes the outer one along when it fails", async () => {
    const { sequelize, Account } = ours({ dsql: { nested: 'join' } });
    const options = { nestMode: TransactionNestMode.savepoint };
    const good = nested(sequelize, Account, options);
    await good.done;
    expect(await balances(cluster, good.ids)).toStrictEqual([1, 2, 3]);
    const mistake = new Error('inner');
    const bad = nested(sequelize, Account, options, mistake);
    const error = await failure(bad.done);
    expect(isTransactionRolledBackError(error)).toBe(true);
    expect(error).toMatchObject({ circumstance: 'joined', cause: mistake });
    expect(await balances(cluster, bad.ids)).toStrictEqual([]);
  });

  it('joins unmanaged, too, and runs its hooks after the commit of the outer one', async () => {
    const { sequelize, Account } = ours({ dsql: { nested: 'join' } });
    const hook = jest.fn();
    const kept: Transaction[] = [];
    const id = await sequelize.transaction(async (transaction) => {
      const joined = await sequelize.startUnmanagedTransaction({ transaction });
      kept.push(joined);
      joined.afterCommit(hook);
      const account = await Account.create({ balance: 2 }, { transaction: joined });
      await joined.commit();
      expect(hook).not.toHaveBeenCalled();
      return account.id;
    });
    expect(hook).toHaveBeenCalledTimes(1);
    expect(await balances(cluster, [id])).toStrictEqual([2]);
    await expect(Account.create({}, { transaction: kept[0] })).rejects.toThrow(/commit has been called/);
    const rolledBack = sequelize.transaction(async (transaction) => {
      await Account.create({});
      await (await sequelize.startUnmanagedTransaction({ transaction })).rollback();
    });
    expect(await failure(rolledBack)).toMatchObject({ circumstance: 'joined' });
  });

  it.each([{ transaction: null }, { nestMode: TransactionNestMode.separate }])(
    'is independent with %j',
    async (options) => {
      const { sequelize, Account } = ours();
      const ids: string[] = [];
      await failure(
        sequelize.transaction(async () => {
          await sequelize.transaction(options, async () => {
            ids.push((await Account.create({ balance: 1 })).id);
          });
          ids.push((await Account.create({ balance: 2 })).id);
          throw new Error('mine');
        }),
      );
      expect(await balances(cluster, ids)).toStrictEqual([1]);
    },
  );

  const sequelizeTransaction = (sequelize: { transaction(work: () => Promise<void>): Promise<void> }) =>
    sequelize.transaction(() => Promise.resolve());
});

describe('queries find their transaction', () => {
  it('by themselves, in each attempt', async () => {
    const { sequelize, Account } = ours();
    conflicts(2);
    const id = await sequelize.transaction(async (transaction) => {
      expect(sequelize.getCurrentClsTransaction()).toBe(transaction);
      const account = await Account.create({ balance: 1 });
      await account.increment('balance', { by: 4 });
      return account.id;
    });
    expect(sequelize.getCurrentClsTransaction()).toBeUndefined();
    expect(await balances(cluster, [id])).toStrictEqual([5]);
  });

  it('or not, where that is disabled', async () => {
    const { sequelize, Account } = ours({ disableClsTransactions: true });
    const ids: string[] = [];
    await failure(
      sequelize.transaction(async (transaction) => {
        expect(sequelize.getCurrentClsTransaction()).toBeUndefined();
        ids.push((await Account.create({ balance: 1 })).id);
        ids.push((await Account.create({ balance: 2 }, { transaction })).id);
        throw new Error('mine');
      }),
    );
    expect(await balances(cluster, ids)).toStrictEqual([1]);
  });

  it('on a connection of their own with `withConnection`', async () => {
    const { sequelize } = ours();
    const [[one], [other]] = await sequelize.withConnection(async (connection) => {
      const ask = () => sequelize.query('SELECT pg_backend_pid() AS pid', { connection });
      return [await ask(), await ask()] as [object[], object[]];
    });
    expect(one).toStrictEqual(other);
  });
});

describe('an unmanaged transaction', () => {
  it('is committed once, and rolled back', async () => {
    const { sequelize, Account } = ours();
    const first = await sequelize.startUnmanagedTransaction();
    const { id } = await Account.create({ balance: 1 }, { transaction: first });
    await first.commit();
    const second = await sequelize.startUnmanagedTransaction();
    await Account.update({ balance: 2 }, { where: { id }, transaction: second });
    await second.rollback();
    expect(await balances(cluster, [id])).toStrictEqual([1]);
    await expect(first.commit()).rejects.toThrow(/finished with state: commit/);
    await expect(second.rollback()).rejects.toThrow(/finished with state: rollback/);
  });

  it('surfaces a conflict, is rolled back then, and runs no hooks of a commit', async () => {
    const { sequelize, Account } = ours();
    conflicts();
    const hook = jest.fn();
    const transaction = await sequelize.startUnmanagedTransaction();
    transaction.afterCommit(hook);
    const account = await Account.create({}, { transaction });
    await expect(transaction.commit()).rejects.toMatchObject({ name: 'SequelizeDatabaseError' });
    expect(transaction.finished).toBe('rollback');
    expect(hook).not.toHaveBeenCalled();
    await expect(account.update({ balance: 1 })).rejects.toMatchObject({ name: 'StaleInstanceError' });
  });

  it('says when its outcome is unknown', async () => {
    const { sequelize, Account } = ours();
    cluster.local.faults.cutConnection({ at: 'after commit', table: 'account' });
    const transaction = await sequelize.startUnmanagedTransaction();
    await Account.create({}, { transaction });
    expect(isCommitOutcomeUnknownError(await failure(transaction.commit()))).toBe(true);
    await expect(transaction.rollback()).rejects.toThrow(/finished with state: unknown/);
  });
});

describe('a query hook that fails', () => {
  it('behind COMMIT does not hide that it was done', async () => {
    const { sequelize, Account } = ours();
    sequelize.hooks.addListener('afterQuery', (_, { sql }) => {
      if (sql === 'COMMIT') throw new Error('hook');
    });
    const hook = jest.fn();
    const ids: string[] = [];
    const error = await failure(
      sequelize.transaction(async (transaction) => {
        transaction.afterCommit(hook);
        ids.push((await Account.create({ balance: 3 })).id);
      }),
    );
    expect(error).toMatchObject({ name: 'AfterCommitError', cause: { message: 'hook' } });
    expect(hook).toHaveBeenCalledTimes(1);
    expect(await balances(cluster, ids)).toStrictEqual([3]);
  });

  it('before COMMIT rolls back', async () => {
    const { sequelize, Account } = ours();
    let statements = 0;
    sequelize.hooks.addListener('beforeQuery', () => {
      statements++;
      if (statements === 3) throw new Error('hook');
    });
    const ids: string[] = [];
    const error = await failure(
      sequelize.transaction(async () => {
        ids.push((await Account.create({ balance: 3 })).id);
      }),
    );
    expect(error).toMatchObject({ message: 'hook' });
    expect(await balances(cluster, ids)).toStrictEqual([]);
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
      const { sequelize, Account } = ours();
      const fault = inject();
      const ids: string[] = [];
      const error = await failure(
        sequelize.transaction(async () => {
          ids.push((await Account.create({ balance: 1 })).id);
        }),
      );
      expect(isCommitOutcomeUnknownError(error)).toBe(true);
      expect([fault.fired, ids.length]).toStrictEqual([1, 1]);
      expect(await balances(cluster, ids)).toStrictEqual(wasDone ? [1] : []);
    });

    it('`verifyCommitted` answers, and it is done once', async () => {
      const { sequelize, Account } = ours();
      inject();
      const ids: string[] = [];
      const hook = jest.fn();
      const result = await runInTransaction(
        sequelize,
        async (transaction) => {
          transaction.afterCommit(hook);
          ids.push((await Account.create({ balance: 1 })).id);
          return ids.length;
        },
        {
          verifyCommitted: async (database) => {
            expect(database).toBe(sequelize);
            return (await Account.count({ where: { id: ids.at(-1) ?? '' } })) === 1;
          },
        },
      );
      expect(result).toBe(wasDone ? 1 : 2);
      expect(await balances(cluster, ids)).toStrictEqual([1]);
      expect(hook).toHaveBeenCalledTimes(1);
    });

    it('`commitMarkers` have the answer, and it is done once, for a statement that stands alone, too', async () => {
      const { sequelize, Account } = ours({ dsql: { commitMarkers: true } });
      inject();
      const ids: string[] = [];
      await sequelize.transaction(async () => {
        ids.push((await Account.create({ balance: 1 })).id);
      });
      expect(ids).toHaveLength(wasDone ? 1 : 2);
      inject();
      ids.push((await Account.create({ balance: 2 })).id);
      expect(await balances(cluster, ids)).toStrictEqual([1, 2]);
    });
  });

  it('a transaction that runs nothing needs no marker', async () => {
    const { sequelize } = ours({ dsql: { commitMarkers: true } });
    await sequelize.transaction(() => Promise.resolve());
    const pool = new DsqlPool(cluster.connection);
    const markers = async () =>
      (await pool.query<object>('SELECT id FROM aurora_dsql_orm_commit_marker')).rows;
    const before = await markers();
    await sequelize.transaction(() => Promise.resolve());
    expect(await markers()).toStrictEqual(before);
    await pool.end();
  });
});

describe('a connection', () => {
  it('that is lost in the middle of a transaction ends it, with the first error, and is replaced', async () => {
    const { sequelize, Account } = ours({ pool: { max: 1 } });
    cluster.local.faults.cutConnection({ at: 'statement', text: 'SELECT 9' });
    const ids: string[] = [];
    const error = await failure(
      sequelize.transaction(async () => {
        ids.push((await Account.create({})).id);
        await sequelize.query('SELECT 9');
      }),
    );
    expect(error).toMatchObject({ name: 'SequelizeDatabaseError' });
    expect(await balances(cluster, ids)).toStrictEqual([]);
    await expect(Account.create({})).resolves.toBeDefined();
  });

  it('that is refused for a moment is asked for again', async () => {
    const { Account } = ours();
    const fault = cluster.local.faults.refuseConnections({ error: '53400', times: 2 });
    await expect(Account.create({})).resolves.toBeDefined();
    expect(fault.fired).toBe(2);
  });

  it('that is left in a transaction begun by hand is not used again', async () => {
    const { sequelize, Account } = ours({ pool: { max: 1 } });
    await sequelize.query('BEGIN');
    await sequelize.query('SELECT 1');
    const { id } = await Account.create({ balance: 4 });
    expect(await balances(cluster, [id])).toStrictEqual([4]);
  });
});

describe('a statement outside a transaction', () => {
  it.each<[string, (Account: Accounts, id: string) => Promise<unknown>, number[]]>([
    ['create', (Account) => Account.create({ balance: 7 }), [100]],
    ['upsert', (Account, id) => Account.upsert({ id, balance: 7 }), [7]],
    ['bulkCreate', (Account) => Account.bulkCreate([{ balance: 7 }, { balance: 8 }]), [100]],
    ['update', (Account, id) => Account.update({ balance: 7 }, { where: { id } }), [7]],
    ['increment', (Account, id) => Account.increment('balance', { by: 7, where: { id } }), [107]],
    ['destroy', (Account, id) => Account.destroy({ where: { id } }), []],
    ['findOrCreate', (Account, name) => Account.findOrCreate({ where: { name } }), [100]],
    ['findCreateFind', (Account, name) => Account.findCreateFind({ where: { name } }), [100]],
  ])('is sent again after a conflict: %s', async (_, run, expected) => {
    const { Account } = ours();
    const { id } = await Account.create({ balance: 100 });
    const before = await Account.count();
    const fault = conflicts(2);
    await run(Account, id);
    expect(fault.fired).toBe(2);
    expect(await balances(cluster, [id])).toStrictEqual(expected);
    expect(Math.abs((await Account.count()) - before)).toBeLessThan(3);
  });

  it('runs the hooks of the model once, and leaves the instance as after one success', async () => {
    const { Account } = ours();
    const hooks = jest.fn();
    Account.hooks.addListener('beforeCreate', () => void hooks());
    conflicts(2);
    const account = await Account.create({ balance: 7 });
    expect(hooks).toHaveBeenCalledTimes(1);
    expect([account.isNewRecord, account.changed(), account.balance]).toStrictEqual([false, false, 7]);
  });

  it('whose answer was lost is reported as unknown, and not sent again', async () => {
    const { Account } = ours();
    const { id } = await Account.create({ balance: 100 });
    const fault = cluster.local.faults.cutConnection({ at: 'after commit', table: 'account', times: 2 });
    const error = await failure(Account.increment('balance', { by: 1, where: { id } }));
    expect(isCommitOutcomeUnknownError(error)).toBe(true);
    expect(fault.fired).toBe(1);
    expect(await balances(cluster, [id])).toStrictEqual([101]);
  });

  it('that ends transactions itself is not sent again', async () => {
    const { sequelize } = ours();
    const fault = cluster.local.faults.failStatement({ error: 'OC001', text: 'SELECT 2' });
    const error = await failure(sequelize.query('BEGIN; SELECT 1; COMMIT; SELECT 2'));
    expect(error).toMatchObject({ name: 'SequelizeDatabaseError' });
    expect(fault.fired).toBe(1);
  });
});

describe('findOrCreate', () => {
  it('creates one row, however many ask for it at once, inside transactions and outside', async () => {
    const { sequelize, Account } = ours();
    const where = { name: 'wanted' };
    const results = await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        index % 2 === 0
          ? Account.findOrCreate({ where })
          : sequelize.transaction(() => Account.findOrCreate({ where })),
      ),
    );
    expect(new Set(results.map(([{ id }]) => id)).size).toBe(1);
    expect(await Account.count({ where })).toBe(1);
  });

  it('takes part in the transaction around it', async () => {
    const { sequelize, Account } = ours();
    const where = { name: 'undone' };
    await failure(
      sequelize.transaction(async () => {
        const [, first] = await Account.findOrCreate({ where });
        const [, second] = await Account.findOrCreate({ where });
        expect([first, second]).toStrictEqual([true, false]);
        throw new Error('mine');
      }),
    );
    expect(await Account.count({ where })).toBe(0);
  });

  it('writes nothing when a hook of the model fails', async () => {
    const { Account } = ours();
    const mistake = new Error('hook');
    Account.hooks.addListener('afterCreate', () => {
      throw mistake;
    });
    const where = { name: 'hooked' };
    expect(await failure(Account.findOrCreate({ where }))).toBe(mistake);
    expect(await Account.count({ where })).toBe(0);
  });

  it('reports a duplicate of something else than it looked for, and leaves the transaction usable', async () => {
    const { sequelize, Account } = ours();
    const taken = await Account.create({ name: 'taken' });
    await sequelize.transaction(async () => {
      const error = await failure(
        Account.findOrCreate({ where: { balance: -1 }, defaults: { name: taken.name } }),
      );
      expect(error).toMatchObject({ name: 'SequelizeUniqueConstraintError' });
      await Account.create({ balance: 5 });
    });
  });
});
