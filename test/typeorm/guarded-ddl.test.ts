import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import type { DataSource, QueryRunner } from 'typeorm';
import { useCluster } from '../cluster';

const cluster = useCluster();
let dataSource: DataSource;

afterEach(async () => {
  await dataSource.destroy();
});

let migrations = 0;

/** Runs texts in a migration, and says which columns and constraints the table has afterwards. */
async function afterMigration(...texts: readonly string[]): Promise<string[]> {
  const name = `Guarded${String(1700000000000 + ++migrations)}`;
  class Guarded {
    readonly name = name;
    async up(queryRunner: QueryRunner): Promise<void> {
      for (const text of texts) await queryRunner.query(text);
    }
    down(): Promise<void> {
      return Promise.resolve();
    }
  }
  dataSource = await createDsqlDataSource({
    ...cluster.orm,
    logging: false,
    migrations: [Guarded],
  }).initialize();
  await dataSource.runMigrations();
  const rows = await dataSource.query<{ name: string }[]>(
    `SELECT attname AS name FROM pg_attribute WHERE attrelid = 'guarded'::regclass AND attnum > 0 AND NOT attisdropped
     UNION ALL SELECT conname FROM pg_constraint WHERE conrelid = 'guarded'::regclass AND contype <> 'p' ORDER BY 1`,
  );
  return rows.map((row) => row.name);
}

const block = (text: string) => `DO $$ BEGIN ${text} END $$`;
const unless = (constraint: string, then: string) =>
  `IF NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conname = '${constraint}') THEN ${then} END IF;`;

describe('a DO block of a migration', () => {
  beforeEach(async () => {
    const setUp = await createDsqlDataSource(cluster.orm).initialize();
    await setUp.query('DROP TABLE IF EXISTS guarded');
    await setUp.query('CREATE TABLE guarded (id uuid PRIMARY KEY, a integer, b integer)');
    await setUp.destroy();
  });

  it('with several guards does what each of them lets through', async () => {
    const add = (name: string) => `ALTER TABLE guarded ADD CONSTRAINT ${name} CHECK (a > 0);`;
    expect(
      await afterMigration(
        'ALTER TABLE guarded ADD CONSTRAINT one CHECK (a > 0)',
        block(unless('one', add('one')) + unless('two', add('two'))),
      ),
    ).toEqual(['a', 'b', 'id', 'one', 'two']);
  });

  it('drops what is there, and nothing where it is not', async () => {
    const drop = (column: string) =>
      block(
        `ALTER TABLE guarded DROP COLUMN ${column}; EXCEPTION WHEN undefined_column THEN RAISE NOTICE 'no';`,
      );
    expect(await afterMigration(drop('b'), drop('nothing'))).toEqual(['a', 'id']);
  });

  it('drops tables and indexes that are there', async () => {
    const drop = (what: string) =>
      block(`DROP ${what}; EXCEPTION WHEN undefined_table OR undefined_object THEN NULL;`);
    expect(
      await afterMigration(
        'CREATE INDEX guarded_a ON guarded (a)',
        'CREATE TABLE gone (id uuid PRIMARY KEY)',
        ...['INDEX guarded_a', 'INDEX none', 'TABLE gone', 'TABLE "No Such"'].map(drop),
      ),
    ).toEqual(['a', 'b', 'id']);
    const [row] = await dataSource.query<{ left: number }[]>(
      `SELECT count(*)::int AS left FROM pg_class WHERE relname IN ('guarded_a', 'gone')`,
    );
    expect(row).toEqual({ left: 0 });
  });

  it('renames a column once, by a block inside of a block', async () => {
    const rename = block(
      'BEGIN ALTER TABLE guarded RENAME COLUMN b TO c; EXCEPTION WHEN undefined_column THEN NULL; END;',
    );
    expect(await afterMigration(rename, rename)).toEqual(['a', 'c', 'id']);
  });

  it('renames a column where the handler has no statement', async () => {
    const rename = block('ALTER TABLE guarded RENAME b TO c; EXCEPTION WHEN undefined_column THEN');
    expect(await afterMigration(rename, rename)).toEqual(['a', 'c', 'id']);
  });

  it.each([
    [
      'asks for what it has done itself',
      `ALTER TABLE guarded ADD d integer;
       IF EXISTS (SELECT 1 FROM information_schema.columns WHERE table_name = 'guarded' AND column_name = 'd')
       THEN ALTER TABLE guarded RENAME COLUMN d TO e; END IF;`,
    ],
    ['writes rows', 'DELETE FROM guarded;'],
    ['chooses', unless('one', 'ALTER TABLE guarded ADD d integer; ELSE ALTER TABLE guarded DROP COLUMN a;')],
    ['lets other errors pass', 'ALTER TABLE guarded ADD d integer; EXCEPTION WHEN others THEN NULL;'],
  ])('that %s is refused', async (_, text) => {
    await expect(afterMigration('ALTER TABLE guarded ADD before_it integer', block(text))).rejects.toThrow(
      /lacks|DO/,
    );
  });
});
