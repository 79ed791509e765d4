import 'reflect-metadata';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { runInThisContext } from 'node:vm';
import { isUnsupportedFeatureError } from 'aurora-dsql-orm';
import { createDsqlSequelize } from 'aurora-dsql-orm/sequelize';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import * as sequelizeLibrary from 'sequelize';
import { AbstractLogger, type MigrationInterface, type QueryRunner } from 'typeorm';
import { createMigrator } from '../../src/sequelize/umzug';
import { useCluster } from '../cluster';
import { sequelizeCli } from '../sequelize/sequelize-cli';
import { empty, rowsOf } from './database-state';

const cluster = useCluster();
const folder = mkdtempSync(path.join(tmpdir(), 'aurora-dsql-orm-refused-'));

afterEach(() => empty(cluster.connection));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const query = (sql: string) => rowsOf(cluster.connection, sql);

async function hasShelf(): Promise<boolean> {
  return (await query("SELECT to_regclass('shelf') IS NOT NULL AS there"))[0]?.there === true;
}

/** TypeORM says by itself that a migration has failed. */
class QuietLogger extends AbstractLogger {
  protected writeLog(): void {
    // The error says the same.
  }
}

type Body = (queryRunner: QueryRunner) => Promise<void>;
type MigrationClass = new () => MigrationInterface;

/** A class that is made of a text, as that of a file is. */
function migrationOf(up: Body | string): MigrationClass {
  const text = String(up).replace(/^async \((\w+)\) =>/, 'async up($1)');
  return runInThisContext(`(class Shelf1770000000000 { ${text} async down() {} })`) as MigrationClass;
}

/** Runs one migration of TypeORM. */
async function runTypeOrm(
  Migration: MigrationClass,
  mode: 'all' | 'each' | 'none' = 'each',
): Promise<unknown> {
  const dataSource = createDsqlDataSource({
    ...cluster.orm,
    dsql: { ...cluster.orm.dsql, arrays: 'jsonb' },
    migrations: [Migration],
    migrationsTransactionMode: mode,
    logger: new QuietLogger(),
  });
  await dataSource.initialize();
  try {
    await dataSource.runMigrations();
    return undefined;
  } catch (error) {
    return error;
  } finally {
    await dataSource.destroy();
  }
}

/** Runs one migration of umzug, which is a file. */
async function runUmzug(code: string, sent: (sql: string) => void = () => undefined): Promise<unknown> {
  const file = path.join(folder, `${Date.now()}-${Math.random()}.js`);
  writeFileSync(file, code);
  const { dsql, ...orm } = cluster.orm;
  const sequelize = createDsqlSequelize({ ...orm, dsql: { ...dsql, arrays: 'jsonb' }, logging: sent });
  const migrator = createMigrator(sequelize, {
    logger: undefined,
    migrations: {
      glob: file,
      resolve: ({ name, path: found = '', context }) => {
        // eslint-disable-next-line @typescript-eslint/no-require-imports -- as umzug's documentation has it
        const migration = require(found) as { up: (...args: unknown[]) => Promise<unknown> };
        return {
          name,
          up: async () => migration.up(context, sequelizeLibrary),
          down: () => Promise.resolve(),
        };
      },
    },
  });
  try {
    await migrator.up();
    return undefined;
  } catch (error) {
    return error;
  } finally {
    await sequelize.close();
  }
}

const messageOf = (error: unknown) => (error instanceof Error ? error.message : String(error));

