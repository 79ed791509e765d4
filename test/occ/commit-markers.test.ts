import { DsqlPool, retryOnConflict } from 'aurora-dsql-orm';
import { CommitMarkers, COMMIT_MARKER_TABLE } from '../../src/occ';
import { useCluster } from '../cluster';

const cluster = useCluster();
let pool: DsqlPool;

beforeAll(() => {
  pool = new DsqlPool(cluster.connection);
  pool.on('error', () => undefined); // of connections that were cut
});
beforeEach(async () => {
  await pool.query(`DROP TABLE IF EXISTS ${COMMIT_MARKER_TABLE}`);
});
afterEach(() => {
  cluster.local.faults.clear();
});
afterAll(async () => {
  await pool.end();
});

function newMarkers(): CommitMarkers {
  return new CommitMarkers(
    async (text, values) => (await pool.query<Record<string, unknown>>(text, [...values])).rows,
  );
}

async function transactionWith(
  markers: CommitMarkers,
  id: string,
  end: 'COMMIT' | 'ROLLBACK',
): Promise<void> {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await markers.write(id, (text, values) => client.query(text, [...values]));
    await client.query(end);
  } finally {
    client.release(true);
  }
}

async function rows(): Promise<unknown[]> {
  // Another session has created the table since.
  const { rows: markers } = await retryOnConflict(() =>
    pool.query<object>(`SELECT claimed FROM ${COMMIT_MARKER_TABLE}`),
  );
  return markers;
}

it.each(['CREATE TABLE', 'DELETE FROM'])(
  'the table of markers is made although the answer to its %s is lost',
  async (text) => {
    if (text === 'DELETE FROM') await newMarkers().create();
    const cut = cluster.local.faults.failStatement({ error: 'XX000', text });
    const markers = newMarkers();
    const ids = await Promise.all([markers.create(), markers.create()]);
    expect(new Set(ids).size).toBe(2);
    expect(cut.fired).toBe(1);
  },
);

it('a marker that is there means that its transaction was committed', async () => {
  const markers = newMarkers();
  const id = await markers.create();
  await transactionWith(markers, id, 'COMMIT');
  expect(await markers.wasCommitted(id)).toBe(true);
});

it('a marker that is not there means that its transaction never will be', async () => {
  const markers = newMarkers();
  const id = await markers.create();
  await transactionWith(markers, id, 'ROLLBACK');
  expect(await markers.wasCommitted(id)).toBe(false);
  await expect(transactionWith(markers, id, 'COMMIT')).rejects.toMatchObject({ code: '23505' });
});

it('a COMMIT that comes after the claim fails', async () => {
  const markers = newMarkers();
  const id = await markers.create();
  const client = await pool.connect();
  await client.query('BEGIN');
  await markers.write(id, (text, values) => client.query(text, [...values]));
  const claim = markers.wasCommitted(id);
  // Where the claim would wait for this transaction, it is over as soon as the other one is.
  const commit = await Promise.race([
    claim.then(() => client.query('COMMIT')),
    new Promise((resolve) => setTimeout(resolve, 300)).then(() => client.query('COMMIT')),
  ]).then(
    () => 'committed',
    () => 'refused',
  );
  expect([await claim, commit]).toStrictEqual(commit === 'committed' ? [true, commit] : [false, commit]);
  client.release(true);
});

it('a claim whose own answer was lost is not taken for the marker', async () => {
  const markers = newMarkers();
  const id = await markers.create();
  cluster.local.faults.cutConnection({ at: 'after commit', table: COMMIT_MARKER_TABLE });
  expect(await markers.wasCommitted(id)).toBe(false);
  expect(await rows()).toStrictEqual([{ claimed: true }]);
});

it.each(['OC000', 'XX000'] as const)('a claim that met %s is made again', async (error) => {
  const markers = newMarkers();
  const id = await markers.create();
  await transactionWith(markers, id, 'COMMIT');
  const fault = cluster.local.faults.failStatement({ error, text: '(id, claimed)', times: 2 });
  expect(await markers.wasCommitted(id)).toBe(true);
  expect(fault.fired).toBe(2);
});

it('a table that was dropped is there again for the transaction after the one that missed it', async () => {
  const markers = newMarkers();
  const id = await markers.create();
  await pool.query(`DROP TABLE ${COMMIT_MARKER_TABLE}`);
  await expect(transactionWith(markers, id, 'COMMIT')).rejects.toMatchObject({ code: '42P01' });
  await transactionWith(markers, await markers.create(), 'COMMIT');
  expect(await rows()).toStrictEqual([{ claimed: false }]);
});

it('nothing is said where the database cannot be asked', async () => {
  const markers = new CommitMarkers((text) =>
    text.startsWith('INSERT')
      ? Promise.reject(Object.assign(new Error('no'), { code: '42501', severity: 'ERROR' }))
      : Promise.resolve([]),
  );
  expect(await markers.wasCommitted(await markers.create())).toBeUndefined();
});

it('the table is created once, however many need it at once', async () => {
  const many = Array.from({ length: 4 }, newMarkers);
  const ids = await Promise.all(many.map((markers) => markers.create()));
  expect(new Set(ids).size).toBe(4);
  expect(await rows()).toStrictEqual([]);
});

it('a failure to prepare is not remembered', async () => {
  let isBroken = true;
  const markers = new CommitMarkers(() => (isBroken ? Promise.reject(new Error('no')) : Promise.resolve([])));
  await expect(markers.create()).rejects.toThrow('no');
  isBroken = false;
  await expect(markers.create()).resolves.toMatch(/^[0-9a-f-]{36}$/);
});

it('markers that nobody asks for any more are deleted in batches', async () => {
  const markers = newMarkers();
  const ids = await Promise.all(Array.from({ length: 500 }, () => markers.create()));
  const places = ids.map((_, index) => `($${index + 1})`).join(', ');
  await retryOnConflict(() => pool.query(`INSERT INTO ${COMMIT_MARKER_TABLE} (id) VALUES ${places}`, ids));
  for (const id of ids) markers.release(id);
  while ((await rows()).length > 0) await new Promise((resolve) => setTimeout(resolve, 20));
  expect(await rows()).toStrictEqual([]);
});

it('markers that an ended process left behind are deleted, and claims that may still matter are not', async () => {
  await newMarkers().create();
  await pool.query(`INSERT INTO ${COMMIT_MARKER_TABLE} (id, claimed, created_at)
    VALUES (gen_random_uuid(), false, now() - interval '2 hours'), (gen_random_uuid(), true, now())`);
  await newMarkers().create();
  expect(await rows()).toStrictEqual([{ claimed: true }]);
});
