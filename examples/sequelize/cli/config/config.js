// Every instance whose options have `dsql` reaches Aurora DSQL, that of sequelize-cli, too.
require('aurora-dsql-orm/sequelize/register');

// The cluster is the environment's: CLUSTER_ENDPOINT, CLUSTER_USER, AWS_REGION and the AWS credentials.
const config = { dialect: 'postgres', dsql: {}, migrationStorageTableName: 'cli_migrations' };

module.exports = { development: config, production: config };
