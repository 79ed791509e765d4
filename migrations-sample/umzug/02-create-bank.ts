import type { MigrationParams } from 'umzug';
import type { Sequelize } from 'sequelize';

/** Accounts and the transfers between them. */
export async function up({ context: sequelize }: MigrationParams<Sequelize>): Promise<void> {
  await sequelize.query(`CREATE TABLE accounts (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    owner text NOT NULL,
    balance integer NOT NULL CHECK (balance >= 0)
  )`);
  await sequelize.query(`CREATE TABLE transfers (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    from_id uuid NOT NULL REFERENCES accounts (id),
    to_id uuid NOT NULL REFERENCES accounts (id),
    amount integer NOT NULL CHECK (amount > 0)
  )`);
}

export async function down({ context: sequelize }: MigrationParams<Sequelize>): Promise<void> {
  await sequelize.query(`DROP TABLE transfers`);
  await sequelize.query(`DROP TABLE accounts`);
}
