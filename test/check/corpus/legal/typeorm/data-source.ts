import 'reflect-metadata';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import { Account, Party, Person } from './account';

export default createDsqlDataSource({
  host: 'abcdefghijklmnopqrstuvwxyz.dsql.us-east-1.on.aws',
  entities: [Account, Party, Person],
  migrations: [],
});
