import type { AddressInfo } from 'node:net';
import { createDsqlSequelize } from 'aurora-dsql-orm/sequelize';
import { defineModels } from './models';
import { createShopServer } from './server';

const sequelize = createDsqlSequelize({ logging: false });
defineModels(sequelize);

const server = createShopServer(sequelize);
server.listen(Number(process.env.PORT ?? 3000), () => {
  console.log(`The shop is open on port ${(server.address() as AddressInfo).port}.`);
});

process.once('SIGTERM', () => {
  server.close(() => void sequelize.close());
});
