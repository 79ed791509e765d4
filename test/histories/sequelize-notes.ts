import type { QueryInterface } from 'sequelize';
import type { SequelizeMigration } from './sequelize-shop';

/** Raw SQL, one text after the other. */
const raw =
  (...texts: string[]) =>
  async (queryInterface: QueryInterface): Promise<void> => {
    for (const text of texts) await queryInterface.sequelize.query(text);
  };

/** The history of a collection of notes, whose authors like raw SQL. */
export const history: Readonly<Record<string, SequelizeMigration>> = {
  '01-users': {
    up: raw(
      'CREATE TABLE users (id SERIAL PRIMARY KEY, login varchar(30) NOT NULL UNIQUE, born timestamp)',
      "INSERT INTO users (login) VALUES ('ann'), ('bob')",
    ),
    down: raw('DROP TABLE users'),
  },
  '02-visibility': {
    up: raw(
      "CREATE TYPE visibility AS ENUM ('private', 'shared')",
      `CREATE TABLE notes (
         id uuid PRIMARY KEY DEFAULT gen_random_uuid(), "userId" integer NOT NULL REFERENCES users (id) ON DELETE CASCADE,
         seen visibility NOT NULL DEFAULT 'private', body text)`,
    ),
    down: raw('DROP TABLE notes; DROP TYPE visibility;'),
  },
  '03-public': { up: raw("ALTER TYPE visibility ADD VALUE 'public'"), down: () => Promise.resolve() },
  '04-fill': {
    up: (queryInterface) =>
      queryInterface.sequelize.transaction((transaction) =>
        queryInterface.bulkInsert(
          'notes',
          [
            { userId: 1, body: 'one', seen: 'shared' },
            { userId: 2, body: 'two', seen: 'public' },
          ],
          {
            transaction,
          },
        ),
      ),
    down: (queryInterface) => queryInterface.bulkDelete('notes', {}),
  },
  '05-rename-value': {
    up: raw("ALTER TYPE visibility RENAME VALUE 'public' TO 'open'"),
    down: raw("ALTER TYPE visibility RENAME VALUE 'open' TO 'public'"),
  },
  '06-index': {
    up: raw('CREATE INDEX CONCURRENTLY IF NOT EXISTS notes_user ON notes ("userId")'),
    down: raw('DROP INDEX CONCURRENTLY IF EXISTS notes_user'),
  },
  '07-columns': {
    up: raw(
      'ALTER TABLE notes ADD COLUMN title varchar(100), ADD COLUMN stars int NOT NULL DEFAULT 0 CHECK (stars >= 0)',
    ),
    down: raw('ALTER TABLE notes DROP COLUMN title, DROP COLUMN stars'),
  },
  '08-required': {
    up: (queryInterface) =>
      queryInterface.sequelize.transaction(async (transaction) => {
        await queryInterface.bulkUpdate('notes', { title: '-' }, {}, { transaction });
        await queryInterface.sequelize.query('ALTER TABLE notes ALTER COLUMN title SET NOT NULL', {
          transaction,
        });
      }),
    down: raw('ALTER TABLE notes ALTER COLUMN title DROP NOT NULL'),
  },
  '09-tags': {
    up: raw(
      'CREATE TABLE tags (id SERIAL PRIMARY KEY, name varchar(20))',
      'CREATE TABLE note_tags ("noteId" uuid, "tagId" integer, PRIMARY KEY ("noteId", "tagId"))',
    ),
    down: raw('DROP TABLE note_tags', 'DROP TABLE tags'),
  },
  '10-references': {
    up: raw(
      'ALTER TABLE note_tags ADD FOREIGN KEY ("noteId") REFERENCES notes (id) ON DELETE CASCADE',
      'ALTER TABLE note_tags ADD CONSTRAINT note_tags_tag FOREIGN KEY ("tagId") REFERENCES tags (id)',
    ),
    down: raw('ALTER TABLE note_tags DROP CONSTRAINT "note_tags_noteId_fkey", DROP CONSTRAINT note_tags_tag'),
  },
  '11-longer-names': {
    up: raw('ALTER TABLE tags ALTER COLUMN name TYPE text, ALTER COLUMN name SET NOT NULL'),
    down: raw('ALTER TABLE tags ALTER COLUMN name DROP NOT NULL, ALTER COLUMN name TYPE varchar(20)'),
  },
  '12-unique': {
    up: (queryInterface) =>
      queryInterface.addConstraint('tags', { fields: ['name'], type: 'unique', name: 'tags_name' }),
    down: (queryInterface) => queryInterface.removeConstraint('tags', 'tags_name'),
  },
  '13-kind': {
    up: (queryInterface, { DataTypes }) =>
      queryInterface.addColumn('tags', 'kind', {
        type: DataTypes.ENUM('free', 'fixed'),
        defaultValue: 'free',
      }),
    down: async (queryInterface) => {
      await queryInterface.removeColumn('tags', 'kind');
      await queryInterface.sequelize.query('DROP TYPE IF EXISTS "enum_tags_kind"');
    },
  },
  '14-more-kinds': {
    up: (queryInterface) =>
      queryInterface.sequelize.transaction((transaction) =>
        queryInterface.sequelize.query(`ALTER TYPE "enum_tags_kind" ADD VALUE IF NOT EXISTS 'gone'`, {
          transaction,
        }),
      ),
    down: () => Promise.resolve(),
  },
  '15-guarded': {
    up: raw(
      `DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_indexes WHERE indexname = 'notes_stars') THEN
         CREATE INDEX notes_stars ON notes (stars); END IF; END $$`,
      'DO $$ BEGIN ALTER TABLE notes ADD COLUMN stars int; EXCEPTION WHEN duplicate_column THEN null; END $$',
    ),
    down: raw('DROP INDEX notes_stars'),
  },
  '16-renames': {
    up: (queryInterface) =>
      queryInterface.sequelize.transaction((transaction) =>
        Promise.all([
          queryInterface.renameColumn('notes', 'seen', 'visible', { transaction }),
          queryInterface.renameTable('note_tags', 'taggings', { transaction }),
        ]),
      ),
    down: async (queryInterface) => {
      await queryInterface.renameTable('taggings', 'note_tags');
      await queryInterface.renameColumn('notes', 'visible', 'seen');
    },
  },
  '17-other-type': {
    up: raw(
      "CREATE TYPE reach AS ENUM ('private', 'shared', 'open', 'listed')",
      'ALTER TABLE notes ALTER COLUMN visible DROP DEFAULT, ALTER COLUMN visible TYPE reach USING visible::text::reach',
      "ALTER TABLE notes ALTER COLUMN visible SET DEFAULT 'shared'",
      'DROP TYPE visibility',
    ),
    down: raw(
      "CREATE TYPE visibility AS ENUM ('private', 'shared', 'open')",
      'ALTER TABLE notes ALTER COLUMN visible DROP DEFAULT',
      'ALTER TABLE notes ALTER COLUMN visible TYPE visibility USING visible::text::visibility',
      "ALTER TABLE notes ALTER COLUMN visible SET DEFAULT 'private'",
      'DROP TYPE reach',
    ),
  },
  '18-dates': {
    up: (queryInterface, { DataTypes }) =>
      queryInterface.changeColumn('users', 'born', { type: DataTypes.DATEONLY }),
    down: raw('ALTER TABLE users ALTER COLUMN born DROP DEFAULT'),
  },
  '19-partial': {
    up: (queryInterface, { Op }) =>
      queryInterface.addIndex('notes', ['title'], {
        name: 'notes_starred',
        where: { stars: { [Op.gt]: 3 } },
      }),
    down: (queryInterface) => queryInterface.removeIndex('notes', 'notes_starred'),
  },
  '20-sequence': {
    up: raw('CREATE SEQUENCE receipts START 100', "COMMENT ON COLUMN notes.body IS 'in Markdown'"),
    down: raw('DROP SEQUENCE receipts'),
  },
};
