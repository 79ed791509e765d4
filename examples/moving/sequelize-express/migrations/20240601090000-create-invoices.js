'use strict';

module.exports = {
  async up(queryInterface) {
    await queryInterface.sequelize.transaction(async (transaction) => {
      await queryInterface.sequelize.query(
        `CREATE TYPE "enum_Invoices_status" AS ENUM ('draft', 'sent', 'paid')`,
        { transaction },
      );
      await queryInterface.sequelize.query(
        `CREATE TABLE "Invoices" ("id" SERIAL PRIMARY KEY, "companyId" INTEGER NOT NULL REFERENCES "Companies" ("id"), "customerId" UUID NOT NULL REFERENCES "Customers" ("id"), "number" INTEGER NOT NULL, "status" "enum_Invoices_status" NOT NULL DEFAULT 'draft', "dueOn" DATE, "createdAt" TIMESTAMP WITH TIME ZONE NOT NULL, "updatedAt" TIMESTAMP WITH TIME ZONE NOT NULL)`,
        { transaction },
      );
      await queryInterface.sequelize.query(
        `CREATE INDEX "invoices_customer_id" ON "Invoices" ("customerId")`,
        { transaction },
      );
    });
  },

  async down(queryInterface) {
    await queryInterface.sequelize.transaction(async (transaction) => {
      await queryInterface.sequelize.query(`DROP TABLE "Invoices"`, { transaction });
      await queryInterface.sequelize.query(`DROP TYPE "enum_Invoices_status"`, { transaction });
    });
  },
};
