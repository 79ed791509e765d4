/**
 * A shop on Aurora DSQL.
 *
 * `npx sequelize-cli db:migrate && npx sequelize-cli db:seed:all` in this folder makes its tables and fills them; then this
 * file serves it. Where the cluster is stands in the environment; without one,
 * `npx aurora-dsql-orm local -- <command>` gives a local DSQL to a command.
 */
import { createDsqlSequelize } from 'aurora-dsql-orm/sequelize';
import { defineModels } from './models';
import { createShopServer } from './server';

const sequelize = createDsqlSequelize({ logging: false });
defineModels(sequelize);

const server = createShopServer(sequelize);
server.listen(Number(process.env.PORT ?? 3000), () => {
  console.log('The shop is open:', server.address());
});

process.once('SIGTERM', () => {
  server.close(() => void sequelize.close());
});
