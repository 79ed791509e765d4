import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { launchPostgres, type PostgresServer } from '../../src/local/postgres';
import { useCluster } from '../cluster';
import { byForm, oneOfEvery } from '../form';
import { commandsOf, run, serve, type Place, type Service } from './commands';

const root = path.join(__dirname, '../..');
const moved = (name: string) => path.join(root, 'examples/moving', name);
const cluster = useCluster();

/** The short form runs what was moved, one of the two; the long one also shows that it did the same before. */
const sides = byForm<readonly Side[]>({
  short: ['after'],
  long: ['before', 'after'],
  soak: ['before', 'after'],
});
type Side = 'before' | 'after';

let folder: string;
let postgres: PostgresServer | undefined;
beforeAll(async () => {
  folder = mkdtempSync(path.join(tmpdir(), 'moving-'));
  symlinkSync(path.join(root, 'node_modules'), path.join(folder, 'node_modules'));
  if (sides.includes('before')) postgres = await launchPostgres();
});
afterAll(async () => {
  await postgres?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** A copy of the application as it was on PostgreSQL: the difference, taken back. */
function unmoved(name: string): string {
  const copy = path.join(folder, name);
  cpSync(moved(name), copy, { recursive: true });
  execFileSync('git', ['apply', '--reverse', 'moving.patch'], { cwd: copy });
  return copy;
}

/** The application before it was moved, with a PostgreSQL database. */
async function before(name: string, server: PostgresServer): Promise<Place> {
  const connection = { host: server.directory, port: 5432, user: server.superuser };
  const client = new Client({ ...connection, database: 'postgres' });
  await client.connect();
  await client.query(`CREATE DATABASE "${name}" TEMPLATE template0`);
  // As a PostgreSQL comes; this server is set up as a cluster is.
  await client.query(`ALTER DATABASE "${name}" SET default_transaction_isolation = 'read committed'`);
  await client.end();
  const { host, port, user } = connection;
  return {
    folder: unmoved(name),
    env: { DB_HOST: host, DB_PORT: String(port), DB_USER: user, DB_NAME: name },
  };
}

const after = async (name: string): Promise<Place> => ({
  folder: moved(name),
  env: await cluster.local.env(),
});

async function migrated(command: string, place: Place): Promise<void> {
  const { status, output } = await run(command, place);
  if (status !== 0) throw new Error(output);
}

/** Asks again until the queue is empty, which its workers see to. */
async function whenDone(isDone: () => Promise<boolean>): Promise<void> {
  while (!(await isDone())) await sleep(20);
}

const eight = Array.from({ length: 8 }, (_, index) => index + 1);

const applications = [
  {
    what: 'the issue tracker with TypeORM and Express',
    name: 'typeorm-express',
    expectService: expectTracker,
  },
  {
    what: 'the invoicing with Sequelize and Express',
    name: 'sequelize-express',
    expectService: expectInvoicing,
  },
];

describe.each(sides)('%s the move', (side) => {
  const placeOf = (name: string) =>
    side === 'before' && postgres !== undefined ? before(name, postgres) : after(name);
  let service: Service;
  afterEach(() => service.stop());

  it.each(oneOfEvery(2, applications))(
    '$what runs its history, and serves',
    async ({ name, expectService }) => {
      const [migrate = '', start = ''] = commandsOf(moved(name));
      const place = await placeOf(name);
      await migrated(migrate, place);
      service = await serve(start, place);
      await expectService(service);
    },
  );
});

async function expectTracker({ ask }: Service): Promise<void> {
  const ada = { email: 'ada@example.org', name: 'Ada' };
  const { body: user } = await ask('POST /users', ada);
  const { id: userId, teamId } = user as { id: string; teamId: number };
  expect(await ask('POST /users', ada)).toMatchObject({ status: 409 });
  const settings = { notify: true, color: 'blue' };
  const project = await ask('POST /projects', { teamId, key: 'MOVE', name: 'Move', settings });
  const { id: projectId } = project.body as { id: number };
  const issues = await Promise.all(
    eight.map((n) =>
      ask('POST /issues', { projectId, reporterId: userId, title: `Issue ${n}`, labels: ['bug'] }),
    ),
  );
  // All of them want the next number of one project.
  expect(issues.map(({ status }) => status)).toStrictEqual(eight.map(() => 201));
  const made = issues.map(({ body }) => body as { id: number; name: string });
  expect(made.map(({ name }) => name).sort()).toStrictEqual(eight.map((n) => `MOVE-${n}`));

  const issue = made.find(({ name }) => name === 'MOVE-1')?.id ?? 0;
  expect(
    await ask(`PATCH /issues/${issue}`, { status: 'in review', priority: 3, assigneeId: userId }),
  ).toStrictEqual({ status: 200, body: { id: issue, status: 'in review', priority: 3 } });
  expect(await ask(`PATCH /issues/${issue}`, { status: 'nonsense' })).toMatchObject({ status: 400 });
  expect(await ask('PATCH /issues/999999', {})).toMatchObject({ status: 404 });
  await ask(`POST /issues/${issue}/comments`, { authorId: userId, text: 'Done?' });
  await ask(`POST /issues/${issue}/attachments`, { fileName: 'log', size: '5000000000' });
  expect((await ask(`GET /issues/${issue}`)).body).toMatchObject({
    number: 1,
    body: '',
    labels: [{ name: 'bug', color: '#d73a4a' }],
    comments: [{ text: 'Done?', author: { name: 'Ada' } }],
    attachments: [{ fileName: 'log', size: '5000000000' }],
    assignee: { name: 'Ada' },
  });
  const { body: open } = await ask('GET /issues?label=bug&status=open');
  expect((open as { number: number }[]).map(({ number }) => number)).toStrictEqual([2, 3, 4, 5, 6, 7, 8]);
  expect((await ask('GET /projects/MOVE/statistics')).body).toStrictEqual({ open: 7, 'in review': 1 });
  expect((await ask('GET /projects/notified')).body).toStrictEqual([{ key: 'MOVE', issueCount: 8 }]);

  await whenDone(async () => {
    const { body } = await ask('GET /jobs');
    return (body as { status: string }[]).every(({ status }) => status === 'done');
  });
  expect((await ask('GET /jobs')).body).toStrictEqual([{ status: 'done', count: 8, attempts: 8 }]);
  const { body: events } = await ask('GET /jobs/audit');
  const notified = (events as { action: string; details: { issueId: number } }[]).filter(
    ({ action }) => action === 'job.notify',
  );
  expect(notified.map(({ details }) => details.issueId).sort()).toStrictEqual(
    made.map(({ id }) => id).sort(),
  );
}

async function expectInvoicing({ ask }: Service): Promise<void> {
  await ask('PUT /products/TEA', { name: 'Tea', price: 4, tax: 'reduced' });
  await ask('PUT /products/TEA', { name: 'Tea', price: 4.5, tax: 'standard' });
  expect((await ask('GET /products')).body).toStrictEqual([
    { sku: 'TEA', name: 'Tea', price: '4.50', tax: '19.00' },
  ]);
  const ada = { company: 'Acme', name: 'Ada', email: 'ada@example.org' };
  const { body: customer } = await ask('POST /customers', { ...ada, contacts: [{ name: 'Grace' }] });
  const { id: customerId } = customer as { id: string };
  expect(await ask('POST /customers', ada)).toMatchObject({ status: 409 });
  const invoices = await Promise.all(
    eight.map(() => ask('POST /invoices', { customerId, quantities: { TEA: 2 } })),
  );
  expect(invoices.map(({ status }) => status)).toStrictEqual(eight.map(() => 201));
  const made = invoices.map(({ body }) => body as { id: number; number: number; total: string });
  expect(made.map(({ number }) => number).sort()).toStrictEqual(eight);

  const invoice = made.find(({ number }) => number === 1)?.id ?? 0;
  const payments = await Promise.all(
    ['a', 'b', 'c', 'd', 'd'].map((reference) =>
      ask(`POST /invoices/${invoice}/payments`, { amount: 2.25, reference }),
    ),
  );
  expect(payments.map(({ status }) => status).sort()).toStrictEqual([201, 201, 201, 201, 409]);
  expect(payments.filter(({ body }) => (body as { status?: string }).status === 'paid')).toHaveLength(1);
  await ask(`POST /invoices/${made.find(({ number }) => number === 2)?.id ?? 0}/notes`, { text: 'Call' });
  expect((await ask(`PATCH /invoices/${made[7]?.id ?? 0}`, { dueOn: '2026-12-01' })).body).toMatchObject({
    dueOn: '2026-12-01',
  });
  expect((await ask('GET /invoices')).body).toStrictEqual([{ name: 'Acme', invoices: 7, total: '63.00' }]);
  expect((await ask(`GET /customers/${customerId}`)).body).toMatchObject({
    balance: '63.00',
    contacts: [{ name: 'Grace', phone: null }],
    invoices: eight.map((number) => ({ number, total: '9.00' })),
  });

  const noted = async () => {
    const shown = await Promise.all(made.map(({ id }) => ask(`GET /invoices/${id}`)));
    return shown.map(({ body }) => (body as { notes: { text: string }[] }).notes.map(({ text }) => text));
  };
  await whenDone(async () => (await noted()).every((texts) => texts.includes('mail done')));
  // Each job was done once.
  expect((await noted()).flat().filter((text) => text === 'mail done')).toHaveLength(8);
}

it.each(['typeorm-express', 'sequelize-express'])('%s was moved with fewer than 30 lines', (name) => {
  const patch = readFileSync(path.join(unmoved(name), 'moving.patch'), 'utf8');
  const ofCode = patch.split(/^diff --git /m).filter((file) => !file.startsWith('a/package.json'));
  const lines = ofCode.join('').match(/^[+-](?!--|\+\+).*$/gm) ?? [];
  expect(lines.length).toBeGreaterThan(0);
  expect(lines.length).toBeLessThan(30);
});
