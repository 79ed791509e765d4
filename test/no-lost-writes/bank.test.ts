import 'reflect-metadata';
import { DsqlPool } from 'aurora-dsql-orm';
import { createDsqlSequelize, runInTransaction as inSequelizeTransaction } from 'aurora-dsql-orm/sequelize';
import { createDsqlDataSource, runInTransaction as inTypeormTransaction } from 'aurora-dsql-orm/typeorm';
import { DataTypes, Model, type Sequelize } from 'sequelize';
import { Column, Entity, PrimaryColumn, type DataSource } from 'typeorm';
import { useCluster } from '../cluster';
import { byForm, form } from '../form';
import { useStoppable } from '../stoppable';
import { bankTables, runBank, type BankSize, type Transfer } from './bank';

@Entity('account')
class Account {
  @PrimaryColumn({ type: 'integer' })
  id!: number;

  @Column({ type: 'integer' })
  balance!: number;
}

@Entity('ledger')
class Line {
  @PrimaryColumn({ type: 'uuid' })
  id!: string;

  @Column({ type: 'integer' })
  from!: number;

  @Column({ type: 'integer' })
  to!: number;

  @Column({ type: 'integer' })
  amount!: number;
}

class AccountModel extends Model {
  declare id: number;
  declare balance: number;
}
class LineModel extends Model {}

const sizes = byForm<readonly BankSize[]>({
  short: [{ accounts: 20, transfers: 150, workers: 16 }],
  long: [
    { accounts: 50, transfers: 600, workers: 16 },
    { accounts: 5, transfers: 150, workers: 16 },
  ],
  soak: [
    { accounts: 200, transfers: 10_000, workers: 32 },
    { accounts: 5, transfers: 1_000, workers: 32 },
  ],
});

/** One statement that does it all, and commits itself. */
const moveAtOnce = `
  WITH line AS (INSERT INTO ledger (id, "from", "to", amount) VALUES ($1, $2, $3, $4) RETURNING "from", "to", amount)
  UPDATE account SET balance = balance + CASE WHEN account.id = line."to" THEN amount ELSE -amount END
  FROM line WHERE account.id IN (line."from", line."to")`;

const cluster = useCluster();
const stoppable = useStoppable();
let dataSource: DataSource;
let sequelize: Sequelize;
let markedDataSource: DataSource;
let markedSequelize: Sequelize;

beforeAll(async () => {
  const pool = new DsqlPool(cluster.connection);
  for (const table of bankTables) await pool.query(table);
  await pool.end();
  const ofMarked = { ...cluster.orm, dsql: { ...cluster.orm.dsql, commitMarkers: true } };
  [dataSource, markedDataSource] = await Promise.all(
    [cluster.orm, ofMarked].map((orm) =>
      createDsqlDataSource({
        ...orm,
        entities: [Account, Line],
        poolErrorHandler: () => undefined,
      }).initialize(),
    ) as [Promise<DataSource>, Promise<DataSource>],
  );
  sequelize = createDsqlSequelize({ ...cluster.orm, logging: false });
  markedSequelize = createDsqlSequelize({ ...ofMarked, logging: false });
  const integer = () => ({ type: DataTypes.INTEGER });
  const options = { sequelize, timestamps: false };
  AccountModel.init(
    { id: { ...integer(), primaryKey: true }, balance: integer() },
    { ...options, tableName: 'account' },
  );
  LineModel.init(
    { id: { type: DataTypes.UUID, primaryKey: true }, from: integer(), to: integer(), amount: integer() },
    { ...options, tableName: 'ledger' },
  );
});
afterAll(async () => {
  await Promise.all([
    dataSource.destroy(),
    markedDataSource.destroy(),
    sequelize.close(),
    markedSequelize.close(),
  ]);
});

