'use strict';

module.exports = {
  async up(queryInterface) {
    await queryInterface.sequelize.transaction(async (transaction) => {
      await queryInterface.sequelize.query(
        `CREATE TABLE "Products" ("id" SERIAL PRIMARY KEY, "sku" VARCHAR(32) NOT NULL, "name" VARCHAR(255) NOT NULL, "price" NUMERIC(10,2) NOT NULL, "taxRateId" INTEGER, "createdAt" TIMESTAMP WITH TIME ZONE NOT NULL, "updatedAt" TIMESTAMP WITH TIME ZONE NOT NULL)`,
        { transaction },
      );
      await queryInterface.sequelize.query(
        `ALTER TABLE "Products" ADD CONSTRAINT "Products_sku_key" UNIQUE ("sku")`,
        { transaction },
      );
      await queryInterface.sequelize.query(
        `ALTER TABLE "Products" ADD CONSTRAINT "Products_taxRateId_fkey" FOREIGN KEY ("taxRateId") REFERENCES "TaxRates" ("id") ON DELETE SET NULL`,
        { transaction },
      );
    });
  },

  async down(queryInterface) {
    await queryInterface.sequelize.transaction(async (transaction) => {
      await queryInterface.sequelize.query(`DROP TABLE "Products"`, { transaction });
    });
  },
};
