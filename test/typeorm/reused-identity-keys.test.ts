import 'reflect-metadata';
import {
  AfterInsert,
  Column,
  Entity,
  ManyToOne,
  OneToMany,
  PrimaryGeneratedColumn,
  type DataSource,
  type InsertResult,
  type Relation,
} from 'typeorm';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import { useCluster } from '../cluster';
import { oneOfEvery } from '../form';

const seen: number[] = [];

@Entity({ schema: 'public', name: 'order (list)' })
class Order {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column({ type: 'text', default: () => `concat('(', ',')` })
  note!: string;

  @OneToMany(() => Line, (line) => line.order, { cascade: true })
  lines!: Relation<Line>[];

  @AfterInsert()
  tell(): void {
    seen.push(this.id);
  }
}

@Entity()
class Line {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column({ type: 'text' })
  text!: string;

  @ManyToOne(() => Order, (order) => order.lines)
  order!: Relation<Order>;
}

@Entity()
class Receipt {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'ALWAYS' })
  id!: number;

  @Column({ type: 'text' })
  text!: string;
}

const cluster = useCluster();
const entities = [Order, Line, Receipt];
let emptying: DataSource;
let dataSource: DataSource;

beforeAll(async () => {
  emptying = await createDsqlDataSource({ ...cluster.orm, entities, synchronize: true }).initialize();
});
beforeEach(async () => {
  seen.length = 0;
  for (const table of ['line', '"order (list)"', 'receipt']) {
    await emptying.query(`DELETE FROM ${table}`);
    await emptying.query(`ALTER TABLE ${table} ALTER COLUMN id RESTART`);
  }
  dataSource = await createDsqlDataSource({ ...cluster.orm, entities }).initialize();
});
afterEach(() => dataSource.destroy());
afterAll(() => emptying.destroy());

const failTwice = () => cluster.local.faults.failCommit({ error: 'OC000', times: 2 });

const lines = (...texts: string[]) => texts.map((text) => dataSource.manager.create(Line, { text }));

it('a save after conflicts inserts under the keys that it was given at first', async () => {
  const fault = failTwice();
  const order = await dataSource.manager.save(
    dataSource.manager.create(Order, { note: 'VALUES (', lines: lines('a', 'b') }),
  );
  expect(fault.fired).toBe(2);
  expect(seen).toEqual([1, 1, 1]);
  expect(order).toMatchObject({ id: 1, lines: [{ id: 1 }, { id: 2 }] });
  await expect(dataSource.manager.findOneByOrFail(Order, { id: 1 })).resolves.toMatchObject({
    note: 'VALUES (',
  });
  const next = await dataSource.manager.save(dataSource.manager.create(Order, { lines: lines('c') }));
  expect(next).toMatchObject({ id: 2, lines: [{ id: 3 }] });
});

it('so does a transaction, whatever way it inserts', async () => {
  failTwice();
  await dataSource.transaction(async (manager) => {
    const order = await manager.save(manager.create(Order, {}));
    await manager.insert(Line, [
      { text: 'f(x), (y)', order },
      { text: '2', order },
    ]);
    await manager
      .createQueryBuilder()
      .insert()
      .into(Line)
      .values({ text: () => `concat('a', upper('b'))`, order })
      .execute();
  });
  await expect(dataSource.manager.find(Order)).resolves.toMatchObject([{ id: 1, note: '(,' }]);
  await expect(dataSource.manager.find(Line, { order: { id: 'ASC' } })).resolves.toMatchObject([
    { id: 1, text: 'f(x), (y)' },
    { id: 2, text: '2' },
    { id: 3, text: 'aB' },
  ]);
});

it('an attempt that inserts more than those before it gets further keys for the rest', async () => {
  failTwice();
  let attempt = 0;
  await dataSource.transaction(async (manager) => {
    attempt++;
    await manager.save(lines(...['a', 'b', 'c', 'd'].slice(0, attempt)));
  });
  const ids = (await dataSource.manager.find(Line, { order: { id: 'ASC' } })).map(({ id }) => id);
  expect(ids).toEqual([1, 2, 3]);
});

