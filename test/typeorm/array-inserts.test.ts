import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import fc from 'fast-check';
import { Column, CreateDateColumn, Entity, PrimaryColumn, VersionColumn, type DataSource } from 'typeorm';
import { useCluster } from '../cluster';
import { byForm } from '../form';

/** In so few rows they go as VALUES. */
const FEW = 19;

@Entity()
class Sample {
  @PrimaryColumn({ type: 'integer' })
  id!: number;

  @Column({ type: 'bigint', nullable: true })
  big!: string | null;

  @Column({ type: 'numeric', precision: 30, scale: 10, nullable: true })
  exact!: string | null;

  @Column({ type: 'double precision', nullable: true })
  real!: number | null;

  @Column({ type: 'boolean', nullable: true })
  flag!: boolean | null;

  @Column({ type: 'uuid', nullable: true })
  uuid!: string | null;

  @Column({ type: 'varchar', length: 40, nullable: true })
  short!: string | null;

  @Column({
    type: 'text',
    nullable: true,
    transformer: { to: (value?: string | null) => value && `<${value}>`, from: (value: string) => value },
  })
  wrapped!: string | null;

  @Column({ type: 'jsonb', nullable: true })
  json!: object | null;

  @Column({ type: 'bytea', nullable: true })
  bytes!: Buffer | null;

  @Column({ type: 'date', nullable: true })
  day!: string | null;

  @Column({ type: 'timestamptz', nullable: true })
  moment!: Date | null;

  @Column({ type: 'timestamp', nullable: true })
  local!: Date | null;

  @Column({ type: 'simple-array', nullable: true })
  list!: string[] | null;

  @Column({ type: 'integer', default: 7 })
  byDefault?: number;

  @CreateDateColumn({ type: 'timestamptz', default: () => "'2020-01-01 00:00:00+00'" })
  createdAt!: Date;

  @VersionColumn({ type: 'integer' })
  version!: number;
}

/** It says text of a column that holds uuids: arrays of texts are refused, and VALUES are not. */
@Entity()
class Mistaken {
  @PrimaryColumn({ type: 'integer' })
  id!: number;

  @Column({ type: 'text' })
  code!: string;
}

const cluster = useCluster();
let dataSource: DataSource;

beforeAll(async () => {
  dataSource = await open();
  await dataSource.query(`CREATE TABLE sample (id integer PRIMARY KEY, big bigint, exact numeric(30, 10), real double precision,
    flag boolean, uuid uuid, short varchar(40), wrapped text, json jsonb, bytes bytea, day date, moment timestamptz,
    local timestamp, list text, "byDefault" integer NOT NULL DEFAULT 7,
    "createdAt" timestamptz NOT NULL DEFAULT '2020-01-01 00:00:00+00', version integer NOT NULL)`);
  await dataSource.query('CREATE TABLE mistaken (id integer PRIMARY KEY, code uuid NOT NULL)');
});
afterEach(async () => {
  await dataSource.manager.clear(Sample);
  await dataSource.manager.clear(Mistaken);
});
afterAll(() => dataSource.destroy());

function open(): Promise<DataSource> {
  return createDsqlDataSource({ ...cluster.orm, entities: [Sample, Mistaken] }).initialize();
}

const list = <T>(length: number, make: (index: number) => T) =>
  Array.from({ length }, (_, index) => make(index));

/** The statements of a table that reach the server, with an error or without. */
async function sentBy(work: () => Promise<unknown>): Promise<string[]> {
  const recording = cluster.local.trace.start();
  await work();
  return recording
    .stop()
    .statements.filter(({ text }) => text.startsWith('INSERT'))
    .map(({ text }) => (text.includes('unnest') ? 'arrays' : 'VALUES'));
}

const text = fc.string({ unit: 'grapheme', maxLength: 12 }).map((value) => value.replaceAll('\0', ''));
const nullable = <T>(value: fc.Arbitrary<T>) => fc.option(value, { freq: 4 });
const moment = fc.date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true });
const columns = {
  big: nullable(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }).map(String)),
  exact: nullable(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e18, max: 1e18 }).map(String)),
  real: nullable(fc.double({ noNaN: true, noDefaultInfinity: true })),
  flag: nullable(fc.boolean()),
  uuid: nullable(fc.uuid()),
  short: nullable(text),
  wrapped: nullable(fc.constantFrom('NULL', '', '"', '\\', '{}', 'a,b', "it's", 'a\nb')),
  json: nullable(fc.jsonValue({ noUnicodeString: false }).map((value) => withoutNul({ value }))),
  bytes: nullable(fc.uint8Array({ maxLength: 8 }).map((value) => Buffer.from(value))),
  day: nullable(moment.map((value) => value.toISOString().slice(0, 10))),
  moment: nullable(moment),
  local: nullable(moment),
  list: nullable(fc.array(fc.constantFrom('a', 'b c', 'd"e'), { minLength: 1, maxLength: 3 })),
};

/** jsonb has no zero, and no half of a pair. */
function withoutNul(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value).replaceAll(/\\u0000|\\ud[89a-f][\da-f]{2}/gi, '')) as unknown;
}

const stored = (from: number, to: number) =>
  dataSource.query<unknown[]>(
    `SELECT row_to_json(sample)::jsonb - 'id' AS row FROM sample WHERE id >= $1 AND id < $2 ORDER BY id`,
    [from, to],
  );

