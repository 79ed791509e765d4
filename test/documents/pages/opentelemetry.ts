import { textOf } from '../blocks';

/** Uses what the page sets up. What the exporters print with `console.dir` is printed as a line of JSON each. */
export const telemetryProgram = `
import { endTelemetry } from './tracing';
import { trace } from '@opentelemetry/api';
import { DsqlPool } from 'aurora-dsql-orm';
import { createDsqlSequelize } from 'aurora-dsql-orm/sequelize';
import { createDsqlDataSource, runInTransaction } from 'aurora-dsql-orm/typeorm';
import { DataTypes } from 'sequelize';
import { EntitySchema } from 'typeorm';

console.dir = (told) => console.log(JSON.stringify(told));

const id = { type: 'integer', primary: true };
const Account = new EntitySchema({ name: 'account', columns: { id, balance: { type: 'integer' } } });
const lines = { type: 'one-to-many', target: 'line', inverseSide: 'order', cascade: true };
const Order = new EntitySchema({ name: 'order', columns: { id }, relations: { lines } });
const order = { type: 'many-to-one', target: 'order', inverseSide: 'lines' };
const Line = new EntitySchema({ name: 'line', columns: { id }, relations: { order } });

const inSpan = (name, work) =>
  trace.getTracer('program').startActiveSpan(name, async (span) => {
    await work();
    span.end();
  });

async function main() {
  const dataSource = createDsqlDataSource({ entities: [Account, Order, Line], synchronize: true });
  await dataSource.initialize();
  const { manager } = dataSource;
  await manager.save(Account, { id: 1, balance: 0 });
  let isFirst = true;
  await inSpan('transfer', () =>
    runInTransaction(dataSource, async (inside) => {
      await inside.increment(Account, { id: 1 }, 'balance', 1);
      // Another one is faster, once.
      if (isFirst) await manager.increment(Account, { id: 1 }, 'balance', 2);
      isFirst = false;
      await inside.findOneBy(Account, { id: 1 });
    }, { label: 'transfer' }),
  );
  await inSpan('save', () => manager.save(Order, { id: 1, lines: [{ id: 1 }, { id: 2 }] }));
  await dataSource.destroy();

  const sequelize = createDsqlSequelize({ logging: false });
  const columns = { id: { type: DataTypes.INTEGER, primaryKey: true }, balance: DataTypes.INTEGER };
  const account = sequelize.define('account', columns, { tableName: 'account', timestamps: false });
  await inSpan('findAll', () => account.findAll());
  await sequelize.close();

  const pool = new DsqlPool();
  await inSpan('query', () => pool.query('SELECT 1 AS healthy'));
  await pool.end();
  await endTelemetry();
}
void main();
`;

interface Span {
  readonly name: string;
  readonly traceId: string;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly status: { readonly message?: string };
  readonly events: readonly { readonly name: string; readonly attributes: object }[];
}
interface Metric {
  readonly descriptor: { readonly name: string; readonly unit: string; readonly type: string };
  readonly dataPoints: readonly { readonly attributes: object; readonly value: unknown }[];
}

/** What the page says of the spans and the metrics is what the exporters have printed. */
export function expectTelemetry(printed: string): void {
  // A token is a signed address.
  expect(printed).not.toMatch(/X-Amz|Signature/i);
  const told = printed
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Span | Metric);
  expectSpans(told.filter((each) => 'traceId' in each));
  expectMetrics(told.filter((each) => 'descriptor' in each));
}

