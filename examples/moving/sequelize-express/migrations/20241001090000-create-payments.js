'use strict';

module.exports = {
  async up(queryInterface) {
    await queryInterface.sequelize.transaction(async (transaction) => {
      await queryInterface.sequelize.query(
        `CREATE TABLE "Payments" ("id" UUID NOT NULL DEFAULT uuid_generate_v4(), "invoiceId" INTEGER NOT NULL, "amount" NUMERIC(12,2) NOT NULL CHECK ("amount" > 0), "reference" VARCHAR(255) NOT NULL, "createdAt" TIMESTAMP WITH TIME ZONE NOT NULL, "updatedAt" TIMESTAMP WITH TIME ZONE NOT NULL, PRIMARY KEY ("id"), CONSTRAINT "Payments_reference_key" UNIQUE ("reference"))`,
        { transaction },
      );
      await queryInterface.sequelize.query(
        `ALTER TABLE "Payments" ADD CONSTRAINT "Payments_invoiceId_fkey" FOREIGN KEY ("invoiceId") REFERENCES "Invoices" ("id") ON DELETE CASCADE ON UPDATE CASCADE`,
        { transaction },
      );
    });
  },

  async down(queryInterface) {
    await queryInterface.sequelize.transaction(async (transaction) => {
      await queryInterface.sequelize.query(`DROP TABLE "Payments"`, { transaction });
    });
  },
};
