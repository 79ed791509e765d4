import * as core from 'aurora-dsql-orm';
import * as entry from 'aurora-dsql-orm/local';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';
import type { Names } from '../run-block';
import type { Page, Setting } from './page';

@Entity()
class User {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column({ type: 'text' })
  nickname!: string;
}

async function open({ local, query }: Setting) {
  const dataSource = createDsqlDataSource({ entities: [User], synchronize: true });
  await dataSource.initialize();
  await query('CREATE TABLE accounts (id int PRIMARY KEY, balance int)');
  await query('CREATE TABLE users (id uuid PRIMARY KEY)');
  await query('INSERT INTO accounts VALUES (1, 5)');
  const pool = new core.DsqlPool();
  return {
    ...core,
    ...entry,
    ...{ local, dataSource, pool, expect, jest },
    migrations: new core.DsqlPool(),
    users: dataSource.getRepository(User),
    user: Object.assign(new User(), { nickname: 'Ada' }),
    transfer: () =>
      core.retryOnConflict(() => pool.query('UPDATE accounts SET balance = balance + 1 WHERE id = 1')),
  };
}
type Opened = Awaited<ReturnType<typeof open>>;

/** The hooks of a test runner, to be called one after the other. */
function hooks() {
  const before: (() => unknown)[] = [];
  const after: (() => unknown)[] = [];
  const names: Names = {
    beforeAll: (hook: () => unknown) => before.push(hook),
    afterAll: (hook: () => unknown) => after.push(hook),
  };
  return { before, after, names };
}

export const localDsqlPages: Readonly<Record<string, Page>> = {
  'docs/local-dsql.md': {
    open,
    under: {
      'Several Regions': () => ({
        after: async ({ declared }) => {
          await (declared.pool as core.DsqlPool).end();
        },
      }),
      'Fake clocks': (_, names) => ({
        after: async () => {
          try {
            await (names as Opened).pool.query('SELECT 1');
          } finally {
            jest.useRealTimers();
          }
        },
      }),
      Roles: ({ local }) => ({
        after: async () => {
          const { credentials } = local;
          const client = new core.DsqlClient({ user: 'app', credentials });
          await client.connect();
          await client.end();
          expect(await local.env('app')).toMatchObject({ PGUSER: 'app' });
        },
      }),
      'In your tests': (_, names) => {
        const runner = hooks();
        return {
          names: { ...names, ...runner.names },
          after: async ({ declared }) => {
            for (const hook of runner.before) await hook();
            expect((declared.local as entry.LocalDsql).port).toBeGreaterThan(0);
            for (const hook of runner.after) await hook();
          },
        };
      },
      'A cluster that sleeps': ({ local }, names) => ({
        after: async () => {
          local.faults.clear();
          await (names as Opened).pool.query('SELECT 1');
        },
      }),
      'Counting round trips': () => ({
        after: ({ declared }) => {
          const { roundTrips } = declared.recording as { roundTrips: readonly unknown[] };
          expect(roundTrips.length).toBe(1);
        },
      }),
    },
  },
};
