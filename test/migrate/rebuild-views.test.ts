import { DsqlClient, retryOnConflict } from 'aurora-dsql-orm';
import { emptyDatabase } from 'aurora-dsql-orm/local';
import { rebuildTable } from 'aurora-dsql-orm/migrate';
import { createDsqlSequelize } from 'aurora-dsql-orm/sequelize';
import { ORMS, ormsOf, useWorkshop } from './rebuilds';

const { client, cluster, rebuild, rows, run, schema } = useWorkshop();

beforeEach(() => emptyDatabase(client()));

const MAKE_TABLES = [
  'CREATE TABLE customer (id int PRIMARY KEY, name text)',
  'CREATE TABLE orders (id int PRIMARY KEY, customer_id int, total int, note text)',
  "INSERT INTO customer VALUES (1, 'Ada')",
  "INSERT INTO orders VALUES (1, 1, 5, 'a'), (2, 1, 7, 'b')",
];

/** Views that show what does not change. */
const MAKE_OTHERS = [
  'CREATE VIEW noted AS SELECT id, note FROM orders WHERE note IS NOT NULL',
  'CREATE VIEW noted_of AS SELECT c.name, noted.note FROM noted JOIN orders o USING (id) JOIN customer c ON c.id = o.customer_id',
  'CREATE VIEW "With ""Quote""" (number) AS WITH orders AS (SELECT id FROM public.orders) SELECT orders.id FROM orders',
];

/** Views that show the column of which the type changes, and some above them. */
const MAKE_CHANGED = [
  'CREATE VIEW totals (who, "the Sum") AS SELECT customer_id, sum(total) FROM orders GROUP BY customer_id',
  'CREATE VIEW large AS SELECT id, total FROM orders WHERE total > 5',
  'CREATE VIEW larger AS SELECT large.*, totals."the Sum" FROM large, totals, orders WHERE orders.id = large.id',
];

const SAY = [
  'CREATE ROLE clerk WITH LOGIN',
  'GRANT SELECT ON noted TO clerk',
  'GRANT SELECT ON larger TO clerk WITH GRANT OPTION',
  'GRANT UPDATE (total) ON large TO clerk',
  "COMMENT ON VIEW larger IS 'What is larger'",
  "COMMENT ON COLUMN large.total IS 'It''s the total'",
  "COMMENT ON VIEW noted IS 'With a note'",
];

describe.each(ORMS)('%s', (orm) => {
  it.each([true, false])('carries views over to the new table, dropOld: %s', async (dropOld) => {
    await run(...MAKE_TABLES, ...MAKE_OTHERS, ...MAKE_CHANGED, ...SAY);
    const before = await schema();
    const seen = () => rows('SELECT * FROM larger, noted_of, "With ""Quote""" ORDER BY note, number');
    const rowsBefore = await seen();

    await rebuild(orm, { table: 'orders', change: 'ALTER total TYPE bigint', dropOld });

    const of = (state: Record<string, unknown>, part: string) =>
      (state[part] as Record<string, unknown>[]).filter(({ t, name = t }) => !String(name).includes('__old'));
    const after = await schema();
    for (const part of ['views', 'comments', 'grants', 'relations']) {
      expect([part, of(after, part)]).toStrictEqual([part, of(before, part)]);
    }
    expect(await seen()).toMatchObject(
      rowsBefore.map((row) => ({ ...row, total: String(row.total), 'the Sum': String(row['the Sum']) })),
    );
    await run("INSERT INTO orders VALUES (3, 1, 5000000000, 'c')", 'UPDATE large SET total = total + 1');
    expect(await rows('SELECT id, total FROM large ORDER BY id')).toStrictEqual([
      { id: 2, total: '8' },
      { id: 3, total: '5000000001' },
    ]);
    expect(await rows('SELECT note FROM noted ORDER BY 1')).toStrictEqual([
      { note: 'a' },
      { note: 'b' },
      { note: 'c' },
    ]);
    await run('DROP VIEW larger', 'DROP VIEW large', 'DROP VIEW noted CASCADE', 'DROP ROLE clerk');
  });
});

it('keeps what a view is made with, its owner, and the defaults of its columns', async () => {
  await run(
    ...MAKE_TABLES,
    'CREATE ROLE seller WITH LOGIN',
    'GRANT seller TO CURRENT_USER',
    'CREATE SCHEMA sale',
    'GRANT CREATE, USAGE ON SCHEMA sale TO seller',
    'CREATE VIEW sale.kept WITH (security_barrier = true) AS SELECT id, note FROM orders WITH CASCADED CHECK OPTION',
    'CREATE VIEW sale.again WITH (security_invoker = true, check_option = local) AS SELECT id, total FROM orders',
    'ALTER VIEW sale.again ALTER COLUMN total SET DEFAULT 9',
    'ALTER VIEW sale.again OWNER TO seller',
  );
  const made = () =>
    rows(
      "SELECT relname, pg_get_viewdef(c.oid) AS definition, reloptions, relowner::regrole::text AS owner, (SELECT pg_get_expr(adbin, adrelid) FROM pg_attrdef WHERE adrelid = c.oid) AS default FROM pg_class c WHERE relnamespace = 'sale'::regnamespace ORDER BY 1",
    );
  const before = await made();
  await rebuild('TypeORM', { table: 'orders', change: 'ALTER total TYPE bigint', dropOld: true });
  expect(await made()).toStrictEqual(before);
  await run('DROP SCHEMA sale CASCADE', 'DROP ROLE seller');
});

