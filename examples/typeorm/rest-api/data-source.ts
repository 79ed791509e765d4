import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import { join } from 'node:path';
import { Account, Branch, Card, Country, Currency, Customer, Language, Region, Transfer } from './entities';

/**
 * The cluster is the environment's: CLUSTER_ENDPOINT, CLUSTER_USER, AWS_REGION and the AWS credentials.
 *
 * TypeORM's command line takes this file as it is: `typeorm migration:generate -d data-source.js …`.
 */
export default createDsqlDataSource({
  entities: [Region, Country, Currency, Language, Branch, Customer, Card, Account, Transfer],
  migrations: [join(__dirname, '../../../migrations-sample/typeorm/*.{ts,js}')],
});
