import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createDsqlSequelize } from 'aurora-dsql-orm/sequelize';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import type { Page, Setting, Surroundings } from './page';

/** A project with one migration, for `createMigrator`. */
export function migrateByUmzug({ query, folder }: Setting): Surroundings {
  mkdirSync(path.join(folder, 'migrations'));
  writeFileSync(
    path.join(folder, 'migrations/1-create-shelf.js'),
    `exports.up = ({ context }) => context.createTable('shelf', { id: { type: 'uuid', primaryKey: true } });`,
  );
  return {
    after: async () => {
      expect(await query('SELECT * FROM "SequelizeMeta"')).toEqual([{ name: '1-create-shelf.js' }]);
      expect(await query('SELECT id FROM shelf')).toEqual([]);
    },
  };
}

export const migrationPages: Readonly<Record<string, Page>> = {
  'docs/migrations.md': {
    open: async (setting) => {
      const { query } = setting;
      await query('CREATE TABLE orders (id int PRIMARY KEY, tenant int NOT NULL, total numeric(10,2))');
      await query('INSERT INTO orders VALUES (1, 7, 9.5)');
      const dataSource = await createDsqlDataSource({}).initialize();
      return {
        dataSource,
        queryRunner: dataSource.createQueryRunner(),
        sequelize: createDsqlSequelize({ logging: false }),
      };
    },
    under: {
      Migrations: migrateByUmzug,
      // The context of a Lambda function.
      Recipes: (_, names) => ({ names: { ...names, context: { getRemainingTimeInMillis: () => 60_000 } } }),
      'Change rows in batches': async ({ query }) => {
        await query('CREATE TABLE account (id int PRIMARY KEY, currency text)');
        await query('INSERT INTO account SELECT id FROM generate_series(1, 2500) AS id');
        return {
          after: async () => {
            const rows = await query('SELECT currency, count(*)::int AS n FROM account GROUP BY 1');
            expect(rows).toEqual([{ currency: 'EUR', n: 2500 }]);
          },
        };
      },
      'Rebuild a table': ({ query }) => ({
        after: async () => {
          const rows = await query(
            `SELECT format_type(atttypid, atttypmod) AS type,
                    (SELECT pg_get_constraintdef(oid) FROM pg_constraint
                      WHERE conrelid = attrelid AND contype = 'p') AS key
               FROM pg_attribute WHERE attrelid = 'orders'::regclass AND attname = 'total'`,
          );
          expect(rows).toEqual([
            { type: 'numeric(12,2)', key: expect.stringMatching(/^PRIMARY KEY \(tenant, id\)/) as string },
          ]);
          expect(await query('SELECT id, tenant, total FROM orders')).toEqual([
            { id: 1, tenant: 7, total: '9.50' },
          ]);
        },
      }),
    },
  },
};
