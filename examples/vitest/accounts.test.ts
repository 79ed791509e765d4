import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import { startLocalDsql, type LocalDsql } from 'aurora-dsql-orm/local';
import type { DataSource } from 'typeorm';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { accounts, deposit } from './accounts';

let local: LocalDsql;
let dataSource: DataSource;

// One local DSQL for the tests of a file: it starts in about a second.
beforeAll(async () => {
  local = await startLocalDsql();
  const { host, port, hostaddr, ca, credentials, region } = local;
  const dsql = { hostaddr, ca, credentials, region };
  dataSource = createDsqlDataSource({ host, port, entities: [accounts], synchronize: true, dsql });
  await dataSource.initialize();
}, 60_000);
beforeEach(async () => {
  await dataSource.getRepository(accounts).clear();
  await dataSource.manager.insert(accounts, { owner: 'Ada', balance: 10 });
});
afterAll(async () => {
  await dataSource.destroy();
  await local.stop();
});

it('adds up deposits that come at the same time', async () => {
  await Promise.all([1, 2, 3].map((amount) => deposit(dataSource, 'Ada', amount)));
  expect(await dataSource.manager.findOneBy(accounts, { owner: 'Ada' })).toMatchObject({ balance: 16 });
});

it('is run again after a conflict', async () => {
  const fault = local.faults.failCommit({ error: 'OC000', table: 'vitest_account', times: 2 });
  expect(await deposit(dataSource, 'Ada', 5)).toBe(15);
  expect(fault.fired).toBe(2);
});
