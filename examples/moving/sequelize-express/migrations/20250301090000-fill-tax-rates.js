'use strict';

module.exports = {
  async up(queryInterface) {
    await queryInterface.sequelize.transaction(async (transaction) => {
      await queryInterface.sequelize.query(`ALTER TABLE "TaxRates" ADD COLUMN "percent" NUMERIC(5,2)`, {
        transaction,
      });
      await queryInterface.sequelize.query(
        `UPDATE "TaxRates" SET "percent" = CASE "name" WHEN 'standard' THEN 19 WHEN 'reduced' THEN 7 ELSE 0 END`,
        { transaction },
      );
      await queryInterface.sequelize.query(`ALTER TABLE "TaxRates" ALTER COLUMN "percent" SET NOT NULL`, {
        transaction,
      });
    });
  },

  async down(queryInterface) {
    await queryInterface.sequelize.transaction(async (transaction) => {
      await queryInterface.sequelize.query(`ALTER TABLE "TaxRates" DROP COLUMN "percent"`, { transaction });
    });
  },
};
