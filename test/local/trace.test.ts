import { startLocalDsql } from 'aurora-dsql-orm/local';
import type { LocalDsql } from 'aurora-dsql-orm/local';
import { describe as describeTarget, execute, parse, bind, sync } from '../../src/local/wire/client-messages';
import { cstring, message } from '../../src/local/wire/server-messages';
import { connect, refusal, signToken, withClient } from './local-client';
import { RawClient } from './raw-client';

describe('the trace of the local DSQL', () => {
  let local: LocalDsql;

  beforeAll(async () => {
    local = await startLocalDsql();
  });
  afterAll(() => local.stop());

  it('counts the round trips of a client, with their statements', async () => {
    await withClient(
      local,
      async (client) => {
        await client.query('SELECT 0');
        const recording = local.trace.start();
        await client.query('BEGIN');
        await client.query('SELECT $1::int', [1]);
        await client.query('SELECT 2; SELECT 3');
        await client.query('COMMIT');
        recording.stop();
        await client.query('SELECT 4');
        expect(recording.roundTrips.map(({ statements }) => statements.map(({ text }) => text))).toEqual([
          ['BEGIN'],
          ['SELECT $1::int'],
          ['SELECT 2', 'SELECT 3'],
          ['COMMIT'],
        ]);
        expect(recording.statements.map(({ kind }) => kind)).toEqual([
          'begin',
          'read',
          'read',
          'read',
          'commit',
        ]);
        const [first] = recording.roundTrips;
        expect(first?.connection).toMatchObject({ user: 'admin', applicationName: 'tracer' });
        expect(first?.durationMs).toBeGreaterThan(0);
        expect(first?.startedAt).toBeInstanceOf(Date);
      },
      { config: { application_name: 'tracer' } },
    );
  });

  it('counts messages that a client pipelines as one round trip', async () => {
    const client = await RawClient.open(local);
    await client.answers();
    const recording = local.trace.start();
    const once = [
      parse('', Buffer.from('SELECT 1')),
      bind('', ''),
      describeTarget('P', ''),
      execute(''),
      sync,
    ];
    client.send(...once, ...once, message('Q', cstring('SELECT 2')));
    for (let answer = 0; answer < 3; answer++) await client.answers();
    client.query('SELECT 3');
    await client.answers();
    await client.close();
    expect(recording.stop().roundTrips.map(({ statements }) => statements.map(({ text }) => text))).toEqual([
      ['SELECT 1', 'SELECT 1', 'SELECT 2'],
      ['SELECT 3'],
    ]);
  });

  it('notes what a statement failed with', async () => {
    await withClient(local, async (client) => {
      const recording = local.trace.start();
      await refusal(client.query('SELECT 1/0'));
      await refusal(client.query('TRUNCATE nothing'));
      await client.query('SELECT 1');
      expect(recording.stop().statements.map(({ sqlstate }) => sqlstate)).toEqual([
        '22012',
        '0A000',
        undefined,
      ]);
    });
  });

  it('notes how many rows a statement has read or changed', async () => {
    await withClient(local, async (client) => {
      await client.query('CREATE TABLE shelf (id int PRIMARY KEY)');
      const recording = local.trace.start();
      await client.query('INSERT INTO shelf SELECT generate_series(1, 5)');
      await client.query('BEGIN');
      await client.query('UPDATE shelf SET id = id + 10 WHERE id > $1', [3]);
      await client.query('COMMIT');
      await client.query('SELECT FROM shelf; SELECT FROM shelf WHERE id = 1; DELETE FROM shelf WHERE id = 0');
      await refusal(client.query('INSERT INTO shelf VALUES (1)'));
      await client.query('DROP TABLE shelf');
      const rowsOf = ({ text, rowCount }: (typeof recording.statements)[number]) => [
        text.split(' ')[0],
        rowCount,
      ];
      expect(recording.stop().statements.map(rowsOf)).toEqual([
        ['INSERT', 5],
        ['BEGIN', undefined],
        ['UPDATE', 2],
        ['COMMIT', undefined],
        ['SELECT', 5],
        ['SELECT', 1],
        ['DELETE', 0],
        ['INSERT', undefined],
        ['DROP', undefined],
      ]);
    });
  });

  it('notes where a fault has cut the connection, which is told right before', async () => {
    const recording = local.trace.start();
    const told: string[] = [];
    for (const at of ['statement', 'before commit', 'after commit'] as const) {
      const client = await connect(local);
      local.faults.cutConnection({ at, onCut: () => told.push(at) });
      await expect(client.query(`SELECT '${at}'`)).rejects.toThrow();
    }
    expect(told).toEqual(['statement', 'before commit', 'after commit']);
    expect(recording.stop().statements.map(({ cut }) => cut)).toEqual(told);
  });

  it('counts connections and tokens', async () => {
    const recording = local.trace.start();
    const token = await signToken(local);
    const one = await connect(local, { token });
    const two = await connect(local, { token });
    await refusal(connect(local, { token: 'nonsense' }));
    expect(recording).toMatchObject({
      connectionsOpened: 2,
      connectionsClosed: 0,
      connectionsRefused: 1,
      tokensVerified: 2,
      tokensRefused: 1,
    });
    await one.end();
    await two.end();
    await withClient(local, (client) => client.query('SELECT 1')); // the server has seen the others leave by now
    expect(recording.stop()).toMatchObject({ connectionsOpened: 3, connectionsClosed: 3 });
    const ids = new Set(recording.roundTrips.map(({ connection }) => connection.id));
    expect(ids.size).toBe(1);
  });

  it('keeps to its limit, and says what it left out', async () => {
    await withClient(local, async (client) => {
      const recording = local.trace.start(2);
      for (let n = 0; n < 5; n++) await client.query('SELECT 1');
      await client.query('SELECT 1');
      expect(recording.stop()).toMatchObject({ roundTrips: { length: 2 }, dropped: 4 });
      expect(() => local.trace.start(0)).toThrow('limit: expected a positive integer, got 0');
    });
  });
});
