import 'reflect-metadata';
import { createDsqlDataSource, runInTransaction, type DsqlDataSourceOptions } from 'aurora-dsql-orm/typeorm';
import { Column, Entity, PrimaryColumn, type DataSource } from 'typeorm';
import { useCluster } from '../cluster';
import { BANK_QUERY_TIMEOUT_MS, foundBank, moveAtOnce, type LedgerLine } from './bank';
import { describeBanks } from './banks';

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

const cluster = useCluster();
let dataSource: DataSource;
let markedDataSource: DataSource;
let hastyDataSource: DataSource;

beforeAll(async () => {
  await foundBank(cluster.connection);
  const open = (options: Partial<DsqlDataSourceOptions>) =>
    createDsqlDataSource({
      ...cluster.orm,
      entities: [Account, Line],
      poolErrorHandler: () => undefined,
      ...options,
    }).initialize();
  dataSource = await open({});
  markedDataSource = await open({ dsql: { ...cluster.orm.dsql, commitMarkers: true } });
  hastyDataSource = await open({ extra: { query_timeout: BANK_QUERY_TIMEOUT_MS } });
});
afterAll(() =>
  Promise.all([dataSource, markedDataSource, hastyDataSource].map((source) => source.destroy())),
);

const transfer = (source: DataSource, { from, to, amount, ...line }: LedgerLine) =>
  runInTransaction(source, async (manager) => {
    const payer = await manager.findOneByOrFail(Account, { id: from });
    const payee = await manager.findOneByOrFail(Account, { id: to });
    payer.balance -= amount;
    payee.balance += amount;
    await manager.save([payer, payee]);
    await manager.insert(Line, { ...line, from, to, amount });
  });

// TypeORM writes a function as SQL, so the change builds on the row and not on what was read of it.
const save = async (source: DataSource, { from, to, amount, id }: LedgerLine) => {
  const change = (account: number, by: string) =>
    Object.assign(new Account(), { id: account, balance: () => `balance ${by}` });
  await source.manager.save([
    change(from, `- ${amount}`),
    change(to, `+ ${amount}`),
    Object.assign(new Line(), { id, from, to, amount }),
  ]);
};

const statement = async (source: DataSource, { id, from, to, amount }: LedgerLine) => {
  await source.query(moveAtOnce, [id, from, to, amount]);
};

describeBanks(cluster, {
  transfers: {
    'TypeORM transactions': (line) => transfer(dataSource, line),
    'TypeORM save': (line) => save(dataSource, line),
    'TypeORM statements': (line) => statement(dataSource, line),
  },
  markedTransfers: {
    'TypeORM transactions': ({ from, to, amount, id }) =>
      runInTransaction(
        dataSource,
        async (manager) => {
          await manager.query(moveAtOnce, [id, from, to, amount]);
        },
        { commitMarkers: true },
      ),
    'TypeORM statements': (line) => statement(markedDataSource, line),
  },
  hastyTransfers: {
    'TypeORM transactions': (line) => transfer(hastyDataSource, line),
    'TypeORM save': (line) => save(hastyDataSource, line),
    'TypeORM statements': (line) => statement(hastyDataSource, line),
  },
});
