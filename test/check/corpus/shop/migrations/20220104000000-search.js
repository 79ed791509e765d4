'use strict';

const statements = [
  'CREATE EXTENSION IF NOT EXISTS unaccent', // expect: statement-createextension
  'CREATE EXTENSION IF NOT EXISTS pg_trgm', // expect: statement-createextension
  'CREATE INDEX orders_state ON "Orders" USING gin (state gin_trgm_ops)', // expect: index-access-method
  'CREATE INDEX orders_sent ON "Orders" ("sentAt")', // expect: index-without-async
];

module.exports = {
  async up({ sequelize }) {
    for (const statement of statements) await sequelize.query(statement);
  },
  async down({ sequelize }) {
    await Promise.all([
      sequelize.query('DROP INDEX orders_state'),
      sequelize.query('DROP INDEX orders_sent'),
    ]);
  },
};