describe('with TypeORM', () => {
  it.each(['all', 'each', 'none'] as const)(
    'nothing of a migration is done when a statement of it is refused: mode %s',
    async (mode) => {
      const error = await runTypeOrm(
        migrationOf(async (queryRunner) => {
          await queryRunner.query('CREATE TABLE shelf (id int PRIMARY KEY, name text)');
          await queryRunner.query("INSERT INTO shelf VALUES (1, 'a')");
          await queryRunner.query(
            'CREATE TRIGGER t BEFORE UPDATE ON shelf FOR EACH ROW EXECUTE FUNCTION f()',
          );
        }),
        mode,
      );
      expect(isUnsupportedFeatureError(error)).toBe(true);
      expect(messageOf(error)).toMatch(/CREATE TRIGGER[\s\S]*Nothing of it stays/);
      expect(await hasShelf()).toBe(false);
    },
  );

  it('what depends on rows that are there is followed', async () => {
    await query('CREATE TABLE label (id int PRIMARY KEY, text text)');
    await query("INSERT INTO label VALUES (1, 'a'), (2, 'b')");
    const error = await runTypeOrm(
      migrationOf(async (queryRunner) => {
        await queryRunner.query('CREATE TABLE shelf (id int PRIMARY KEY)');
        for (const { id } of (await queryRunner.query('SELECT id FROM label')) as { id: number }[]) {
          await queryRunner.query('UPDATE label SET text = $1 WHERE id = $2', ['x', id]);
          if (id === 2) await queryRunner.query('LISTEN label');
        }
      }),
    );
    expect(messageOf(error)).toMatch(/LISTEN[\s\S]*Nothing of it stays/);
    expect(await hasShelf()).toBe(false);
    expect(await query('SELECT DISTINCT text FROM label ORDER BY 1')).toStrictEqual([
      { text: 'a' },
      { text: 'b' },
    ]);
  });

  it('what the migration itself catches stops nothing', async () => {
    const error = await runTypeOrm(
      migrationOf(async (queryRunner) => {
        try {
          await queryRunner.query('CREATE EXTENSION citext');
        } catch {
          await queryRunner.query('CREATE TABLE shelf (id int PRIMARY KEY)');
        }
        await queryRunner.query('INSERT INTO shelf VALUES (1)');
      }),
    );
    expect(error).toBeUndefined();
    expect(await query('SELECT id FROM shelf')).toStrictEqual([{ id: 1 }]);
  });

  it('what is possible only behind what the migration does is not taken for refused', async () => {
    const error = await runTypeOrm(
      migrationOf(async (queryRunner) => {
        await queryRunner.query('CREATE TABLE shelf (id int PRIMARY KEY, size int NOT NULL)');
        // On a table without rows.
        await queryRunner.query('ALTER TABLE shelf ALTER COLUMN size TYPE text USING size::text');
        const [{ n }] = (await queryRunner.query('SELECT count(*)::int AS n FROM shelf')) as [{ n: number }];
        if (n > 0) await queryRunner.query('LISTEN shelf');
        await queryRunner.query("INSERT INTO shelf (id, size) VALUES (1, 'large')");
      }),
    );
    expect(error).toBeUndefined();
    expect(await query('SELECT id, size FROM shelf')).toStrictEqual([{ id: 1, size: 'large' }]);
  });

  it('what is refused for certain is found behind what only the migration itself can find out', async () => {
    await query('CREATE TABLE label (id int PRIMARY KEY, text varchar(10))');
    const error = await runTypeOrm(
      migrationOf(async (queryRunner) => {
        await queryRunner.query('CREATE TABLE shelf (id int PRIMARY KEY)');
        await queryRunner.query('ALTER TABLE label RENAME COLUMN text TO name');
        await queryRunner.query('ALTER TABLE label ALTER COLUMN name TYPE varchar(20)');
        await queryRunner.query('LISTEN label');
      }),
    );
    expect(messageOf(error)).toMatch(/LISTEN[\s\S]*Nothing of it stays/);
    expect(await hasShelf()).toBe(false);
  });

  const UNIQUE = Array.from({ length: 22 }, (_, at) => `c${String(at)} int UNIQUE`).join(', ');

  it.each([
    { drops: '', says: /24 indexes on the table label[\s\S]*Nothing of it stays/, added: 0 },
    { drops: 'DROP CONSTRAINT label_c1_key, DROP CONSTRAINT label_c2_key, ', says: /^undefined$/, added: 1 },
  ])(
    'an index too many is found before one is built, and those dropped are counted: $added',
    async (each) => {
      await query(`CREATE TABLE label (id int PRIMARY KEY, ${UNIQUE})`);
      const error = await runTypeOrm(
        migrationOf(`async up(queryRunner) {
        await queryRunner.query('ALTER TABLE label ${each.drops}ADD COLUMN size int');
        await queryRunner.query('CREATE INDEX label_size ON label (size)');
        await queryRunner.query('CREATE INDEX label_both ON label (size, c1)');
      }`),
      );
      const columns =
        "SELECT count(*)::int AS added FROM pg_attribute WHERE attrelid = 'label'::regclass AND attname = 'size'";
      expect(messageOf(error)).toMatch(each.says);
      expect(await query(columns)).toStrictEqual([{ added: each.added }]);
    },
  );

  it('code that may do more than send statements is called once', async () => {
    const calls: string[] = [];
    const noteCall = () => calls.push('called');
    class Shelf1770000000000 implements MigrationInterface {
      async up(queryRunner: QueryRunner): Promise<void> {
        noteCall();
        await queryRunner.query('CREATE TABLE shelf (id int PRIMARY KEY)');
      }
      down(): Promise<void> {
        return Promise.resolve();
      }
    }
    const error = await runTypeOrm(Shelf1770000000000);
    expect(error).toBeUndefined();
    expect(calls).toStrictEqual(['called']);
  });
});

