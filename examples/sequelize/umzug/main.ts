import { join } from 'node:path';
import { createDsqlSequelize } from 'aurora-dsql-orm/sequelize';
import { createMigrator } from 'aurora-dsql-orm/sequelize/umzug';

async function main(): Promise<void> {
  const sequelize = createDsqlSequelize({ logging: false });
  const migrator = createMigrator(sequelize, {
    migrations: { glob: join(__dirname, 'migrations/*.js') },
    tableName: 'umzug_migrations',
    logger: undefined,
  });
  // Any number of processes may do so at once: each migration is run once.
  const run = await migrator.up();
  console.log(`Migrations run: ${run.map(({ name }) => name).join(', ') || 'none'}.`);
  const columns = await sequelize.getQueryInterface().describeTable('umzug_readings');
  console.log(`Columns: ${Object.keys(columns).join(', ')}.`);
  await sequelize.close();
}

void main();
