import type * as library from 'sequelize';
import type { QueryInterface } from 'sequelize';

type Library = typeof library;
type Step = (queryInterface: QueryInterface, Sequelize: Library) => Promise<unknown>;

/** A migration as a file of sequelize-cli exports it. */
export interface SequelizeMigration {
  readonly up: Step;
  readonly down: Step;
}

/** The history of a shop, as people write it for Sequelize on PostgreSQL. */
export const history: Readonly<Record<string, SequelizeMigration>> = {
  '20240101000000-create-customers': {
    up: async (queryInterface, { DataTypes, literal }) => {
      await queryInterface.createTable('customers', {
        id: { type: DataTypes.INTEGER, primaryKey: true, autoIncrement: true, allowNull: false },
        email: { type: DataTypes.STRING, allowNull: false, unique: true },
        name: { type: DataTypes.STRING(80) },
        role: { type: DataTypes.ENUM('guest', 'member'), allowNull: false, defaultValue: 'guest' },
        createdAt: { type: DataTypes.DATE, allowNull: false, defaultValue: literal('CURRENT_TIMESTAMP') },
        updatedAt: { type: DataTypes.DATE, allowNull: false, defaultValue: literal('CURRENT_TIMESTAMP') },
      });
    },
    down: async (queryInterface) => {
      await queryInterface.dropTable('customers');
      await queryInterface.sequelize.query('DROP TYPE IF EXISTS "enum_customers_role";');
    },
  },
  '20240102000000-fill-customers': {
    up: (queryInterface) =>
      queryInterface.bulkInsert('customers', [
        { email: 'a@x.test', name: 'Ann' },
        { email: 'b@x.test', name: 'Bob' },
      ]),
    down: (queryInterface) => queryInterface.bulkDelete('customers', {}),
  },
  '20240103000000-create-products-in-a-transaction': {
    up: (queryInterface, { DataTypes }) =>
      queryInterface.sequelize.transaction(async (transaction) => {
        await queryInterface.createTable(
          'products',
          {
            id: { type: DataTypes.UUID, primaryKey: true, defaultValue: DataTypes.UUIDV4 },
            title: { type: DataTypes.STRING, allowNull: false },
            price: { type: DataTypes.DECIMAL(10, 2), allowNull: false, defaultValue: 0 },
            meta: { type: DataTypes.JSONB },
          },
          { transaction },
        );
        await queryInterface.addIndex('products', ['title'], { transaction });
        await queryInterface.addIndex('products', {
          fields: ['title', 'price'],
          unique: true,
          name: 'products_title_price',
          transaction,
        });
      }),
    down: (queryInterface) =>
      queryInterface.sequelize.transaction(async (transaction) => {
        await queryInterface.removeIndex('products', 'products_title_price', { transaction });
        await queryInterface.dropTable('products', { transaction });
      }),
  },
  '20240104000000-add-columns-together': {
    up: (queryInterface, { DataTypes }) =>
      queryInterface.sequelize.transaction((transaction) =>
        Promise.all([
          queryInterface.addColumn('customers', 'phone', { type: DataTypes.STRING }, { transaction }),
          queryInterface.addColumn(
            'customers',
            'points',
            { type: DataTypes.INTEGER, allowNull: false, defaultValue: 10 },
            { transaction },
          ),
        ]),
      ),
    down: (queryInterface) =>
      queryInterface.sequelize.transaction((transaction) =>
        Promise.all([
          queryInterface.removeColumn('customers', 'phone', { transaction }),
          queryInterface.removeColumn('customers', 'points', { transaction }),
        ]),
      ),
  },
  '20240105000000-create-orders': {
    up: async (queryInterface, { DataTypes }) => {
      const transaction = await queryInterface.sequelize.transaction();
      try {
        await queryInterface.createTable(
          'orders',
          {
            id: { type: DataTypes.INTEGER, primaryKey: true, autoIncrement: true },
            customerId: {
              type: DataTypes.INTEGER,
              allowNull: false,
              references: { model: 'customers', key: 'id' },
              onDelete: 'CASCADE',
              onUpdate: 'CASCADE',
            },
            state: { type: DataTypes.ENUM('new', 'paid'), defaultValue: 'new' },
          },
          { transaction },
        );
        await queryInterface.bulkInsert('orders', [{ customerId: 1 }, { customerId: 2, state: 'paid' }], {
          transaction,
        });
        await queryInterface.addIndex('orders', ['customerId'], { transaction });
        await transaction.commit();
      } catch (error) {
        await transaction.rollback();
        throw error;
      }
    },
    down: async (queryInterface) => {
      await queryInterface.dropTable('orders');
      await queryInterface.sequelize.query('DROP TYPE "enum_orders_state"');
    },
  },
  '20240106000000-more-states': {
    up: async (queryInterface) => {
      await queryInterface.sequelize.query(`ALTER TYPE "enum_orders_state" ADD VALUE 'sent'`);
      await queryInterface.sequelize.query(
        `ALTER TYPE enum_orders_state ADD VALUE IF NOT EXISTS 'lost' BEFORE 'sent'`,
      );
    },
    down: () => Promise.resolve(),
  },
  '20240107000000-replace-states': {
    up: async (queryInterface) => {
      await queryInterface.sequelize.query(`
        ALTER TABLE orders ALTER COLUMN state DROP DEFAULT;
        CREATE TYPE "enum_orders_state_new" AS ENUM ('new', 'paid', 'sent');
        ALTER TABLE orders ALTER COLUMN state TYPE "enum_orders_state_new" USING (state::text::"enum_orders_state_new");
        DROP TYPE "enum_orders_state";
        ALTER TYPE "enum_orders_state_new" RENAME TO "enum_orders_state";
        ALTER TABLE orders ALTER COLUMN state SET DEFAULT 'new';
      `);
    },
    down: () => Promise.resolve(),
  },
  '20240108000000-require-name': {
    up: async (queryInterface, { DataTypes }) => {
      await queryInterface.sequelize.query(`UPDATE customers SET name = 'nobody' WHERE name IS NULL`);
      await queryInterface.changeColumn('customers', 'name', {
        type: DataTypes.STRING(80),
        allowNull: false,
      });
    },
    down: (queryInterface, { DataTypes }) =>
      queryInterface.changeColumn('customers', 'name', { type: DataTypes.STRING(80), allowNull: true }),
  },
  '20240109000000-constraints': {
    up: (queryInterface, { Op }) =>
      queryInterface.sequelize.transaction(async (transaction) => {
        await queryInterface.addConstraint('customers', {
          fields: ['phone'],
          type: 'unique',
          name: 'customers_phone',
          transaction,
        });
        await queryInterface.addConstraint('customers', {
          fields: ['points'],
          type: 'check',
          name: 'customers_points',
          where: { points: { [Op.gte]: 0 } },
          transaction,
        });
      }),
    down: async (queryInterface) => {
      await queryInterface.removeConstraint('customers', 'customers_points');
      await queryInterface.removeConstraint('customers', 'customers_phone');
    },
  },
  '20240110000000-rename': {
    up: (queryInterface) =>
      queryInterface.sequelize.transaction(async (transaction) => {
        await queryInterface.renameColumn('customers', 'phone', 'mobile', { transaction });
        await queryInterface.renameTable('products', 'articles', { transaction });
      }),
    down: (queryInterface) =>
      queryInterface.sequelize.transaction(async (transaction) => {
        await queryInterface.renameTable('articles', 'products', { transaction });
        await queryInterface.renameColumn('customers', 'mobile', 'phone', { transaction });
      }),
  },
  '20240111000000-lines': {
    up: async (queryInterface, { DataTypes }) => {
      await queryInterface.createTable('lines', {
        orderId: { type: DataTypes.INTEGER, primaryKey: true },
        articleId: { type: DataTypes.UUID, primaryKey: true },
        count: { type: DataTypes.INTEGER, allowNull: false, defaultValue: 1 },
      });
      await queryInterface.addConstraint('lines', {
        fields: ['orderId'],
        type: 'foreign key',
        name: 'lines_order',
        references: { table: 'orders', field: 'id' },
        onDelete: 'cascade',
        onUpdate: 'cascade',
      });
      await queryInterface.addConstraint('lines', {
        fields: ['articleId'],
        type: 'foreign key',
        name: 'lines_article',
        references: { table: 'articles', field: 'id' },
        onDelete: 'restrict',
        onUpdate: 'no action',
      });
    },
    down: (queryInterface) => queryInterface.dropTable('lines'),
  },
  '20240112000000-concurrently': {
    up: (queryInterface) =>
      queryInterface.addIndex('lines', ['articleId'], { concurrently: true, name: 'lines_article_id' }),
    down: (queryInterface) => queryInterface.removeIndex('lines', 'lines_article_id'),
  },
  '20240113000000-raw-tables': {
    up: async (queryInterface) => {
      await queryInterface.sequelize.query('CREATE EXTENSION IF NOT EXISTS "uuid-ossp";');
      await queryInterface.sequelize.query(`
        CREATE TABLE notes (
          id uuid PRIMARY KEY DEFAULT uuid_generate_v4(),
          number SERIAL,
          body text NOT NULL,
          kind varchar(10) NOT NULL DEFAULT 'plain' CHECK (kind <> '')
        );
        CREATE INDEX notes_body ON notes (body);
        CREATE UNIQUE INDEX notes_number ON notes USING btree (number);
      `);
    },
    down: (queryInterface) => queryInterface.sequelize.query('DROP TABLE IF EXISTS notes CASCADE'),
  },
  '20240114000000-raw-in-a-transaction': {
    up: (queryInterface) =>
      queryInterface.sequelize.transaction(async (transaction) => {
        await queryInterface.sequelize.query("INSERT INTO notes (body) VALUES ('one'), ('two')", {
          transaction,
        });
        await queryInterface.sequelize.query('ALTER TABLE notes ADD COLUMN stars int NOT NULL DEFAULT 3', {
          transaction,
        });
        await queryInterface.sequelize.query('UPDATE notes SET stars = :stars WHERE body = :body', {
          replacements: { stars: 5, body: 'two' },
          transaction,
        });
        await queryInterface.sequelize.query('CREATE INDEX notes_stars ON notes (stars)', { transaction });
      }),
    down: (queryInterface) =>
      queryInterface.sequelize.transaction(async (transaction) => {
        await queryInterface.sequelize.query('DELETE FROM notes', { transaction });
        await queryInterface.removeColumn('notes', 'stars', { transaction });
      }),
  },
  '20240115000000-unless-there': {
    up: async (queryInterface, { DataTypes }) => {
      const columns = await queryInterface.describeTable('notes');
      if (!('color' in columns)) {
        await queryInterface.addColumn('notes', 'color', {
          type: DataTypes.ENUM('red', 'blue'),
          allowNull: false,
          defaultValue: 'red',
        });
      }
    },
    down: async (queryInterface) => {
      await queryInterface.removeColumn('notes', 'color');
      await queryInterface.sequelize.query('DROP TYPE IF EXISTS enum_notes_color');
    },
  },
  '20240116000000-unique-together': {
    up: (queryInterface) =>
      queryInterface.addIndex('customers', ['email', 'name'], { unique: true, where: { points: 10 } }),
    down: (queryInterface) => queryInterface.removeIndex('customers', ['email', 'name']),
  },
  '20240117000000-reference-with-a-default': {
    up: (queryInterface, { DataTypes }) =>
      queryInterface.sequelize.transaction(async (transaction) => {
        await queryInterface.addColumn(
          'notes',
          'customerId',
          {
            type: DataTypes.INTEGER,
            references: { model: 'customers', key: 'id' },
            onDelete: 'SET NULL',
            onUpdate: 'CASCADE',
          },
          { transaction },
        );
        await queryInterface.bulkUpdate('notes', { customerId: 1 }, {}, { transaction });
        await queryInterface.addIndex('notes', ['customerId'], { transaction });
      }),
    down: (queryInterface) => queryInterface.removeColumn('notes', 'customerId'),
  },
  '20240118000000-defaults': {
    up: async (queryInterface, { DataTypes, literal }) => {
      await queryInterface.changeColumn('orders', 'state', {
        type: DataTypes.ENUM('new', 'paid', 'sent'),
        defaultValue: 'paid',
      });
      await queryInterface.addColumn('orders', 'placed', {
        type: DataTypes.DATE,
        allowNull: false,
        defaultValue: literal('now()'),
      });
    },
    down: (queryInterface) => queryInterface.removeColumn('orders', 'placed'),
  },
  '20240119000000-views': {
    up: (queryInterface) =>
      queryInterface.sequelize.query(
        'CREATE OR REPLACE VIEW starred AS SELECT body FROM notes WHERE stars > 3',
      ),
    down: (queryInterface) => queryInterface.sequelize.query('DROP VIEW starred'),
  },
  '20240120000000-comments': {
    up: async (queryInterface, { DataTypes }) => {
      await queryInterface.addColumn('articles', 'weight', {
        type: DataTypes.FLOAT,
        comment: 'in kilograms',
      });
      await queryInterface.sequelize.query("COMMENT ON TABLE articles IS 'what is sold'");
    },
    down: (queryInterface) => queryInterface.removeColumn('articles', 'weight'),
  },
};