const CREATE = `await queryInterface.createTable('shelf', { id: { type: Sequelize.INTEGER, primaryKey: true } }`;

interface Absent {
  readonly sql: string;
  readonly says: string;
  readonly code: string;
}

/** About what is not there, behind a statement that makes the table shelf. */
const ABSENT: readonly Absent[] = [
  {
    sql: 'DROP TRIGGER shelf_sorted ON shelf',
    says: 'There is no trigger "shelf_sorted" for table "shelf". Write DROP TRIGGER IF EXISTS.',
    code: '42704',
  },
  {
    sql: 'DROP FUNCTION sorted(integer, text)',
    says: 'There is no function "sorted"(integer, text). Write DROP FUNCTION IF EXISTS.',
    code: '42883',
  },
  { sql: 'DROP FUNCTION sorted', says: 'There is no function named "sorted"', code: '42883' },
  {
    sql: 'ALTER TABLE "label" DROP CONSTRAINT "FK_1234"',
    says: 'There is no constraint "FK_1234" of "label". Write DROP CONSTRAINT IF EXISTS.',
    code: '42704',
  },
  {
    sql: 'CREATE INDEX label_weight ON label (text, weight)',
    says: 'There is no column "weight" of "label". Correct the name, or omit the statement.',
    code: '42703',
  },
  {
    sql: 'ALTER TABLE label RENAME CONSTRAINT a_check TO b_check',
    says: 'There is no constraint "a_check" of "label". Correct the name, or omit the statement.',
    code: '42704',
  },
  {
    sql: 'ALTER TABLE label DROP COLUMN weight, ADD COLUMN width int',
    says: 'There is no column "weight" of "label". Write DROP COLUMN IF EXISTS.',
    code: '42703',
  },
  { sql: 'ALTER TABLE label RENAME weight TO width', says: 'no column "weight" of "label"', code: '42703' },
  { sql: 'DROP VIEW labels', says: 'There is no view "labels". Write DROP VIEW IF EXISTS.', code: '42P01' },
  { sql: 'DROP TABLE box', says: 'There is no table "box". Write DROP TABLE IF EXISTS.', code: '42P01' },
  {
    sql: 'ALTER TABLE box ADD COLUMN size int',
    says: 'There is no table "box". Write ALTER TABLE IF EXISTS.',
    code: '42P01',
  },
  {
    sql: 'INSERT INTO box (size) VALUES (1)',
    says: 'There is no table "box". Correct the name, or omit the statement.',
    code: '42P01',
  },
  {
    sql: 'UPDATE label SET text = box.text FROM box WHERE box.id = label.id',
    says: 'no table "box"',
    code: '42P01',
  },
  { sql: 'DELETE FROM stock.box', says: 'There is no table "box".', code: '42P01' },
  {
    sql: 'WITH old AS (SELECT id FROM label) SELECT * FROM old JOIN boxes USING (id)',
    says: 'There is no table "boxes".',
    code: '42P01',
  },
  { sql: 'CREATE INDEX ON box (size)', says: 'There is no table "box".', code: '42P01' },
  { sql: 'ALTER SEQUENCE box_ids RENAME TO ids', says: 'There is no sequence "box_ids".', code: '42P01' },
  { sql: 'DROP SCHEMA stock', says: 'There is no schema "stock".', code: '3F000' },
  {
    sql: `DO $$ BEGIN IF (SELECT count(*) FROM label) > 0 THEN RAISE EXCEPTION 'There are % labels', 1; END IF; END $$`,
    says: 'A DO block ends with an error',
    code: 'P0001',
  },
];

