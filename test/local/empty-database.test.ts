import { emptyDatabase, startLocalDsql } from 'aurora-dsql-orm/local';
import type { LocalDsql } from 'aurora-dsql-orm/local';
import { withClient } from './local-client';

describe('emptying a database', () => {
  let local: LocalDsql;

  beforeAll(async () => {
    local = await startLocalDsql();
  });
  afterAll(() => local.stop());

  it('leaves what a new one has, whatever was in it', async () => {
    await withClient(local, async (client) => {
      const contents = async () =>
        (
          await client.query<object>(
            `SELECT relkind::text AS kind, relnamespace::regnamespace::text || '.' || relname AS name FROM pg_class
              WHERE oid >= 16384
             UNION ALL SELECT 'schema', nspname FROM pg_namespace
             UNION ALL SELECT 'function', oid::regprocedure::text FROM pg_proc WHERE oid >= 16384
             UNION ALL SELECT 'type', typname FROM pg_type WHERE oid >= 16384
             UNION ALL SELECT 'role', rolname FROM pg_roles
             UNION ALL SELECT 'mapping', pg_role_name FROM sys.iam_pg_role_mappings
             ORDER BY 1, 2`,
          )
        ).rows;
      const before = await contents();
      for (const sql of [
        `CREATE DOMAIN "Odd" AS text CHECK (value <> '')`,
        'CREATE TABLE "Parent" (id uuid PRIMARY KEY, v "Odd", n bigint GENERATED ALWAYS AS IDENTITY (CACHE 1))',
        'CREATE TABLE "child $1" (id int PRIMARY KEY, parent uuid REFERENCES "Parent")',
        'CREATE VIEW families AS SELECT p.v FROM "Parent" p JOIN "child $1" c ON c.parent = p.id',
        'CREATE SEQUENCE alone CACHE 1',
        'CREATE SEQUENCE owned CACHE 1 OWNED BY "Parent".n',
        `CREATE FUNCTION add(a int, b int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a + b'`,
        'CREATE INDEX ASYNC ON "Parent" (v)',
        'CREATE SCHEMA shop',
        'CREATE TABLE shop.orders (id int PRIMARY KEY, parent uuid REFERENCES "Parent")',
        'CREATE ROLE plain',
        'CREATE ROLE app WITH LOGIN',
        'GRANT USAGE ON SCHEMA shop TO app',
        'GRANT SELECT ON shop.orders TO app',
        `AWS IAM GRANT app TO '${local.roleArn}'`,
        `AWS IAM GRANT app TO 'arn:aws:iam::123456789012:role/other'`,
      ]) {
        await client.query(sql);
      }
      expect(await contents()).not.toEqual(before);
      await emptyDatabase(client);
      expect(await contents()).toEqual(before);
      await emptyDatabase(client);
      expect(await contents()).toEqual(before);
    });
  });

  it('works while others change the catalogue', async () => {
    await withClient(local, async (client) => {
      await withClient(local, async (other) => {
        for (let n = 0; n < 10; n++) {
          await client.query(`CREATE TABLE t${n} (id int)`);
          await other.query(`CREATE TABLE u${n} (id int)`);
          await emptyDatabase(client);
        }
        expect((await other.query('SELECT FROM pg_tables WHERE schemaname = $1', ['public'])).rowCount).toBe(
          0,
        );
      });
    });
  });
});
