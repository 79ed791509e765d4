import { emptyDatabase } from 'aurora-dsql-orm/local';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import {
  EntitySchema,
  EntitySchemaOptions,
  type DataSource,
  type EntitySchemaColumnOptions,
  TableColumn,
} from 'typeorm';
import { useWorkshop } from './rebuilds';

const { client, cluster, rows } = useWorkshop();

beforeEach(() => emptyDatabase(client()));

type Columns = Readonly<Record<string, EntitySchemaColumnOptions>>;

const entity = (options: Pick<EntitySchemaOptions<unknown>, 'name' | 'columns' | 'relations'>) =>
  new EntitySchema(Object.assign(new EntitySchemaOptions(), options));
const thing = (columns: Columns) => entity({ name: 'thing', columns });
const key = { type: 'int', primary: true } as const;

async function withEntities<T>(
  entities: readonly EntitySchema[],
  work: (dataSource: DataSource) => Promise<T>,
): Promise<T> {
  const { dsql, ...orm } = cluster.orm;
  const dataSource = createDsqlDataSource({
    ...orm,
    entities: [...entities],
    dsql: { ...dsql, rebuild: true },
    logging: [],
  });
  await dataSource.initialize();
  try {
    return await work(dataSource);
  } finally {
    await dataSource.destroy();
  }
}

const synchronize = (...entities: readonly EntitySchema[]) =>
  withEntities(entities, (dataSource) => dataSource.synchronize());

const columns = () =>
  rows(
    "SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attname) AS columns FROM pg_attribute WHERE attrelid = 'thing'::regclass AND attnum > 0 AND NOT attisdropped",
  );
const tables = () =>
  rows(
    "SELECT string_agg(tablename, ' ' ORDER BY tablename) AS names FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'aurora_dsql_orm%'",
  );

it('synchronize gives columns other types, lengths and precisions in one copy, and their values stay', async () => {
  const before = {
    id: key,
    a: { type: 'varchar', length: 10, unique: true },
    b: { type: 'text', default: '7' },
    c: { type: 'numeric', precision: 5, scale: 1 },
  } as const;
  await synchronize(thing(before));
  await rows("INSERT INTO thing VALUES (1, 'x', '1', 1.5)");
  const after = thing({
    id: key,
    a: { type: 'varchar', length: 20, unique: true },
    b: { type: 'int', default: 7 },
    c: { type: 'numeric', precision: 9, scale: 3 },
    d: { type: 'int', nullable: true },
  });
  await synchronize(after);
  expect(await columns()).toStrictEqual([
    { columns: 'a character varying(20), b integer, c numeric(9,3), d integer, id integer' },
  ]);
  expect(await rows('SELECT a, b, c::text FROM thing')).toStrictEqual([{ a: 'x', b: 1, c: '1.500' }]);
  expect(await tables()).toStrictEqual([{ names: 'thing thing__old' }]);
  const left = await withEntities([after], async (dataSource) =>
    dataSource.driver.createSchemaBuilder().log(),
  );
  expect(left.upQueries).toStrictEqual([]);
});

it('synchronize changes the primary key, and gives uuids in the place of an identity', async () => {
  await synchronize(
    thing({ id: { type: 'bigint', primary: true, generated: 'increment' }, tenant: { type: 'int' } }),
  );
  await rows('INSERT INTO thing (tenant) VALUES (1), (2)');
  await synchronize(
    thing({ id: { type: 'bigint', primary: true, generated: 'increment' }, tenant: { ...key } }),
  );
  expect(
    await rows(
      "SELECT pg_get_constraintdef(oid) AS key FROM pg_constraint WHERE conrelid = 'thing'::regclass AND contype = 'p'",
    ),
  ).toStrictEqual([{ key: 'PRIMARY KEY (id, tenant)' }]);
  await synchronize(thing({ id: { type: 'uuid', primary: true, generated: 'uuid' }, tenant: { ...key } }));
  expect(await columns()).toStrictEqual([{ columns: 'id uuid, tenant integer' }]);
  await rows('INSERT INTO thing (tenant) VALUES (3)');
  expect(await rows('SELECT tenant FROM thing ORDER BY 1')).toStrictEqual([
    { tenant: 1 },
    { tenant: 2 },
    { tenant: 3 },
  ]);
});

it('synchronize adds and changes generated columns', async () => {
  const generated = (asExpression: string) =>
    ({ type: 'text', generatedType: 'STORED', asExpression }) as const;
  await synchronize(thing({ id: key, a: { type: 'text' } }));
  await rows("INSERT INTO thing VALUES (1, 'Ab')");
  await synchronize(thing({ id: key, a: { type: 'text' }, b: generated('upper("a")') }));
  expect(await rows('SELECT b FROM thing')).toStrictEqual([{ b: 'AB' }]);
  await synchronize(thing({ id: key, a: { type: 'text' }, b: generated('lower("a")') }));
  expect(await rows('SELECT b FROM thing')).toStrictEqual([{ b: 'ab' }]);
});