describe('nothing of a migration is done when a statement of it is about what is not there', () => {
  beforeEach(async () => {
    await query('CREATE TABLE label (id int PRIMARY KEY, text text)');
    await query("INSERT INTO label VALUES (1, 'a')");
  });

  it.each(ABSENT)('with TypeORM: $sql', async ({ sql, says, code }) => {
    const up = `async (queryRunner) => {
      await queryRunner.query('CREATE TABLE shelf (id int PRIMARY KEY)');
      await queryRunner.query(${JSON.stringify(sql)});
    }`;
    const error = await runTypeOrm(migrationOf(up));
    expect(messageOf(error)).toContain(says);
    expect(messageOf(error)).toContain('It is a statement of migration "Shelf1770000000000"');
    expect(error).toMatchObject({ name: 'MigrationRefusedError', code, sql });
    expect(await hasShelf()).toBe(false);
  });

  it('but what is there is found under every name that a statement has for it', async () => {
    const statements = [
      String.raw`CREATE TABLE U&"sh\0065lf" (id int PRIMARY KEY)`,
      'INSERT INTO shelf VALUES (1)',
      'CREATE TABLE "the ""best"" labels" (id int PRIMARY KEY)',
      'INSERT INTO "the ""best"" labels" VALUES (1)',
      'SELECT 1 FROM label AS written WHERE written.id = 1 FOR UPDATE OF written',
    ];
    const sent = statements.map((sql) => `await queryRunner.query(${JSON.stringify(sql)});`).join('\n');
    expect(await runTypeOrm(migrationOf(`async (queryRunner) => { ${sent} }`))).toBeUndefined();
    expect(await query('SELECT * FROM "the ""best"" labels", shelf')).toEqual([{ id: 1 }]);
  });

  it('with Sequelize, with the place in the file', async () => {
    const error = await runUmzug(
      `module.exports = { up: async (queryInterface, Sequelize) => {
        ${CREATE});
        await queryInterface.sequelize.query('DROP VIEW labels');
      } };`,
    );
    expect(messageOf(error)).toMatch(
      /There is no view "labels"\. Write DROP VIEW IF EXISTS[\s\S]*\.js:3:\d+: DROP VIEW labels/,
    );
    expect(await hasShelf()).toBe(false);
  });

  it('with Sequelize, in a transaction that is rolled back', async () => {
    const error = await runUmzug(
      `module.exports = { up: async (queryInterface, Sequelize) => {
        const transaction = await queryInterface.sequelize.transaction();
        try {
          ${CREATE}, { transaction });
          await queryInterface.removeConstraint('label', 'label_fk', { transaction });
          await transaction.commit();
        } catch (error) {
          await transaction.rollback();
          throw error;
        }
      } };`,
    );
    expect(messageOf(error)).toContain('There is no constraint "label_fk" of "label".');
    expect(await hasShelf()).toBe(false);
  });
});

