import {
  isStaleInstanceError,
  StaleInstanceError,
  type SequelizeTransactionOptions,
} from 'aurora-dsql-orm/sequelize';
import { DataTypes, InstanceError, Model, type Transaction } from 'sequelize';
import { useCluster } from '../cluster';
import { balances, createAccountTable, defineAccounts, failure, type Account } from './accounts';
import { useSequelize } from './use-sequelize';

class Author extends Model {
  declare id: string;
  declare name: string;
  declare version: number;
  declare deletedAt: Date | null;
  declare books?: Book[];
}
class Book extends Model {
  declare id: string;
  declare title: string;
  declare pages: number;
}

const cluster = useCluster();
const open = useSequelize(cluster);
let sequelize: ReturnType<typeof open>;
let Account: ReturnType<typeof defineAccounts>;

beforeAll(async () => {
  await createAccountTable(cluster);
  sequelize = open();
  Account = defineAccounts(sequelize);
  await sequelize.query(`CREATE TABLE author (id uuid PRIMARY KEY, name text, version integer NOT NULL,
    "createdAt" timestamptz, "updatedAt" timestamptz, "deletedAt" timestamptz)`);
  await sequelize.query(
    'CREATE TABLE book (id uuid PRIMARY KEY, title text, pages integer, "authorId" uuid REFERENCES author (id))',
  );
  const id = () => ({ type: DataTypes.UUID, defaultValue: DataTypes.UUIDV4, primaryKey: true });
  Author.init(
    { id: id(), name: DataTypes.TEXT },
    { sequelize, tableName: 'author', version: true, paranoid: true },
  );
  Book.init(
    { id: id(), title: DataTypes.TEXT, pages: DataTypes.INTEGER },
    { sequelize, tableName: 'book', timestamps: false },
  );
  Author.hasMany(Book, { as: 'books', foreignKey: 'authorId' });
});

function conflictOnce(table = 'account') {
  return cluster.local.faults.failCommit({ error: 'OC000', table });
}

const inTransaction = (
  work: (transaction: Transaction) => Promise<unknown>,
  options: SequelizeTransactionOptions = {},
) => sequelize.transaction(options, work);

/** An instance that an attempt has saved which failed. */
async function staleAccount(): Promise<Account> {
  const account = await Account.create({ balance: 100 });
  conflictOnce();
  await failure(
    inTransaction((transaction) => account.update({ balance: 1 }, { transaction }), { retry: false }),
  );
  return account;
}

