import { later } from '../frozen-process';
import { ConnectionError } from '@sequelize/core';
import { useCluster } from '../cluster';
import { useSequelize } from './accounts';

const cluster = useCluster();
const { ours } = useSequelize(cluster);

afterEach(() => {
  later(0);
});

describe('connections that are too old', () => {
  it.each([1, 3])('%i are replaced by as many when they are asked for', async (count) => {
    const { sequelize } = ours({ dsql: { maxLifetimeSecs: 20 }, pool: { max: 6 } });
    // On a connection each.
    const askTogether = () =>
      Promise.all(Array.from({ length: count }, () => sequelize.query('SELECT pg_sleep(0.05)')));
    await askTogether();
    later(21_000);
    const recording = cluster.local.trace.start();
    await askTogether();
    await sequelize.query('SELECT 1');
    expect(recording.stop()).toMatchObject({ connectionsOpened: count, tokensVerified: count });
  });
});

it('A connection that breaks while it is opened fails the one who waits for it, and nobody else', async () => {
  const unhandled = jest.fn();
  process.on('unhandledRejection', unhandled);
  const { sequelize } = ours({ timezone: '+05:30', pool: { max: 1 } });
  cluster.local.faults.cutConnection({ at: 'statement', text: /^SET/ });
  const refused = sequelize.query('SELECT 1');
  await expect(refused).rejects.toThrow(ConnectionError);
  await expect(refused).rejects.toThrow('Connection terminated unexpectedly');
  await expect(sequelize.query('SELECT 1')).resolves.toBeDefined();
  process.off('unhandledRejection', unhandled);
  expect(unhandled).not.toHaveBeenCalled();
});

it('A connection on which the time zone cannot be set is closed', async () => {
  const { sequelize } = ours({ timezone: 'Mars/Olympus' });
  const recording = cluster.local.trace.start();
  await expect(sequelize.query('SELECT 1')).rejects.toThrow('invalid value for parameter "TimeZone"');
  while (recording.connectionsClosed === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  expect(recording.stop().connectionsOpened).toBe(1);
});