/** What seems not to be there, and is: made by a statement before. */
const MADE: readonly (readonly string[])[] = [
  [
    'CREATE TABLE shelf (id int PRIMARY KEY, size int, CHECK (size > 0))',
    'ALTER TABLE shelf DROP CONSTRAINT shelf_size_check',
  ],
  [
    'CREATE TABLE shelf (id int PRIMARY KEY)',
    'CREATE VIEW shelves AS SELECT id FROM shelf',
    'DROP VIEW shelves',
  ],
  [
    'CREATE TABLE shelf (id int PRIMARY KEY, size int)',
    'CREATE INDEX ON shelf (size)',
    'DROP INDEX shelf_size_idx',
  ],
  [
    'CREATE TABLE box (id int PRIMARY KEY, size int); ALTER TABLE box RENAME TO shelf; ALTER TABLE shelf RENAME size TO width; ALTER TABLE shelf DROP COLUMN width',
  ],
  [
    'CREATE TABLE box (id int PRIMARY KEY, size int CONSTRAINT is_large CHECK (size > 0))',
    'DROP TABLE label',
    'ALTER TABLE box RENAME TO label',
    'ALTER TABLE label DROP CONSTRAINT is_large',
    'CREATE TABLE shelf (id int PRIMARY KEY)',
  ],
  [
    'CREATE TABLE shelf (id int PRIMARY KEY); CREATE TABLE "Box" (id int)',
    'INSERT INTO shelf SELECT id FROM label',
    'CREATE VIEW shelves AS SELECT id FROM shelf',
    'WITH ids AS (SELECT id FROM shelves) INSERT INTO public."Box" SELECT id FROM ids',
    'UPDATE shelf SET id = 1 FROM pg_class, information_schema.tables WHERE false',
    'DELETE FROM shelves WHERE id = 1',
    'SELECT * FROM "Box"',
  ],
  [
    'ALTER TABLE label ADD COLUMN width int, ALTER COLUMN width SET DEFAULT 1',
    'CREATE INDEX ON label (width) INCLUDE (text)',
    'CREATE TABLE shelf (id int PRIMARY KEY)',
  ],
  [
    'ALTER TABLE IF EXISTS box DROP COLUMN size',
    'DROP TRIGGER IF EXISTS t ON label',
    'CREATE TABLE shelf (id int PRIMARY KEY)',
  ],
  [
    'CREATE TABLE shelf (id int PRIMARY KEY)',
    `DO $$ BEGIN IF NOT EXISTS (SELECT FROM information_schema.tables WHERE table_name = 'shelf') THEN RAISE EXCEPTION 'no shelf'; END IF; END $$`,
  ],
];

it.each(MADE)('what the migration itself makes is there: %s', async (...statements) => {
  await query('CREATE TABLE label (id int PRIMARY KEY, text text)');
  const sent = statements.map((sql) => `await queryRunner.query(${JSON.stringify(sql)});`).join('\n');
  const error = await runTypeOrm(migrationOf(`async (queryRunner) => { ${sent} }`));
  expect(messageOf(error)).toBe('undefined');
  expect(await hasShelf()).toBe(true);
});

it.each([
  ["error.driverError?.code !== '42P01'", "error.original?.code !== '42P01'"],
  ["error.code !== '42P01'", '!/box/.test(error.message)'],
])('what code expects to fail stops nothing: %s', async (inTypeOrm, inSequelize) => {
  const error = await runTypeOrm(
    migrationOf(`async (queryRunner) => {
      try { await queryRunner.query('DROP TABLE box'); } catch (error) { if (${inTypeOrm}) throw error; }
      await queryRunner.query('CREATE TABLE shelf (id int PRIMARY KEY)');
    }`),
    'none',
  );
  expect(messageOf(error)).toBe('undefined');
  expect(await hasShelf()).toBe(true);
  await query('DROP TABLE shelf');
  const failed = await runUmzug(`module.exports = { up: async (queryInterface, Sequelize) => {
    try { await queryInterface.sequelize.query('DROP TABLE box'); } catch (error) { if (${inSequelize}) throw error; }
    ${CREATE});
  } };`);
  expect(messageOf(failed)).toBe('undefined');
  expect(await hasShelf()).toBe(true);
});

