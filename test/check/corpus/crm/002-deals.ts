import type { Sequelize } from 'sequelize';

interface Step {
  context: Sequelize;
}

export async function up({ context: sequelize }: Step) {
  await sequelize.query(
    `CREATE TABLE deals (
       id uuid PRIMARY KEY,
       contact_id uuid NOT NULL REFERENCES contacts (id), -- expect: foreign-key-without-index
       stage text NOT NULL,
       amount numeric(12, 2),
       closed_on date
     )`,
  );
  await sequelize.query('UPDATE contacts SET id = uuid_generate_v4() WHERE phone IS NULL'); // expect: extension-function, ddl-with-dml
  await sequelize.getQueryInterface().addColumn('contacts', 'score', { type: 'INTEGER', defaultValue: 0 });
  await sequelize.transaction(async (transaction) => {
    await sequelize.query('LOCK TABLE deals', { transaction }); // expect: statement-lock
    await sequelize.query(`INSERT INTO deals (id, contact_id, stage) VALUES (gen_random_uuid(), gen_random_uuid(), 'new')`, { transaction });
  });
}

export async function down({ context: sequelize }: Step) {
  await sequelize.query('DROP TABLE deals');
}
