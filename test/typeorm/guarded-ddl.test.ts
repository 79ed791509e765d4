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
    [
      'asks for rows that it has written itself',
      `DELETE FROM guarded; IF EXISTS (SELECT 1 FROM guarded WHERE a = 1) THEN DROP TABLE guarded; END IF;`,
    ],
    ['lets other errors pass', 'ALTER TABLE guarded ADD d integer; EXCEPTION WHEN others THEN NULL;'],
  ])('that %s is refused', async (_, text) => {
    await expect(afterMigration('ALTER TABLE guarded ADD before_it integer', block(text))).rejects.toThrow(
      /does not support DO/,
    );
  });

  it('chooses between branches, and asks for none behind the first that holds', async () => {
    const choose = block(
      `IF EXISTS (SELECT 1 FROM pg_constraint WHERE conname = 'one') THEN ALTER TABLE guarded ADD first integer;
       ELSIF EXISTS (SELECT 1 FROM pg_tables WHERE tablename = 'guarded') THEN
         IF 1 = 1 THEN ALTER TABLE guarded ADD second integer; RETURN; END IF;
       ELSE ALTER TABLE guarded ADD third integer; END IF;
       ALTER TABLE guarded ADD never integer;`,
    );
    expect(await afterMigration(choose)).toEqual(['a', 'b', 'id', 'second']);
  });

  it('goes through the rows of a query, and executes what it puts together', async () => {
    const loops = `DO $$
      DECLARE
        found RECORD;
        prefix text := 'the ' || 'new ';
        many integer;
        name text;
      BEGIN
        FOR found IN SELECT attname FROM pg_attribute WHERE attrelid = 'guarded'::regclass AND attname IN ('a', 'b') LOOP
          EXECUTE 'ALTER TABLE guarded RENAME ' || quote_ident(found.attname) || ' TO ' || quote_ident(prefix || found.attname);
        END LOOP;
        FOREACH name IN ARRAY ARRAY['x', 'y'] LOOP
          EXECUTE format('ALTER TABLE %I ADD COLUMN %I integer', 'guarded', name);
        END LOOP;
        SELECT count(*) INTO many FROM pg_tables WHERE tablename = 'nothing';
        IF many > 0 THEN RAISE EXCEPTION 'there is nothing'; END IF;
      END $$`;
    expect(await afterMigration(loops)).toEqual(['id', 'the new a', 'the new b', 'x', 'y']);
  });

  it('writes numbers that JavaScript would round as the server gave them', async () => {
    const [id, amount] = ['9007199254740993', '12345678901234567890.123456789012345678'];
    await afterMigration(
      'CREATE TABLE ledger (id bigint PRIMARY KEY, amount numeric(38, 18), copy numeric(38, 18), note jsonb, kept jsonb)',
      `INSERT INTO ledger (id, amount, note) VALUES (${id}, ${amount}, '{"of": ${id}}')`,
      `DO $$ DECLARE found RECORD; BEGIN
         FOR found IN SELECT id, amount, note FROM ledger LOOP
           UPDATE ledger SET copy = found.amount, kept = found.note WHERE ledger.id = found.id;
         END LOOP;
       END $$`,
    );
    const rows: unknown = await dataSource.query('SELECT copy, kept::text FROM ledger');
    expect(rows).toEqual([{ copy: amount, kept: `{"of": ${id}}` }]);
  });

  it('writes rows where its condition holds', async () => {
    const id = 'b0ce2e26-6c70-4a3a-8f3e-2a3d5a0f9c11';
    await afterMigration(
      block(`IF NOT EXISTS (SELECT 1 FROM guarded) THEN INSERT INTO guarded VALUES ('${id}', 1, 2); END IF;
             UPDATE guarded SET b = a + 2; PERFORM 1;`),
    );
    expect(await dataSource.query('SELECT a, b FROM guarded')).toEqual([{ a: 1, b: 3 }]);
  });

  it('that raises an error fails with it, and does nothing', async () => {
    const raise = block(
      `IF EXISTS (SELECT 1 FROM pg_tables WHERE tablename = 'guarded') THEN RAISE EXCEPTION 'no guards here'; END IF;
       ALTER TABLE guarded ADD d integer;`,
    );
    await expect(afterMigration(raise)).rejects.toThrow(
      /ends with an error: RAISE EXCEPTION 'no guards here'/,
    );
    expect(
      await dataSource.query(
        `SELECT 1 FROM pg_attribute WHERE attname = 'd' AND attrelid = 'guarded'::regclass`,
      ),
    ).toEqual([]);
  });

  it('finds the labels of an enum type, which Aurora DSQL does not have', async () => {
    const add = (label: string) =>
      block(`IF NOT EXISTS (SELECT 1 FROM pg_type t JOIN pg_enum e ON e.enumtypid = t.oid WHERE t.typname = 'mood' AND e.enumlabel = '${label}')
             THEN ALTER TYPE mood ADD VALUE '${label}'; ALTER TABLE guarded ADD "${label}" integer; END IF;`);
    expect(
      await afterMigration(
        `CREATE TYPE mood AS ENUM ('sad')`,
        'ALTER TABLE guarded ADD c mood',
        add('sad'),
        add('glad'),
      ),
    ).toEqual(['a', 'b', 'c', 'glad', 'id', 'mood_c_enum']);
  });
});
