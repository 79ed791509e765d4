'use strict';

module.exports = {
  async up(queryInterface) {
    await queryInterface.sequelize.transaction(async (transaction) => {
      await queryInterface.sequelize.query(
        `CREATE TABLE "TaxRates" ("id" SERIAL PRIMARY KEY, "name" VARCHAR(40) NOT NULL UNIQUE)`,
        { transaction },
      );
      await queryInterface.sequelize.query(
        `INSERT INTO "TaxRates" ("name") VALUES ('standard'), ('reduced'), ('none')`,
        { transaction },
      );
    });
  },

  async down(queryInterface) {
    await queryInterface.sequelize.transaction(async (transaction) => {
      await queryInterface.sequelize.query(`DROP TABLE "TaxRates"`, { transaction });
    });
  },
};