describe('an instance that a failed attempt has changed', () => {
  it.each<[string, (account: Account) => unknown]>([
    ['save', (account) => account.save()],
    ['update', (account) => account.update({ balance: 2 })],
    ['destroy', (account) => account.destroy()],
    ['increment', (account) => account.increment('balance')],
    ['decrement', (account) => account.decrement('balance')],
    ['set', (account) => account.set('balance', 3)],
    [
      'setDataValue',
      (account) => {
        account.setDataValue('balance', 3);
      },
    ],
    ['get', (account) => account.get()],
    ['toJSON', (account) => account.toJSON()],
    ['an attribute', (account) => account.balance],
    ['setting an attribute', (account) => (account.balance = 1)],
    ['changed', (account) => account.changed()],
    ['previous', (account) => account.previous()],
    ['isNewRecord', (account) => account.isNewRecord],
    ['equals', (account) => account.equals(account)],
    ['validate', (account) => account.validate()],
    ['restore', (account) => inTransaction(() => Promise.resolve(), { restore: [account] })],
  ])('throws from %s', async (_, use) => {
    const account = await staleAccount();
    const error = await failure(Promise.resolve().then(() => use(account)));
    expect(isStaleInstanceError(error)).toBe(true);
    expect(error).toBeInstanceOf(InstanceError);
    expect(error).toMatchObject({ model: 'Account', attemptError: { name: 'SequelizeDatabaseError' } });
    expect((error as StaleInstanceError).message).toMatch(/restore: \[\.\.\.\]/);
  });

  it('can be used again when it was reloaded', async () => {
    const account = await staleAccount();
    expect(await account.reload()).toBe(account);
    expect([account.balance, account.isNewRecord, account.changed()]).toStrictEqual([100, false, false]);
    account.balance -= 1;
    await account.save();
    expect(await balances(cluster, [account.id])).toStrictEqual([99]);
    await account.reload();
  });

  it('is reloaded as a whole, even where a part is asked for', async () => {
    const account = await staleAccount();
    await account.reload({ attributes: ['name'] });
    expect(account.balance).toBe(100);
  });

  it('stays stale when it cannot be reloaded', async () => {
    const account = Account.build({ balance: 1 });
    conflictOnce();
    await failure(inTransaction((transaction) => account.save({ transaction }), { retry: false }));
    await expect(account.reload()).rejects.toThrow(/does not exist anymore/);
    expect(isStaleInstanceError(await failure(account.save()))).toBe(true);
  });

  it('ends the transaction when the next attempt uses it, and nothing is written', async () => {
    const account = await Account.create({ balance: 100 });
    const attempts = jest.fn();
    conflictOnce();
    const error = await failure(
      inTransaction(async (transaction) => {
        attempts();
        account.balance -= 10;
        await account.save({ transaction });
      }),
    );
    expect(isStaleInstanceError(error)).toBe(true);
    expect(attempts).toHaveBeenCalledTimes(2);
    expect(await balances(cluster, [await idOf(account)])).toStrictEqual([100]);
  });

  it('may be reloaded by the next attempt', async () => {
    const account = await Account.create({ balance: 100 });
    conflictOnce();
    await inTransaction(async (transaction) => {
      await account.reload({ transaction });
      account.balance -= 10;
      await account.save({ transaction });
    });
    expect(await balances(cluster, [account.id])).toStrictEqual([90]);
  });

  it('cannot make the next attempt leave out a write', async () => {
    const account = await Account.create({ balance: 100 });
    conflictOnce();
    const error = await failure(
      inTransaction(async (transaction) => {
        if (account.balance === 100) await account.update({ balance: 7 }, { transaction });
      }),
    );
    expect(isStaleInstanceError(error)).toBe(true);
  });

  it('is noticed when it was changed in memory alone', async () => {
    const account = await Account.create({ balance: 100 });
    cluster.local.faults.failStatement({ error: 'OC001', text: 'SELECT 5' });
    const error = await failure(
      inTransaction(async (transaction) => {
        account.balance -= 10;
        await sequelize.query('SELECT 5', { transaction });
        await account.save({ transaction });
      }),
    );
    expect(isStaleInstanceError(error)).toBe(true);
    expect(await balances(cluster, [await idOf(account)])).toStrictEqual([100]);
  });

  it('is one of an attempt that failed for any reason', async () => {
    const account = await Account.create({ balance: 100 });
    const mistake = new Error('mine');
    await failure(
      inTransaction(async (transaction) => {
        await account.update({ balance: 1 }, { transaction });
        throw mistake;
      }),
    );
    expect(await failure(account.save())).toMatchObject({
      name: 'StaleInstanceError',
      attemptError: mistake,
    });
  });

  it('is one of an unmanaged transaction whose COMMIT failed, or which met a conflict', async () => {
    const first = await Account.create({ balance: 100 });
    const committed = await sequelize.transaction();
    await first.update({ balance: 1 }, { transaction: committed });
    conflictOnce();
    await failure(committed.commit());
    expect(isStaleInstanceError(await failure(first.save()))).toBe(true);

    const second = await Account.create({ balance: 100 });
    const rolledBack = await sequelize.transaction();
    await second.update({ balance: 1 }, { transaction: rolledBack });
    cluster.local.faults.failStatement({ error: 'OC001', text: 'SELECT 5' });
    await failure(sequelize.query('SELECT 5', { transaction: rolledBack }));
    await rolledBack.rollback();
    expect(isStaleInstanceError(await failure(second.save()))).toBe(true);

    const third = await Account.create({ balance: 100 });
    const deliberate = await sequelize.transaction();
    await third.update({ balance: 1 }, { transaction: deliberate });
    await deliberate.rollback();
    expect(third.balance).toBe(1);
  });

  it('is one whose outcome is unknown', async () => {
    const account = await Account.create({ balance: 100 });
    cluster.local.faults.cutConnection({ at: 'after commit', table: 'account' });
    await failure(inTransaction((transaction) => account.update({ balance: 1 }, { transaction })));
    expect(isStaleInstanceError(await failure(account.save()))).toBe(true);
    expect((await account.reload()).balance).toBe(1);
  });

  it('is none when the outcome turns out to be a success', async () => {
    const account = await Account.create({ balance: 100 });
    cluster.local.faults.cutConnection({ at: 'after commit', table: 'account' });
    await inTransaction((transaction) => account.update({ balance: 1 }, { transaction }), {
      commitMarkers: true,
    });
    expect([account.balance, account.changed()]).toStrictEqual([1, false]);
  });
});

/** Of an instance that may be stale. */
async function idOf(account: Account): Promise<string> {
  return (await account.reload()).id;
}

