import { Op } from 'sequelize';
import type { SequelizeMigration } from './sequelize-shop';

/** Raw SQL, one text after the other. */
export const text =
  (...sql: readonly string[]): SequelizeMigration['up'] =>
  async (queryInterface) => {
    for (const each of sql) await queryInterface.sequelize.query(each);
  };

/** The history of a club: the habits of many years, in transactions and without, with arrays and enum types. */
export const history: Readonly<Record<string, SequelizeMigration>> = {
  '20220101000000-members': {
    up: (queryInterface, { DataTypes, fn }) =>
      queryInterface.createTable('Members', {
        id: { type: DataTypes.INTEGER, allowNull: false, autoIncrement: true, primaryKey: true },
        uuid: { type: DataTypes.UUID, defaultValue: fn('gen_random_uuid') },
        name: { type: DataTypes.STRING, allowNull: false },
        tags: { type: DataTypes.ARRAY(DataTypes.STRING), allowNull: false, defaultValue: [] },
        birthday: DataTypes.DATEONLY,
        createdAt: { type: DataTypes.DATE, allowNull: false },
        updatedAt: { type: DataTypes.DATE, allowNull: false },
      }),
    down: (queryInterface) => queryInterface.dropTable('Members'),
  },
  '20220102000000-fill': {
    up: (queryInterface) =>
      queryInterface.bulkInsert('Members', [
        { name: 'Ann', createdAt: new Date(0), updatedAt: new Date(0) },
        { name: 'Bob', createdAt: new Date(0), updatedAt: new Date(0) },
      ]),
    down: (queryInterface) => queryInterface.bulkDelete('Members', {}, {}),
  },
  '20220103000000-state': {
    up: text(
      `CREATE TYPE "enum_Members_state" AS ENUM ('active', 'left')`,
      `ALTER TABLE "Members" ADD COLUMN "state" "enum_Members_state" NOT NULL DEFAULT 'active'`,
    ),
    down: text(`ALTER TABLE "Members" DROP COLUMN "state"`, `DROP TYPE IF EXISTS "enum_Members_state"`),
  },
  '20220104000000-more-states': {
    up: text(`ALTER TYPE "enum_Members_state" ADD VALUE IF NOT EXISTS 'paused' BEFORE 'left'`),
    down: () => Promise.resolve(),
  },
  '20220105000000-new-states': {
    up: async (queryInterface) => {
      await queryInterface.sequelize.query(`ALTER TYPE "enum_Members_state" ADD VALUE 'banned'`);
      await queryInterface.sequelize.query("SET lock_timeout = '5s'");
      await queryInterface.sequelize.query('CREATE EXTENSION IF NOT EXISTS "uuid-ossp"');
      await queryInterface.sequelize.query(
        `UPDATE "Members" SET "uuid" = uuid_generate_v4() WHERE "uuid" IS NULL`,
      );
    },
    down: () => Promise.resolve(),
  },
  '20220106000000-teams-in-a-transaction': {
    up: (queryInterface, { DataTypes }) =>
      queryInterface.sequelize.transaction(async (transaction) => {
        await queryInterface.createTable(
          'Teams',
          {
            id: { type: DataTypes.INTEGER, primaryKey: true, autoIncrement: true },
            name: { type: DataTypes.STRING(40), unique: true },
            scores: { type: DataTypes.ARRAY(DataTypes.INTEGER) },
          },
          { transaction },
        );
        await queryInterface.addColumn(
          'Members',
          'TeamId',
          {
            type: DataTypes.INTEGER,
            references: { model: 'Teams', key: 'id' },
            onDelete: 'SET NULL',
            onUpdate: 'CASCADE',
            allowNull: true,
          },
          { transaction },
        );
        await queryInterface.addIndex('Members', ['TeamId'], { transaction });
      }),
    down: (queryInterface) =>
      queryInterface.sequelize.transaction(async (transaction) => {
        await queryInterface.removeIndex('Members', ['TeamId'], { transaction });
        await queryInterface.removeColumn('Members', 'TeamId', { transaction });
        await queryInterface.dropTable('Teams', { transaction });
      }),
  },
  '20220107000000-search': {
    up: async (queryInterface) => {
      await queryInterface.addIndex('Members', {
        fields: ['tags'],
        using: 'gin',
        name: 'members_tags_left_out',
      });
      await queryInterface.sequelize.query(
        'CREATE INDEX CONCURRENTLY "members_name" ON "Members" USING btree ("name" ASC)',
      );
    },
    down: async (queryInterface) => {
      await queryInterface.removeIndex('Members', 'members_name');
      await queryInterface.sequelize.query('DROP INDEX "members_tags_left_out"');
    },
  },
  '20220108000000-raw-arrays': {
    up: text(
      `ALTER TABLE "Teams" ADD COLUMN "words" text[] DEFAULT '{}'`,
      `UPDATE "Members" SET "state" = 'paused' WHERE "name" = 'Bob'`,
    ),
    down: text(`ALTER TABLE "Teams" DROP COLUMN "words"`),
  },
  '20220109000000-not-null': {
    up: async (queryInterface, { DataTypes }) => {
      await queryInterface.sequelize.query(
        `UPDATE "Members" SET "birthday" = '2000-01-01' WHERE "birthday" IS NULL`,
      );
      await queryInterface.changeColumn('Members', 'birthday', {
        type: DataTypes.DATEONLY,
        allowNull: false,
      });
    },
    down: (queryInterface, { DataTypes }) =>
      queryInterface.changeColumn('Members', 'birthday', { type: DataTypes.DATEONLY, allowNull: true }),
  },
  '20220110000000-fees': {
    up: (queryInterface, { DataTypes }) =>
      queryInterface.createTable('Fees', {
        MemberId: {
          type: DataTypes.INTEGER,
          primaryKey: true,
          references: { model: 'Members', key: 'id' },
          onDelete: 'CASCADE',
        },
        year: { type: DataTypes.INTEGER, primaryKey: true },
        amount: { type: DataTypes.DECIMAL(10, 2), defaultValue: 0 },
        paid: DataTypes.BOOLEAN,
      }),
    down: (queryInterface) => queryInterface.dropTable('Fees', { cascade: true }),
  },
  '20220111000000-constraints': {
    up: async (queryInterface) => {
      await queryInterface.addConstraint('Members', {
        type: 'unique',
        fields: ['name', 'birthday'],
        name: 'one_member',
      });
      await queryInterface.addConstraint('Fees', {
        type: 'check',
        fields: ['amount'],
        name: 'amount_positive',
        where: { amount: { [Op.gte]: 0 } },
      });
    },
    down: async (queryInterface) => {
      await queryInterface.removeConstraint('Fees', 'amount_positive');
      await queryInterface.removeConstraint('Members', 'one_member');
    },
  },
  '20220112000000-rename': {
    up: async (queryInterface) => {
      await queryInterface.renameColumn('Fees', 'paid', 'isPaid');
      await queryInterface.renameTable('Fees', 'Payments');
    },
    down: async (queryInterface) => {
      await queryInterface.renameTable('Payments', 'Fees');
      await queryInterface.renameColumn('Fees', 'isPaid', 'paid');
    },
  },
  '20220113000000-convert': {
    up: (queryInterface) =>
      queryInterface.changeColumn('Payments', 'isPaid', {
        type: 'INTEGER USING CAST("isPaid" AS INTEGER)',
      } as never),
    down: (queryInterface) =>
      queryInterface.changeColumn('Payments', 'isPaid', {
        type: 'BOOLEAN USING CAST("isPaid" AS BOOLEAN)',
      } as never),
  },
  '20220114000000-loop': {
    up: async (queryInterface, { QueryTypes }) => {
      const members = await queryInterface.sequelize.query<{ id: number }>(
        'SELECT id FROM "Members" ORDER BY id',
        {
          type: QueryTypes.SELECT,
        },
      );
      for (const { id } of members) {
        await queryInterface.sequelize.query(
          'INSERT INTO "Payments" ("MemberId", "year") VALUES (:id, 2022)',
          {
            replacements: { id },
          },
        );
      }
    },
    down: (queryInterface) => queryInterface.sequelize.query('DELETE FROM "Payments"'),
  },
  '20220115000000-guarded': {
    up: text(
      `DO $$ BEGIN ALTER TABLE "Payments" ADD CONSTRAINT "year_known" CHECK ("year" > 2000); EXCEPTION WHEN duplicate_object THEN null; END $$`,
      'CREATE EXTENSION IF NOT EXISTS "uuid-ossp"',
    ),
    down: text(`ALTER TABLE "Payments" DROP CONSTRAINT IF EXISTS "year_known"`),
  },
  '20220116000000-comments': {
    up: text(
      `COMMENT ON TABLE "Members" IS 'who belongs to us'; COMMENT ON COLUMN "Members"."name" IS 'all of it'`,
    ),
    down: text(`COMMENT ON COLUMN "Members"."name" IS NULL; COMMENT ON TABLE "Members" IS NULL`),
  },
  '20220117000000-one-column-in-a-transaction': {
    up: (queryInterface, { DataTypes }) =>
      queryInterface.sequelize.transaction((transaction) =>
        queryInterface.addColumn(
          'Members',
          'level',
          { type: DataTypes.SMALLINT, allowNull: false, defaultValue: 3 },
          { transaction },
        ),
      ),
    down: (queryInterface) => queryInterface.removeColumn('Members', 'level'),
  },
  '20220118000000-view': {
    up: text(`CREATE VIEW "payers" AS SELECT "year", "amount" FROM "Payments" WHERE "year" = 2022`),
    down: text('DROP VIEW "payers"'),
  },
  '20220119000000-read-in-a-transaction': {
    up: (queryInterface, { DataTypes }) =>
      queryInterface.sequelize.transaction(async (transaction) => {
        await queryInterface.addColumn(
          'Members',
          'settings',
          { type: DataTypes.JSONB, allowNull: false, defaultValue: {} },
          { transaction },
        );
        await queryInterface.sequelize.query('SELECT id FROM "Members"', { transaction });
        await queryInterface.sequelize.query(`UPDATE "Members" SET "settings" = '{"a": 1}'`, { transaction });
      }),
    down: (queryInterface) => queryInterface.removeColumn('Members', 'settings'),
  },
  '20220120000000-truncate': {
    up: text('TRUNCATE TABLE "Teams" CASCADE'),
    down: () => Promise.resolve(),
  },
};
