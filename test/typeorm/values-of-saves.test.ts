import { EntitySchema, EntitySchemaOptions, type DataSource, type InsertEvent } from 'typeorm';
import { useCluster } from '../cluster';
import { openedDataSources } from './opened-data-sources';

const cluster = useCluster();

interface Payload {
  count: number;
  tags: string[];
}

interface Reading {
  id: string;
  at: Date;
  payload: Payload;
  note?: string;
}

const columns = {
  id: { type: 'uuid', primary: true, generated: 'uuid' },
  at: { type: 'timestamptz' },
  payload: { type: 'jsonb' },
  note: { type: 'text', default: 'as expected' },
} as const;

/** Changes the very value that it is given. */
const counting = {
  to: (payload: Payload) => {
    payload.count++;
    return payload;
  },
  from: (payload: Payload) => payload,
};

const Reading = entityOf(columns);
const CountedReading = entityOf({ ...columns, payload: { type: 'jsonb', transformer: counting } });

function entityOf(of: EntitySchemaOptions<Reading>['columns']): EntitySchema<Reading> {
  return new EntitySchema(
    Object.assign(new EntitySchemaOptions<Reading>(), { name: 'reading', columns: of }),
  );
}

const newReading = (): Omit<Reading, 'id'> => ({
  at: new Date('2026-01-01T00:00:00.123Z'),
  payload: { count: 0, tags: ['new'] },
});

const quick = { retry: { baseDelayMs: 0, maxDelayMs: 0 } };

const open = openedDataSources(cluster, [Reading]);
let ours: DataSource;

beforeAll(async () => {
  ours = await open();
  await ours.query(
    `CREATE TABLE reading (id uuid PRIMARY KEY, at timestamptz, payload jsonb, note text NOT NULL DEFAULT 'as expected')`,
  );
});
beforeEach(() => ours.query('DELETE FROM reading'));
afterEach(() => {
  cluster.local.faults.clear();
});

describe.each([
  ['one row', () => [newReading()]],
  ['many rows', () => Array.from({ length: 40 }, newReading)],
])('a save of %s', (_, make) => {
  it('leaves values of JSON and dates the very objects that they were, and sets what the database has made', async () => {
    const rows = make();
    const before = rows.map(({ at, payload }) => ({ at, payload }));
    const saved = await ours.manager.save(Reading, rows);
    for (const [index, { at, payload, note }] of saved.entries()) {
      expect(at).toBe(before[index]?.at);
      expect(payload).toBe(before[index]?.payload);
      expect(note).toBe('as expected');
    }
    expect(byId(await ours.manager.find(Reading))).toStrictEqual(byId(saved));
  });

  it('leaves the entities as they were when it fails behind the answer to INSERT', async () => {
    const rows = make();
    const before = structuredClone(rows);
    const once = await open({ dsql: { retry: { maxAttempts: 1 } } });
    cluster.local.faults.failCommit({ error: 'OC000', times: 1 });
    await expect(once.manager.save(Reading, rows)).rejects.toMatchObject({ name: 'RetryExhaustedError' });
    expect(rows).toStrictEqual(before);
    expect(await ours.manager.count(Reading)).toBe(0);
  });

  it('hands each attempt the same to a subscriber that changes the inside of values', async () => {
    const own = await open({ dsql: quick });
    own.subscribers.push({
      beforeInsert: ({ entity }: InsertEvent<Reading>) => {
        entity.payload.tags.push('seen');
        entity.at.setUTCFullYear(entity.at.getUTCFullYear() + 1);
      },
    });
    const fault = cluster.local.faults.failCommit({ error: 'OC000', times: 2 });
    await own.manager.save(Reading, make());
    expect(fault.fired).toBe(2);
    for (const { at, payload } of await ours.manager.find(Reading)) {
      expect(at).toStrictEqual(new Date('2027-01-01T00:00:00.123Z'));
      expect(payload).toStrictEqual({ count: 0, tags: ['new', 'seen'] });
    }
  });

  it('gives a transformer that changes what it gets a copy, in each attempt', async () => {
    const own = await open({ entities: [CountedReading], dsql: quick });
    const rows = make();
    const fault = cluster.local.faults.failCommit({ error: 'OC000', times: 2 });
    await own.manager.save(CountedReading, rows);
    expect(fault.fired).toBe(2);
    expect(rows.map(({ payload }) => payload.count)).toStrictEqual(rows.map(() => 0));
    for (const { payload } of await ours.manager.find(Reading)) expect(payload.count).toBe(1);
  });
});

function byId(rows: readonly Reading[]): Reading[] {
  return rows.map((row) => ({ ...row })).sort((one, other) => (one.id < other.id ? -1 : 1));
}

it('merges nothing into an entity where there is nothing to merge, as the host does', () => {
  const into = ours.manager.create(Reading, newReading());
  const before = structuredClone({ ...into });
  const nothing = [undefined, null, {}, Object.create(null)] as Partial<Reading>[];
  for (const sources of [[], ...nothing.map((each) => [each])]) {
    expect(ours.manager.merge(Reading, into, ...sources)).toBe(into);
  }
  expect({ ...into }).toStrictEqual(before);
  expect(ours.manager.merge(Reading, into, ...nothing, { note: 'merged' })).toMatchObject({ note: 'merged' });
});