it('others who insert meanwhile are not in the way', async () => {
  failTwice();
  const others = createDsqlDataSource({ ...cluster.orm, entities });
  await others.initialize();
  try {
    let attempt = 0;
    await dataSource.transaction(async (manager) => {
      attempt++;
      const [line] = await manager.save(lines('mine'));
      if (attempt === 3) await others.manager.save(others.manager.create(Line, { text: 'theirs' }));
      expect(line?.id).toBe(1);
    });
  } finally {
    await others.destroy();
  }
  await expect(dataSource.manager.find(Line, { order: { id: 'ASC' } })).resolves.toMatchObject([
    { id: 1, text: 'mine' },
    { id: 2, text: 'theirs' },
  ]);
});

it('a key that a column says it always makes itself is inserted again, too', async () => {
  failTwice();
  const receipt = await dataSource.manager.save(dataSource.manager.create(Receipt, { text: 'x' }));
  expect(receipt.id).toBe(1);
});

it('a key that is taken in the end is given anew', async () => {
  failTwice();
  let attempt = 0;
  await dataSource.transaction(async (manager) => {
    attempt++;
    if (attempt === 3) await dataSource.query(`INSERT INTO line (id, text) VALUES (1, 'theirs')`);
    await manager.insert(Line, { text: 'mine' });
  });
  expect(attempt).toBe(4);
  await expect(dataSource.manager.find(Line, { order: { id: 'ASC' } })).resolves.toMatchObject([
    { id: 1, text: 'theirs' },
    { id: 2, text: 'mine' },
  ]);
});

it.each([
  ['keeps its keys', undefined, 4],
  ['is given keys anew where they have begun anew', 'ALTER TABLE line ALTER COLUMN id RESTART', 1],
  ['is given keys anew where the table was', 'DROP TABLE line', 1],
])('what conflicts with a change of the schema %s', async (_, change, id) => {
  await dataSource.manager.insert(Line, lines('a', 'b', 'c'));
  await dataSource.manager.deleteAll(Line);
  const fault = cluster.local.faults.failCommit({ error: 'OC001', times: 1 });
  let attempt = 0;
  await dataSource.transaction(async (manager) => {
    attempt++;
    if (attempt === 2 && change !== undefined) {
      await dataSource.query(change);
      await dataSource.synchronize();
    }
    await manager.insert(Line, { text: 'd' });
  });
  expect(fault.fired).toBe(1);
  await expect(dataSource.manager.find(Line)).resolves.toEqual([{ id, text: 'd' }]);
});

