require('aurora-dsql-orm/sequelize/register');

const config = {
  dialect: 'postgres',
  dsql: {},
  logging: false,
};

module.exports = { development: config, test: config, production: config };
