import type { Transaction } from '@sequelize/core';
import {
  isOccConflict,
  isStaleInstanceError,
  isTransactionRolledBackError,
  runInTransaction,
} from 'aurora-dsql-orm/sequelize7';
import { useCluster } from '../cluster';
import {
  balances,
  createAccountTable,
  failure,
  useSequelize,
  type Account,
  type Accounts,
  type AnySequelize,
} from './accounts';

/** The traps that a conflict sets for users of Sequelize 7, by the letters of the study that found them. */
const cluster = useCluster();
const { ours, stock } = useSequelize(cluster);
let warnings: jest.SpyInstance;

beforeAll(async () => {
  await createAccountTable(cluster);
});
beforeEach(() => {
  // Stock Sequelize writes to the console when a COMMIT or a ROLLBACK fails.
  warnings = jest.spyOn(console, 'warn').mockImplementation();
});
afterEach(() => {
  cluster.local.faults.clear();
  warnings.mockRestore();
});

/** What people write who know of conflicts, and not of what Sequelize keeps in memory. */
async function naiveRetry<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!isOccConflict(error)) throw error;
    }
  }
}

function conflictOnce(): void {
  cluster.local.faults.failCommit({ error: 'OC000', table: 'account' });
}

async function newAccount(balance = 100): Promise<string> {
  return (await ours().Account.create({ balance })).id;
}

async function load(Account: Accounts, id: string): Promise<Account> {
  return Account.findByPk(id, { rejectOnEmpty: true });
}

describe('A: the `retry` option of Sequelize matches a conflict', () => {
  const retry = { max: 3, match: [/OC00\d/] };

  it('stock: the transaction resolves, and nothing was written', async () => {
    const { sequelize, Account } = await stock({ retry });
    const account = Account.build({ balance: 1 });
    conflictOnce();
    await sequelize.transaction((transaction) => account.save({ transaction }));
    expect(await balances(cluster, [account.id])).toStrictEqual([]);
  });

  it.each([
    ['retry', { retry }],
    ['query.retry', { query: { retry } }],
  ])('ours: the option %s is refused with the reason', (option, options) => {
    expect(() => ours(options)).toThrow(
      expect.objectContaining({
        name: 'ConfigurationError',
        option,
        message: expect.stringContaining('lost in silence') as string,
      }) as Error,
    );
  });
});

