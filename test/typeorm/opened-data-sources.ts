import { createDsqlDataSource, type DsqlDataSourceOptions } from 'aurora-dsql-orm/typeorm';
import type { DataSource } from 'typeorm';
import type { useCluster } from '../cluster';

/**
 * Opens data sources of the tests' cluster, which are closed behind the last test of the file.
 *
 * @param entities - of each that does not say so itself
 */
export function openedDataSources(
  cluster: ReturnType<typeof useCluster>,
  entities: DsqlDataSourceOptions['entities'],
): (options?: Partial<DsqlDataSourceOptions>) => Promise<DataSource> {
  const opened: DataSource[] = [];
  afterAll(() => Promise.all(opened.map((each) => each.destroy())));
  return async ({ dsql, ...options } = {}) => {
    const dataSource = await createDsqlDataSource({
      ...cluster.orm,
      ...(entities && { entities }),
      ...options,
      dsql: { ...cluster.orm.dsql, ...dsql },
    }).initialize();
    opened.push(dataSource);
    return dataSource;
  };
}
