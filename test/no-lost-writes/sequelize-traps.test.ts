import {
  createDsqlSequelize,
  isOccConflict,
  isStaleInstanceError,
  isTransactionRolledBackError,
  runInTransaction,
} from 'aurora-dsql-orm/sequelize';
import type { Options, Sequelize, Transaction } from 'sequelize';
import { useCluster } from '../cluster';
import {
  balances,
  createAccountTable,
  defineAccounts,
  failure,
  stockSequelize,
  type Account,
  type Accounts,
} from '../sequelize/accounts';

/** The traps that a conflict sets for users of Sequelize, by the letters of the study that found them. */
const cluster = useCluster();
const opened: Sequelize[] = [];
let warnings: jest.SpyInstance;

beforeAll(async () => {
  await createAccountTable(cluster);
});
beforeEach(() => {
  // Stock Sequelize writes to the console when a COMMIT or a ROLLBACK fails.
  warnings = jest.spyOn(console, 'warn').mockImplementation();
});
afterEach(async () => {
  cluster.local.faults.clear();
  warnings.mockRestore();
  await Promise.all(opened.splice(0).map((sequelize) => sequelize.close()));
});

function stock(options?: Options): { sequelize: Sequelize; Account: Accounts } {
  const sequelize = stockSequelize(cluster, options);
  opened.push(sequelize);
  return { sequelize, Account: defineAccounts(sequelize) };
}

function ours(options?: { hooks?: Options['hooks'] }) {
  const sequelize = createDsqlSequelize({ ...cluster.orm, logging: false, ...options });
  opened.push(sequelize);
  return { sequelize, Account: defineAccounts(sequelize) };
}

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
  const { Account } = ours();
  return (await Account.create({ balance })).id;
}

async function load(Account: Accounts, id: string): Promise<Account> {
  return Account.findByPk(id, { rejectOnEmpty: true });
}

describe('A: the `retry` option of Sequelize matches a conflict', () => {
  const retry = { max: 3, match: [/OC00\d/] };

  it('stock: the transaction resolves, and nothing was written', async () => {
    const { sequelize, Account } = stock({ retry });
    const account = Account.build({ balance: 1 });
    conflictOnce();
    await sequelize.transaction((transaction) => account.save({ transaction }));
    expect(await balances(cluster, [account.id])).toStrictEqual([]);
  });

  it('ours: the option is refused with the reason', () => {
    expect(() => createDsqlSequelize({ ...cluster.orm, retry })).toThrow(
      expect.objectContaining({
        name: 'ConfigurationError',
        option: 'retry',
        message: expect.stringContaining('lost silently') as string,
      }) as Error,
    );
  });

  it('runInTransaction on a plain instance: refused, too', async () => {
    const { sequelize, Account } = stock({ retry });
    await expect(
      runInTransaction(sequelize, (transaction) => Account.create({}, { transaction })),
    ).rejects.toMatchObject({ name: 'ConfigurationError', option: 'retry' });
  });
});

