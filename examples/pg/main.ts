import { DsqlPool, retryOnConflict } from 'aurora-dsql-orm';
import type { PoolClient } from 'pg';

const pool = new DsqlPool();
// An idle connection that ends is reported here, as by every pool of node-postgres.
pool.on('error', (error) => {
  console.error(error.message);
});

/** Runs work in a transaction, and all of it again when it conflicts. */
async function inTransaction<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
  return retryOnConflict(async () => {
    const client = await pool.connect();
    try {
      await client.query('BEGIN');
      const result = await work(client);
      await client.query('COMMIT');
      return result;
    } catch (error) {
      // Where the connection was lost this fails, too, and the first error says why.
      await client.query('ROLLBACK').catch(() => undefined);
      throw error;
    } finally {
      client.release();
    }
  });
}

async function transfer(from: string, to: string, amount: number): Promise<void> {
  await inTransaction(async (client) => {
    const { rows } = await client.query<{ owner: string; balance: number }>(
      'SELECT owner, balance FROM pg_account WHERE owner IN ($1, $2)',
      [from, to],
    );
    for (const { owner, balance } of rows) {
      const changed = owner === from ? balance - amount : balance + amount;
      await client.query('UPDATE pg_account SET balance = $2 WHERE owner = $1', [owner, changed]);
    }
  });
}

async function main(): Promise<void> {
  // A statement of DDL is a transaction of its own.
  await pool.query(
    'CREATE TABLE IF NOT EXISTS pg_account (owner text PRIMARY KEY, balance integer NOT NULL)',
  );
  await retryOnConflict(() =>
    pool.query("INSERT INTO pg_account VALUES ('Ada', 100), ('Grace', 100) ON CONFLICT DO NOTHING"),
  );
  await Promise.all(Array.from({ length: 10 }, () => transfer('Ada', 'Grace', 5)));
  const { rows } = await pool.query<{ owner: string; balance: number }>(
    'SELECT owner, balance FROM pg_account ORDER BY owner',
  );
  console.log(rows.map(({ owner, balance }) => `${owner} has ${balance}.`).join(' '));
  await pool.end();
}

void main();