describe('many rows in one insert', () => {
  it('go as one array per column, and what arrives is what VALUES would have brought', async () => {
    const isFilled = fc.record(Object.fromEntries(Object.keys(columns).map((name) => [name, fc.boolean()])));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record(columns), { minLength: 20, maxLength: 30 }),
        isFilled,
        async (rows, filled) => {
          // A column may be left out of all rows.
          const make = (first: number) =>
            rows.map((row, index) => ({
              id: first + index,
              ...Object.fromEntries(Object.entries(row).filter(([name]) => filled[name])),
            })) as Record<string, unknown>[];
          const [asArrays, asValues] = [make(0), make(1000)];
          expect(await sentBy(() => dataSource.manager.insert(Sample, asArrays))).toStrictEqual(['arrays']);
          for (let from = 0; from < asValues.length; from += FEW) {
            await dataSource.manager.insert(Sample, asValues.slice(from, from + FEW));
          }
          expect(await stored(0, 1000)).toStrictEqual(await stored(1000, 2000));
          const withoutId = (row: object) => ({ ...row, id: undefined });
          expect(asArrays.map(withoutId)).toStrictEqual(asValues.map(withoutId));
          await dataSource.manager.clear(Sample);
        },
      ),
      { numRuns: byForm({ short: 12, long: 200, soak: 1000 }) },
    );
  });

  it('give back what the database has made, and take over what is there already', async () => {
    const rows = list(30, (id) => ({ id, short: `row ${id}` }));
    const result = await dataSource.manager.insert(Sample, rows);
    expect(result.identifiers).toStrictEqual(rows.map(({ id }) => ({ id })));
    expect(result.generatedMaps[29]).toMatchObject({
      byDefault: 7,
      createdAt: new Date('2020-01-01T00:00:00Z'),
      version: 1,
    });
    const changed = list(40, (id) => ({ id, short: 'changed' }));
    const upsert = () => dataSource.manager.upsert(Sample, changed, ['id']);
    expect(await sentBy(upsert)).toStrictEqual(['arrays']);
    expect(await dataSource.manager.countBy(Sample, { short: 'changed' })).toBe(40);
    const ignored = () =>
      dataSource.createQueryBuilder().insert().into(Sample).values(rows).orIgnore().execute();
    expect(await sentBy(ignored)).toStrictEqual(['arrays']);
    expect(await dataSource.manager.countBy(Sample, { short: 'changed' })).toBe(40);
  });

  it('are saved as arrays, and an error names what it names with VALUES', async () => {
    const entities = list(25, (id) => Object.assign(new Sample(), { id, short: 'x'.repeat(id) }));
    expect(await sentBy(() => dataSource.manager.save(entities))).toStrictEqual(['arrays']);
    expect(entities[24]).toMatchObject({ byDefault: 7, version: 1 });
    await expect(dataSource.manager.insert(Sample, entities)).rejects.toMatchObject({ code: '23505' });
    const tooLong = list(20, (id) => ({ id: 100 + id, short: 'x'.repeat(41) }));
    await expect(dataSource.manager.insert(Sample, tooLong)).rejects.toMatchObject({ code: '22001' });
  });

  it.each<[string, (id: number) => object]>([
    ['an SQL expression', () => ({ short: () => "upper('a')" })],
    ['a value for some rows, and the default for others', (id) => (id % 2 === 0 ? { byDefault: 1 } : {})],
    ['another writing of a uuid', () => ({ uuid: 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11' })],
    ['a number as a word', () => ({ real: Number.POSITIVE_INFINITY })],
  ])('go as VALUES with %s', async (_, more) => {
    const rows = list(20, (id) => ({ id, ...more(id) }));
    expect(await sentBy(() => dataSource.manager.insert(Sample, rows))).toStrictEqual(['VALUES']);
    expect(await dataSource.manager.count(Sample)).toBe(20);
  });
});

describe('a server that does not take the arrays', () => {
  const rows = (from: number) =>
    list(20, (index) => ({ id: from + index, code: 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11' }));
  const withOther = async (work: (other: DataSource) => Promise<unknown>) => {
    const other = await open();
    try {
      await work(other);
    } finally {
      await other.destroy();
    }
  };

  it('gets VALUES, at once from then on', () =>
    withOther(async (other) => {
      expect(await sentBy(() => other.manager.insert(Mistaken, rows(0)))).toStrictEqual(['arrays', 'VALUES']);
      expect(await sentBy(() => other.manager.insert(Mistaken, rows(100)))).toStrictEqual(['VALUES']);
      expect(await other.manager.count(Mistaken)).toBe(40);
    }));

  it('gets VALUES in the next attempt of a transaction that is run again', () =>
    withOther(async (other) => {
      const before = jest.fn();
      const save = () =>
        other.transaction(async (manager) => {
          before();
          await manager.insert(Sample, { id: 1 });
          await manager.save(Mistaken, rows(0));
        });
      expect(await sentBy(save)).toStrictEqual(['VALUES', 'arrays', 'VALUES', 'VALUES']);
      expect(before).toHaveBeenCalledTimes(2);
      expect([await other.manager.count(Sample), await other.manager.count(Mistaken)]).toStrictEqual([1, 20]);
    }));

  it('is not tried in a transaction that nobody runs again, until it has taken some', () =>
    withOther(async (other) => {
      const inOwnTransaction = async () => {
        const queryRunner = other.createQueryRunner();
        await queryRunner.startTransaction();
        await queryRunner.manager.insert(Mistaken, rows(0));
        await queryRunner.manager.insert(
          Sample,
          rows(0).map(({ id }) => ({ id })),
        );
        await queryRunner.commitTransaction();
        await queryRunner.release();
      };
      expect(await sentBy(inOwnTransaction)).toStrictEqual(['VALUES', 'VALUES']);
      await other.manager.clear(Mistaken);
      await other.manager.clear(Sample);
      await other.manager.insert(
        Sample,
        rows(1000).map(({ id }) => ({ id })),
      );
      expect(await sentBy(inOwnTransaction)).toStrictEqual(['VALUES', 'arrays']);
    }));
});
