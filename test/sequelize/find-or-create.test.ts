import { randomUUID } from 'node:crypto';
import { Model, type Sequelize, type Transaction } from 'sequelize';
import { useCluster } from '../cluster';
import { createAccountTable, defineAccounts, failure, stockSequelize } from './accounts';
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

const where = () => ({ name: randomUUID() });

describe('findOrCreate', () => {
  it('stock: fails on Aurora DSQL, which has no PL/pgSQL', async () => {
    const stock = stockSequelize(cluster);
    await expect(defineAccounts(stock).findOrCreate({ where: where() })).rejects.toThrow();
    await stock.close();
  });

  it('creates, and finds what it has created', async () => {
    const options = { where: where(), defaults: { balance: 7 } };
    const [created, isNew] = await Account.findOrCreate(options);
    const [found, isNewAgain] = await Account.findOrCreate(options);
    expect([isNew, isNewAgain, created.balance, found.id === created.id]).toStrictEqual([
      true,
      false,
      7,
      true,
    ]);
  });

  it('takes two round trips to create and one to find, in a transaction and outside', async () => {
    const condition = where();
    const roundTrips = async (work: () => Promise<unknown>) => {
      const recording = cluster.local.trace.start();
      await work();
      return recording.stop().roundTrips.length;
    };
    await sequelize.authenticate();
    expect(await roundTrips(() => Account.findOrCreate({ where: condition }))).toBe(2);
    expect(await roundTrips(() => Account.findOrCreate({ where: condition }))).toBe(1);
    expect(await roundTrips(() => Account.findCreateFind({ where: where() }))).toBe(2);
    expect(await roundTrips(() => Account.findCreateFind({ where: condition }))).toBe(1);
    await sequelize.transaction(async (transaction) => {
      const another = where();
      expect(await roundTrips(() => Account.findOrCreate({ where: another, transaction }))).toBe(2);
      expect(await roundTrips(() => Account.findOrCreate({ where: another, transaction }))).toBe(1);
    });
  });

  it('builds without saving what it does not find', async () => {
    const condition = where();
    const [built, isNew] = await Account.findOrBuild({ where: condition, defaults: { balance: 3 } });
    expect([isNew, built.isNewRecord, built.balance]).toStrictEqual([true, true, 3]);
    await built.save();
    const [found, isNewAgain] = await Account.findOrBuild({ where: condition });
    expect([isNewAgain, found.id]).toStrictEqual([false, built.id]);
  });

  it.each(['OC000', 'OC001'] as const)('survives a conflict: %s', async (error) => {
    const condition = where();
    cluster.local.faults.failCommit({ error, table: 'account', times: 2 });
    const [, isNew] = await Account.findOrCreate({ where: condition });
    expect(isNew).toBe(true);
    expect(await Account.count({ where: condition })).toBe(1);
  });

  it('creates one row, however many ask for it at once', async () => {
    const condition = where();
    const results = await Promise.all(
      Array.from({ length: 10 }, () => Account.findOrCreate({ where: condition })),
    );
    expect(results.filter(([, isNew]) => isNew)).toHaveLength(1);
    expect(new Set(results.map(([{ id }]) => id)).size).toBe(1);
  });

  it('does so inside transactions that do more', async () => {
    const condition = where();
    const results = await Promise.all(
      Array.from({ length: 6 }, () =>
        sequelize.transaction(async (transaction) => {
          const [account] = await Account.findOrCreate({
            where: condition,
            defaults: { balance: 0 },
            transaction,
          });
          await account.update({ balance: account.balance + 1 }, { transaction });
          return account.id;
        }),
      ),
    );
    expect(new Set(results).size).toBe(1);
    expect(await Account.findAll({ where: condition })).toMatchObject([{ balance: 6 }]);
  });

  it('is no nested transaction, managed or not', async () => {
    const condition = where();
    await sequelize.transaction(async (transaction) => {
      const [, first] = await Account.findOrCreate({ where: condition, transaction });
      const [, second] = await Account.findOrCreate({ where: condition, transaction });
      expect([first, second]).toStrictEqual([true, false]);
    });
    const unmanaged = await sequelize.transaction();
    const rolledBack = where();
    await Account.findOrCreate({ where: rolledBack, transaction: unmanaged });
    await unmanaged.rollback();
    expect(await Account.count({ where: rolledBack })).toBe(0);
    expect(await Account.count({ where: condition })).toBe(1);
  });

  it('gives its transaction to the hooks of the model, and takes their work along when it fails', async () => {
    const seen: (Transaction | null | undefined)[] = [];
    const other = where();
    const mistake = new Error('hook');
    Account.addHook('afterCreate', 'other', async (_, { transaction }) => {
      seen.push(transaction);
      await sequelize.query(
        "INSERT INTO account (id, name, balance, tags) VALUES (gen_random_uuid(), $1, 1, '[]')",
        {
          bind: [other.name],
          transaction: transaction ?? null,
        },
      );
      throw mistake;
    });
    expect(await failure(Account.findOrCreate({ where: where() }))).toBe(mistake);
    Account.removeHook('afterCreate', 'other');
    expect(seen).toHaveLength(1);
    expect(seen[0]).toBeTruthy();
    expect(await Account.count({ where: other })).toBe(0);
  });

  it('reports a duplicate of something else than it looked for by its fields, and leaves the transaction usable', async () => {
    const taken = await Account.create({ name: randomUUID() });
    const expected = {
      name: 'SequelizeUniqueConstraintError',
      fields: { name: taken.name },
      errors: [{ path: 'name', type: 'unique violation', value: taken.name }],
    };
    const find = (transaction?: Transaction) =>
      Account.findOrCreate({
        where: { balance: -1 },
        defaults: { name: taken.name },
        ...(transaction && { transaction }),
      });
    await sequelize.transaction(async (transaction) => {
      expect(await failure(find(transaction))).toMatchObject(expected);
      await Account.create({ balance: 5 }, { transaction });
    });
    expect(await failure(find())).toMatchObject(expected);
  });

  it.each(['in a transaction', 'outside'])('reports what a hook has made another of: %s', async (place) => {
    const name = randomUUID();
    await Account.create({ name });
    Account.addHook('beforeCreate', 'trim', (account) => {
      account.set('name', (account.get('name') as string).trim());
    });
    const find = (transaction?: Transaction) =>
      Account.findOrCreate({ where: { name: `${name} ` }, ...(transaction && { transaction }) });
    const error = await failure(place === 'outside' ? find() : sequelize.transaction(find));
    Account.removeHook('beforeCreate', 'trim');
    expect((error as Error).message).toBe(
      `Account#findOrCreate: value used for name was not equal for both the find and the create calls, '${name} ' vs '${name}'`,
    );
  });

  it('says what is wrong with its arguments as Sequelize does', async () => {
    await expect(Account.findOrCreate(undefined as never)).rejects.toThrow(/Missing where attribute/);
    await expect(Account.findOrCreate({})).rejects.toThrow(/Missing where attribute/);
  });

  it('survives a conflict in a model that has its own, too', async () => {
    let attempts = 0;
    const stockFindOrCreate = Reflect.get(Model, 'findOrCreate') as () => unknown;
    class Own extends Model {}
    // As sequelize-typescript has it: what is asked for is prepared, and passed on.
    Object.assign(Own, {
      findOrCreate(...args: unknown[]): unknown {
        attempts++;
        return Reflect.apply(stockFindOrCreate, Own, args);
      },
    });
    Own.init(Account.getAttributes(), { sequelize, tableName: 'account', timestamps: false });
    const condition = where();
    cluster.local.faults.failCommit({ error: 'OC000', table: 'account', times: 2 });
    const [, isNew] = await Own.findOrCreate({ where: condition });
    expect([isNew, attempts]).toStrictEqual([true, 3]);
    expect(await Account.count({ where: condition })).toBe(1);
  });
});

describe('findCreateFind', () => {
  it('creates one row, however many ask for it at once, inside transactions and outside', async () => {
    const condition = where();
    const ask = (transaction?: Transaction) =>
      Account.findCreateFind({ where: condition, ...(transaction && { transaction }) });
    const results = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        index % 2 === 0 ? ask() : sequelize.transaction((transaction) => ask(transaction)),
      ),
    );
    expect(new Set(results.map(([{ id }]) => id)).size).toBe(1);
  });
});
