import 'reflect-metadata';
import { createDsqlDataSource, isNestedTransactionError, runInTransaction } from 'aurora-dsql-orm/typeorm';
import {
  Column,
  Entity,
  ManyToOne,
  OneToMany,
  PrimaryGeneratedColumn,
  type DataSource,
  type MigrationInterface,
  type QueryRunner,
  type Relation,
} from 'typeorm';
import { useCluster } from '../cluster';

@Entity()
class Author {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column({ type: 'text' })
  name!: string;

  @OneToMany(() => Book, (book) => book.author)
  books!: Relation<Book>[];
}

@Entity()
class Book {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column({ type: 'text' })
  title!: string;

  @Column({ type: 'integer', default: 0 })
  copies!: number;

  @ManyToOne(() => Author, (author) => author.books, { nullable: false })
  author!: Relation<Author>;
}

class CreateLibrary1760000000000 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      'CREATE TABLE author (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text NOT NULL)',
    );
    await queryRunner.query(`CREATE TABLE book (
      id uuid PRIMARY KEY DEFAULT gen_random_uuid(), title text NOT NULL, copies integer NOT NULL DEFAULT 0,
      "authorId" uuid NOT NULL REFERENCES author (id))`);
  }
  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP TABLE book');
    await queryRunner.query('DROP TABLE author');
  }
}

class AddPublisher1760000000001 implements MigrationInterface {
  async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('CREATE TABLE publisher (id uuid PRIMARY KEY)');
  }
  async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query('DROP TABLE publisher');
  }
}

const cluster = useCluster();
let dataSource: DataSource;

beforeAll(async () => {
  dataSource = createDsqlDataSource({
    ...cluster.orm,
    entities: [Author, Book],
    migrations: [CreateLibrary1760000000000, AddPublisher1760000000001],
  });
  await dataSource.initialize();
  await dataSource.runMigrations();
});
afterAll(async () => {
  await dataSource.destroy();
});

describe('migrations', () => {
  it('are recorded, and the last one is reverted first', async () => {
    expect(await recorded()).toStrictEqual(['CreateLibrary1760000000000', 'AddPublisher1760000000001']);
    await dataSource.undoLastMigration();
    expect(await recorded()).toStrictEqual(['CreateLibrary1760000000000']);
    await dataSource.runMigrations();
    expect(await recorded()).toStrictEqual(['CreateLibrary1760000000000', 'AddPublisher1760000000001']);
  });

  async function recorded(): Promise<string[]> {
    const rows = await dataSource.query<{ name: string }[]>('SELECT name FROM migrations ORDER BY id');
    return rows.map(({ name }) => name);
  }
});

describe('repositories', () => {
  it('insert, find with relations, update and delete', async () => {
    const authors = dataSource.getRepository(Author);
    const books = dataSource.getRepository(Book);
    const author = await authors.save({ name: 'Ursula' });
    await books.save([
      { title: 'one', author },
      { title: 'two', author },
    ]);
    const found = await authors.findOneOrFail({ where: { id: author.id }, relations: { books: true } });
    expect(found.books.map(({ title, copies }) => [title, copies]).sort()).toStrictEqual([
      ['one', 0],
      ['two', 0],
    ]);
    await books.update({ title: 'one' }, { copies: 3 });
    expect(await books.findOneByOrFail({ title: 'one' })).toMatchObject({ copies: 3 });
    await books.delete({ author: { id: author.id } });
    await authors.remove(found);
    expect(await authors.count()).toBe(0);
  });
});

describe('runInTransaction', () => {
  it('commits every change although the transactions conflict', async () => {
    const author = await dataSource.getRepository(Author).save({ name: 'Octavia' });
    const { id } = await dataSource.getRepository(Book).save({ title: 'counter', author });
    let retries = 0;
    const work = () =>
      runInTransaction(
        dataSource,
        async (manager) => {
          const book = await manager.findOneByOrFail(Book, { id });
          book.copies += 1;
          await manager.save(book);
        },
        { onRetry: () => retries++ },
      );
    await Promise.all(Array.from({ length: 8 }, work));
    expect(await dataSource.getRepository(Book).findOneByOrFail({ id })).toMatchObject({ copies: 8 });
    expect(retries).toBeGreaterThan(0);
  });

  it('gives up with the last conflict as the cause', async () => {
    const conflict = Object.assign(new Error('change conflicts with another transaction (OC000)'), {
      code: '40001',
      severity: 'ERROR',
    });
    const error: unknown = await runInTransaction(dataSource, () => Promise.reject(conflict), {
      maxAttempts: 2,
      baseDelayMs: 0,
    }).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ name: 'RetryExhaustedError', attempts: 2, code: '40001', cause: conflict });
  });

  it('does not repeat what failed for another reason', async () => {
    let attempts = 0;
    const work = () => {
      attempts++;
      return Promise.reject(new Error('no'));
    };
    await expect(runInTransaction(dataSource, work)).rejects.toThrow('no');
    expect(attempts).toBe(1);
  });
});

