import { CommitOutcomeUnknownError } from 'aurora-dsql-orm/sequelize';
import { DataTypes, Deferrable, QueryTypes, type ModelAttributeColumnOptions } from 'sequelize';
import { useCluster } from '../cluster';
import { byForm } from '../form';
import { useSequelize } from './use-sequelize';

const cluster = useCluster();
const open = useSequelize(cluster);

const id = { type: DataTypes.INTEGER, primaryKey: true, autoIncrement: true };

/** What changes the schema or the rows, of what addColumn and sync send. */
const CHANGE = /^(?:CREATE|ALTER|UPDATE|COMMENT|DROP) /;

/** Opens an instance, and makes a table with rows that a column is to be added to. */
async function tableWithRows() {
  const sequelize = open();
  const queryInterface = sequelize.getQueryInterface();
  const select = (sql: string) => sequelize.query(sql, { type: QueryTypes.SELECT });
  await queryInterface.dropAllTables();
  await queryInterface.createTable('kinds', { name: { type: DataTypes.STRING, primaryKey: true } });
  await sequelize.query("INSERT INTO kinds VALUES ('k')");
  await queryInterface.createTable('users', { id, name: DataTypes.STRING });
  await sequelize.query('INSERT INTO users (name) SELECT n FROM generate_series(1, 10) AS n');
  return {
    sequelize,
    select,
    add: (attribute: ModelAttributeColumnOptions) => queryInterface.addColumn('users', 'kind', attribute),
    outcome: async () => ({
      rows: await select('SELECT * FROM users ORDER BY id'),
      columns: await queryInterface.describeTable('users'),
      constraints: await select(
        "SELECT conname, convalidated, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'users'::regclass ORDER BY conname",
      ),
      indexes: await select("SELECT indexdef FROM pg_indexes WHERE tablename = 'users' ORDER BY indexname"),
    }),
  };
}

/** The statements that `work` changes something with. */
async function changesOf(work: () => Promise<unknown>): Promise<readonly string[]> {
  const recording = cluster.local.trace.start();
  await work();
  return recording.stop().statements.flatMap(({ text }) => (CHANGE.test(text) ? [text] : []));
}

/** Lets `work` come to the `nth` of the statements that change something. */
async function interrupted(work: () => Promise<unknown>, nth: number): Promise<void> {
  const cut = cluster.local.faults.cutConnection({ at: 'statement', text: CHANGE, nth });
  await expect(work()).rejects.toThrow(CommitOutcomeUnknownError);
  expect(cut.fired).toBe(1);
}

/** Of the statements that a column takes, one of so many is interrupted. */
const STRIDE = byForm({ short: 3, long: 1, soak: 1 });

const ALREADY_THERE = 'column "kind" of relation "users" already exists';

