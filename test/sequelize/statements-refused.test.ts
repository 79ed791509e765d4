import { isUnsupportedFeatureError } from 'aurora-dsql-orm/sequelize';
import { DatabaseError, Transaction, type Sequelize } from 'sequelize';
import { useCluster } from '../cluster';
import { createAccountTable, defineAccounts, failure } from './accounts';
import { useSequelize } from './use-sequelize';

const cluster = useCluster();
const open = useSequelize(cluster);
let sequelize: Sequelize;
let Account: ReturnType<typeof defineAccounts>;

beforeAll(async () => {
  await createAccountTable(cluster);
  sequelize = open();
  Account = defineAccounts(sequelize);
});

describe('a statement that Aurora DSQL refuses', () => {
  it.each([
    [
      'alone',
      'MERGE INTO account USING account AS other ON false WHEN MATCHED THEN DO NOTHING',
      '0A000',
      /unsupported statement type: MERGE\nAurora DSQL refuses MERGE .*INSERT … ON CONFLICT/s,
    ],
    ['because of a type', 'CREATE TABLE t (tags text[])', '0A000', /Aurora DSQL refuses .*jsonb/s],
    [
      'because of what it does by itself',
      "INSERT INTO account SELECT gen_random_uuid(), 'n' || n, 1, '[]' FROM generate_series(1, 3001) AS n",
      '54000',
      /transaction row limit exceeded\nAurora DSQL refuses .*3,000.*batch: true/s,
    ],
  ])('%s says why, and what to do instead', async (_, sql, code, message) => {
    const error = await failure(sequelize.query(sql));
    expect(error).toBeInstanceOf(DatabaseError);
    expect(error).toMatchObject({ name: 'SequelizeDatabaseError', original: { code }, sql });
    expect((error as Error).message).toMatch(message);
    expect((error as DatabaseError).original.message).not.toContain('\n');
  });

  it('because of its transaction does so, too, where transactions are not taken apart', async () => {
    const asWritten = open({ dsql: { migrations: { translate: false } } });
    const work = asWritten.transaction(async (transaction) => {
      await asWritten.query('CREATE TABLE one (id int PRIMARY KEY)', { transaction });
      await asWritten.query('CREATE TABLE two (id int PRIMARY KEY)', { transaction });
    });
    await expect(work).rejects.toThrow(/multiple ddl.*\n.*One DDL statement per transaction/s);
  });

  it('is left alone where the error is any other', async () => {
    await expect(sequelize.query('SELECT nothing')).rejects.toMatchObject({
      message: 'column "nothing" does not exist',
    });
  });
});

describe('a lock', () => {
  const { UPDATE, KEY_SHARE, SHARE, NO_KEY_UPDATE } = Transaction.LOCK;
  const find = (on: ReturnType<typeof defineAccounts>, options: object) =>
    on.sequelize?.transaction((transaction) => on.findAll({ ...options, transaction }));

  const sent = async (on: ReturnType<typeof defineAccounts>, options: object) => {
    const recording = cluster.local.trace.start();
    await find(on, options);
    return recording
      .stop()
      .statements.map(({ text }) => / FOR .*$/.exec(text)?.[0])
      .filter(Boolean);
  };

  it.each([
    [UPDATE, ' FOR UPDATE'],
    [KEY_SHARE, ' FOR KEY SHARE'],
    [true, ' FOR UPDATE'],
    [SHARE, ' FOR UPDATE'],
    [NO_KEY_UPDATE, ' FOR UPDATE'],
    [{ level: SHARE, of: undefined }, ' FOR UPDATE'],
  ])('%j is sent as%s', async (lock, expected) => {
    expect(await sent(Account, { lock })).toStrictEqual([expected]);
  });

  it('that skips what is locked is refused before anything is sent, unless that is allowed', async () => {
    const options = { lock: true, skipLocked: true };
    const recording = cluster.local.trace.start();
    expect(isUnsupportedFeatureError(await failure(find(Account, options) as Promise<unknown>))).toBe(true);
    expect(recording.stop().statements).toStrictEqual([]);
    const lenient = open({ dsql: { simplify: { rowLocks: true } } });
    expect(await sent(defineAccounts(lenient), options)).toStrictEqual([' FOR UPDATE']);
  });

  it.each([
    ['SELECT id FROM accounts LIMIT 1 FOR SHARE', {}, 'SELECT id FROM accounts LIMIT 1 FOR UPDATE'],
    ['SELECT id FROM accounts FOR UPDATE SKIP LOCKED LIMIT 1', {}, undefined],
    [
      'DELETE FROM accounts WHERE id = (SELECT id FROM accounts LIMIT 1 FOR UPDATE SKIP LOCKED)',
      { rowLocks: true },
      'DELETE FROM accounts WHERE id = (SELECT id FROM accounts LIMIT 1 FOR UPDATE)',
    ],
  ])('in raw SQL are those that there are: %s, %j', async (query, simplify, expected) => {
    const instance = open({ dsql: { simplify } });
    await instance.query('CREATE TABLE IF NOT EXISTS accounts (id uuid PRIMARY KEY)');
    for (const sql of [query, { query, values: [] }]) {
      const recording = cluster.local.trace.start();
      const refusal = await instance.query(sql).catch((error: unknown) => error);
      const texts = recording.stop().statements.map(({ text }) => text);
      expect(texts).toStrictEqual(expected === undefined ? [] : [expected]);
      expect(isUnsupportedFeatureError(refusal)).toBe(expected === undefined);
    }
  });
});
