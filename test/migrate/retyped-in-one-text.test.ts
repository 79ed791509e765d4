import 'reflect-metadata';
import { createDsqlSequelize } from 'aurora-dsql-orm/sequelize';
import { createMigrator } from 'aurora-dsql-orm/sequelize/umzug';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import type { QueryInterface } from 'sequelize';
import type { MigrationInterface, QueryRunner } from 'typeorm';
import { useCluster } from '../cluster';
import { empty, rowsOf } from './database-state';
import { ORMS } from './rebuilds';

const cluster = useCluster();

beforeEach(() => empty(cluster.connection));

/** Runs a migration of one text. */
async function migrate(orm: string, text: string, rebuild: boolean): Promise<void> {
  const options = { ...cluster.orm, logging: false, dsql: { ...cluster.orm.dsql, rebuild } } as const;
  if (orm === 'Sequelize') {
    const sequelize = createDsqlSequelize(options);
    const up = ({ context }: { readonly context: QueryInterface }) => context.sequelize.query(text);
    try {
      await createMigrator(sequelize, { migrations: [{ name: 'm', up }], logger: undefined }).up();
    } finally {
      await sequelize.close();
    }
    return;
  }
  class Shelf1770000000001 implements MigrationInterface {
    async up(queryRunner: QueryRunner): Promise<void> {
      await queryRunner.query(text);
    }

    down(): Promise<void> {
      return Promise.resolve();
    }
  }
  const dataSource = createDsqlDataSource({ ...options, migrations: [Shelf1770000000001] });
  await dataSource.initialize();
  try {
    await dataSource.runMigrations();
  } finally {
    await dataSource.destroy();
  }
}

const MAKE = `CREATE TABLE shelf (id int PRIMARY KEY, label varchar(3), size text, code uuid);
  CREATE INDEX shelf_label ON shelf (label);`;
const RETYPE =
  'ALTER TABLE shelf ALTER COLUMN label TYPE varchar(50), ALTER COLUMN size TYPE integer USING size::integer;';

const cases = ORMS.flatMap((orm) => [true, false].map((rebuild) => ({ orm, rebuild })));

describe.each(cases)('one text of a migration of $orm, rebuild: $rebuild', ({ orm, rebuild }) => {
  it('gives columns of a table that it makes other types before it fills it', async () => {
    await migrate(orm, `${MAKE} ${RETYPE} INSERT INTO shelf VALUES (1, 'a longer label', 5)`, rebuild);
    const columns =
      "SELECT attname AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute WHERE attrelid = 'shelf'::regclass AND attnum > 0 ORDER BY attnum";
    expect(await rowsOf(cluster.connection, columns)).toStrictEqual([
      { name: 'id', type: 'integer' },
      { name: 'label', type: 'character varying(50)' },
      { name: 'size', type: 'integer' },
      { name: 'code', type: 'uuid' },
    ]);
    expect(await rowsOf(cluster.connection, 'SELECT label, size FROM shelf')).toStrictEqual([
      { label: 'a longer label', size: 5 },
    ]);
    expect(
      await rowsOf(
        cluster.connection,
        "SELECT indisvalid AS valid FROM pg_index WHERE indexrelid = 'shelf_label'::regclass",
      ),
    ).toStrictEqual([{ valid: true }]);
  });
});

it.each(ORMS)('one that has filled the table is refused by %s, and nothing of it is done', async (orm) => {
  const text = `${MAKE} INSERT INTO shelf VALUES (1, 'abc', '5'); ${RETYPE}`;
  // Once, although it is about two columns.
  await expect(migrate(orm, text, false)).rejects.toThrow(
    'Aurora DSQL does not support ALTER TABLE … ALTER COLUMN … TYPE (',
  );
  expect(await rowsOf(cluster.connection, "SELECT to_regclass('shelf') AS shelf")).toStrictEqual([
    { shelf: null },
  ]);
});
