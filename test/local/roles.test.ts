import { AccessDeniedError } from '../../src/local/session/log-in';
import { startLocalDsql } from 'aurora-dsql-orm/local';
import type { LocalDsql } from 'aurora-dsql-orm/local';
import type { Client } from 'pg';
import { connect, refusal, signToken, withClient } from './local-client';

describe('roles of the local DSQL', () => {
  let local: LocalDsql;
  let admin: Client;
  const refused: Error[] = [];

  beforeAll(async () => {
    local = await startLocalDsql({ onConnectionRefused: (error) => refused.push(error) });
    admin = await connect(local);
    await admin.query('CREATE SCHEMA shop');
    await admin.query('CREATE TABLE shop.orders (id int PRIMARY KEY)');
    await admin.query('CREATE TABLE secrets (id int PRIMARY KEY)');
    await admin.query('CREATE ROLE app WITH LOGIN');
    await admin.query('GRANT USAGE ON SCHEMA shop TO app');
    await admin.query('GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA shop TO app');
  });
  afterAll(async () => {
    await admin.end();
    await local.stop();
  });

  const denied = { code: '28000', message: 'unable to accept connection, access denied' };

  it('let nobody in whose IAM role was not granted to them, and say so to the server only', async () => {
    expect(await refusal(connect(local, { user: 'app' }))).toEqual(denied);
    const cause = refused.at(-1)?.cause;
    expect(cause).toBeInstanceOf(AccessDeniedError);
    expect((cause as Error).message).toBe(
      `the role app is not granted to ${local.roleArn}: as admin, AWS IAM GRANT app TO '${local.roleArn}'`,
    );
  });

  describe('that are granted to an IAM role', () => {
    const billing = 'arn:aws:iam::123456789012:role/billing';

    beforeAll(async () => {
      await admin.query(`AWS IAM GRANT app TO '${local.roleArn}'`);
    });

    it('connect with its credentials, and with no others', async () => {
      const asApp = async () => {
        const { rows } = await withClient(local, (client) => client.query<object>('SELECT current_user'), {
          user: 'app',
        });
        return rows;
      };
      expect(await asApp()).toEqual([{ current_user: 'app' }]);
      const token = await signToken(local, { user: 'app', credentials: local.assumeRole(billing) });
      expect(await refusal(connect(local, { user: 'app', token }))).toEqual(denied);
      await admin.query(`AWS IAM GRANT app TO '${billing}'`);
      await withClient(local, (client) => client.query('SELECT 1'), { user: 'app', token });
      await admin.query(`AWS IAM REVOKE app FROM '${billing}'`);
      expect(await refusal(connect(local, { user: 'app', token }))).toEqual(denied);
      expect(await asApp()).toEqual([{ current_user: 'app' }]);
    });

    it('are listed', async () => {
      const { rows } = await admin.query(
        'SELECT arn, pg_role_name, grantor_pg_role_name FROM sys.iam_pg_role_mappings',
      );
      expect(rows).toEqual([{ arn: local.roleArn, pg_role_name: 'app', grantor_pg_role_name: 'admin' }]);
    });

    it('use what they were granted, but never the schema public', async () => {
      await withClient(
        local,
        async (app) => {
          await app.query('SET search_path TO shop');
          await app.query('INSERT INTO orders VALUES (1)');
          expect(await refusal(app.query('DELETE FROM orders'))).toEqual({
            code: '42501',
            message: 'permission denied for table orders',
          });
          for (const sql of ['SELECT * FROM public.secrets', 'CREATE TABLE public.mine (id int)']) {
            expect(await refusal(app.query(sql))).toEqual({
              code: '42501',
              message: 'permission denied for schema public',
            });
          }
          expect((await refusal(app.query(`AWS IAM GRANT app TO '${billing}'`))).message).toBe(
            'permission denied to grant IAM trust with role app',
          );
        },
        { user: 'app' },
      );
      expect(await refusal(admin.query('GRANT USAGE ON SCHEMA public TO app'))).toEqual({
        code: '42501',
        message: 'permission denied for schema public',
      });
    });

    it('cannot be dropped before the grant is taken back', async () => {
      await admin.query('CREATE ROLE leaving WITH LOGIN');
      await admin.query(`AWS IAM GRANT leaving TO '${billing}'`);
      expect(await refusal(admin.query('DROP ROLE leaving'))).toEqual({
        code: '2BP01',
        message: 'role "leaving" cannot be dropped because some objects depend on it',
      });
      await admin.query(`AWS IAM REVOKE leaving FROM '${billing}'`);
      await admin.query('DROP ROLE leaving');
    });
  });

  it.each([
    ['AWS IAM GRANT nobody TO $', 'Role nobody does not exist'],
    ['AWS IAM GRANT admin TO $', 'Cannot establish trust with role admin'],
    ['AWS IAM GRANT still TO $', 'role still must have the LOGIN attribute'],
    [`AWS IAM GRANT app TO 'everybody'`, 'IAM role must look like an IAM ARN'],
  ])('refuse %s', async (sql, message) => {
    await admin.query('CREATE ROLE still');
    try {
      expect((await refusal(admin.query(sql.replace('$', `'${local.roleArn}'`)))).message).toBe(message);
    } finally {
      await admin.query('DROP ROLE still');
    }
  });

  it('come with credentials only of what looks like an IAM role', () => {
    expect(() => local.assumeRole('billing')).toThrow('arn: expected an IAM ARN, got "billing"');
  });
});
