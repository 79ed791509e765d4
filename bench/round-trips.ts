import { DataTypes, type Sequelize } from 'sequelize';
import { EntitySchema, EntitySchemaOptions, type DataSource } from 'typeorm';
import { DsqlClient } from '../src';
import { startLocalDsql, type LocalDsql } from '../src/local';
import { report, type Row } from './result';
import { newDataSources, newSequelizes, type Sides } from './sides';

/**
 * How many round trips an operation takes, logging in left out: the first query of all, and writes of entities. The local DSQL
 * counts them.
 *
 * Usage: npm run bench -- round-trips
 */

interface Book {
  id?: string;
  title: string;
  pages?: Page[];
  notes?: Note[];
}

interface Page {
  id?: string;
  number: number;
  book?: Book;
}

interface Note {
  id?: string;
  text: string;
  book?: Book;
}

const BookEntity = new EntitySchema<Book>(
  Object.assign(new EntitySchemaOptions<Book>(), {
    name: 'book',
    columns: { id: { type: 'uuid', primary: true, generated: 'uuid' }, title: { type: 'text' } },
    relations: {
      pages: { type: 'one-to-many', target: 'page', inverseSide: 'book', cascade: true },
      notes: { type: 'one-to-many', target: 'note', inverseSide: 'book', cascade: true },
    },
  }),
);

const PageEntity = new EntitySchema<Page>(
  Object.assign(new EntitySchemaOptions<Page>(), {
    name: 'page',
    columns: { id: { type: 'uuid', primary: true, generated: 'uuid' }, number: { type: 'integer' } },
    relations: { book: { type: 'many-to-one', target: 'book', inverseSide: 'pages' } },
  }),
);

const NoteEntity = new EntitySchema<Note>(
  Object.assign(new EntitySchemaOptions<Note>(), {
    name: 'note',
    columns: { id: { type: 'uuid', primary: true, generated: 'uuid' }, text: { type: 'text' } },
    relations: { book: { type: 'many-to-one', target: 'book', inverseSide: 'notes' } },
  }),
);

const TABLES = [
  'CREATE TABLE book (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), title text)',
  'CREATE TABLE page (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), number integer, "bookId" uuid)',
  'CREATE TABLE note (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), text text, "bookId" uuid)',
];

const CHILDREN = 10;
const pages = () => Array.from({ length: CHILDREN }, (_, number): Page => ({ number }));

/** Counts what each piece of work sends, one after the other. */
async function count(local: LocalDsql, works: Readonly<Record<string, () => Promise<unknown>>>) {
  const counted: Record<string, number> = {};
  for (const [name, work] of Object.entries(works)) {
    const recording = local.trace.start();
    await work();
    counted[name] = recording.stop().roundTrips.length;
  }
  return counted;
}

async function ofTypeorm(local: LocalDsql, dataSource: DataSource): Promise<Record<string, number>> {
  const books = dataSource.getRepository(BookEntity);
  const book: Book = { title: 'a' };
  const counted = await count(local, {
    'initialize and the first query': async () => {
      await dataSource.initialize();
      await dataSource.query('SELECT 1');
    },
    'save a new row': () => books.save(book),
    'save a changed row': () => books.save({ ...book, title: 'b' }),
    'save a row with ten new children': () => books.save({ title: 'c', pages: pages() }),
    'save a row with children in two tables': () =>
      books.save({ title: 'd', pages: pages(), notes: [{ text: 'a' }] }),
    'transaction of two updates': () =>
      dataSource.transaction(async (manager) => {
        await manager.update(BookEntity, { id: book.id }, { title: 'd' });
        await manager.update(BookEntity, { id: book.id }, { title: 'e' });
      }),
    'remove a row': async () => {
      await books.remove(book);
    },
  });
  await dataSource.destroy();
  return counted;
}

async function ofSequelize(local: LocalDsql, sequelize: Sequelize): Promise<Record<string, number>> {
  const id = { type: DataTypes.UUID, primaryKey: true, defaultValue: DataTypes.UUIDV4 };
  const options = { freezeTableName: true, timestamps: false };
  const Books = sequelize.define('book', { id, title: DataTypes.TEXT }, options);
  const Pages = sequelize.define('page', { id, number: DataTypes.INTEGER }, options);
  Books.hasMany(Pages, { as: 'pages', foreignKey: 'bookId' });
  const counted = await count(local, {
    'the first query': () => sequelize.query('SELECT 1'),
    create: () => Books.create({ title: 'a' }),
    'create with ten children': () => Books.create({ title: 'c', pages: pages() }, { include: ['pages'] }),
    'transaction of two updates': () =>
      sequelize.transaction(async (transaction) => {
        await Books.update({ title: 'd' }, { where: { title: 'a' }, transaction });
        await Books.update({ title: 'e' }, { where: { title: 'd' }, transaction });
      }),
    destroy: () => Books.destroy({ where: { title: 'e' } }),
  });
  await sequelize.close();
  return counted;
}

async function rowsOf<T>(
  local: LocalDsql,
  sides: Sides<T>,
  countIn: (local: LocalDsql, side: T) => Promise<Record<string, number>>,
): Promise<Row[]> {
  const [stock, ours] = [await countIn(local, sides.stock), await countIn(local, sides.ours)];
  return Object.entries(stock).map(([name, trips]) => ({ name, values: [trips, ours[name] ?? null] }));
}

async function main(): Promise<void> {
  const local = await startLocalDsql();
  const { host, port, hostaddr, ca, credentials, region } = local;
  const server = { host, port, hostaddr, ca, credentials, region };
  try {
    const client = new DsqlClient(server);
    await client.connect();
    for (const table of TABLES) await client.query(table);
    await client.end();
    const shared = {
      unit: 'round trips',
      better: 'less',
      series: ['stock', 'ours'],
      comparedWith: 'stock',
    } as const;
    report({
      ...shared,
      name: 'round-trips-typeorm',
      title: 'TypeORM: round trips of an operation',
      rows: await rowsOf(
        local,
        await newDataSources(server, [BookEntity, PageEntity, NoteEntity], 1),
        ofTypeorm,
      ),
    });
    report({
      ...shared,
      name: 'round-trips-sequelize',
      title: 'Sequelize: round trips of an operation',
      rows: await rowsOf(local, await newSequelizes(server, 1), ofSequelize),
    });
  } finally {
    await local.stop();
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
