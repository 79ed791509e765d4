import 'reflect-metadata';
import { isUnsupportedFeatureError } from 'aurora-dsql-orm';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import { DataSource, Table, type QueryRunner, type TableColumn } from 'typeorm';
import { useDatabases } from '../histories/use-databases';

const databases = useDatabases();

type Work = (queryRunner: QueryRunner) => Promise<void>;

async function makeTables(queryRunner: QueryRunner): Promise<void> {
  const id = { name: 'id', type: 'int', isPrimary: true };
  const counted = { ...id, isGenerated: true, generationStrategy: 'increment' as const };
  const text = { name: 'code', type: 'varchar', default: "'x'" };
  await queryRunner.createTable(new Table({ name: 'item', columns: [counted, text] }));
  await queryRunner.query("INSERT INTO item (code) VALUES ('a'), ('b')");
  const state = { name: 'state', type: 'enum', enum: ['1', '2'], default: "'1'" };
  await queryRunner.createTable(new Table({ name: 'job', columns: [id, state] }));
  await queryRunner.query("INSERT INTO job VALUES (1, '1'), (2, '2')");
  await queryRunner.createTable(
    new Table({ name: 'plain', columns: [id, { name: 'n', type: 'bigint', isNullable: true }] }),
  );
  await queryRunner.query('INSERT INTO plain VALUES (1, 5)');
}

async function change(
  queryRunner: QueryRunner,
  tableName: string,
  columnName: string,
  given: Partial<TableColumn>,
): Promise<void> {
  const table = await queryRunner.getTable(tableName);
  const column = table?.findColumnByName(columnName);
  if (!table || !column) throw new Error(`There is no ${tableName}.${columnName}.`);
  await queryRunner.changeColumn(table, columnName, Object.assign(column.clone(), given));
}

const NO_ENUM = { enum: undefined, enumName: undefined } as unknown as Partial<TableColumn>;
const NOT_GENERATED = {
  isGenerated: false,
  generationStrategy: undefined,
} as unknown as Partial<TableColumn>;
const GENERATED = { isGenerated: true, generationStrategy: 'increment' } as const;

const CHANGES: readonly (readonly [string, Work])[] = [
  [
    'a column that is renamed and becomes a part of the key',
    (q) => change(q, 'item', 'code', { name: 'key', isPrimary: true }),
  ],
  [
    'a column that is renamed and is no part of the key any more',
    (q) => change(q, 'item', 'id', { name: 'no', isPrimary: false }),
  ],
  ['a key that takes no values of a sequence any more', (q) => change(q, 'item', 'id', NOT_GENERATED)],
  [
    'a key that has a default in the place of its sequence',
    (q) => change(q, 'item', 'id', { ...NOT_GENERATED, default: '7' }),
  ],
  [
    'a column that takes its values from a sequence',
    (q) => change(q, 'plain', 'n', { ...GENERATED, isNullable: false }),
  ],
  ['a column that takes no NULL any more', (q) => change(q, 'plain', 'n', { isNullable: false })],
];

async function withDataSources(
  work: (dsql: QueryRunner, plain: QueryRunner) => Promise<void>,
): Promise<void> {
  const { orm } = databases.cluster;
  const dsql = createDsqlDataSource({ ...orm, dsql: { ...orm.dsql, rebuild: { dropOld: true } } });
  const { host, port, user: username, database } = databases.plain;
  const plain = new DataSource({ type: 'postgres', host, port, username, database });
  try {
    await Promise.all([dsql.initialize(), plain.initialize()]);
    const runners = [dsql.createQueryRunner(), plain.createQueryRunner()] as const;
    // What makes them is not to be undone.
    for (const each of [dsql, plain]) {
      const making = each.createQueryRunner();
      await makeTables(making);
      await making.release();
    }
    await work(...runners);
    for (const each of runners) await each.release();
  } finally {
    for (const each of [dsql, plain]) if (each.isInitialized) await each.destroy();
  }
}

/** A key that was an identity stays bigint. */
async function schemas() {
  const { dsql, plain } = await databases.schemas();
  const unified = (lines: readonly string[]) =>
    lines.map((line) => line.replace(/^(column public\.item\.(?:id|no): )integer/, '$1bigint'));
  return { dsql: unified(dsql), plain: unified(plain) };
}

it.each(CHANGES)('changeColumn of %s: as on PostgreSQL, and back', async (_, work) => {
  await withDataSources(async (dsql, plain) => {
    const { dsql: before } = await schemas();
    for (const each of [dsql, plain]) await work(each);
    const after = await schemas();
    expect(after.dsql).toStrictEqual(after.plain);
    await dsql.executeMemoryDownSql();
    expect((await schemas()).dsql).toStrictEqual(before);
  });
});

it.each([
  ['varchar', { type: 'varchar', ...NO_ENUM, default: "'1'" }, 'character varying'],
  ['a number', { type: 'int', ...NO_ENUM, default: '1' }, 'integer'],
] as const)(
  'an enum that becomes %s takes other values than its labels, and back',
  async (_, given, type) => {
    await withDataSources(async (dsql) => {
      const { dsql: before } = await schemas();
      await change(dsql, 'job', 'state', given);
      const [{ is } = { is: '' }] = (await dsql.query(
        "SELECT format_type(atttypid, atttypmod) AS is FROM pg_attribute WHERE attrelid = 'job'::regclass AND attname = 'state'",
      )) as { is: string }[];
      expect(is).toBe(type);
      await dsql.query("INSERT INTO job VALUES (3, '3')");
      await dsql.query('INSERT INTO job (id) VALUES (4)');
      expect(await dsql.query('SELECT state::text FROM job ORDER BY id')).toStrictEqual(
        ['1', '2', '3', '1'].map((state) => ({ state })),
      );
      await dsql.query('DELETE FROM job WHERE id > 2');
      await dsql.executeMemoryDownSql();
      expect((await schemas()).dsql).toStrictEqual(before);
    });
  },
);

it('an enum whose labels are no numbers does not become one, and the error says what to do', async () => {
  await withDataSources(async (dsql) => {
    await change(dsql, 'job', 'state', { enum: ['1', '2', 'three'] });
    await dsql.query("INSERT INTO job VALUES (3, 'three')");
    const { dsql: before } = await schemas();
    const given = { type: 'int', ...NO_ENUM, default: '1' };
    const error: unknown = await change(dsql, 'job', 'state', given).catch((thrown: unknown) => thrown);
    expect(isUnsupportedFeatureError(error)).toBe(true);
    expect((error as Error).message).toMatch(
      /A row of job has a value that cannot be converted: invalid input syntax for type integer: "three"\. Correct the rows first, or say with USING/,
    );
    expect((await schemas()).dsql).toStrictEqual(before);
  });
});
