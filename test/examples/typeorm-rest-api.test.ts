import path from 'node:path';
import { useCluster } from '../cluster';
import { serve, type Service } from './commands';

const cluster = useCluster();
let bank: Service;

beforeAll(async () => {
  const folder = path.join(__dirname, '../../examples/typeorm/rest-api');
  bank = await serve('npx tsx server.ts', { folder, env: await cluster.local.env() });
});
afterAll(() => bank.stop());

const ask = (method: string, route: string, body?: object) => bank.ask(`${method} ${route}`, body);

it('the bank moves money under load, and none is lost', async () => {
  const accounts: string[] = [];
  for (let index = 0; index < 5; index++) {
    const { body } = await ask('POST', '/customers', {
      email: `customer${index}@example.com`,
      lastDigits: `000${index}`,
      balance: 1_000,
    });
    accounts.push((body as { accountId: string }).accountId);
  }
  const before = cluster.local.trace.start();
  const statuses = await Promise.all(
    Array.from({ length: 120 }, async (_, index) => {
      const transfer = { from: accounts[index % 5], to: accounts[(index + 1) % 5], amount: 1 + (index % 3) };
      return (await ask('POST', '/transfers', transfer)).status;
    }),
  );
  const { statements } = before.stop();
  // They are few accounts for so many transfers at once, so some were run again.
  expect(statements.filter(({ text }) => text.startsWith('INSERT INTO "transfer"')).length).toBeGreaterThan(
    120,
  );
  expect(new Set(statuses)).toStrictEqual(new Set([200]));
  expect((await ask('GET', '/balance')).body).toStrictEqual({ total: 5_000 });
  const { body: customers } = await ask('GET', '/customers');
  expect(customers).toHaveLength(5);
  expect((customers as object[])[0]).toMatchObject({
    kind: 'private',
    card: { id: expect.any(String) as string },
    accounts: [{}],
  });
});

it('what cannot be done is said, and nothing of it is', async () => {
  const { body } = await ask('GET', '/customers');
  const [from, to] = (body as { accounts: { id: string }[] }[]).flatMap(({ accounts }) =>
    accounts.map(({ id }) => id),
  );
  expect((await ask('POST', '/transfers', { from, to, amount: 100_000 })).status).toBe(409);
  expect((await ask('GET', '/nothing')).status).toBe(404);
  expect((await ask('GET', '/balance')).body).toStrictEqual({ total: 5_000 });
});
