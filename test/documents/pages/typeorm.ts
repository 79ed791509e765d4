import 'reflect-metadata';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import * as entry from 'aurora-dsql-orm/typeorm';
import * as typeorm from 'typeorm';
import type { Names } from '../run-block';
import type { Page, Setting } from './page';

@typeorm.Entity()
class Account {
  @typeorm.PrimaryGeneratedColumn('uuid')
  id!: string;

  @typeorm.Column({ type: 'integer', default: 0 })
  balance!: number;
}
@typeorm.Entity()
class Reading {
  @typeorm.PrimaryGeneratedColumn('uuid')
  id!: string;

  @typeorm.Column({ type: 'integer' })
  value!: number;
}

@typeorm.Entity()
class Transfer {
  @typeorm.PrimaryColumn({ type: 'uuid' })
  id!: string;
}

const open = async ({ local }: Setting) => {
  const dataSource = entry.createDsqlDataSource({
    entities: [Account, Reading, Transfer],
    synchronize: true,
    extra: { max: 5 },
  });
  await dataSource.initialize();
  const account = await dataSource.manager.save(dataSource.manager.create(Account, { balance: 5 }));
  return {
    ...typeorm,
    ...entry,
    ...{ Account, Reading, Transfer, dataSource, account },
    id: account.id,
    queryRunner: dataSource.createQueryRunner(),
    host: local.host,
    rows: [{ value: 1 }, { value: 2 }],
  };
};
type Opened = Awaited<ReturnType<typeof open>>;

const balanceOf = async ({ dataSource, id }: Opened) =>
  (await dataSource.manager.findOneByOrFail(Account, { id })).balance;

/** The application of a NestJS module reaches the cluster, and leaves nothing open. */
export async function expectNestModule(module: unknown, connection: string | typeof typeorm.DataSource) {
  const application = await Test.createTestingModule({ imports: [module as Type] }).compile();
  const database = application.get<{ query(sql: string): Promise<unknown> }>(connection);
  try {
    await expect(database.query('SELECT 1 AS one')).resolves.toBeDefined();
  } finally {
    await application.close();
  }
  await expect(database.query('SELECT 1 AS one')).rejects.toThrow(/closed|not (?:connected|established)/i);
}

export const typeormPages: Readonly<Record<string, Page>> = {
  'docs/check.md': {
    open: async (setting) => {
      const names = await open(setting);
      await setting.query('CREATE TABLE users (id uuid PRIMARY KEY, email text)');
      return names;
    },
  },
  'docs/dsql-support.md': { open },
  'docs/transactions.md': {
    open,
    under: {
      'What your callback must tolerate': (_, names) => ({
        after: async () => {
          expect(await balanceOf(names as Opened)).toBe(15);
        },
      }),
      'Objects from outside the callback': ({ local }, names) => {
        // Its second attempt begins with what the first one had.
        local.faults.failCommit({ error: 'OC000', table: 'account' });
        const { account } = names as Opened;
        return {
          after: async () => {
            expect(account.balance).toBe(15);
            expect(await balanceOf(names as Opened)).toBe(15);
          },
        };
      },
      'Taking turns': (_, names) => {
        const book = jest.fn((manager: typeorm.EntityManager) => manager.countBy(Account, {}));
        return {
          names: { ...names, book },
          after: () => {
            expect(book).toHaveBeenCalledTimes(1);
          },
        };
      },
      '`verifyCommitted`': ({ local }, names) => {
        const transferId = '00000000-0000-4000-8000-000000000001';
        const transfer = (manager: typeorm.EntityManager) => manager.insert(Transfer, { id: transferId });
        // The case that the page is about.
        const fault = local.faults.cutConnection({ at: 'after commit' });
        return {
          names: { ...names, transfer, transferId },
          after: async () => {
            expect(fault.fired).toBe(1);
            expect(await (names as Opened).dataSource.manager.countBy(Transfer, {})).toBe(1);
          },
        };
      },
      '`commitMarkers`': ({ query }) => ({
        after: async () => {
          const dataSource = entry.createDsqlDataSource({
            entities: [Account],
            dsql: { commitMarkers: true },
          });
          await dataSource.initialize();
          await dataSource.transaction((manager) => manager.save(Account, {}));
          await dataSource.destroy();
          const markers = await query('SELECT claimed FROM aurora_dsql_orm_commit_marker');
          expect(markers).toEqual([{ claimed: false }]);
        },
      }),
      'Which transactions fight': async ({ local }, names) => {
        const { dataSource } = names as Opened;
        local.faults.failCommit({ error: 'OC000', table: 'account' });
        await entry.runInTransaction(dataSource, (manager) => manager.save(Account, {}), { label: 'open' });
        const log = jest.spyOn(console, 'log');
        return {
          after: () => {
            expect(log.mock.calls).toContainEqual(expect.arrayContaining(['open', ['account'], 2]));
          },
        };
      },
    },
  },
  'docs/typeorm.md': {
    open,
    under: {
      'Number keys': ({ query }) => ({
        after: async ({ declared }) => {
          const entities = [declared.Account as new () => { id: number }];
          const dataSource = entry.createDsqlDataSource({ entities, synchronize: true, schema: 'numbers' });
          await query('CREATE SCHEMA numbers');
          await dataSource.initialize();
          const rows = await query(
            `SELECT data_type, identity_generation FROM information_schema.columns WHERE table_schema = 'numbers' AND table_name = 'account'`,
          );
          await dataSource.destroy();
          expect(rows).toEqual([{ data_type: 'bigint', identity_generation: 'BY DEFAULT' }]);
        },
      }),
      'Large writes': ({ folder }, names) => {
        writeFileSync(path.join(folder, 'readings.jsonl'), '{ "value": 3 }\n{ "value": 4 }\n');
        return {
          after: async ({ declared }) => {
            const count = await (names as Opened).dataSource.manager.countBy(Reading, {});
            expect(count).toBe('rowsWritten' in declared ? 4 : 2);
          },
        };
      },
      NestJS: () => ({
        after: ({ exported }) => expectNestModule(exported.AppModule, typeorm.DataSource),
      }),
    },
  },
};

/** Statements of a migration, which are translated. */
export async function runAsMigration(statements: readonly string[], names: Names): Promise<void> {
  const { dataSource } = names as Opened;
  class Statements1790000000000 {
    async up(queryRunner: typeorm.QueryRunner) {
      for (const statement of statements) await queryRunner.query(statement);
    }
    async down() {
      // There is no way back.
    }
  }
  const migrating = entry.createDsqlDataSource({ migrations: [Statements1790000000000] });
  await dataSource.query('CREATE TABLE "user" (id uuid PRIMARY KEY, email text)');
  await migrating.initialize();
  try {
    await migrating.runMigrations();
  } finally {
    await migrating.destroy();
  }
}
