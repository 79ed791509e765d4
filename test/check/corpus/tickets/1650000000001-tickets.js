const { Table } = require('typeorm');

module.exports = class Tickets1650000000001 {
  constructor() {
    this.name = 'Tickets1650000000001';
  }

  async up(queryRunner) {
    await queryRunner.query(`CREATE SCHEMA IF NOT EXISTS "desk"`);
    await queryRunner.query(`
      CREATE TABLE "desk"."ticket" (
        "id" SERIAL PRIMARY KEY, -- expect: serial
        "opened" timestamptz NOT NULL DEFAULT now(),
        "weight" money, -- expect: column-type
        "labels" varchar(20)[] -- expect: column-type
      );
      CREATE INDEX "IDX_opened" ON "desk"."ticket" USING brin ("opened"); -- expect: index-access-method, multiple-ddl
    `);
    await queryRunner.createTable(
      new Table({ name: 'queue', schema: 'desk', columns: [{ name: 'id', type: 'uuid', isPrimary: true }] }),
    );
  }

  async down(queryRunner) {
    await queryRunner.dropTable('desk.queue');
    await queryRunner.query(`DROP TABLE "desk"."ticket"`);
    await queryRunner.query('DROP SCHEMA "desk"');
  }
};