it('synchronize first finishes a rebuild that was interrupted', async () => {
  const wide = thing({ id: key, a: { type: 'varchar', length: 20 } });
  await synchronize(thing({ id: key, a: { type: 'varchar', length: 10 } }));
  await rows("INSERT INTO thing VALUES (1, 'x')");
  const fault = cluster.local.faults.cutConnection({ at: 'statement', text: /^DROP VIEW/ });
  await expect(synchronize(wide)).rejects.toThrow(/./);
  fault.remove();
  await expect(rows("INSERT INTO thing VALUES (2, 'y')")).rejects.toMatchObject({ code: '55000' });
  await synchronize(wide);
  expect(await columns()).toStrictEqual([{ columns: 'a character varying(20), id integer' }]);
  expect(await rows('SELECT * FROM thing')).toStrictEqual([{ id: 1, a: 'x' }]);
});

it('what migration:generate writes is one ALTER TABLE, which a migration carries out by a copy', async () => {
  await synchronize(thing({ id: key, a: { type: 'int' }, b: { type: 'int' } }));
  const after = thing({ id: key, a: { type: 'bigint' }, b: { type: 'text' } });
  const { upQueries, downQueries } = await withEntities([after], (dataSource) =>
    dataSource.driver.createSchemaBuilder().log(),
  );
  expect(upQueries.map(({ query }) => query)).toStrictEqual([
    'ALTER TABLE "thing" ALTER COLUMN "a" TYPE bigint, ALTER COLUMN "b" TYPE text',
  ]);
  expect(downQueries.map(({ query }) => query)).toStrictEqual([
    'ALTER TABLE "thing" ALTER COLUMN "b" TYPE integer, ALTER COLUMN "a" TYPE integer',
  ]);
});

it('executeMemoryDownSql undoes what a copy did, and what it takes a copy to undo', async () => {
  const generated = { type: 'text', generatedType: 'STORED', asExpression: 'upper("a")' } as const;
  const post = thing({ id: key, a: { type: 'text' }, b: generated });
  await withEntities([post], async (dataSource) => {
    await dataSource.synchronize();
    await dataSource.query("INSERT INTO thing (id, a) VALUES (1, 'Ab')");
    const queryRunner = dataSource.createQueryRunner();
    try {
      await queryRunner.dropColumn('thing', 'b');
      await queryRunner.executeMemoryDownSql();
      queryRunner.clearSqlMemory();
      expect(await rows('SELECT * FROM thing')).toStrictEqual([{ id: 1, a: 'Ab', b: 'AB' }]);
      const shorter = new TableColumn({ name: 'a', type: 'varchar', length: '9' });
      await queryRunner.changeColumn('thing', 'a', shorter);
      await queryRunner.executeMemoryDownSql();
      expect(await columns()).toStrictEqual([{ columns: 'a text, b text, id integer' }]);
    } finally {
      await queryRunner.release();
    }
  });
});

it('executeMemoryDownSql gives a table its primary key back', async () => {
  await withEntities([thing({ id: key, a: { type: 'text' } })], async (dataSource) => {
    await dataSource.synchronize();
    await dataSource.query("INSERT INTO thing VALUES (1, 'x'), (2, 'y')");
    const queryRunner = dataSource.createQueryRunner();
    try {
      await queryRunner.dropPrimaryKey('thing');
      expect((await queryRunner.getTable('thing'))?.primaryColumns).toStrictEqual([]);
      await queryRunner.executeMemoryDownSql();
      expect((await queryRunner.getTable('thing'))?.primaryColumns).toMatchObject([{ name: 'id' }]);
      expect(await rows('SELECT * FROM thing ORDER BY id')).toHaveLength(2);
    } finally {
      await queryRunner.release();
    }
  });
});