describe('A column that was not added to its end', () => {
  const columns: [string, ModelAttributeColumnOptions][] = [
    ['with a default', { type: DataTypes.STRING, defaultValue: 'k' }],
    ['that is not NULL', { type: DataTypes.STRING, allowNull: false, defaultValue: 'k', comment: 'c' }],
    ['that is an enum', { type: DataTypes.ENUM('k', 'l'), allowNull: false, defaultValue: 'k' }],
    ['that is unique', { type: DataTypes.STRING, unique: true }],
    ['that counts', { type: DataTypes.INTEGER, autoIncrement: true, allowNull: false }],
    [
      'that refers to another table',
      {
        type: DataTypes.STRING,
        defaultValue: 'k',
        references: { model: 'kinds', key: 'name', deferrable: new Deferrable.INITIALLY_DEFERRED() },
        onDelete: 'CASCADE',
      },
    ],
  ];

  it.each(columns)('is finished by the same call, wherever that ended: %s', async (_, attribute) => {
    const whole = await tableWithRows();
    const changes = await changesOf(() => whole.add(attribute));
    const expected = await whole.outcome();
    expect(changes.length).toBeGreaterThan(3);
    // The first adds the column, and the second says that it is not finished.
    const first = 3 + (columns.findIndex(([, each]) => each === attribute) % STRIDE);
    for (let nth = first; nth <= changes.length; nth += STRIDE) {
      const { add, outcome } = await tableWithRows();
      await interrupted(() => add(attribute), nth);
      await add(attribute);
      expect(await outcome()).toStrictEqual(expected);
    }
  });

  const [[, attribute]] = columns as [[string, ModelAttributeColumnOptions]];

  it('is finished by the same sync', async () => {
    const { sequelize, outcome, add } = await tableWithRows();
    await add(attribute);
    const expected = await outcome();
    await sequelize.getQueryInterface().removeColumn('users', 'kind');
    sequelize.define('user', { id, name: DataTypes.STRING, kind: attribute }, { timestamps: false });
    await interrupted(() => sequelize.sync({ alter: true }), 4);
    await sequelize.sync({ alter: true });
    expect(await outcome()).toMatchObject({ rows: expected.rows, constraints: expected.constraints });
    expect(await changesOf(() => sequelize.sync({ alter: true }))).toStrictEqual([]);
  });

  it('is finished in another schema, and whatever the names', async () => {
    const { sequelize, select } = await tableWithRows();
    const queryInterface = sequelize.getQueryInterface();
    const table = { schema: 'Of Old', tableName: `A table with a name of ${'many '.repeat(6)}words` };
    await queryInterface.createSchema(table.schema);
    await queryInterface.createTable(table, { id });
    const [from] = await select(
      'SELECT conrelid::regclass AS name FROM pg_constraint WHERE conrelid::regclass::text LIKE \'"Of Old"%\'',
    );
    const { name } = from as { name: string };
    await sequelize.query(`INSERT INTO ${name} DEFAULT VALUES`);
    const add = () => queryInterface.addColumn(table, 'A Column', { ...attribute, allowNull: false });
    await interrupted(add, 4);
    await add();
    expect(await select(`SELECT * FROM ${name}`)).toStrictEqual([{ id: 1, 'A Column': 'k' }]);
    expect(
      await select(
        `SELECT conname FROM pg_constraint WHERE conrelid = '${name}'::regclass AND contype = 'c' AND conname ~ 'unfinished'`,
      ),
    ).toStrictEqual([]);
    await expect(add()).rejects.toThrow('already exists');
    await queryInterface.dropSchema(table.schema);
  });

  it('is finished when the rows that were in the way are corrected', async () => {
    const { add, sequelize, select } = await tableWithRows();
    const check = { type: DataTypes.STRING, allowNull: false };
    await expect(add(check)).rejects.toThrow(/Correct the rows and run it again/);
    await sequelize.query("UPDATE users SET kind = 'x'");
    await add(check);
    expect(await sequelize.getQueryInterface().describeTable('users')).toMatchObject({
      kind: { allowNull: false },
    });
    expect(await select('SELECT DISTINCT kind FROM users')).toStrictEqual([{ kind: 'x' }]);
  });

  it('keeps the values that were written meanwhile', async () => {
    const { add, sequelize, select } = await tableWithRows();
    await interrupted(() => add(attribute), 3);
    await sequelize.query("UPDATE users SET kind = 'x' WHERE id = 1");
    await add(attribute);
    expect(await select('SELECT kind, count(*) FROM users GROUP BY 1 ORDER BY 1')).toStrictEqual([
      { kind: 'k', count: '9' },
      { kind: 'x', count: '1' },
    ]);
  });

  it.each<[string, number, ModelAttributeColumnOptions]>([
    ['it is to be another column now', 4, { ...attribute, defaultValue: 'l' }],
    ['nobody can say whether it was begun', 2, attribute],
  ])('is there already where %s', async (_, nth, again) => {
    const { add, sequelize, outcome } = await tableWithRows();
    await interrupted(() => add(attribute), nth);
    const left = await outcome();
    await expect(add(again)).rejects.toThrow(ALREADY_THERE);
    expect(await outcome()).toStrictEqual(left);
    // The way out that the manual names.
    await sequelize.getQueryInterface().removeColumn('users', 'kind');
    await add(again);
    expect((await outcome()).constraints).toHaveLength(1);
  });
});

it('A column that was added to its end is there already, and keeps the NULLs that were written since', async () => {
  const { add, sequelize, outcome } = await tableWithRows();
  const attribute = { type: DataTypes.STRING, defaultValue: 'k' };
  await add(attribute);
  await sequelize.query('UPDATE users SET kind = NULL WHERE id = 1');
  const left = await outcome();
  await expect(add(attribute)).rejects.toThrow(ALREADY_THERE);
  expect(await outcome()).toStrictEqual(left);
});
