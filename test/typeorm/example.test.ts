import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { useCluster } from '../cluster';

const root = path.join(__dirname, '../..');
const line = require.resolve('typeorm').includes('typeorm-0.3') ? 'typeorm-0.3' : 'typeorm';
const register = path.join(root, 'test/entry-points-register.cjs');
const cluster = useCluster();
let server: ChildProcess | undefined;
let url: string;

async function start(...args: string[]): Promise<ChildProcess> {
  const env = { ...process.env, ...(await cluster.local.env()), TYPEORM: line };
  return spawn(process.execPath, ['-r', register, ...args], {
    cwd: root,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

beforeAll(async () => {
  const migrations = await start(
    `node_modules/${line}/cli.js`,
    'migration:run',
    '-d',
    'examples/typeorm/data-source.ts',
  );
  migrations.stdout?.resume();
  const [code] = (await once(migrations, 'exit')) as [number];
  if (code !== 0) throw new Error('The migrations of the example failed.');
  server = await start('examples/typeorm/server.ts');
  const [address] = (await once(server.stdout ?? server, 'data')) as [Buffer];
  const { port } = JSON.parse(address.toString()) as { port: number };
  url = `http://127.0.0.1:${port}`;
});
afterAll(async () => {
  if (server === undefined) return;
  server.kill('SIGTERM');
  await once(server, 'exit');
});

async function ask(method: string, route: string, body?: object) {
  const response = await fetch(`${url}${route}`, {
    method,
    ...(body && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json() };
}

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
