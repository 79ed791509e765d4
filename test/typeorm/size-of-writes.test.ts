import { randomBytes } from 'node:crypto';
import {
  createDsqlDataSource,
  inBatches,
  isMessageTooLargeError,
  isTooManyParametersError,
  isUnsupportedFeatureError,
} from 'aurora-dsql-orm/typeorm';
import {
  Column,
  Entity,
  EntitySchema,
  EntitySchemaOptions,
  Index,
  PrimaryColumn,
  type DataSource,
} from 'typeorm';
import { useCluster } from '../cluster';
import { oneOfEvery } from '../form';

const WIDTH = 28;

/** A row with more columns than 65,535 parameters are enough for, where there are 2,500 of it. */
type Wide = Record<'id' | `c${number}`, number>;

const wideColumns = ['id', ...Array.from({ length: WIDTH }, (_, index) => `c${index}`)];
const Wide = new EntitySchema<Wide>(
  Object.assign(new EntitySchemaOptions<Wide>(), {
    name: 'wide',
    columns: Object.fromEntries(
      wideColumns.map((name) => [name, { type: 'integer', primary: name === 'id' } as const]),
    ),
  }),
);

@Entity()
class Letter {
  @PrimaryColumn({ type: 'integer' })
  id!: number;

  @Column({ type: 'text' })
  text!: string;
}

@Entity()
@Index(['a'])
@Index(['b'])
@Index(['c'])
@Index(['d'])
class Card {
  @PrimaryColumn({ type: 'integer' })
  id!: number;

  @Column({ type: 'text' })
  a!: string;

  @Column({ type: 'text' })
  b!: string;

  @Column({ type: 'text' })
  c!: string;

  @Column({ type: 'text' })
  d!: string;
}

const cluster = useCluster();
/** As it is, and with `batch: true`. */
let strict: DataSource;
let batching: DataSource;

beforeAll(async () => {
  const { dsql, ...orm } = cluster.orm;
  const entities = [Wide, Letter, Card];
  strict = await createDsqlDataSource({ ...orm, dsql, entities }).initialize();
  batching = await createDsqlDataSource({ ...orm, entities, dsql: { ...dsql, batch: true } }).initialize();
  await strict.query(
    `CREATE TABLE wide (${wideColumns.map((name) => `${name} integer${name === 'id' ? ' PRIMARY KEY' : ' NOT NULL'}`).join(', ')})`,
  );
  await strict.query('CREATE TABLE letter (id integer PRIMARY KEY, text text NOT NULL)');
  await strict.query(
    'CREATE TABLE card (id integer PRIMARY KEY, a text NOT NULL, b text NOT NULL, c text NOT NULL, d text NOT NULL)',
  );
  for (const column of ['a', 'b', 'c', 'd']) await strict.query(`CREATE INDEX ASYNC ON card (${column})`);
});
afterEach(async () => {
  for (const entity of [Wide, Letter, Card]) await strict.manager.clear(entity);
});
afterAll(async () => {
  await strict.destroy();
  await batching.destroy();
});

const list = <T>(length: number, make: (index: number) => T) =>
  Array.from({ length }, (_, index) => make(index));
const wides = () =>
  list(2500, (id) => Object.fromEntries(wideColumns.map((name) => [name, id])) as unknown as Wide);
/** Of texts that cannot be compressed. */
const letters = (count: number, bytes: number) =>
  list(count, (id) =>
    Object.assign(new Letter(), { id, text: randomBytes((bytes * 3) / 4).toString('base64') }),
  );
const cards = (count: number) =>
  list(count, (id) => {
    const [a, b, c, d] = list(4, () => randomBytes(300).toString('base64'));
    return { id, a, b, c, d };
  });
const failure = (write: Promise<unknown>) =>
  write.then(
    () => undefined,
    (error: unknown) => error,
  );
/** How many writes reach the server. */
async function writesOf(work: () => Promise<unknown>): Promise<number> {
  const recording = cluster.local.trace.start();
  await work();
  return recording.stop().statements.filter(({ kind }) => kind === 'write').length;
}