describe('B: an instance from outside the callback is saved in each attempt', () => {
  it('stock: an insert is lost', async () => {
    const { sequelize, Account } = stock();
    const account = Account.build({ balance: 1 });
    conflictOnce();
    await naiveRetry(() => sequelize.transaction((transaction) => account.save({ transaction })));
    expect(await balances(cluster, [account.id])).toStrictEqual([]);
  });

  it('stock: an absolute change is lost', async () => {
    const { sequelize, Account } = stock();
    const account = await load(Account, await newAccount());
    account.balance = 7;
    conflictOnce();
    await naiveRetry(() => sequelize.transaction((transaction) => account.save({ transaction })));
    expect(await balances(cluster, [account.id])).toStrictEqual([100]);
  });

  it('stock: a relative change is done twice', async () => {
    const { sequelize, Account } = stock();
    const account = await load(Account, await newAccount());
    conflictOnce();
    await naiveRetry(() =>
      sequelize.transaction((transaction) => {
        account.balance -= 10;
        return account.save({ transaction });
      }),
    );
    expect(await balances(cluster, [account.id])).toStrictEqual([80]);
  });

  it.each(['sequelize.transaction', 'runInTransaction', 'runInTransaction on a plain instance'] as const)(
    'ours, %s: it is refused, or put back',
    async (method) => {
      const isPlain = method.endsWith('plain instance');
      const { sequelize, Account } = isPlain ? stock() : ours();
      const run = (work: (transaction: Transaction) => Promise<unknown>, restore: Account[] = []) =>
        method === 'sequelize.transaction'
          ? (sequelize as ReturnType<typeof ours>['sequelize']).transaction({ restore }, work)
          : runInTransaction(sequelize, work, { restore });

      const unnamed = Account.build({ balance: 1 });
      conflictOnce();
      expect(isStaleInstanceError(await failure(run((transaction) => unnamed.save({ transaction }))))).toBe(
        true,
      );

      const built = Account.build({ balance: 1 });
      conflictOnce();
      await run((transaction) => built.save({ transaction }), [built]);
      expect(await balances(cluster, [built.id])).toStrictEqual([1]);

      const absolute = await load(Account, await newAccount());
      absolute.balance = 7;
      conflictOnce();
      await run((transaction) => absolute.save({ transaction }), [absolute]);
      expect(await balances(cluster, [absolute.id])).toStrictEqual([7]);

      const relative = await load(Account, await newAccount());
      conflictOnce();
      await run(
        (transaction) => {
          relative.balance -= 10;
          return relative.save({ transaction });
        },
        [relative],
      );
      expect(await balances(cluster, [relative.id])).toStrictEqual([90]);
    },
  );
});

describe('C: the error of a nested transaction is caught', () => {
  const nest = (sequelize: Sequelize, Account: Accounts) =>
    sequelize.transaction(async (transaction) => {
      const outer = await Account.create({ balance: 1 }, { transaction });
      await sequelize
        .transaction({ transaction }, (inner) => Account.create({ balance: 2 }, { transaction: inner }))
        .catch(() => undefined);
      return outer.id;
    });

  it('stock: the transaction resolves, and nothing was written', async () => {
    const { sequelize, Account } = stock();
    const id = await nest(sequelize, Account);
    expect(await balances(cluster, [id])).toStrictEqual([]);
  });

  it('ours: the nested one is refused, and the outer one is not committed without it', async () => {
    const { sequelize, Account } = ours();
    const before = await Account.count();
    await expect(nest(sequelize, Account)).rejects.toMatchObject({
      name: 'TransactionRolledBackError',
      circumstance: 'joined',
      cause: { name: 'NestedTransactionError' },
    });
    expect(await Account.count()).toBe(before);
  });

  it('runInTransaction on a plain instance: the transaction fails', async () => {
    const { sequelize, Account } = stock();
    const error = await failure(
      runInTransaction(sequelize, async (transaction) => {
        await Account.create({ balance: 1 }, { transaction });
        await sequelize
          .transaction({ transaction }, (inner) => Account.create({ balance: 2 }, { transaction: inner }))
          .catch(() => undefined);
      }),
    );
    expect(isTransactionRolledBackError(error)).toBe(true);
  });
});