describe('what Aurora DSQL lacks', () => {
  it('a nested transaction is refused before anything is sent, and the outer one rolls back', async () => {
    const error: unknown = await dataSource
      .transaction(async (manager) => {
        await manager.save(Author, { name: 'lost' });
        await manager.transaction(() => Promise.resolve());
      })
      .catch((caught: unknown) => caught);
    expect(isNestedTransactionError(error)).toBe(true);
    expect(await dataSource.getRepository(Author).countBy({ name: 'lost' })).toBe(0);
  });

  it('another isolation level is refused, and REPEATABLE READ is what there is', async () => {
    await expect(dataSource.transaction('SERIALIZABLE', () => Promise.resolve())).rejects.toThrow(
      /SERIALIZABLE/,
    );
    await expect(dataSource.transaction('REPEATABLE READ', () => Promise.resolve(1))).resolves.toBe(1);
  });

  it.each([
    ['password', { password: 'x' }],
    ['ssl', { ssl: false }],
    ['ssl', { ssl: { rejectUnauthorized: false } }],
    ['nativeDriver', { nativeDriver: {} }],
    ['driver', { driver: {} }],
    ['installExtensions', { installExtensions: true }],
    ['extensions', { extensions: ['citext'] }],
    ['uuidExtension', { uuidExtension: 'uuidv7' }],
    ['isolationLevel', { isolationLevel: 'READ COMMITTED' }],
    ['database', { database: 'shop' }],
    ['extra.statement_timeout', { extra: { statement_timeout: 5 } }],
    ['extra.options', { extra: { options: '-c statement_timeout=5' } }],
    ['extra.options', { schema: 'shop', extra: { options: '-c search_path=till' } }],
    ['dsql.hostname', { dsql: { hostname: 'x' } }],
  ])('the option %s is refused by name', (option, options) => {
    expect(() => createDsqlDataSource({ ...cluster.orm, ...options } as object)).toThrow(
      expect.objectContaining({ name: 'ConfigurationError', option }) as Error,
    );
  });
});

it('the options of the caller stay as they were', () => {
  const options = Object.freeze({ ...cluster.orm, extra: Object.freeze({ max: 2 }) });
  expect(createDsqlDataSource(options)).toMatchObject({ '@instanceof': Symbol.for('DataSource') });
});

it('the options of a data source, spread, make another one that reaches the cluster in the same way', async () => {
  const first = createDsqlDataSource({ ...cluster.orm, parseInt8: true });
  const second = createDsqlDataSource({ ...first.options, logging: false } as object);
  second.setOptions({ logging: false, synchronize: false });
  const third = createDsqlDataSource({ ...second.options, parseInt8: false } as object);
  const one: unknown[] = [];
  for (const source of [first, second, third]) {
    await source.initialize();
    one.push(await source.query('SELECT 1::bigint AS one'));
    await source.destroy();
  }
  expect(one).toStrictEqual([[{ one: 1 }], [{ one: 1 }], [{ one: '1' }]]);
});

it('a url says where the cluster is', async () => {
  const { host, port, dsql } = cluster.orm;
  const source = createDsqlDataSource({ url: `postgres://admin@${host}:${port}/postgres`, dsql });
  await source.initialize();
  expect(await source.query('SELECT current_user AS name')).toStrictEqual([{ name: 'admin' }]);
  await source.destroy();
});

it('has the search_path of the start-up options that other databases take, also when it is made of another one', async () => {
  const { host, port, dsql } = cluster.orm;
  const url = `postgres://admin@${host}:${port}/postgres?options=-c%20search_path%3dshop`;
  const extra = { max: 2, options: '-c search_path=shop' };
  const first = createDsqlDataSource({ ...cluster.orm, extra });
  const sources = [
    createDsqlDataSource({ url, dsql }),
    first,
    createDsqlDataSource({ ...first.options } as object),
  ];
  for (const source of sources) {
    await source.initialize();
    expect(await source.query("SELECT current_setting('search_path') AS path")).toStrictEqual([
      { path: 'shop' },
    ]);
    await source.destroy();
  }
});

it.each([
  ['neither', '', {}, /^typeorm:/],
  ['a url', '?ormPrefix=till', {}, /^till:/],
  ['applicationName beside a url, as it is', '?ormPrefix=till', { applicationName: 'shop' }, /^shop$/],
])('connections are named after %s', async (_, parameters, options, name) => {
  const { host, port, dsql } = cluster.orm;
  const url = `postgres://admin@${host}:${port}/postgres${parameters}`;
  const source = createDsqlDataSource({ url, dsql, ...options });
  await source.initialize();
  expect(await source.query("SELECT current_setting('application_name') AS name")).toStrictEqual([
    { name: expect.stringMatching(name) as string },
  ]);
  await source.destroy();
});

it('replication reaches each endpoint with a token of its own', async () => {
  const { host, port, dsql } = cluster.orm;
  const source = createDsqlDataSource({
    replication: { master: { host, port }, slaves: [{ host, port }] },
    dsql,
  });
  await source.initialize();
  expect(await source.query('SELECT 1 AS one')).toStrictEqual([{ one: 1 }]);
  await source.destroy();
});
