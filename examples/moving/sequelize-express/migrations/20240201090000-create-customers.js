'use strict';

module.exports = {
  async up(queryInterface) {
    await queryInterface.sequelize.query(`CREATE EXTENSION IF NOT EXISTS "uuid-ossp"`);
    await queryInterface.sequelize.query(
      `CREATE TABLE "Customers" ("id" UUID PRIMARY KEY DEFAULT uuid_generate_v4(), "companyId" INTEGER NOT NULL REFERENCES "Companies" ("id") ON DELETE CASCADE ON UPDATE CASCADE, "name" VARCHAR(255) NOT NULL, "email" VARCHAR(255) NOT NULL UNIQUE, "createdAt" TIMESTAMP WITH TIME ZONE NOT NULL, "updatedAt" TIMESTAMP WITH TIME ZONE NOT NULL)`,
    );
  },

  async down(queryInterface) {
    await queryInterface.sequelize.query(`DROP TABLE "Customers"`);
  },
};
