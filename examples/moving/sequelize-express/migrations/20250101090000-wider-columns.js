'use strict';

module.exports = {
  async up(queryInterface) {
    await queryInterface.sequelize.transaction(async (transaction) => {
      await queryInterface.sequelize.query(`ALTER TABLE "Products" ALTER COLUMN "price" TYPE NUMERIC(12,2)`, {
        transaction,
      });
      await queryInterface.sequelize.query(`ALTER TABLE "Contacts" ALTER COLUMN "phone" TYPE VARCHAR(40)`, {
        transaction,
      });
      await queryInterface.sequelize.query(
        `DO $$ BEGIN
      IF EXISTS (SELECT 1 FROM information_schema.tables WHERE table_name = 'Payments') THEN
        ALTER TABLE "Payments" ALTER COLUMN "reference" SET NOT NULL;
      END IF;
    END $$`,
        { transaction },
      );
    });
  },

  async down(queryInterface) {
    await queryInterface.sequelize.transaction(async (transaction) => {
      await queryInterface.sequelize.query(`ALTER TABLE "Contacts" ALTER COLUMN "phone" TYPE VARCHAR(20)`, {
        transaction,
      });
      await queryInterface.sequelize.query(`ALTER TABLE "Products" ALTER COLUMN "price" TYPE NUMERIC(10,2)`, {
        transaction,
      });
    });
  },
};