describe.each([false, true])('an autocommit INSERT, with commitMarkers: %s', (commitMarkers) => {
  let alone: DataSource;

  beforeEach(async () => {
    alone = await createDsqlDataSource({
      ...cluster.orm,
      dsql: { ...cluster.orm.dsql, commitMarkers },
      entities,
    }).initialize();
    // The first one makes the table of the markers.
    await alone.query(`INSERT INTO public."order (list)" (id, note) VALUES (100, 'first')`);
  });
  afterEach(() => alone.destroy());

  const ways: readonly [way: string, insert: () => Promise<unknown>, ids: readonly number[]][] = [
    ['insert()', async () => (await alone.manager.insert(Line, lines('a', 'b'))).identifiers, [1, 2]],
    ['insert() of a key that is always made', () => alone.manager.insert(Receipt, { text: 'a' }), [1]],
    [
      'text',
      () => alone.query(`INSERT INTO "line"("text") VALUES ($1), ('(,') RETURNING "id"`, ['b']),
      [1, 2],
    ],
    [
      'text with names of its own',
      () => alone.query(`/* x */ insert into public.Line as l (text) values ('a') returning l.*, 1 as one;`),
      [1],
    ],
    [
      'text with its own keys among others',
      () =>
        alone.query(
          `INSERT INTO line (text, id) VALUES (E'\\'', DEFAULT), ('b', 10), ('c', DEFAULT) RETURNING id, text`,
        ),
      [1, 10, 2],
    ],
    [
      'text with values that the database makes',
      () => alone.query('INSERT INTO "public"."order (list)" DEFAULT VALUES RETURNING *'),
      [1],
    ],
    [
      'text that overrides already',
      () =>
        alone.query(
          `INSERT INTO receipt (id, text) OVERRIDING SYSTEM VALUE VALUES (9, 'a'), (DEFAULT, 'b') RETURNING id`,
        ),
      [9, 1],
    ],
  ];
  // With markers an INSERT is a transaction, whatever it says.
  const several = commitMarkers ? 3 : 1;

  it.each(oneOfEvery(several, ways))(
    'inserts under the keys that it was given at first: %s',
    async (_, insert, ids) => {
      const fault = cluster.local.faults.failCommit({ error: 'OC000', times: 2 });
      const result = await insert();
      expect(fault.fired).toBe(2);
      const rows = (Array.isArray(result) ? result : (result as InsertResult).raw) as { id: number }[];
      expect(rows.map(({ id }) => id)).toEqual(ids);
    },
  );

  const others: readonly [string, string, string | number][] = [
    ['in another column under its name', `INSERT INTO line (text) VALUES ('77') RETURNING text AS id`, '77'],
    ['twice under its name', `INSERT INTO line (text) VALUES ('77') RETURNING *, text AS id`, 77],
    [
      'of rows that may have been there',
      `INSERT INTO line (text) VALUES ('77') ON CONFLICT DO NOTHING RETURNING id`,
      3,
    ],
    ['of rows of a query', `INSERT INTO line (text) SELECT '77' RETURNING id`, 3],
    ['that are sorted', `INSERT INTO line (text) VALUES ('77') ORDER BY 1 RETURNING id`, 3],
  ];

  it.each(oneOfEvery(several, others))('is given new keys for what it returns %s', async (_, text, id) => {
    failTwice();
    await expect(alone.query(text)).resolves.toMatchObject([{ id }]);
    await expect(alone.manager.find(Line)).resolves.toEqual([{ id: 3, text: '77' }]);
  });

  it('is given a new key for one that is taken in the end', async () => {
    cluster.local.faults.failCommit({ error: 'OC000', times: 1 });
    // The second key goes up with each attempt, and meets the first one in the second.
    const rows: unknown = await alone.query(
      `INSERT INTO line (id, text) VALUES (DEFAULT, 'a'), (nextval(pg_get_serial_sequence('line', 'id')) - 2, 'b') RETURNING id`,
    );
    expect(rows).toEqual([{ id: 4 }, { id: 3 }]);
  });

  it('keeps its key when it conflicts with a change of the schema', async () => {
    const fault = cluster.local.faults.failCommit({ error: 'OC001', times: 2 });
    await expect(alone.manager.insert(Line, { text: 'a' })).resolves.toMatchObject({ raw: [{ id: 1 }] });
    expect(fault.fired).toBe(2);
  });

  it('reports a row that is there already, as the server does', async () => {
    await alone.query(`INSERT INTO line (id, text) VALUES (1, 'theirs')`);
    await expect(alone.manager.insert(Line, { text: 'mine' })).rejects.toMatchObject({ code: '23505' });
  });

  it('leaves out none, and gives none twice, however many there are', async () => {
    cluster.local.faults.failCommit({ error: 'OC000', share: 0.3, seed: 6 });
    const texts = Array.from({ length: 60 }, (_, index) => String(index));
    const results = await Promise.all(texts.map((text) => alone.manager.insert(Line, { text })));
    cluster.local.faults.clear();
    const found = await alone.manager.find(Line, { order: { id: 'ASC' } });
    expect(found.map(({ id }) => id)).toEqual(texts.map((_, index) => index + 1));
    const told = results.map(({ identifiers: [key] }, index) => ({
      id: key?.id as number,
      text: texts[index],
    }));
    expect(told.sort((a, b) => a.id - b.id)).toEqual(found);
  });
});
