'use strict';

module.exports = {
  async up(queryInterface) {
    await queryInterface.sequelize.transaction(async (transaction) => {
      await queryInterface.sequelize.query(
        `CREATE TABLE "Notes" ("id" SERIAL PRIMARY KEY, "invoiceId" INTEGER NOT NULL REFERENCES "Invoices" ("id") ON DELETE CASCADE, "text" TEXT NOT NULL, "deletedAt" TIMESTAMP WITH TIME ZONE, "createdAt" TIMESTAMP WITH TIME ZONE NOT NULL, "updatedAt" TIMESTAMP WITH TIME ZONE NOT NULL)`,
        { transaction },
      );
      await queryInterface.sequelize.query(
        `DO $$ BEGIN
      CREATE TYPE "enum_Jobs_status" AS ENUM ('queued', 'running', 'done');
    EXCEPTION WHEN duplicate_object THEN NULL;
    END $$`,
        { transaction },
      );
      await queryInterface.sequelize.query(
        `CREATE TABLE "Jobs" ("id" SERIAL PRIMARY KEY, "kind" VARCHAR(255) NOT NULL, "payload" JSONB NOT NULL, "status" "enum_Jobs_status" NOT NULL DEFAULT 'queued', "attempts" INTEGER NOT NULL DEFAULT 0, "createdAt" TIMESTAMP WITH TIME ZONE NOT NULL, "updatedAt" TIMESTAMP WITH TIME ZONE NOT NULL)`,
        { transaction },
      );
      await queryInterface.sequelize.query(
        `CREATE INDEX "jobs_queued" ON "Jobs" ("id") WHERE "status" = 'queued'`,
        { transaction },
      );
    });
  },

  async down(queryInterface) {
    await queryInterface.sequelize.transaction(async (transaction) => {
      await queryInterface.sequelize.query(`DROP TABLE "Jobs"`, { transaction });
      await queryInterface.sequelize.query(`DROP TYPE IF EXISTS "enum_Jobs_status"`, { transaction });
      await queryInterface.sequelize.query(`DROP TABLE "Notes"`, { transaction });
    });
  },
};
