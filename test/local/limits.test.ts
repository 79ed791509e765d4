import { startLocalDsql } from 'aurora-dsql-orm/local';
import type { LocalDsql } from 'aurora-dsql-orm/local';
import { connect, refusal, signToken, withClient, withLocalDsql } from './local-client';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

describe('limits of the local DSQL', () => {
  let local: LocalDsql;
  let elapsedMs = 0;

  beforeAll(async () => {
    local = await startLocalDsql({ clock: () => new Date(Date.now() + elapsedMs) });
    await withClient(local, (client) => client.query('CREATE TABLE things (id int PRIMARY KEY, value text)'));
  });
  afterAll(() => local.stop());
  afterEach(() => {
    elapsedMs = 0;
  });

  describe('for connections', () => {
    it('end one after 60 minutes', async () => {
      const client = await connect(local);
      elapsedMs += 59 * MINUTE;
      await client.query('SELECT 1');
      elapsedMs += MINUTE;
      expect(await refusal(client.query('SELECT 1'))).toEqual({
        code: undefined,
        message: 'Connection terminated unexpectedly',
      });
    });

    it('end an idle one, too', async () => {
      const client = await connect(local);
      const ended = new Promise((resolve) => client.once('end', resolve));
      elapsedMs += 60 * MINUTE;
      await expect(ended).resolves.toBeUndefined();
    });

    it('let a transaction that was begun in time have its five minutes', async () => {
      const client = await connect(local);
      elapsedMs += 59 * MINUTE;
      await client.query('BEGIN');
      elapsedMs += 2 * MINUTE;
      await client.query('INSERT INTO things VALUES (60)');
      await client.query('COMMIT');
      expect((await refusal(client.query('SELECT 1'))).message).toBe('Connection terminated unexpectedly');
      elapsedMs = 0;
      await withClient(local, async (other) => {
        expect((await other.query('DELETE FROM things WHERE id = 60')).rowCount).toBe(1);
      });
    });

    it('take a number of them that can be chosen', async () => {
      await withLocalDsql({ maxConnections: 2 }, async (small) => {
        const [one, two] = [await connect(small), await connect(small)];
        expect(await refusal(connect(small))).toEqual({
          code: '53300',
          message: 'Unable to accept connection, too many open connections.',
        });
        await one.end();
        const three = await connect(small);
        await Promise.all([two.end(), three.end()]);
      });
      await expect(startLocalDsql({ maxConnections: 0 })).rejects.toThrow(
        'maxConnections: expected an integer from 1 to 10000, got 0',
      );
    });

    it('take 1,000 at once, and then 100 a second', async () => {
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
  });
});
