import { createMigrator } from 'aurora-dsql-orm/sequelize/umzug';
import { createDsqlSequelize } from 'aurora-dsql-orm/sequelize';
import { emptyDatabase } from 'aurora-dsql-orm/local';
import { DataTypes, type ModelAttributes, type Sequelize } from 'sequelize';
import { useWorkshop } from './rebuilds';

const { client, cluster, rows } = useWorkshop();

beforeEach(() => emptyDatabase(client()));

async function withInstance<T>(work: (sequelize: Sequelize) => Promise<T>): Promise<T> {
  const { dsql, ...orm } = cluster.orm;
  const options = { ...orm, logging: false as const, dsql: { ...dsql, rebuild: { dropOld: true } } };
  const sequelize = createDsqlSequelize(options);
  try {
    return await work(sequelize);
  } finally {
    await sequelize.close();
  }
}

const synchronize = (attributes: ModelAttributes) =>
  withInstance(async (sequelize) => {
    sequelize.define('thing', attributes, { tableName: 'thing', timestamps: false });
    await sequelize.sync({ alter: true });
  });

const columns = () =>
  rows(
    "SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attname) AS columns FROM pg_attribute WHERE attrelid = 'thing'::regclass AND attnum > 0 AND NOT attisdropped",
  );
const id = { type: DataTypes.INTEGER, primaryKey: true } as const;

it('sync({ alter }) gives columns other types and lengths, and their values stay', async () => {
  await synchronize({ id, a: { type: DataTypes.STRING(10), unique: true }, b: DataTypes.TEXT });
  await rows("INSERT INTO thing VALUES (1, 'x', '7')");
  const wanted = {
    id,
    a: { type: DataTypes.STRING(20), unique: true },
    b: { type: DataTypes.INTEGER, defaultValue: 5 },
  };
  await synchronize(wanted);
  expect(await columns()).toStrictEqual([{ columns: 'a character varying(20), b integer, id integer' }]);
  await rows('INSERT INTO thing (id) VALUES (2)');
  expect(await rows('SELECT a, b FROM thing ORDER BY id')).toStrictEqual([
    { a: 'x', b: 7 },
    { a: null, b: 5 },
  ]);
  expect(
    await rows(
      "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'aurora_dsql_orm%'",
    ),
  ).toStrictEqual([{ tablename: 'thing' }]);
});

it('sync first finishes a rebuild that was interrupted', async () => {
  await synchronize({ id, a: DataTypes.STRING(10) });
  await rows("INSERT INTO thing VALUES (1, 'x')");
  const fault = cluster.local.faults.cutConnection({ at: 'statement', text: /^DROP VIEW/ });
  await expect(synchronize({ id, a: DataTypes.STRING(20) })).rejects.toThrow(/./);
  fault.remove();
  await synchronize({ id, a: DataTypes.STRING(20) });
  expect(await columns()).toStrictEqual([{ columns: 'a character varying(20), id integer' }]);
  expect(await rows('SELECT * FROM thing')).toStrictEqual([{ id: 1, a: 'x' }]);
});

it('a migration changes columns and the primary key by the methods of its query interface', async () => {
  await withInstance(async (sequelize) => {
    const migrator = createMigrator(sequelize, {
      logger: undefined,
      migrations: [
        {
          name: '01',
          up: async ({ context }) => {
            await context.createTable('thing', {
              id: { type: DataTypes.BIGINT, autoIncrement: true, primaryKey: true },
              tenant: { type: DataTypes.INTEGER, allowNull: false },
            });
            await context.bulkInsert('thing', [{ tenant: 1 }, { tenant: 2 }]);
          },
        },
        {
          name: '02a',
          up: async ({ context }) => {
            await context.sequelize.query('CREATE TABLE plain (a int, b int)');
            await context.sequelize.query('INSERT INTO plain VALUES (1, 2), (1, 3)');
            await context.addConstraint('plain', {
              type: 'primary key',
              fields: ['a', 'b'],
              name: 'plain_key',
            });
          },
        },
        {
          name: '02b',
          up: async ({ context }) => {
            await context.changeColumn('thing', 'id', {
              type: DataTypes.UUID,
              defaultValue: DataTypes.UUIDV4,
            });
            await context.sequelize.query(
              'ALTER TABLE thing DROP CONSTRAINT thing_pkey, ADD PRIMARY KEY (tenant, id)',
            );
          },
        },
      ],
    });
    await migrator.up();
  });
  expect(await rows('SELECT a, b FROM plain ORDER BY a, b')).toStrictEqual([
    { a: 1, b: 2 },
    { a: 1, b: 3 },
  ]);
  await expect(rows('INSERT INTO plain VALUES (1, 2)')).rejects.toMatchObject({ constraint: 'plain_key' });
  expect(await columns()).toStrictEqual([{ columns: 'id uuid, tenant integer' }]);
  expect(
    await rows(
      "SELECT pg_get_constraintdef(oid) AS key FROM pg_constraint WHERE conrelid = 'thing'::regclass AND contype = 'p'",
    ),
  ).toStrictEqual([{ key: 'PRIMARY KEY (tenant, id)' }]);
});