it('can be read all the time by a view that shows the same as before', async () => {
  await run(...MAKE_TABLES, ...MAKE_OTHERS);
  const reader = new DsqlClient(cluster.connection);
  await reader.connect();
  const work = { isDone: false };
  const reading = (async () => {
    const counts = new Set<unknown>();
    while (!work.isDone) {
      const { rows: found } = await retryOnConflict(
        () => reader.query<{ n: number }>('SELECT count(*)::int AS n FROM noted_of'),
        { maxAttempts: 100 },
      );
      counts.add(found[0]?.n);
    }
    return [...counts];
  })();
  await rebuild('TypeORM', { table: 'orders', change: 'ALTER total TYPE bigint', dropOld: true });
  work.isDone = true;
  expect(await reading).toStrictEqual([2]);
  await reader.end();
});

it('a view that groups by the primary key stays where the key does', async () => {
  await run(
    ...MAKE_TABLES,
    'CREATE VIEW by_key AS SELECT id, note, total, count(*) AS n FROM orders GROUP BY id',
  );
  const { views: before } = await schema();
  await rebuild('TypeORM', { table: 'orders', change: 'ALTER total TYPE bigint', dropOld: true });
  await rebuild('TypeORM', { table: 'orders', change: 'ALTER customer_id TYPE bigint', dropOld: true });
  expect((await schema()).views).toStrictEqual(before);
});

it('a view that names the columns by their order shows the same ones where others are dropped and added', async () => {
  await run(
    ...MAKE_TABLES,
    'CREATE VIEW numbered AS SELECT number, text FROM orders AS o (number, customer, sum, text)',
    'CREATE VIEW summed AS SELECT a.sum, b.number FROM orders a (number, customer, sum), public.orders b ("number") WHERE a.number = b.number',
  );
  await rebuild('TypeORM', {
    table: 'orders',
    change: "DROP COLUMN customer_id, ADD COLUMN state text DEFAULT 'new', ALTER total TYPE bigint",
    dropOld: true,
  });
  expect(await rows('SELECT * FROM numbered ORDER BY 1')).toStrictEqual([
    { number: 1, text: 'a' },
    { number: 2, text: 'b' },
  ]);
  expect(await rows('SELECT * FROM summed ORDER BY 1')).toStrictEqual([
    { sum: '5', number: 1 },
    { sum: '7', number: 2 },
  ]);
});

it('a view that calls something else by the name of the table reads the table where it means that', async () => {
  const within = 'WITH orders AS (SELECT 2 AS number) SELECT number FROM orders';
  await run(
    ...MAKE_TABLES,
    `CREATE VIEW noted AS SELECT id, note FROM orders WHERE id IN (${within})`,
    `CREATE VIEW summed AS SELECT total FROM orders WHERE id IN (${within})`,
    'CREATE VIEW locking AS SELECT id, note FROM orders WHERE id = 2 FOR UPDATE OF orders',
    'CREATE VIEW locking_sum AS SELECT id, total FROM orders WHERE id = 2 FOR UPDATE OF orders',
  );
  const { views: before } = await schema();
  await rebuild('TypeORM', { table: 'orders', change: 'ALTER total TYPE bigint', dropOld: true });
  expect((await schema()).views).toStrictEqual(before);
  expect(await rows('SELECT noted.*, total FROM noted, summed')).toStrictEqual([
    { id: 2, note: 'b', total: '7' },
  ]);
  expect(await rows('SELECT * FROM locking JOIN locking_sum USING (id)')).toStrictEqual([
    { id: 2, note: 'b', total: '7' },
  ]);
});

it('a view that shows whole rows shows those of the new table', async () => {
  await run(
    ...MAKE_TABLES,
    'CREATE VIEW whole AS SELECT orders, o::public.orders AS other FROM orders JOIN orders o USING (id)',
    'CREATE VIEW parts AS SELECT (whole.orders).total, (whole.other).note FROM whole',
  );
  const { views: before } = await schema();
  await rebuild('TypeORM', { table: 'orders', change: 'ALTER total TYPE bigint', dropOld: true });
  expect((await schema()).views).toStrictEqual(before);
  expect(await rows('SELECT * FROM parts ORDER BY 1')).toStrictEqual([
    { total: '5', note: 'a' },
    { total: '7', note: 'b' },
  ]);
});

