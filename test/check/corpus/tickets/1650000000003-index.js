'use strict';
Object.defineProperty(exports, '__esModule', { value: true });
exports.Index1650000000003 = void 0;

// As the TypeScript compiler writes it.
class Index1650000000003 {
  async up(queryRunner) {
    await queryRunner.query(`CREATE UNIQUE INDEX CONCURRENTLY "UQ_state" ON "state" (lower("name"))`); // expect: index-concurrently
    await queryRunner.query(`ALTER TABLE "state" ADD CONSTRAINT "CHK_name" CHECK ("name" <> '')`); // expect: add-constraint
    await queryRunner.query(`CREATE VIEW "open" AS SELECT * FROM "state" WHERE "name" = 'open'`);
  }
  async down(queryRunner) {
    await queryRunner.query(`DROP INDEX CONCURRENTLY "UQ_state"`); // expect: drop-index-concurrently
  }
}
exports.Index1650000000003 = Index1650000000003;
