import 'reflect-metadata';
import * as entry from 'aurora-dsql-orm/sequelize';
import { getConnectionToken } from '@nestjs/sequelize';
import { DataTypes, Sequelize } from 'sequelize';
import * as decorators from 'sequelize-typescript';
import type { Names } from '../run-block';
import { migrateByUmzug } from './migrations';
import type { Page, Setting } from './page';
import { expectNestModule } from './typeorm';

const uuid = { type: DataTypes.UUID, primaryKey: true, defaultValue: DataTypes.UUIDV4 };
const plain = { timestamps: false, freezeTableName: true };

async function open({ local }: Setting) {
  const sequelize = entry.createDsqlSequelize({ logging: false });
  const Account = sequelize.define('account', { id: uuid, balance: DataTypes.INTEGER }, plain);
  const Reading = sequelize.define('reading', { id: uuid, value: DataTypes.INTEGER }, plain);
  sequelize.define('users', { id: uuid }, plain);
  sequelize.define('plans', { id: uuid, name: DataTypes.TEXT }, plain);
  await sequelize.sync();
  const account = await Account.create({ balance: 5 });
  return {
    ...entry,
    ...{ sequelize, Sequelize, DataTypes, Account, Reading },
    id: account.get('id') as string,
    queryInterface: sequelize.getQueryInterface(),
    plans: [{ id: '00000000-0000-4000-8000-000000000001', name: 'free' }],
    rows: [{ value: 1 }, { value: 2 }],
    // What the ways to an instance are given.
    options: { logging: false },
    dsql: { nested: 'join' },
    url: `postgres://admin@${local.host}:${String(local.port)}/postgres`,
    database: 'postgres',
    username: 'admin',
    host: local.host,
  };
}
type Opened = Awaited<ReturnType<typeof open>>;

/** A model of sequelize-typescript, of which an instance makes it its own: so each has another. */
function typedAccount(): typeof decorators.Model {
  @decorators.Table({ tableName: 'account', timestamps: false })
  class TypedAccount extends decorators.Model {
    @decorators.Column({ type: DataTypes.UUID, primaryKey: true })
    declare id: string;
  }
  return TypedAccount;
}

const typed = (names: Names) => ({ ...names, Sequelize: decorators.Sequelize, Account: typedAccount() });

/** Whether `register` has added its hook to the class. */
const isRegistered = () => Sequelize.hasHook('afterInit');

async function expectPlans({ query }: Setting) {
  const rows = await query(
    `SELECT (SELECT count(*)::int FROM information_schema.columns
              WHERE table_name = 'users' AND column_name = 'plan') AS columns,
            (SELECT count(*)::int FROM pg_indexes WHERE indexname = 'users_plan') AS indexes`,
  );
  expect(rows).toEqual([{ columns: 1, indexes: 1 }]);
}

export const sequelizePages: Readonly<Record<string, Page>> = {
  'docs/sequelize.md': {
    open,
    under: {
      'Four ways in': () => ({
        after: async () => {
          const registered = new Sequelize({ dialect: 'postgres', dsql: {}, logging: false });
          // Only where the last of the ways has been taken.
          if (isRegistered()) await registered.authenticate();
          await registered.close();
        },
      }),
      Locks: async (_, names) => {
        const transaction = await (names as Opened).sequelize.transaction();
        return { names: { ...names, transaction }, after: () => transaction.commit() };
      },
      'Changing the schema': (setting) => ({ after: () => expectPlans(setting) }),
      'In your transaction': async (setting, names) => {
        await (names as Opened).queryInterface.removeColumn('users', 'plan');
        return {
          after: async () => {
            await expectPlans(setting);
            const rows = await setting.query('SELECT name FROM plans');
            expect(rows).toEqual([{ name: 'free' }]);
          },
        };
      },
      'More than 3,000 rows': (_, names) => ({
        after: async () => {
          expect(await (names as Opened).Reading.count()).toBe(2);
        },
      }),
      umzug: migrateByUmzug,
      'sequelize-typescript': (_, names) => ({
        names: typed(names),
        after: async ({ declared }) => {
          const { sequelize } = declared as { sequelize: Sequelize };
          expect(await sequelize.model('TypedAccount').count()).toBe(1);
        },
      }),
      NestJS: (_, names) => ({
        names: typed(names),
        after: async ({ exported }) => {
          const { AppModule, DatabaseModule } = exported;
          await expectNestModule(AppModule ?? DatabaseModule, getConnectionToken() as string);
        },
      }),
    },
  },
};
