import { createDsqlSequelize, runInTransaction, type DsqlSequelizeOptions } from 'aurora-dsql-orm/sequelize';
import { DataTypes, Model, type Sequelize } from 'sequelize';
import { useCluster } from '../cluster';
import { BANK_QUERY_TIMEOUT_MS, foundBank, moveAtOnce, moveStatements, type LedgerLine } from './bank';
import { describeBanks } from './banks';

class Account extends Model {
  declare id: number;
  declare balance: number;
}
class Line extends Model {}

const cluster = useCluster();
let sequelize: Sequelize;
let markedSequelize: Sequelize;
let hastySequelize: Sequelize;

beforeAll(async () => {
  await foundBank(cluster.connection);
  const open = (options: Partial<DsqlSequelizeOptions>) =>
    createDsqlSequelize({ ...cluster.orm, logging: false, ...options });
  sequelize = open({});
  markedSequelize = open({ dsql: { ...cluster.orm.dsql, commitMarkers: true } });
  hastySequelize = open({ dialectOptions: { query_timeout: BANK_QUERY_TIMEOUT_MS } });
  const integer = () => ({ type: DataTypes.INTEGER });
  const options = { sequelize, timestamps: false };
  Account.init(
    { id: { ...integer(), primaryKey: true }, balance: integer() },
    { ...options, tableName: 'account' },
  );
  Line.init(
    { id: { type: DataTypes.UUID, primaryKey: true }, from: integer(), to: integer(), amount: integer() },
    { ...options, tableName: 'ledger' },
  );
});
afterAll(() => Promise.all([sequelize, markedSequelize, hastySequelize].map((instance) => instance.close())));

const statement = async (instance: Sequelize, { id, from, to, amount }: LedgerLine) => {
  await instance.query(moveAtOnce, { bind: [id, from, to, amount] });
};

describeBanks(cluster, {
  transfers: {
    'Sequelize transactions': ({ from, to, amount, id }) =>
      runInTransaction(sequelize, async (transaction) => {
        const source = await Account.findByPk(from, { transaction, rejectOnEmpty: true });
        const target = await Account.findByPk(to, { transaction, rejectOnEmpty: true });
        await source.update({ balance: source.balance - amount }, { transaction });
        await target.update({ balance: target.balance + amount }, { transaction });
        await Line.create({ id, from, to, amount }, { transaction });
      }),
    'Sequelize statements': (line) => statement(sequelize, line),
  },
  markedTransfers: {
    'Sequelize transactions': ({ from, to, amount, id }) =>
      runInTransaction(
        sequelize,
        async (transaction) => {
          await sequelize.query(moveAtOnce, { bind: [id, from, to, amount], transaction });
        },
        { commitMarkers: true },
      ),
    'Sequelize statements': (line) => statement(markedSequelize, line),
  },
  hastyTransfers: {
    'Sequelize transactions': (line) =>
      runInTransaction(hastySequelize, async (transaction) => {
        for (const [text, bind] of moveStatements(line))
          await hastySequelize.query(text, { bind, transaction });
      }),
    'Sequelize statements': (line) => statement(hastySequelize, line),
  },
});
