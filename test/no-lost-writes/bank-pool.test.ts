import { DsqlPool } from 'aurora-dsql-orm';
import { useCluster } from '../cluster';
import { BANK_QUERY_TIMEOUT_MS, foundBank, moveAtOnce, moveStatements } from './bank';
import { describeBanks } from './banks';

const cluster = useCluster();
let pool: DsqlPool;

beforeAll(async () => {
  await foundBank(cluster.connection);
  pool = new DsqlPool({ ...cluster.connection, query_timeout: BANK_QUERY_TIMEOUT_MS });
  pool.on('error', () => undefined);
});
afterAll(() => pool.end());

describeBanks(cluster, {
  hastyTransfers: {
    'DsqlPool transactions': async (line) => {
      const client = await pool.connect();
      client.on('error', () => undefined);
      try {
        await client.query('BEGIN');
        for (const statement of moveStatements(line)) await client.query(...statement);
        await client.query('COMMIT');
      } catch (error) {
        await client.query('ROLLBACK').catch(() => undefined);
        throw error;
      } finally {
        client.removeAllListeners('error');
        client.release();
      }
    },
    'DsqlPool statements': async ({ id, from, to, amount }) => {
      await pool.query(moveAtOnce, [id, from, to, amount]);
    },
  },
});
