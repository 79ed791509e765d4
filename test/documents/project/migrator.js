const { createDsqlSequelize } = require('aurora-dsql-orm/sequelize');
const { createMigrator } = require('aurora-dsql-orm/sequelize/umzug');

module.exports.migrator = createMigrator(createDsqlSequelize({ logging: false }), {
  migrations: { glob: ['migrations/umzug/*.js', { cwd: __dirname }] },
  logger: undefined,
});