describe('F: the error of a statement is caught', () => {
  const swallow = (sequelize: Sequelize, Account: Accounts) => async (transaction: Transaction) => {
    const account = await Account.create({ balance: 1 }, { transaction });
    await sequelize.query('SELECT no_such_column', { transaction }).catch(() => undefined);
    return account.id;
  };

  it('stock: the transaction resolves, and nothing was written', async () => {
    const { sequelize, Account } = stock();
    const id = await sequelize.transaction(swallow(sequelize, Account));
    expect(await balances(cluster, [id])).toStrictEqual([]);
  });

  it.each([
    ['ours', ours],
    ['runInTransaction on a plain instance', stock],
  ] as const)('%s: the transaction fails', async (_, create) => {
    const { sequelize, Account } = create();
    const error = await failure(runInTransaction(sequelize, swallow(sequelize, Account)));
    expect(isTransactionRolledBackError(error)).toBe(true);
  });

  it('ours: the error that was caught is the cause, and an unmanaged transaction fails as well', async () => {
    const { sequelize, Account } = ours();
    const transaction = await sequelize.transaction();
    await swallow(sequelize, Account)(transaction);
    await expect(transaction.commit()).rejects.toMatchObject({
      name: 'TransactionRolledBackError',
      cause: { name: 'SequelizeDatabaseError', message: expect.stringContaining('no_such_column') as string },
    });
  });

  it('ours: a conflict that was caught runs the transaction again', async () => {
    const { sequelize, Account } = ours();
    cluster.local.faults.failStatement({ error: 'OC001', text: 'SELECT 7' });
    const id = await sequelize.transaction(async (transaction) => {
      const account = await Account.create({ balance: 1 }, { transaction });
      await sequelize.query('SELECT 7', { transaction }).catch(() => undefined);
      return account.id;
    });
    expect(await balances(cluster, [id])).toStrictEqual([1]);
  });

  it('ours: a conflict that a later error hides runs the transaction again', async () => {
    const { sequelize, Account } = ours();
    cluster.local.faults.failStatement({ error: 'OC001', text: 'SELECT 7' });
    const id = await sequelize.transaction(async (transaction) => {
      await sequelize.query('SELECT 7', { transaction }).catch(() => undefined);
      return (await Account.create({ balance: 1 }, { transaction })).id;
    });
    expect(await balances(cluster, [id])).toStrictEqual([1]);
  });
});

describe('H: hooks that are to run after the commit', () => {
  const withHook = (Account: Accounts, hook: jest.Mock) => async (transaction: Transaction) => {
    transaction.afterCommit(hook);
    await Account.create({}, { transaction });
  };

  it('stock: run after a commit that failed, and once per attempt', async () => {
    const { sequelize, Account } = stock();
    const hook = jest.fn();
    conflictOnce();
    await naiveRetry(() => sequelize.transaction(withHook(Account, hook)));
    expect(hook).toHaveBeenCalledTimes(2);
  });

  it.each([
    ['ours', ours],
    ['runInTransaction on a plain instance', stock],
  ] as const)('%s: run once, after the commit that succeeded', async (_, create) => {
    const { sequelize, Account } = create();
    const hook = jest.fn();
    conflictOnce();
    await runInTransaction(sequelize, withHook(Account, hook));
    expect(hook).toHaveBeenCalledTimes(1);
  });

  it.each([
    ['ours', ours],
    ['runInTransaction on a plain instance', stock],
  ] as const)('%s: do not run when the transaction fails for good', async (_, create) => {
    const { sequelize, Account } = create();
    const hook = jest.fn();
    conflictOnce();
    await failure(runInTransaction(sequelize, withHook(Account, hook), { retry: false }));
    expect(hook).not.toHaveBeenCalled();
  });
});

describe('I: the SQLSTATE of a conflict', () => {
  it('is not on the error of Sequelize, but within', async () => {
    const { sequelize, Account } = stock();
    conflictOnce();
    const error = await failure(sequelize.transaction((transaction) => Account.create({}, { transaction })));
    expect(error).not.toHaveProperty('code');
    expect(isOccConflict(error)).toBe(true);
  });

  it('ours: the conflict that is not retried is of the same class', async () => {
    const { sequelize, Account } = ours();
    conflictOnce();
    const error = await failure(
      sequelize.transaction({ retry: false }, (transaction) => Account.create({}, { transaction })),
    );
    expect(error).toMatchObject({ name: 'SequelizeDatabaseError', original: { code: '40001' } });
    expect(isOccConflict(error)).toBe(true);
  });
});

describe('J: the connection of a COMMIT that met a conflict', () => {
  async function connectionsAfterConflict(create: (options: Options) => ReturnType<typeof stock>) {
    const afterConnect = jest.fn();
    const { sequelize, Account } = create({ hooks: { afterConnect } });
    await Account.count();
    const before = afterConnect.mock.calls.length;
    conflictOnce();
    await naiveRetry(() => sequelize.transaction((transaction) => Account.create({}, { transaction })));
    return afterConnect.mock.calls.length - before;
  }

  it('stock: is thrown away', async () => {
    expect(await connectionsAfterConflict(stock)).toBeGreaterThan(0);
  });

  it('ours: is kept', async () => {
    expect(await connectionsAfterConflict(ours)).toBe(0);
  });
});
