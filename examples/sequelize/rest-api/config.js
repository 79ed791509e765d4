// Lets sequelize-cli, which makes its own instance, reach Aurora DSQL wherever the options have `dsql`.
require('aurora-dsql-orm/sequelize/register');

// Where the cluster is stands in the environment: CLUSTER_ENDPOINT, AWS_REGION and the AWS credentials.
const config = { dialect: 'postgres', dsql: {} };

module.exports = { development: config, production: config };