function expectSpans(spans: readonly Span[]): void {
  const page = textOf('docs/opentelemetry.md');
  const { devDependencies } = JSON.parse(textOf('package.json')) as { devDependencies: object };
  expect(devDependencies).toHaveProperty(
    '@opentelemetry/instrumentation-pg',
    /\(version ([\d.]+),/.exec(page)?.[1],
  );
  const within = (name: string) => {
    const parent = spans.find((span) => span.name === name);
    return spans.filter(({ traceId }) => traceId === parent?.traceId);
  };
  const textsOf = (name: string) =>
    within(name).flatMap(({ attributes }) => attributes['db.query.text'] ?? []) as string[];
  const increments = (by: number) => expect.stringMatching(`^UPDATE .* \\+ ${String(by)} `) as string;
  const read = expect.stringMatching(/^SELECT .* LIMIT 1$/) as string;
  expect(textsOf('transfer')).toEqual([
    ...['START TRANSACTION', increments(1), increments(2), read, 'COMMIT', 'ROLLBACK'],
    ...['START TRANSACTION', increments(1), read, 'COMMIT'],
  ]);
  const commits = within('transfer').filter(({ attributes }) => attributes['db.query.text'] === 'COMMIT');
  expect(commits.map(({ status }) => status.message)).toEqual([
    expect.stringMatching(/^change conflicts with another transaction/),
    undefined,
  ]);
  expect(commits[0]?.attributes).toHaveProperty(
    ['server.address'],
    expect.stringMatching(/^\w{26}\.dsql\.us-east-1\.on\.aws$/),
  );
  expect(textsOf('save')).toContainEqual(
    expect.stringMatching(/^INSERT INTO "order".*;\nINSERT INTO "line".*$/),
  );
  expect(textsOf('findAll')).toEqual([expect.stringMatching(/^SELECT "id", "balance" FROM "account"/)]);
  expect(textsOf('query')).toEqual(['SELECT 1 AS healthy']);
  expect(spans.find(({ name }) => name === 'transfer')?.events).toMatchObject([
    {
      name: 'aurora_dsql.conflict',
      attributes: {
        'db.system.name': 'postgresql',
        'db.response.status_code': '40001',
        'error.type': 'data-conflict',
        'aurora_dsql.transaction.label': 'transfer',
        'aurora_dsql.transaction.attempt': 1,
      },
    },
  ]);
}

function expectMetrics(metrics: readonly Metric[]): void {
  const row = /^\| `(aurora_dsql[\w.]+)` +\| (\w+) +\| `(.+?)` +\|/gm;
  const rows = [...textOf('docs/opentelemetry.md').matchAll(row)].map(([, ...columns]) => columns);
  expect(rows).toHaveLength(4);
  expect(
    metrics.map(({ descriptor: { name, unit, type } }) => [name, type.toLowerCase(), unit]).sort(),
  ).toEqual(rows.sort());
  const label = 'aurora_dsql.transaction.label';
  const pointsOf = (name: string) =>
    metrics.find(({ descriptor }) => descriptor.name === `aurora_dsql.${name}`)?.dataPoints;
  const ofTransfer = { [label]: 'transfer', 'db.system.name': 'postgresql' };
  expect(pointsOf('transaction.attempts')).toContainEqual(
    expect.objectContaining({
      attributes: ofTransfer,
      value: expect.objectContaining({ sum: 2, count: 1 }) as object,
    }),
  );
  const boundaries = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10];
  const buckets = expect.objectContaining({ boundaries }) as object;
  expect(pointsOf('transaction.duration')).toContainEqual(
    expect.objectContaining({
      attributes: ofTransfer,
      value: expect.objectContaining({ count: 1, buckets }) as object,
    }),
  );
  expect(pointsOf('transaction.conflicts')).toMatchObject([
    {
      attributes: { ...ofTransfer, 'error.type': 'data-conflict', 'db.response.status_code': '40001' },
      value: 1,
    },
  ]);
  expect(pointsOf('connections.opened')).toMatchObject([
    { attributes: { 'server.address': expect.stringMatching(/^\w{26}\.dsql\./) as string } },
  ]);
  // No other label is listed, so none splits a metric.
  const labels = metrics.flatMap(({ dataPoints }) =>
    dataPoints.map(({ attributes }) => (attributes as Record<string, unknown>)[label]),
  );
  expect(new Set(labels)).toEqual(new Set([undefined, 'transfer']));
}
