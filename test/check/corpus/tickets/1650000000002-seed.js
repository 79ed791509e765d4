// In whatever transaction mode: createDsqlDataSource makes each DDL statement a transaction of its own.
exports.Seed1650000000002 = class Seed1650000000002 {
  transaction = true;

  async up(queryRunner) {
    await queryRunner.query('CREATE TABLE "state" ("id" integer PRIMARY KEY, "name" text NOT NULL)');
    const states = ['open', 'waiting', 'closed'];
    for (const [id, name] of states.entries()) {
      await queryRunner.query('INSERT INTO "state" ("id", "name") VALUES ($1, $2)', [id, name]); // expect: ddl-with-dml
    }
  }

  async down(queryRunner) {
    await queryRunner.query('TRUNCATE TABLE "state"'); // expect: statement-truncate
    await queryRunner.query("DROP TABLE \"state\"");
  }
};
