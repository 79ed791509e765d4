'use strict';

module.exports = {
  async up(queryInterface) {
    await queryInterface.sequelize.transaction(async (transaction) => {
      await queryInterface.sequelize.query(
        `ALTER TABLE "Customers" ADD COLUMN "balance" NUMERIC(12,2) NOT NULL DEFAULT 0`,
        { transaction },
      );
      await queryInterface.sequelize.query(
        `ALTER TABLE "Companies" ADD COLUMN "settings" JSONB NOT NULL DEFAULT '{}'::jsonb`,
        { transaction },
      );
    });
  },

  async down(queryInterface) {
    await queryInterface.sequelize.transaction(async (transaction) => {
      await queryInterface.sequelize.query(`ALTER TABLE "Companies" DROP COLUMN "settings"`, { transaction });
      await queryInterface.sequelize.query(`ALTER TABLE "Customers" DROP COLUMN "balance"`, { transaction });
    });
  },
};
