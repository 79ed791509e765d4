import { join } from 'node:path';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import { Author, Book } from './entities';

/** The cluster is the environment's: CLUSTER_ENDPOINT, CLUSTER_USER, AWS_REGION and the AWS credentials. */
export default createDsqlDataSource({
  entities: [Author, Book],
  migrations: [join(__dirname, 'migrations/*.{ts,js}')],
});
