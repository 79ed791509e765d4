import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import { CreateAtlas1760000000000 } from '../../migrations-sample/typeorm/1760000000000-create-atlas';
import { CreateBank1760000000001 } from '../../migrations-sample/typeorm/1760000000001-create-bank';
import { Account, Country, Currency, Language, Region, Transfer } from './entities';

/** The cluster is the environment's: CLUSTER_ENDPOINT, CLUSTER_USER, AWS_REGION and the AWS credentials. */
export default createDsqlDataSource({
  entities: [Region, Country, Currency, Language, Account, Transfer],
  migrations: [CreateAtlas1760000000000, CreateBank1760000000001],
});
