import { createDsqlSequelize, type DsqlSequelizeOptions } from 'aurora-dsql-orm/sequelize';
import type { TestCluster } from '../cluster';

/**
 * Opens instances on a cluster for the tests of one file, and closes them after these. Faults are taken away after each
 * test.
 */
export function useSequelize(cluster: TestCluster) {
  const opened: { close(): Promise<void> }[] = [];
  afterEach(() => {
    if (process.env.DSQL_TEST_CLUSTER !== '1') cluster.local.faults.clear();
  });
  afterAll(async () => {
    await Promise.all(opened.map((sequelize) => sequelize.close()));
  });
  return ({ dsql, ...options }: DsqlSequelizeOptions = {}) => {
    const sequelize = createDsqlSequelize({
      ...cluster.orm,
      logging: false,
      ...options,
      dsql: { ...cluster.orm.dsql, ...dsql },
    });
    opened.push(sequelize);
    return sequelize;
  };
}
