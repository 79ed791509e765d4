import 'reflect-metadata';
import { DsqlPool } from 'aurora-dsql-orm';
import { createDsqlSequelize, runInTransaction as inSequelizeTransaction } from 'aurora-dsql-orm/sequelize';
import { createDsqlDataSource, runInTransaction as inTypeormTransaction } from 'aurora-dsql-orm/typeorm';
import { DataTypes, Model, type Sequelize } from 'sequelize';
import { Column, Entity, PrimaryColumn, type DataSource } from 'typeorm';
import { useCluster } from '../cluster';
import { byForm, form } from '../form';
import { useStoppable } from '../stoppable';
import {
  BANK_QUERY_TIMEOUT_MS,
  bankTables,
  runBank,
  type BankSize,
  type LedgerLine,
  type Transfer,
} from './bank';

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
    { accounts: 50, transfers: 300, workers: 16 },
    { accounts: 5, transfers: 300, workers: 16 },
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
let hastyDataSource: DataSource;
let hastySequelize: Sequelize;
let hastyPool: DsqlPool;

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
  const query_timeout = BANK_QUERY_TIMEOUT_MS;
  hastyDataSource = await createDsqlDataSource({
    ...cluster.orm,
    extra: { query_timeout },
    entities: [Account, Line],
    poolErrorHandler: () => undefined,
  }).initialize();
  hastySequelize = createDsqlSequelize({ ...cluster.orm, dialectOptions: { query_timeout }, logging: false });
  hastyPool = new DsqlPool({ ...cluster.connection, query_timeout });
  hastyPool.on('error', () => undefined);
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
    hastyDataSource.destroy(),
    hastySequelize.close(),
    hastyPool.end(),
  ]);
});

const transferIn = (source: DataSource, { from, to, amount, ...line }: LedgerLine) =>
  inTypeormTransaction(source, async (manager) => {
    const payer = await manager.findOneByOrFail(Account, { id: from });
    const payee = await manager.findOneByOrFail(Account, { id: to });
    payer.balance -= amount;
    payee.balance += amount;
    await manager.save([payer, payee]);
    await manager.insert(Line, { ...line, from, to, amount });
  });

// TypeORM writes a function as SQL, so the change builds on the row and not on what was read of it.
const saveIn = async (source: DataSource, { from, to, amount, id }: LedgerLine) => {
  const change = (account: number, by: string) =>
    Object.assign(new Account(), { id: account, balance: () => `balance ${by}` });
  await source.manager.save([
    change(from, `- ${amount}`),
    change(to, `+ ${amount}`),
    Object.assign(new Line(), { id, from, to, amount }),
  ]);
};

/** A transfer in three statements. */
const moveStatements = ({
  id,
  from,
  to,
  amount,
}: LedgerLine): readonly [text: string, values: unknown[]][] => [
  ['UPDATE account SET balance = balance - $1 WHERE id = $2', [amount, from]],
  ['UPDATE account SET balance = balance + $1 WHERE id = $2', [amount, to]],
  ['INSERT INTO ledger (id, "from", "to", amount) VALUES ($1, $2, $3, $4)', [id, from, to, amount]],
];

const transfers: Readonly<Record<string, Transfer>> = {
  'TypeORM transactions': (line) => transferIn(dataSource, line),
  'TypeORM save': (line) => saveIn(dataSource, line),
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
/** The same by clients with a `query_timeout`, on a database that is slow now and then. */
const hastyTransfers: Readonly<Record<string, Transfer>> = {
  'TypeORM transactions': (line) => transferIn(hastyDataSource, line),
  'TypeORM save': (line) => saveIn(hastyDataSource, line),
  'TypeORM statements': async ({ id, from, to, amount }) => {
    await hastyDataSource.query(moveAtOnce, [id, from, to, amount]);
  },
  'Sequelize transactions': (line) =>
    inSequelizeTransaction(hastySequelize, async (transaction) => {
      for (const [text, bind] of moveStatements(line))
        await hastySequelize.query(text, { bind, transaction });
    }),
  'Sequelize statements': async ({ id, from, to, amount }) => {
    await hastySequelize.query(moveAtOnce, { bind: [id, from, to, amount] });
  },
  'DsqlPool transactions': async (line) => {
    const client = await hastyPool.connect();
    client.on('error', () => undefined);
    try {
      await client.query('BEGIN');
      for (const statement of moveStatements(line)) await client.query(...statement);
      await client.query('COMMIT');
    } catch (error) {
      await client.query('ROLLBACK').catch(() => undefined);
      throw error;
    } finally {
      client.removeAllListeners('error');
      client.release();
    }
  },
  'DsqlPool statements': async ({ id, from, to, amount }) => {
    await hastyPool.query(moveAtOnce, [id, from, to, amount]);
  },
};

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

const hastySizes: readonly BankSize[] = (
  form === 'short' ? [{ accounts: 50, transfers: 150, workers: 16 }] : sizes
).map((size) => ({ ...size, isSlow: true }));

describe.each(Object.entries(hastyTransfers))(
  'a bank whose clients do not wait for a slow database, with %s',
  (name, transfer) => {
    it.each(hastySizes)(
      'has books that agree with what it told its customers: $transfers transfers, $accounts accounts',
      async (size) => {
        const { lost, ghosts, unbalanced, ...outcomes } = await bank(size, transfer);
        if (form === 'soak') console.log(name, size, outcomes);
        expect({ lost, ghosts, unbalanced }).toStrictEqual({ lost: [], ghosts: [], unbalanced: [] });
        expect(outcomes.done).toBeGreaterThan(0);
        expect(outcomes.unknown).toBeGreaterThan(0);
      },
    );
  },
);
