import { createDsqlSequelize } from 'aurora-dsql-orm/sequelize';
import { startLocalDsql, type LocalDsql } from 'aurora-dsql-orm/local';
import { Account, defineModels, deposit } from './accounts';

let local: LocalDsql;
let sequelize: ReturnType<typeof createDsqlSequelize>;

// One local DSQL for the tests of a file: it starts in about a second.
beforeAll(async () => {
  local = await startLocalDsql();
  const { host, port, hostaddr, ca, credentials, region } = local;
  sequelize = createDsqlSequelize({
    host,
    port,
    logging: false,
    dsql: { hostaddr, ca, credentials, region },
  });
  defineModels(sequelize);
  await sequelize.sync();
}, 60_000);
beforeEach(async () => {
  await Account.truncate();
  await Account.create({ owner: 'Ada', balance: 10 });
});
afterAll(async () => {
  await sequelize.close();
  await local.stop();
});

it('adds up deposits that come at the same time', async () => {
  await Promise.all([1, 2, 3].map((amount) => deposit(sequelize, 'Ada', amount)));
  expect(await Account.findByPk('Ada')).toMatchObject({ balance: 16 });
});

it('is run again after a conflict', async () => {
  const fault = local.faults.failCommit({ error: 'OC000', table: 'jest_account', times: 2 });
  expect(await deposit(sequelize, 'Ada', 5)).toBe(15);
  expect(fault.fired).toBe(2);
});
