import 'reflect-metadata';
import { rebuildTable } from 'aurora-dsql-orm/migrate';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import { CHANGE } from './accounts-under-load';

/* A process that rebuilds the accounts of the cluster of its environment. */

async function main(): Promise<void> {
  const dataSource = await createDsqlDataSource({ host: process.env.CLUSTER_ENDPOINT ?? '' }).initialize();
  await rebuildTable(dataSource.createQueryRunner(), CHANGE);
  await dataSource.destroy();
}

void main().then(() => process.exit(0));
