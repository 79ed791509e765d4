import 'reflect-metadata';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import { Account, Card } from './entities';
import { CreateAccount1790000000000 } from './migrations/1790000000000-CreateAccount';

export default createDsqlDataSource({
  entities: [Account, Card],
  migrations: [CreateAccount1790000000000],
});