describe('B: an instance from outside the callback is saved in each attempt', () => {
  it('stock: an insert is lost, an absolute change is lost, and a relative one is done twice', async () => {
    const { sequelize, Account } = await stock();
    const built = Account.build({ balance: 1 });
    conflictOnce();
    await naiveRetry(() => sequelize.transaction((transaction) => built.save({ transaction })));
    expect(await balances(cluster, [built.id])).toStrictEqual([]);

    const absolute = await load(Account, await newAccount());
    absolute.balance = 7;
    conflictOnce();
    await naiveRetry(() => sequelize.transaction((transaction) => absolute.save({ transaction })));
    expect(await balances(cluster, [absolute.id])).toStrictEqual([100]);

    const relative = await load(Account, await newAccount());
    conflictOnce();
    await naiveRetry(() =>
      sequelize.transaction((transaction) => {
        relative.balance -= 10;
        return relative.save({ transaction });
      }),
    );
    expect(await balances(cluster, [relative.id])).toStrictEqual([80]);
  });

  it('ours: it is put back where `restore` names it', async () => {
    const { sequelize, Account } = ours();
    const run = (instance: Account, work: () => Promise<unknown>) => {
      conflictOnce();
      return runInTransaction(sequelize, work, { restore: [instance] });
    };
    const built = Account.build({ balance: 1 });
    await run(built, () => built.save());
    expect(await balances(cluster, [built.id])).toStrictEqual([1]);

    const absolute = await load(Account, await newAccount());
    absolute.balance = 7;
    await run(absolute, () => absolute.save());
    expect(await balances(cluster, [absolute.id])).toStrictEqual([7]);

    const relative = await load(Account, await newAccount());
    await run(relative, () => {
      relative.balance -= 10;
      return relative.save();
    });
    expect(await balances(cluster, [relative.id])).toStrictEqual([90]);
  });

  it.each<[string, (account: Account) => Promise<unknown>]>([
    ['saved', (account) => account.save()],
    ['set', (account) => account.set('balance', 3).save()],
    ['changed by its property', (account) => Object.assign(account, { balance: 3 }).save()],
    ['updated', (account) => account.update({ balance: 3 })],
    ['incremented', (account) => account.increment('balance', { by: 1 })],
  ])('ours: one that is %s and not named is refused until it is reloaded', async (_, change) => {
    const { sequelize, Account } = ours();
    const account = await load(Account, await newAccount());
    account.balance = 7;
    conflictOnce();
    const error = await failure(sequelize.transaction(() => change(account)));
    expect(isStaleInstanceError(error)).toBe(true);
    expect(error).toMatchObject({ model: 'Account', attemptError: { name: 'SequelizeDatabaseError' } });
    expect(() => account.balance).toThrow(/no longer match the database/);
    await account.reload();
    expect([account.balance, account.changed(), account.isNewRecord]).toStrictEqual([100, false, false]);
    await account.update({ balance: 8 });
    expect(await balances(cluster, [account.id])).toStrictEqual([8]);
  });

  it('ours: one that is destroyed is destroyed by the next attempt', async () => {
    const { sequelize, Account } = ours();
    const account = await load(Account, await newAccount());
    conflictOnce();
    await sequelize.transaction(() => account.destroy());
    expect(await balances(cluster, [account.id])).toStrictEqual([]);
  });

  it('ours: one that was loaded or built inside just works', async () => {
    const { sequelize, Account } = ours();
    const id = await newAccount();
    const kept: Account[] = [];
    conflictOnce();
    await sequelize.transaction(async () => {
      const loaded = await load(Account, id);
      loaded.balance -= 10;
      await loaded.save();
      kept.push(loaded, await Account.create({ balance: 5 }));
    });
    expect(await balances(cluster, [id])).toStrictEqual([90]);
    const [, , loaded, created] = kept;
    expect([loaded?.balance, created?.balance]).toStrictEqual([90, 5]);
    expect(await balances(cluster, [created?.id ?? ''])).toStrictEqual([5]);
  });

  it('ours: one that was only read in the failed attempt stays usable', async () => {
    const { sequelize, Account } = ours();
    const read = await load(Account, await newAccount());
    conflictOnce();
    await sequelize.transaction(() => Account.create({ balance: read.balance }));
    expect(read.balance).toBe(100);
  });
});

describe('C: the error of a nested transaction is caught', () => {
  const nestMode = 'savepoint' as never;
  const nest = (sequelize: AnySequelize, Account: Accounts) =>
    sequelize.transaction(async (transaction) => {
      const outer = await Account.create({ balance: 1 }, { transaction });
      await sequelize
        .transaction({ transaction, nestMode }, (inner) =>
          Account.create({ balance: 2 }, { transaction: inner }),
        )
        .catch(() => undefined);
      return outer.id;
    });

  it('stock: the transaction resolves, and nothing was written', async () => {
    const { sequelize, Account } = await stock();
    const id = await nest(sequelize, Account);
    expect(await balances(cluster, [id])).toStrictEqual([]);
  });

  it('ours: the nested one is refused before anything is sent, and the outer one is committed', async () => {
    const { sequelize, Account } = ours();
    const id = await nest(sequelize, Account);
    expect(await balances(cluster, [id])).toStrictEqual([1]);
  });
});

describe('F: the error of a statement is caught', () => {
  const swallow = (sequelize: AnySequelize, Account: Accounts) => async (transaction: Transaction) => {
    const account = await Account.create({ balance: 1 }, { transaction });
    await sequelize.query('SELECT no_such_column', { transaction }).catch(() => undefined);
    return account.id;
  };

  it('stock: the transaction resolves, and nothing was written', async () => {
    const { sequelize, Account } = await stock();
    const id = await sequelize.transaction(swallow(sequelize, Account));
    expect(await balances(cluster, [id])).toStrictEqual([]);
  });

  it('ours: the transaction fails, with the error that was caught as the cause, unmanaged too', async () => {
    const { sequelize, Account } = ours();
    const work = swallow(sequelize, Account);
    const unmanaged = await sequelize.startUnmanagedTransaction();
    await work(unmanaged);
    for (const error of [await failure(sequelize.transaction(work)), await failure(unmanaged.commit())]) {
      expect(isTransactionRolledBackError(error)).toBe(true);
      expect(error).toMatchObject({
        circumstance: 'aborted',
        cause: {
          name: 'SequelizeDatabaseError',
          message: expect.stringContaining('no_such_column') as string,
        },
      });
    }
  });

  it.each(['alone', 'and hidden by a later error'])(
    'ours: a conflict that was caught %s runs the transaction again',
    async (how) => {
      const { sequelize, Account } = ours();
      cluster.local.faults.failStatement({ error: 'OC001', text: 'SELECT 7' });
      const id = await sequelize.transaction(async () => {
        const first = how === 'alone' ? await Account.create({ balance: 1 }) : undefined;
        await sequelize.query('SELECT 7').catch(() => undefined);
        return (first ?? (await Account.create({ balance: 1 }))).id;
      });
      expect(await balances(cluster, [id])).toStrictEqual([1]);
    },
  );
});

