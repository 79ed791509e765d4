import { setTimeout as sleep } from 'node:timers/promises';
import { startLocalDsql } from 'aurora-dsql-orm/local';
import type { LocalDsql } from 'aurora-dsql-orm/local';
import type { Client } from 'pg';
import { connect, refusal, signToken, withClient, withLocalDsql } from './local-client';
import { RawClient } from './raw-client';
import { cstring, message } from '../../src/local/wire/server-messages';

const SECOND = 1000;
const TEN_MEBIBYTES = 10 * 2 ** 20;

describe('the local DSQL under load', () => {
  let local: LocalDsql;

  beforeAll(async () => {
    local = await startLocalDsql();
  });
  afterAll(() => local.stop());

  const sessions = (client: Client) =>
    client
      .query<{ count: number }>(`SELECT count(*)::int FROM pg_stat_activity WHERE usename = 'admin'`)
      .then(({ rows }) => rows[0]?.count ?? 0);

  it('serves 500 connections at once, each with its own answers, and keeps none of them', async () => {
    const token = await signToken(local);
    const clients: Client[] = [];
    for (let batch = 0; batch < 20; batch++) {
      clients.push(...(await Promise.all(Array.from({ length: 25 }, () => connect(local, { token })))));
    }
    const [first] = clients;
    if (!first) throw new Error('there are no clients');
    expect(await sessions(first)).toBe(500);
    const answers = await Promise.all(
      clients.map(async (client, id) => {
        await client.query('BEGIN');
        const { rows } = await client.query<{ own: string }>(
          'SELECT string_agg($1::text, $2) AS own FROM generate_series(1, 200)',
          [String(id), ','],
        );
        await client.query('COMMIT');
        return rows[0]?.own;
      }),
    );
    expect(answers).toEqual(clients.map((_client, id) => Array(200).fill(id).join(',')));
    await Promise.all(clients.slice(1).map((client) => client.end()));
    while ((await sessions(first)) > 1) await sleep(20);
    await first.end();
  });

  it('takes messages of 10 MiB, and no larger ones', async () => {
    const client = await RawClient.open(local);
    await client.answers();
    const query = (length: number) => {
      const [head, tail] = [`SELECT length('`, `')`];
      // The length counts itself and the zero at the end, too.
      return message('Q', cstring(head + 'x'.repeat(length - 5 - head.length - tail.length) + tail));
    };
    client.send(query(TEN_MEBIBYTES));
    expect(await client.answers()).toEqual(['T', `D:${TEN_MEBIBYTES - 22}`, 'C:SELECT 1', 'Z:I']);
    client.send(query(TEN_MEBIBYTES + 1).subarray(0, 1000));
    expect(await client.until('')).toEqual([]);
    expect(client.closed).toBe(true);
  });

  it('ends the session of a client that leaves in the middle', async () => {
    const witness = await connect(local);
    const before = await sessions(witness);
    const leave = async (send: (client: RawClient) => void) => {
      const client = await RawClient.open(local);
      await client.answers();
      send(client);
      await client.close();
    };
    await leave((client) => {
      client.send(message('Q', cstring('SELECT 1')).subarray(0, 6)); // half a message
    });
    await leave((client) => {
      client.query('SELECT * FROM generate_series(1, 1000000)'); // an answer that nobody reads
    });
    await leave((client) => {
      client.query('SELECT pg_sleep(60)');
    });
    await leave((client) => {
      client.query('BEGIN');
      client.query('CREATE TABLE never (id int)');
    });
    while ((await sessions(witness)) > before) await sleep(20);
    expect((await witness.query(`SELECT FROM pg_class WHERE relname = 'never'`)).rowCount).toBe(0);
    await witness.end();
  });

  it('goes on after all of that', async () => {
    await withClient(local, async (client) => {
      expect((await client.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    });
  });
});

describe('limits of the local DSQL that it takes many to reach', () => {
  it('take 1,000 connections at once, and then 100 a second', async () => {
    const start = Date.now();
    let now = start;
    await withLocalDsql({ clock: () => new Date(now) }, async (busy) => {
      const token = await signToken(busy, { expiresIn: 3600 });
      // A wrong token costs the server no session, and counts all the same.
      const attempts = async (count: number) => {
        const codes = await Promise.all(
          Array.from({ length: count }, () => refusal(connect(busy, { token: 'nonsense' }))),
        );
        return codes.filter(({ code }) => code === '53400').length;
      };
      let tooMany = 0;
      for (let batch = 0; batch < 20; batch++) tooMany += await attempts(50);
      expect(tooMany).toBe(0);
      expect(await refusal(connect(busy, { token }))).toEqual({
        code: '53400',
        message: 'Unable to accept connection, rate exceeded.',
      });
      now = start + SECOND;
      expect(await attempts(103)).toBe(3);
      now += 10 * SECOND;
      await withClient(busy, (client) => client.query('SELECT 1'), { token });
    });
  });

  it('take 1,000 tables', async () => {
    await withLocalDsql({}, async (full) => {
      const crowd = await connect(full);
      for (let n = 0; n < 1000; n++) await crowd.query(`CREATE TABLE t${n} (id int)`);
      expect(await refusal(crowd.query('CREATE TABLE t1000 (id int)'))).toEqual({
        code: '54000',
        message: 'creating more than 1000 tables not allowed',
      });
      await crowd.query('DROP TABLE t0');
      await crowd.query('CREATE TABLE t1000 (id int)');
      await crowd.end();
    });
  });
});