const TRIGGER = `'CREATE TRIGGER t BEFORE UPDATE ON shelf FOR EACH ROW EXECUTE FUNCTION f()'`;

describe('with Sequelize', () => {
  it.each([
    [
      'with the methods of the query interface',
      `${CREATE}); await queryInterface.sequelize.query(${TRIGGER});`,
    ],
    [
      'in a transaction',
      `await queryInterface.sequelize.transaction(async (transaction) => {
         ${CREATE}, { transaction });
         await queryInterface.addColumn('shelf', 'size', { type: Sequelize.TEXT, allowNull: false, defaultValue: 's' }, { transaction });
         await queryInterface.bulkInsert('shelf', [{ id: 1 }], { transaction });
         await queryInterface.sequelize.query(${TRIGGER}, { transaction });
       });`,
    ],
    [
      'for a type',
      `${CREATE}); await queryInterface.addColumn('shelf', 'place', { type: Sequelize.GEOMETRY });`,
    ],
    ['for what only reads', `${CREATE}); await queryInterface.sequelize.query('LISTEN shelf');`],
  ])('nothing of a migration is done when a statement of it is refused: %s', async (_, body) => {
    const sent: string[] = [];
    const error = await runUmzug(
      `module.exports = { up: async (queryInterface, Sequelize) => { ${body} } };`,
      (sql) => sent.push(sql),
    );
    expect(isUnsupportedFeatureError((error as Error).cause)).toBe(true);
    expect(await hasShelf()).toBe(false);
    expect(sent.filter((sql) => sql.includes('shelf') && !sql.includes('SELECT'))).toStrictEqual([]);
  });

  it('nothing of a migration is done that sequelize-cli runs, when a statement of it is refused', async () => {
    const project = mkdtempSync(path.join(folder, 'cli-'));
    symlinkSync(path.resolve(__dirname, '../../node_modules'), path.join(project, 'node_modules'));
    for (const each of ['config', 'migrations']) mkdirSync(path.join(project, each));
    writeFileSync(path.join(project, '.sequelizerc'), "require('aurora-dsql-orm/sequelize/register');");
    const development = { username: 'admin', password: null, dialect: 'postgres', dsql: {} };
    writeFileSync(path.join(project, 'config/config.json'), JSON.stringify({ development }));
    const code = `module.exports = { up: async (queryInterface, Sequelize) => { ${CREATE}); await queryInterface.sequelize.query(${TRIGGER}); } };`;
    writeFileSync(path.join(project, 'migrations/01-shelf.js'), code);
    const ended = await sequelizeCli(cluster, project, 'db:migrate');
    expect(ended).toMatchObject({ status: 1 });
    expect(ended.output).toMatch(/CREATE TRIGGER[\s\S]*01-shelf\.js:\d+/);
    expect(await hasShelf()).toBe(false);
  });

  it('a migration that is not refused does everything once', async () => {
    const error = await runUmzug(`module.exports = {
      up: (queryInterface, Sequelize) => queryInterface.sequelize.transaction(async (transaction) => {
        ${CREATE}, { transaction });
        await queryInterface.bulkInsert('shelf', [{ id: 1 }], { transaction });
        const [rows] = await queryInterface.sequelize.query('SELECT id FROM shelf', { transaction });
        for (const { id } of rows) {
          await queryInterface.sequelize.query('INSERT INTO shelf VALUES (:id)', { replacements: { id: id + 1 }, transaction });
        }
      }),
    };`);
    expect(error).toBeUndefined();
    expect(await query('SELECT id FROM shelf ORDER BY id')).toStrictEqual([{ id: 1 }, { id: 2 }]);
  });
});
