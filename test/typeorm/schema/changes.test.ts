import 'reflect-metadata';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import {
  Entity,
  EntitySchema,
  EntitySchemaOptions,
  PrimaryGeneratedColumn,
  ViewColumn,
  ViewEntity,
  type DataSource,
  type EntitySchemaColumnOptions,
} from 'typeorm';
import { useCluster } from '../../cluster';
import { oneOfEvery } from '../../form';
import { differences, none, withDataSource, type Watched } from './recorded-statements';

const cluster = useCluster();

type Columns = Readonly<Record<string, EntitySchemaColumnOptions>>;
type Entities = (EntitySchema | (new () => object))[];
type Row = Record<string, unknown>;
type Model = Omit<Partial<EntitySchemaOptions<Row>>, 'columns'>;

const id: EntitySchemaColumnOptions = { type: Number, primary: true, generated: 'increment' };

function schema(options: Model & { readonly name: string; readonly columns: Columns }): EntitySchema {
  return new EntitySchema<Row>(Object.assign(new EntitySchemaOptions<Row>(), options));
}

const parent = schema({ name: 'Parent', columns: { id } });

/** The entity whose model changes; `parent` is there before and after. */
function thing(columns: Columns, more: Model = {}): EntitySchema[] {
  return [parent, schema({ name: 'Thing', columns: { id, ...columns }, ...more })];
}

@Entity('thing', { comment: 'one' })
class CommentedOne {
  @PrimaryGeneratedColumn()
  id!: number;
}

@Entity('thing', { comment: 'two' })
class CommentedTwo {
  @PrimaryGeneratedColumn()
  id!: number;
}

@ViewEntity('names', { expression: 'SELECT id FROM thing' })
class NamesOne {
  @ViewColumn()
  id!: number;
}

@ViewEntity('names', { expression: 'SELECT id, id AS other FROM thing' })
class NamesTwo extends NamesOne {
  @ViewColumn()
  other!: number;
}

interface Change {
  readonly change: string;
  readonly before: Entities;
  readonly after: Entities;
  /** Columns and values of the rows that are there. */
  readonly rows?: string;
  /** What is sent, in order. */
  readonly sent: readonly (string | RegExp)[];
  /** What the rows are then, by their ids. */
  readonly then?: readonly object[];
}

const text: EntitySchemaColumnOptions = { type: 'text' };
const optional: EntitySchemaColumnOptions = { type: 'text', nullable: true };
const enumOf = (...values: string[]): EntitySchemaColumnOptions => ({ type: 'enum', enum: values });
const relation = (options: object = {}): Model => ({
  relations: { parent: { type: 'many-to-one', target: 'Parent', joinColumn: true, ...options } },
});