const transfers: Readonly<Record<string, Transfer>> = {
  'TypeORM transactions': ({ from, to, amount, ...line }) =>
    inTypeormTransaction(dataSource, async (manager) => {
      const source = await manager.findOneByOrFail(Account, { id: from });
      const target = await manager.findOneByOrFail(Account, { id: to });
      source.balance -= amount;
      target.balance += amount;
      await manager.save([source, target]);
      await manager.insert(Line, { ...line, from, to, amount });
    }),
  // TypeORM writes a function as SQL, so the change builds on the row and not on what was read of it.
  'TypeORM save': async ({ from, to, amount, id }) => {
    const change = (account: number, by: string) =>
      Object.assign(new Account(), { id: account, balance: () => `balance ${by}` });
    await dataSource.manager.save([
      change(from, `- ${amount}`),
      change(to, `+ ${amount}`),
      Object.assign(new Line(), { id, from, to, amount }),
    ]);
  },
  'Sequelize transactions': ({ from, to, amount, id }) =>
    inSequelizeTransaction(sequelize, async (transaction) => {
      const source = await AccountModel.findByPk(from, { transaction, rejectOnEmpty: true });
      const target = await AccountModel.findByPk(to, { transaction, rejectOnEmpty: true });
      await source.update({ balance: source.balance - amount }, { transaction });
      await target.update({ balance: target.balance + amount }, { transaction });
      await LineModel.create({ id, from, to, amount }, { transaction });
    }),
  'TypeORM statements': async ({ id, from, to, amount }) => {
    await dataSource.query(moveAtOnce, [id, from, to, amount]);
  },
  'Sequelize statements': async ({ id, from, to, amount }) => {
    await sequelize.query(moveAtOnce, { bind: [id, from, to, amount] });
  },
};

/** The same with `commitMarkers`, by which every outcome becomes known. */
const markedTransfers: Readonly<Record<string, Transfer>> = {
  'TypeORM transactions': async ({ from, to, amount, id }) =>
    inTypeormTransaction(
      dataSource,
      async (manager) => {
        await manager.query(moveAtOnce, [id, from, to, amount]);
      },
      { commitMarkers: true },
    ),
  'Sequelize transactions': ({ from, to, amount, id }) =>
    inSequelizeTransaction(
      sequelize,
      async (transaction) => {
        await sequelize.query(moveAtOnce, { bind: [id, from, to, amount], transaction });
      },
      { commitMarkers: true },
    ),
  'TypeORM statements': async ({ id, from, to, amount }) => {
    await markedDataSource.query(moveAtOnce, [id, from, to, amount]);
  },
  'Sequelize statements': async ({ id, from, to, amount }) => {
    await markedSequelize.query(moveAtOnce, { bind: [id, from, to, amount] });
  },
};

const bank = (size: BankSize, transfer: Transfer) =>
  stoppable((signal) => runBank(cluster.connection, cluster.local.faults, size, transfer, signal));

describe.each(Object.entries(transfers))('a bank that moves money through %s', (name, transfer) => {
  it.each(sizes)(
    'has books that agree with what it told its customers: $transfers transfers, $accounts accounts',
    async (size) => {
      const { lost, ghosts, unbalanced, ...outcomes } = await bank(size, transfer);
      if (form === 'soak') console.log(name, size, outcomes);
      expect({ lost, ghosts, unbalanced }).toStrictEqual({ lost: [], ghosts: [], unbalanced: [] });
      expect(outcomes.done).toBeGreaterThan(size.transfers / 2);
      expect(outcomes.unknown).toBeGreaterThan(0);
    },
  );
});

describe.each(Object.entries(markedTransfers))(
  'a bank with commit markers that moves money through %s',
  (name, transfer) => {
    it.each(sizes)(
      'knows the outcome of every transfer: $transfers transfers, $accounts accounts',
      async (size) => {
        const { done, failed, ...books } = await bank(size, transfer);
        if (form === 'soak') console.log(name, size, { done, failed });
        expect(books).toStrictEqual({ unknown: 0, lost: [], ghosts: [], unbalanced: [] });
        expect(done).toBeGreaterThan(size.transfers / 2);
      },
    );
  },
);