describe('an instance that is made in the callback', () => {
  it('just works', async () => {
    const { id } = await Account.create({ balance: 100 });
    conflictOnce();
    const made = await inTransaction(async (transaction) => {
      const loaded = await Account.findByPk(id, { transaction, rejectOnEmpty: true });
      loaded.balance -= 10;
      await loaded.save({ transaction });
      await loaded.increment('balance', { by: 5, transaction });
      const built = Account.build({ balance: 7 });
      built.tags = ['a'];
      await built.save({ transaction });
      const found = (await Account.findOrCreate({ where: { name: 'made' }, transaction }))[0];
      return [loaded, built, found];
    });
    const [loaded, built] = made as [Account, Account, Account];
    expect(await balances(cluster, [id, built.id])).toStrictEqual([7, 95]);
    expect(loaded.balance).toBe(95);
  });

  it('is stale when a failed attempt leaves it behind', async () => {
    const left: Account[] = [];
    conflictOnce();
    await inTransaction(async (transaction) => {
      left.push(await Account.create({}, { transaction }));
    });
    const [ofFirst, ofSecond] = left as [Account, Account];
    expect(() => ofFirst.id).toThrow(StaleInstanceError);
    expect(await balances(cluster, [ofSecond.id])).toHaveLength(1);
  });

  it('stays usable when it was only read', async () => {
    const { id } = await Account.create({ balance: 100 });
    let cached: Account | undefined;
    conflictOnce();
    await inTransaction(async (transaction) => {
      cached ??= await Account.findByPk(id, { rejectOnEmpty: true });
      await Account.create({ balance: cached.balance }, { transaction });
    });
    expect(cached?.balance).toBe(100);
  });
});

describe('an instance that `restore` names', () => {
  it('is put back before each attempt, and afterwards when none succeeds', async () => {
    const account = await Account.create({ balance: 100, tags: ['a'] });
    account.name = `changed before ${account.id}`;
    const work = async (transaction: Transaction) => {
      account.balance -= 10;
      account.tags.push('b');
      account.changed('tags', true);
      await account.save({ transaction });
    };
    cluster.local.faults.failCommit({ error: 'OC000', table: 'account', times: 3 });
    await inTransaction(work, { restore: [account] });
    expect([account.balance, account.tags, account.changed()]).toStrictEqual([90, ['a', 'b'], false]);
    await account.reload();
    expect([account.balance, account.tags]).toStrictEqual([90, ['a', 'b']]);
    expect(account.name).toMatch(/^changed before/);

    const built = Account.build({ balance: 3 });
    cluster.local.faults.failCommit({ error: 'OC000', table: 'account', times: 2 });
    await failure(
      inTransaction((transaction) => built.save({ transaction }), {
        restore: [built],
        maxAttempts: 2,
        baseDelayMs: 0,
      }),
    );
    expect(built.isNewRecord).toBe(true);
    await built.save();
    expect(await balances(cluster, [built.id])).toStrictEqual([3]);
  });

  it('keeps what was changed in it before', async () => {
    const account = await Account.create({ balance: 100 });
    account.balance = 7;
    conflictOnce();
    await inTransaction((transaction) => account.save({ transaction }), { restore: [account] });
    expect(await balances(cluster, [account.id])).toStrictEqual([7]);
  });

  it('brings back those that it includes', async () => {
    const author = Author.build(
      {
        name: 'Ursula',
        books: [
          { title: 'one', pages: 1 },
          { title: 'two', pages: 2 },
        ],
      },
      { include: 'books' },
    );
    conflictOnce('book');
    await inTransaction((transaction) => author.save({ transaction }), { restore: [author] });
    expect(await Author.count({ where: { id: author.id } })).toBe(1);
    expect(await Book.count({ where: { authorId: author.id } })).toBe(2);

    const loaded = await Author.findByPk(author.id, { include: 'books', rejectOnEmpty: true });
    conflictOnce('book');
    await inTransaction(
      async (transaction) => {
        for (const book of loaded.books ?? []) {
          book.pages += 10;
          await book.save({ transaction });
        }
      },
      { restore: [loaded] },
    );
    expect(
      (await Book.findAll({ where: { authorId: author.id } })).map(({ pages }) => pages).sort(),
    ).toStrictEqual([11, 12]);
    expect(loaded.books?.map(({ pages }) => pages).sort()).toStrictEqual([11, 12]);
  });

  it('keeps its version in step', async () => {
    const author = await Author.create({ name: 'Octavia' });
    conflictOnce('author');
    await inTransaction(
      async (transaction) => {
        await author.update({ name: 'O.' }, { transaction });
        await author.update({ name: 'O. E.' }, { transaction });
      },
      { restore: [author] },
    );
    expect(author.version).toBe(2);
    await author.update({ name: 'Octavia E.' });
    expect(await Author.findByPk(author.id)).toMatchObject({ name: 'Octavia E.', version: 3 });
  });

  it('is deleted and brought back as if at once', async () => {
    const author = await Author.create({ name: 'Joanna' });
    conflictOnce('author');
    await inTransaction((transaction) => author.destroy({ transaction }), { restore: [author] });
    expect(await Author.count({ where: { id: author.id } })).toBe(0);
    conflictOnce('author');
    await inTransaction((transaction) => author.restore({ transaction }), { restore: [author] });
    expect(await Author.count({ where: { id: author.id } })).toBe(1);
    conflictOnce('author');
    await inTransaction((transaction) => author.destroy({ force: true, transaction }), { restore: [author] });
    expect(await Author.count({ where: { id: author.id }, paranoid: false })).toBe(0);
  });
});