const applied: readonly Change[] = [
  {
    change: 'a nullable column is added',
    before: thing({ a: text }),
    after: thing({ a: text, b: optional }),
    rows: `(a) VALUES ('x')`,
    sent: ['ALTER TABLE "thing" ADD "b" text'],
    then: [{ a: 'x', b: null }],
  },
  {
    change: 'a NOT NULL column with a default is added to a table with rows',
    before: thing({ a: text }),
    after: thing({ a: text, b: { type: 'int', default: 7 } }),
    rows: `(a) SELECT 'x' FROM generate_series(1, 2999)`,
    sent: [
      'ALTER TABLE "thing" ADD "b" integer',
      `ALTER TABLE "thing" ALTER COLUMN "b" SET DEFAULT '7'`,
      /^UPDATE "thing" SET "b" = DEFAULT WHERE "id" IN \(SELECT "id" FROM "thing" WHERE "b" IS NULL LIMIT 3000\)$/,
      /^UPDATE "thing"/,
      'ALTER TABLE "thing" ADD CONSTRAINT "thing_b_not_null" CHECK ("b" IS NOT NULL) NOT VALID',
      'ALTER TABLE ASYNC "thing" VALIDATE CONSTRAINT "thing_b_not_null"',
    ],
  },
  {
    change: 'a generated uuid is added',
    before: thing({}),
    after: thing({ b: { type: 'uuid', generated: 'uuid' } }),
    rows: 'DEFAULT VALUES',
    sent: [/ADD "b" uuid$/, /SET DEFAULT gen_random_uuid\(\)/, /^UPDATE/, /^UPDATE/, /NOT VALID/, /VALIDATE/],
  },
  {
    change: 'a generated number is added',
    before: thing({}),
    after: thing({ b: { type: Number, generated: 'increment' } }),
    rows: 'DEFAULT VALUES',
    sent: [
      /ADD "b" bigint$/,
      'CREATE SEQUENCE "thing_b_seq" CACHE 1 OWNED BY "thing"."b"',
      /SET DEFAULT nextval/,
      /^UPDATE/,
      /^UPDATE/,
      /NOT VALID/,
      /VALIDATE/,
    ],
    then: [{ b: 1 }],
  },
  {
    change: 'an enum column is added',
    before: thing({}),
    after: thing({ b: { ...enumOf('p', 'q'), default: 'q' } }),
    rows: 'DEFAULT VALUES',
    sent: [
      'ALTER TABLE "thing" ADD "b" text',
      `ALTER TABLE "thing" ALTER COLUMN "b" SET DEFAULT 'q'`,
      /^UPDATE/,
      /^UPDATE/,
      `ALTER TABLE "thing" ADD CONSTRAINT "thing_b_check" CHECK ("b" IN ('p', 'q')) NOT VALID`,
      /NOT VALID/,
      /VALIDATE/,
      /VALIDATE/,
    ],
    then: [{ b: 'q' }],
  },
  {
    change: 'a unique and an indexed column are added',
    before: thing({}),
    after: thing(
      { b: { ...optional, unique: true }, c: optional },
      { indices: [{ name: 'idx_c', columns: ['c'] }] },
    ),
    sent: [
      /ADD "b" text/,
      /^CREATE UNIQUE INDEX ASYNC "(UQ_\w+)"/,
      /ADD CONSTRAINT "(UQ_\w+)" UNIQUE USING INDEX "\1"/,
      /ADD "c" text/,
      /^CREATE INDEX ASYNC "idx_c"/,
    ],
  },
  {
    change: 'a column with a comment is added, and one gets a comment',
    before: thing({ a: text }),
    after: thing({ a: { ...text, comment: "it's a" }, b: { ...optional, comment: 'b' } }),
    sent: [/ADD "b"/, /^COMMENT ON COLUMN "thing"."b" IS 'b'/, /^COMMENT ON COLUMN "thing"."a" IS 'it''s a'/],
  },
  {
    change: 'a column is dropped, with its index, CHECK and unique constraint',
    before: thing(
      { a: text, b: { ...enumOf('p'), default: 'p', unique: true } },
      { indices: [{ columns: ['b'] }], checks: [{ expression: `"b" <> 'z'` }] },
    ),
    after: thing({ a: text }),
    rows: `(a) VALUES ('x')`,
    sent: [
      /DROP INDEX/,
      /DROP CONSTRAINT "CHK_/,
      /DROP CONSTRAINT "UQ_/,
      'ALTER TABLE "thing" DROP COLUMN "b"',
    ],
    then: [{ a: 'x' }],
  },
  {
    change: 'a column is renamed, and keeps its values, index and unique constraint',
    before: thing({ a: { ...text, unique: true } }, { indices: [{ columns: ['a'] }] }),
    after: thing({ b: { ...text, unique: true } }, { indices: [{ columns: ['b'] }] }),
    rows: `(a) VALUES ('x')`,
    sent: [
      /^DROP INDEX/,
      'ALTER TABLE "thing" RENAME COLUMN "a" TO "b"',
      /RENAME CONSTRAINT "UQ_/,
      /^CREATE INDEX ASYNC/,
    ],
    then: [{ b: 'x' }],
  },
  {
    change: 'an enum column is renamed',
    before: thing({ a: enumOf('p', 'q') }),
    after: thing({ b: enumOf('p', 'q') }),
    rows: `(a) VALUES ('q')`,
    sent: ['ALTER TABLE "thing" RENAME COLUMN "a" TO "b"'],
    then: [{ b: 'q' }],
  },
  {
    change: 'a column that was made NOT NULL later is renamed',
    before: thing({ a: optional }),
    after: thing({ a: text }),
    rows: `(a) VALUES ('x')`,
    sent: [
      'ALTER TABLE "thing" ADD CONSTRAINT "thing_a_not_null" CHECK ("a" IS NOT NULL) NOT VALID',
      'ALTER TABLE ASYNC "thing" VALIDATE CONSTRAINT "thing_a_not_null"',
    ],
  },
  {
    change: 'a NOT NULL column becomes nullable',
    before: thing({ a: text }),
    after: thing({ a: optional }),
    sent: ['ALTER TABLE "thing" ALTER COLUMN "a" DROP NOT NULL'],
  },
  {
    change: 'a default is added, changed and dropped',
    before: thing({ a: text, b: { type: 'int', default: 1 }, c: { type: 'boolean', default: true } }),
    after: thing({ a: { ...text, default: 'x' }, b: { type: 'int', default: 2 }, c: { type: 'boolean' } }),
    sent: [
      `ALTER TABLE "thing" ALTER COLUMN "a" SET DEFAULT 'x'`,
      `ALTER TABLE "thing" ALTER COLUMN "b" SET DEFAULT '2'`,
      'ALTER TABLE "thing" ALTER COLUMN "c" DROP DEFAULT',
    ],
  },
  {
    change:
      'a default changes on a column that composite indexes, unique constraints and foreign keys are about',
    before: thing(
      { a: { ...text, default: 'x' }, b: text, parentId: { type: Number, default: 1 } },
      {
        ...relation({ nullable: false }),
        indices: [{ columns: ['a', 'b'] }],
        uniques: [{ columns: ['b', 'a'] }],
      },
    ),
    after: thing(
      { a: { ...text, default: 'y' }, b: text, parentId: { type: Number, default: 2 } },
      {
        ...relation({ nullable: false }),
        indices: [{ columns: ['a', 'b'] }],
        uniques: [{ columns: ['b', 'a'] }],
      },
    ),
    sent: [/"a" SET DEFAULT 'y'/, /"parentId" SET DEFAULT '2'/],
  },
  {
    change: 'an index is added',
    before: thing({ a: text }),
    after: thing({ a: text }, { indices: [{ columns: ['a'], where: `"a" > 'b'`, unique: true }] }),
    sent: [/^CREATE UNIQUE INDEX ASYNC "IDX_\w+" ON "thing" +\("a"\) WHERE "a" > 'b'/],
  },
  {
    change: 'an index is dropped',
    before: thing({ a: text }, { indices: [{ name: 'idx_a', columns: ['a'] }] }),
    after: thing({ a: text }),
    sent: ['DROP INDEX "public"."idx_a"'],
  },
  {
    change: 'an index becomes unique, and gets another column',
    before: thing(
      { a: text, b: text },
      {
        indices: [
          { name: 'one', columns: ['a'] },
          { name: 'two', columns: ['a'] },
        ],
      },
    ),
    after: thing(
      { a: text, b: text },
      {
        indices: [
          { name: 'one', columns: ['a'], unique: true },
          { name: 'two', columns: ['a', 'b'] },
        ],
      },
    ),
    sent: [
      /^DROP INDEX .*"(one|two)"/,
      /^DROP INDEX .*"(one|two)"/,
      /^CREATE UNIQUE INDEX ASYNC "one"/,
      /^CREATE INDEX ASYNC "two"/,
    ],
  },
  {
    change: 'a unique constraint is added',
    before: thing({ a: text, b: text }),
    after: thing(
      { a: { ...text, unique: true }, b: text },
      { uniques: [{ name: 'both', columns: ['a', 'b'] }] },
    ),
    rows: `(a, b) VALUES ('x', 'y')`,
    sent: [
      /^CREATE UNIQUE INDEX ASYNC "UQ_/,
      /UNIQUE USING INDEX "UQ_/,
      'CREATE UNIQUE INDEX ASYNC "both" ON "thing" ("a", "b")',
      'ALTER TABLE "thing" ADD CONSTRAINT "both" UNIQUE USING INDEX "both"',
    ],
  },
  {
    change: 'a unique constraint is dropped',
    before: thing(
      { a: { ...text, unique: true }, b: text },
      { uniques: [{ name: 'both', columns: ['a', 'b'] }] },
    ),
    after: thing({ a: text, b: text }),
    sent: ['ALTER TABLE "thing" DROP CONSTRAINT "both"', /DROP CONSTRAINT "UQ_/],
  },
  {
    change: 'a CHECK is added and another one dropped',
    before: thing({ a: text }, { checks: [{ name: 'old', expression: `"a" <> 'o'` }] }),
    after: thing({ a: text }, { checks: [{ name: 'new', expression: `"a" <> 'n'` }] }),
    rows: `(a) VALUES ('x')`,
    sent: [
      'ALTER TABLE "thing" DROP CONSTRAINT "old"',
      `ALTER TABLE "thing" ADD CONSTRAINT "new" CHECK ("a" <> 'n') NOT VALID`,
      'ALTER TABLE ASYNC "thing" VALIDATE CONSTRAINT "new"',
    ],
  },
  {
    change: 'values of an enum are added and removed',
    before: thing({ a: enumOf('p', 'q') }),
    after: thing({ a: enumOf('q', "r's") }),
    rows: `(a) VALUES ('q')`,
    sent: [
      `ALTER TABLE "thing" ADD CONSTRAINT "thing_a_check1" CHECK ("a" IN ('q', 'r''s')) NOT VALID`,
      'ALTER TABLE ASYNC "thing" VALIDATE CONSTRAINT "thing_a_check1"',
      'ALTER TABLE "thing" DROP CONSTRAINT "thing_a_check"',
    ],
    then: [{ a: 'q' }],
  },
  {
    change: 'a text becomes an enum',
    before: thing({ a: { type: 'varchar' } }),
    after: thing({ a: enumOf('p', 'q') }),
    rows: `(a) VALUES ('q')`,
    sent: [/ADD CONSTRAINT "thing_a_check" CHECK/, /VALIDATE CONSTRAINT "thing_a_check"/],
    then: [{ a: 'q' }],
  },
  {
    change: 'an enum becomes a text',
    before: thing({ a: enumOf('p', 'q') }),
    after: thing({ a: text }),
    rows: `(a) VALUES ('q')`,
    sent: ['ALTER TABLE "thing" DROP CONSTRAINT "thing_a_check"'],
    then: [{ a: 'q' }],
  },
  {
    change: 'a relation is added',
    before: thing({}),
    after: thing({}, relation({ onDelete: 'CASCADE' })),
    rows: 'DEFAULT VALUES',
    sent: [
      'ALTER TABLE "thing" ADD "parentId" bigint',
      /ADD CONSTRAINT "FK_\w+" FOREIGN KEY \("parentId"\) REFERENCES "parent"\("id"\) ON DELETE CASCADE ON UPDATE NO ACTION NOT VALID/,
      /VALIDATE CONSTRAINT "FK_/,
    ],
  },
  {
    change: 'what a foreign key does on delete changes',
    before: thing({}, relation({ onDelete: 'CASCADE' })),
    after: thing({}, relation({ onDelete: 'SET NULL' })),
    sent: [/DROP CONSTRAINT "FK_/, /ON DELETE SET NULL .*NOT VALID/, /VALIDATE CONSTRAINT "FK_/],
  },
  {
    change: 'a relation is dropped',
    before: thing({}, relation()),
    after: thing({}),
    sent: [/DROP CONSTRAINT "FK_/, 'ALTER TABLE "thing" DROP COLUMN "parentId"'],
  },
  {
    change: 'a many-to-many relation is added',
    before: thing({}),
    after: thing({}, { relations: { parents: { type: 'many-to-many', target: 'Parent', joinTable: true } } }),
    sent: [
      /^CREATE TABLE "thing_parents_parent" \(.*FOREIGN KEY.*FOREIGN KEY/,
      /^CREATE INDEX ASYNC/,
      /^CREATE INDEX ASYNC/,
    ],
  },
  {
    change: 'an identity key becomes one that the application gives',
    before: thing({}),
    after: [parent, schema({ name: 'Thing', columns: { id: { type: 'bigint', primary: true } } })],
    rows: 'DEFAULT VALUES',
    sent: ['ALTER TABLE "thing" ALTER COLUMN "id" DROP IDENTITY'],
  },
  {
    change: 'a key that the application gives becomes an identity key',
    before: [parent, schema({ name: 'Thing', columns: { id: { type: 'bigint', primary: true } } })],
    after: thing({}),
    sent: ['ALTER TABLE "thing" ALTER COLUMN "id" ADD GENERATED BY DEFAULT AS IDENTITY (CACHE 1)'],
  },
  {
    change: 'an identity key becomes a number that the application gives',
    before: thing({}),
    after: [parent, schema({ name: 'Thing', columns: { id: { type: Number, primary: true } } })],
    rows: 'DEFAULT VALUES',
    sent: ['ALTER TABLE "thing" ALTER COLUMN "id" DROP IDENTITY'],
    then: [{ id: 1 }],
  },
  {
    change: 'a number that the application gives becomes a key that counts up',
    before: [parent, schema({ name: 'Thing', columns: { id: { type: 'int', primary: true } } })],
    after: thing({}),
    sent: [
      /^CREATE SEQUENCE IF NOT EXISTS "thing_id_seq" CACHE 1 OWNED BY "thing"\."id"$/,
      /^ALTER TABLE "thing" ALTER COLUMN "id" SET DEFAULT nextval/,
    ],
  },
  {
    change: 'a number is declared for a bigint, whose values stay',
    before: thing({ a: { type: 'bigint' } }),
    after: thing({ a: { type: 'int', default: 1 } }),
    rows: '(a) VALUES (5)',
    sent: [`ALTER TABLE "thing" ALTER COLUMN "a" SET DEFAULT '1'`],
    then: [{ a: 5 }],
  },
  {
    change: 'a view changes',
    before: [CommentedOne, NamesOne],
    after: [CommentedOne, NamesTwo],
    sent: [
      /^DELETE FROM "typeorm_metadata"/,
      'DROP VIEW "names"',
      'CREATE VIEW "names" AS SELECT id, id AS other FROM thing',
      /^INSERT INTO "typeorm_metadata"/,
    ],
  },
  {
    change: 'the comment of the table changes',
    before: [CommentedOne],
    after: [CommentedTwo],
    sent: [`COMMENT ON TABLE "thing" IS 'two'`],
  },
];

const destructive = /dsql: \{ destructive: true \}/;

const refused: readonly (Omit<Change, 'sent'> & { readonly reasons: readonly RegExp[] })[] = [
  {
    change: 'the type of a column changes',
    before: thing({ a: { type: 'int' } }),
    after: thing({ a: { type: 'bigint' } }),
    reasons: [/the column thing\.a from integer to bigint/, destructive],
  },
  {
    change: 'the length of a column changes',
    before: thing({ a: { type: 'varchar', length: 10 } }),
    after: thing({ a: { type: 'varchar', length: 20 } }),
    reasons: [/from character varying\(10\) to character varying\(20\)/, destructive],
  },
  {
    change: 'the precision of a column changes',
    before: thing({ a: { type: 'numeric', precision: 10, scale: 2 } }),
    after: thing({ a: { type: 'numeric', precision: 12, scale: 2 } }),
    reasons: [/from numeric\(10,2\) to numeric\(12,2\)/, destructive],
  },
  {
    change: 'an expression of a generated column changes, with other things',
    before: thing({ a: text, b: { ...optional, generatedType: 'STORED', asExpression: 'upper("a")' } }),
    after: thing({
      a: { type: 'int' },
      b: { ...optional, generatedType: 'STORED', asExpression: 'lower("a")' },
      c: optional,
    }),
    reasons: [/2 things/, /thing\.a from text to integer/, /GENERATED ALWAYS AS \(lower\("a"\)\)/],
  },
  {
    change: 'a generated column becomes an ordinary one',
    before: thing({ a: text, b: { ...optional, generatedType: 'STORED', asExpression: 'upper("a")' } }),
    after: thing({ a: text, b: optional }),
    reasons: [/from text GENERATED ALWAYS AS \(upper\("a"\)\) to text/, destructive],
  },
  {
    change: 'a generated column is added',
    before: thing({ a: text }),
    after: thing({ a: text, b: { ...optional, generatedType: 'STORED', asExpression: 'upper("a")' } }),
    reasons: [/only in CREATE TABLE/],
  },
  {
    change: 'the primary key gets another column',
    before: thing({ a: text }),
    after: thing({ a: { ...text, primary: true } }),
    reasons: [/primary key/i],
  },
  {
    change: 'a column of the primary key is dropped',
    before: thing({ a: { ...text, primary: true } }),
    after: thing({}),
    reasons: [/primary key/i],
  },
  {
    change: 'a unique index that only PostgreSQL can have is added',
    before: thing({ a: { type: 'jsonb' } }),
    after: thing({ a: { type: 'jsonb' }, b: optional }, { indices: [{ columns: ['a'], unique: true }] }),
    reasons: [/jsonb/],
  },
];

let emptying: DataSource;
beforeAll(async () => {
  emptying = await createDsqlDataSource(cluster.orm).initialize();
});
beforeEach(() => emptying.dropDatabase());
afterAll(() => emptying.destroy());

const withModel = <Result>(
  entities: Entities,
  work: (watched: Watched) => Promise<Result>,
  dsql: object = {},
) => withDataSource({ ...cluster.orm, entities, dsql: { ...cluster.orm.dsql, ...dsql } }, work);

async function prepare(before: Entities, rows?: string): Promise<void> {
  await withModel(before, async ({ dataSource }) => {
    await dataSource.synchronize();
    if (rows !== undefined) await dataSource.query(`INSERT INTO thing ${rows}`);
  });
}

/** Patterns where not all of a statement is of interest. */
function patterns(sent: Change['sent']): readonly unknown[] {
  return sent.map((each): unknown => (typeof each === 'string' ? each : expect.stringMatching(each)));
}

describe('applied, and a second synchronize sends nothing:', () => {
  it.each(oneOfEvery(2, applied))('$change', async ({ before, after, rows, sent, then }) => {
    await prepare(before, rows);
    await withModel(after, async (watched) => {
      const { planned, sent: carriedOut } = await differences(watched);
      expect(carriedOut).toEqual(patterns(sent));
      expect(new Set(planned.map((sql) => sql.replace(/ \/\* until .*/, '')))).toEqual(new Set(carriedOut));
      expect(await differences(watched)).toEqual(none);
      const found: object[] = await watched.dataSource.query('SELECT * FROM thing ORDER BY id');
      expect(found).toMatchObject(then ?? found);
    });
  });
});

describe('refused before anything is sent:', () => {
  it.each(oneOfEvery(2, refused))('$change', async ({ before, after, reasons }) => {
    await prepare(before);
    await withModel(after, async ({ dataSource, statements }) => {
      const error: unknown = await dataSource.synchronize().catch((caught: unknown) => caught);
      expect(error).toMatchObject({ name: 'UnsupportedFeatureError' });
      for (const reason of reasons) expect((error as Error).message).toMatch(reason);
      expect(statements.takeChanges()).toEqual([]);
      await expect(dataSource.driver.createSchemaBuilder().log()).rejects.toMatchObject({
        message: (error as Error).message,
      });
    });
  });
});