describe('2,500 rows of 29 columns', () => {
  const ways: readonly [string, () => Promise<unknown>][] = [
    ['insert with batch: true', () => batching.manager.insert(Wide, wides())],
    ['save with batch: true', () => batching.manager.save(Wide, wides())],
    ['upsert with batch: true', () => batching.manager.upsert(Wide, wides(), ['id'])],
    [
      'insert in inBatches',
      () => inBatches(strict, wides(), {}, (rows, manager) => manager.insert(Wide, [...rows])),
    ],
    [
      'save in inBatches',
      () => inBatches(strict, wides(), {}, (rows, manager) => manager.save(Wide, [...rows])),
    ],
  ];

  it.each(oneOfEvery(2, ways))('are written: %s', async (_, write) => {
    await write();
    expect(await strict.manager.count(Wide)).toBe(2500);
  });

  it('are refused by name as parameters of one statement, before anything is sent', async () => {
    const rows = wides().map((row) => wideColumns.map((name) => row[name as 'id']));
    let parameter = 0;
    const values = rows.map((row) => `(${row.map(() => `$${++parameter}`).join(', ')})`);
    const recording = cluster.local.trace.start();
    const error = await failure(
      strict.query(`INSERT INTO wide (${wideColumns.join(', ')}) VALUES ${values.join(', ')}`, rows.flat()),
    );
    expect(isTooManyParametersError(error)).toBe(true);
    expect(error).toMatchObject({ parameters: 72_500, maxParameters: 65_535 });
    expect(recording.stop().statements).toStrictEqual([]);
    expect(await strict.query('SELECT 1 AS one')).toStrictEqual([{ one: 1 }]);
  });
});

describe('2,000 rows of 8 KB', () => {
  const rows = letters(2000, 8000);
  const ways: readonly [string, () => Promise<unknown>][] = [
    ['insert with batch: true', () => batching.manager.insert(Letter, rows)],
    ['save with batch: true', () => batching.manager.save(letters(2000, 8000))],
    ['upsert with batch: true', () => batching.manager.upsert(Letter, rows, ['id'])],
    [
      'insert in inBatches',
      () => inBatches(strict, rows, {}, (part, manager) => manager.insert(Letter, [...part])),
    ],
  ];

  it.each(oneOfEvery(2, ways))('are written, and nothing is sent that is too large: %s', async (_, write) => {
    expect(await writesOf(write)).toBe(2);
    expect(await strict.manager.count(Letter)).toBe(2000);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['insert', () => strict.manager.insert(Letter, rows)],
    ['save', () => strict.manager.save(rows)],
    ['a transaction, even in batches', () => batching.transaction((manager) => manager.insert(Letter, rows))],
  ])('are refused by name before they are sent, without batches: %s', async (_, write) => {
    const recording = cluster.local.trace.start();
    const error = await failure(write());
    expect(isMessageTooLargeError(error)).toBe(true);
    expect((error as Error).message).toMatch(/batch: true.*inBatches/);
    expect(recording.stop().statements.filter(({ kind }) => kind === 'write')).toStrictEqual([]);
    expect(await strict.manager.count(Letter)).toBe(0);
  });
});

describe('rows that are too much for a transaction', () => {
  it('are refused by name without batches, where it is certain', async () => {
    const text = `t${randomBytes(1350).toString('base64')}`;
    const rows = list(3000, (id) => ({ id, a: text, b: text, c: 'c', d: 'd' }));
    const recording = cluster.local.trace.start();
    const error = await failure(strict.manager.insert(Card, rows));
    expect(isUnsupportedFeatureError(error)).toBe(true);
    expect((error as Error).message).toMatch(/3,000 rows with .* bytes.*at most 10 MiB.*batch: true/);
    expect(recording.stop().statements).toStrictEqual([]);
  });

  it('are cut by what their indexes take, and in parts where the server says how large they were', async () => {
    const writes = await writesOf(() => batching.manager.insert(Card, cards(3000)));
    expect(writes).toBeGreaterThan(1);
    expect(await strict.manager.count(Card)).toBe(3000);
  });
});