describe('H: hooks that are to run after the transaction', () => {
  const names = ['afterCommit', 'afterRollback', 'afterTransaction'] as const;
  const withHooks = (Account: Accounts, hooks: jest.Mock) => async (transaction: Transaction) => {
    for (const name of names) transaction[name](() => void hooks(name));
    await Account.create({}, { transaction });
  };
  const ran = (hooks: jest.Mock) => hooks.mock.calls.map(([name]) => String(name));

  it('stock: none runs when COMMIT fails, as if the transaction had never ended', async () => {
    const { sequelize, Account } = await stock();
    const hooks = jest.fn();
    conflictOnce();
    await naiveRetry(() => sequelize.transaction(withHooks(Account, hooks)));
    expect(ran(hooks)).toStrictEqual(['afterCommit', 'afterTransaction']);
  });

  it('ours: those of the commit run once, and those of a rollback once per attempt', async () => {
    const { sequelize, Account } = ours();
    const hooks = jest.fn();
    conflictOnce();
    await sequelize.transaction(withHooks(Account, hooks));
    expect(ran(hooks)).toStrictEqual([
      'afterRollback',
      'afterTransaction',
      'afterCommit',
      'afterTransaction',
    ]);
  });

  it('stock: a hook that meets a conflict makes a committed transaction run again', async () => {
    const { sequelize, Account } = await stock();
    const ids: string[] = [];
    await naiveRetry(() =>
      sequelize.transaction(async (transaction) => {
        ids.push((await Account.create({ balance: 2 }, { transaction })).id);
        if (ids.length > 1) return;
        transaction.afterCommit(async () => {
          conflictOnce();
          await Account.create({}, { transaction: null });
        });
      }),
    );
    expect(await balances(cluster, ids)).toStrictEqual([2, 2]);
  });

  it('ours: it is reported as what it is', async () => {
    const { sequelize, Account } = ours({ dsql: { retry: false } });
    const ids: string[] = [];
    const error = await failure(
      naiveRetry(() =>
        sequelize.transaction(async (transaction) => {
          ids.push((await Account.create({ balance: 2 })).id);
          transaction.afterCommit(async () => {
            conflictOnce();
            await Account.create({}, { transaction: null });
          });
        }),
      ),
    );
    expect(error).toMatchObject({ name: 'AfterCommitError', cause: { name: 'SequelizeDatabaseError' } });
    expect(await balances(cluster, ids)).toStrictEqual([2]);
  });
});

describe('J: the connection of a COMMIT that met a conflict', () => {
  async function connectionsAfterConflict(
    create: (options: {
      hooks: { afterConnect: () => void };
    }) =>
      | { sequelize: AnySequelize; Account: Accounts }
      | Promise<{ sequelize: AnySequelize; Account: Accounts }>,
  ): Promise<number> {
    const afterConnect = jest.fn();
    const made = await create({ hooks: { afterConnect } });
    const { sequelize } = made;
    await made.Account.count();
    const before = afterConnect.mock.calls.length;
    conflictOnce();
    await naiveRetry(() => sequelize.transaction((transaction) => made.Account.create({}, { transaction })));
    return afterConnect.mock.calls.length - before;
  }

  it('stock: is thrown away', async () => {
    expect(await connectionsAfterConflict(stock)).toBeGreaterThan(0);
  });

  it('ours: is kept, and nothing is written to the console', async () => {
    expect(await connectionsAfterConflict(ours)).toBe(0);
    expect(warnings).not.toHaveBeenCalled();
  });
});