it('executeMemoryDownSql undoes a new key that counts up, and one with a new name, in the order that each needs', async () => {
  await withEntities([thing({ id: key, a: { type: 'text' } })], async (dataSource) => {
    await dataSource.synchronize();
    await rows("INSERT INTO thing VALUES (1, 'x'), (2, 'y')");
    const queryRunner = dataSource.createQueryRunner();
    const column = async (name: string) => (await queryRunner.getTable('thing'))?.findColumnByName(name);
    const change = async (name: string, changes: Partial<TableColumn>) => {
      const changed = (await column(name))?.clone() ?? new TableColumn();
      await queryRunner.changeColumn('thing', name, Object.assign(changed, changes));
    };
    try {
      await change('a', { name: 'b', isPrimary: true });
      await change('id', { isPrimary: false });
      expect((await queryRunner.getTable('thing'))?.primaryColumns).toMatchObject([{ name: 'b' }]);
      await queryRunner.executeMemoryDownSql();
      queryRunner.clearSqlMemory();
      expect((await queryRunner.getTable('thing'))?.primaryColumns).toMatchObject([{ name: 'id' }]);
      expect(await rows('SELECT a FROM thing ORDER BY id')).toStrictEqual([{ a: 'x' }, { a: 'y' }]);

      await change('id', { isPrimary: false });
      queryRunner.clearSqlMemory();
      await change('id', { isPrimary: true, isGenerated: true, generationStrategy: 'increment' });
      expect(await column('id')).toMatchObject({ isPrimary: true, isGenerated: true });
      await queryRunner.executeMemoryDownSql();
      expect(await column('id')).toMatchObject({ isPrimary: false, isGenerated: false });
      expect(
        await rows("SELECT count(*)::int AS sequences FROM pg_class WHERE relname = 'thing_id_seq'"),
      ).toStrictEqual([{ sequences: 0 }]);
    } finally {
      await queryRunner.release();
    }
  });
});

it('synchronize changes the type of a referenced column and of the columns that refer to it', async () => {
  const post = (type: 'varchar' | 'int') =>
    entity({
      name: 'post',
      columns: { id: key, version: { type, unique: true }, text: { type: 'text' } },
    });
  const note = entity({
    name: 'note',
    columns: { id: key },
    relations: {
      post: {
        type: 'many-to-one',
        target: 'post',
        joinColumn: { name: 'postVersion', referencedColumnName: 'version' },
      },
    },
  });
  await synchronize(post('varchar'), note);
  await rows("INSERT INTO post VALUES (1, '5', 'a')");
  await rows("INSERT INTO note VALUES (1, '5')");
  await synchronize(post('int'), note);
  expect(
    await rows('SELECT "postVersion", version FROM note JOIN post ON "postVersion" = version'),
  ).toStrictEqual([{ postVersion: 5, version: 5 }]);
  expect(
    await rows(
      "SELECT count(*)::int AS keys FROM pg_constraint WHERE contype = 'f' AND convalidated AND conrelid = 'note'::regclass",
    ),
  ).toStrictEqual([{ keys: 1 }]);
});

it('a column that is an enum no longer loses its CHECK with the copy, and one that becomes an enum gets it', async () => {
  const checks = () =>
    rows(
      "SELECT pg_get_constraintdef(oid) AS definition FROM pg_constraint WHERE conrelid = 'thing'::regclass AND contype = 'c'",
    );
  const levels = { type: 'enum', enum: ['1', '2'] } as const;
  await synchronize(thing({ id: key, a: levels, b: { type: 'int' }, c: { type: 'int' } }));
  await rows("INSERT INTO thing VALUES (1, '2', 1, 3)");
  const after = thing({ id: key, a: { type: 'int' }, b: levels, c: { type: 'text' } });
  await withEntities([after], async (dataSource) => {
    await dataSource.synchronize();
    expect((await dataSource.driver.createSchemaBuilder().log()).upQueries).toStrictEqual([]);
  });
  expect(await columns()).toStrictEqual([{ columns: 'a integer, b text, c text, id integer' }]);
  expect(await rows('SELECT * FROM thing')).toStrictEqual([{ id: 1, a: 2, b: '1', c: '3' }]);
  expect(await checks()).toStrictEqual([{ definition: "CHECK ((b = ANY (ARRAY['1'::text, '2'::text])))" }]);
});

it('executeMemoryDownSql makes a column an enum again', async () => {
  const levels = { type: 'enum', enum: ['low', 'high'] } as const;
  await withEntities([thing({ id: key, a: levels })], async (dataSource) => {
    await dataSource.synchronize();
    const queryRunner = dataSource.createQueryRunner();
    try {
      await queryRunner.changeColumn('thing', 'a', new TableColumn({ name: 'a', type: 'varchar' }));
      const changed = (await queryRunner.getTable('thing'))?.findColumnByName('a');
      expect(changed?.type).toBe('character varying');
      expect(changed?.enum).toBeUndefined();
      await rows("INSERT INTO thing VALUES (1, 'low')");
      await queryRunner.executeMemoryDownSql();
      const undone = (await queryRunner.getTable('thing'))?.findColumnByName('a');
      expect(undone).toMatchObject({ type: 'enum', enum: ['low', 'high'] });
      await expect(rows("INSERT INTO thing VALUES (2, 'none')")).rejects.toMatchObject({ code: '23514' });
    } finally {
      await queryRunner.release();
    }
  });
});