it.each([true, false])(
  'CASCADE drops what reads a column that is dropped, and the log says so, dropOld: %s',
  async (dropOld) => {
    await run(
      ...MAKE_TABLES,
      'ALTER TABLE orders ADD COLUMN code int',
      'CREATE UNIQUE INDEX ASYNC orders_code ON orders (code)',
      'ALTER TABLE orders ADD CONSTRAINT orders_code UNIQUE USING INDEX orders_code',
      'CREATE TABLE bill (id int PRIMARY KEY, code int, parent int)',
      'ALTER TABLE bill ADD CONSTRAINT bill_code FOREIGN KEY (code) REFERENCES orders (code) NOT VALID',
      'CREATE VIEW codes AS SELECT code FROM orders',
      'CREATE VIEW "Above" AS SELECT c.code, o.note FROM codes c JOIN orders o USING (code)',
      'CREATE VIEW higher AS SELECT note FROM "Above"',
      'CREATE VIEW noted AS SELECT note FROM orders',
      'CREATE VIEW totals AS SELECT total FROM orders',
    );
    const lines: string[] = [];
    const { dsql, ...orm } = cluster.orm;
    const sequelize = createDsqlSequelize({ ...orm, dsql, logging: (line: string) => lines.push(line) });
    try {
      await rebuildTable(sequelize.getQueryInterface(), {
        table: 'orders',
        change: ['DROP COLUMN code CASCADE', 'ALTER total TYPE bigint'],
        dropOld,
      });
    } finally {
      await sequelize.close();
    }
    expect(lines.filter((line) => line.includes('CASCADE drops'))).toStrictEqual([
      expect.stringContaining(
        'CASCADE drops the view codes, the view Above, the view higher, the foreign key bill_code of bill.',
      ),
    ]);
    expect(
      await rows(
        "SELECT relname AS name FROM pg_class WHERE relkind = 'v' AND relnamespace = 'public'::regnamespace ORDER BY 1",
      ),
    ).toStrictEqual([{ name: 'noted' }, { name: 'totals' }]);
    expect(await rows("SELECT conname FROM pg_constraint WHERE contype = 'f'")).toStrictEqual([]);
    expect(await rows('SELECT * FROM totals ORDER BY 1')).toStrictEqual([{ total: '5' }, { total: '7' }]);
  },
);

interface Refused {
  readonly name: string;
  readonly views: readonly string[];
  readonly change: string;
  readonly reason: string;
}

const REFUSED: readonly Refused[] = [
  {
    name: 'a view of a column that is dropped',
    views: ['CREATE VIEW seen AS SELECT note FROM orders'],
    change: 'ALTER total TYPE bigint, DROP COLUMN note',
    reason: 'The view seen reads its column note, which is dropped. Drop the view,',
  },
  {
    name: 'a view that does with a column what its new type does not take',
    views: ['CREATE VIEW seen AS SELECT lower(note) AS low FROM ONLY orders'],
    change: 'ALTER note TYPE integer USING 1',
    reason:
      'The view seen, which then reads note as integer, cannot be made: function lower(integer) does not exist.',
  },
  {
    name: 'a view above a view that does so',
    views: [
      'CREATE VIEW seen AS SELECT note FROM orders',
      'CREATE VIEW shown AS SELECT o.note FROM seen JOIN orders o USING (note)',
      "CREATE VIEW told AS SELECT note || 'x' AS text FROM shown WHERE note LIKE 'a%'",
    ],
    change: 'ALTER note TYPE integer USING 1',
    reason: 'The view told, which then reads shown, cannot be made: operator does not exist: integer',
  },
  {
    name: 'a view that groups by the primary key, which changes',
    views: ['CREATE VIEW seen AS SELECT id, note FROM orders GROUP BY id'],
    change: 'DROP CONSTRAINT orders_pkey, ADD PRIMARY KEY (id, total)',
    reason: 'The view seen groups by id and reads other columns: that needs its primary key.',
  },
  {
    name: 'a view that joins by the name of a column that is added',
    views: [
      'CREATE TABLE label (label int PRIMARY KEY, text text)',
      'CREATE VIEW seen AS SELECT text FROM orders JOIN (SELECT id AS label, name FROM customer) c ON c.name = note JOIN label USING (label)',
    ],
    change: 'ADD COLUMN label int, ALTER total TYPE bigint',
    reason:
      'The view seen cannot be made: common column name "label" appears more than once in left table. Drop the view,',
  },
  {
    name: 'something with the name that a view needs meanwhile',
    views: ['CREATE VIEW seen AS SELECT note FROM orders', 'CREATE VIEW seen__new AS SELECT 1 AS one'],
    change: 'ALTER note TYPE varchar(20)',
    reason:
      'There is a view seen__new that no rebuild has made, and this one needs the name. Rename or drop it.',
  },
];

describe.each(REFUSED)('$name is in the way', ({ name, views, change, reason }) => {
  it.each(ormsOf(REFUSED.findIndex((each) => each.name === name)))(
    'of %s before anything is changed',
    async (orm) => {
      await run(...MAKE_TABLES, ...views);
      const before = await schema();
      await expect(rebuild(orm, { table: 'orders', change })).rejects.toThrow(reason);
      expect(await schema()).toStrictEqual(before);
    },
  );
});
