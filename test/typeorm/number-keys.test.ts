import 'reflect-metadata';
import {
  Column,
  Entity,
  ManyToOne,
  PrimaryGeneratedColumn,
  Table,
  ViewColumn,
  ViewEntity,
  type DataSource,
  type EntityManager,
  type Relation,
} from 'typeorm';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import { useCluster } from '../cluster';

@Entity()
class Shelf {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column({ type: 'bigint', default: 7 })
  weight!: string;
}

@Entity()
class Book {
  @PrimaryGeneratedColumn()
  id!: number;

  @ManyToOne(() => Shelf)
  shelf!: Relation<Shelf>;
}

@ViewEntity({
  expression: 'SELECT b.id, b."shelfId" AS place, s.weight FROM book b JOIN shelf s ON s.id = b."shelfId"',
})
class PlacedBook {
  @ViewColumn()
  id!: number;

  @ViewColumn()
  place!: number;

  @ViewColumn()
  weight!: string;
}

const cluster = useCluster();
let dataSource: DataSource;

beforeAll(async () => {
  dataSource = await createDsqlDataSource({
    ...cluster.orm,
    entities: [Shelf, Book, PlacedBook],
    dropSchema: true,
    synchronize: true,
  }).initialize();
});
afterAll(() => dataSource.destroy());
beforeEach(async () => {
  await dataSource.getRepository(Book).createQueryBuilder().delete().execute();
  const shelf = await dataSource.manager.save(dataSource.manager.create(Shelf, {}));
  await dataSource.manager.save(dataSource.manager.create(Book, { shelf }));
});

const numbers = { id: expect.any(Number) as number, shelfId: expect.any(Number) as number };

describe('keys that count up are numbers', () => {
  it('in what query gives, and other bigint columns are texts', async () => {
    const rows: unknown = await dataSource.query(
      'SELECT b.id, b."shelfId", s.weight, s.id AS renamed FROM book b JOIN shelf s ON s.id = b."shelfId"',
    );
    expect(rows).toEqual([{ ...numbers, renamed: numbers.id, weight: '7' }]);
  });

  it('in raw results of query builders', async () => {
    const query = dataSource.getRepository(Book).createQueryBuilder('b');
    const { id } = numbers;
    await expect(query.getRawMany()).resolves.toEqual([{ b_id: id, b_shelfId: id }]);
    await expect(query.getRawAndEntities()).resolves.toMatchObject({
      raw: [{ b_id: id }],
      entities: [{ id }],
    });
  });

  it.each([
    ['MAX("b"."id")', 'FROM "book" "b"'],
    ['min(id)', 'FROM book'],
    ['MAX(public.book.id) AS m', 'FROM public.book'],
    ['COALESCE(MAX(b.id), 0) + 1', 'FROM book AS b LEFT JOIN shelf s ON s.id = b."shelfId" WHERE b.id > 0'],
    ['GREATEST(b.id, s.id, 7) largest', 'FROM book b, shelf s'],
    ['MAX("shelfId")', 'FROM book WHERE id IN (SELECT id FROM book UNION SELECT 1)'],
  ])('in %s', async (expression, from) => {
    const queryRunner = dataSource.createQueryRunner();
    const [row] = await dataSource.query<object[]>(`SELECT COUNT(*) OVER () AS n, ${expression} ${from}`);
    const stream = await queryRunner.stream(`SELECT ${expression} ${from}`);
    const [streamed] = (await stream.toArray()) as object[];
    await queryRunner.release();
    expect(Object.values(row ?? {})).toContainEqual(numbers.id);
    expect(Object.values(streamed ?? {})).toEqual([numbers.id]);
  });

  it.each([
    ['SUM(id)', 'FROM book'],
    ['COUNT(id)', 'FROM book'],
    ['MAX(weight)', 'FROM shelf'],
    ['GREATEST(s.id, s.weight)', 'FROM shelf s'],
    ['MAX(id::bigint)', 'FROM book'],
    ['MAX(b.id)', 'FROM (SELECT weight AS id FROM shelf) b'],
    ['MAX(b.id)', 'FROM (SELECT weight AS id FROM shelf) b JOIN book c ON true'],
    ['MAX(id)', 'FROM book UNION ALL SELECT 1::bigint'],
    ['MAX(book.id)', 'FROM generate_series(1, 2::bigint) AS book(id)'],
  ])('but not in %s %s', async (expression, from) => {
    const rows = await dataSource.query<{ it: unknown }[]>(`SELECT ${expression} AS it ${from}`);
    expect(rows.length).toBeGreaterThan(0);
    for (const { it: value } of rows) expect(typeof value).toBe('string');
  });

  it('in what repositories compute', async () => {
    const query = dataSource.getRepository(Book).createQueryBuilder('b').select('MAX(b.id)', 'max');
    await expect(query.getRawOne()).resolves.toEqual({ max: numbers.id });
    const books = dataSource.getRepository(Book);
    const { id } = (await books.findOneOrFail({ where: {} })) satisfies Book;
    expect([await books.maximum('id'), await books.minimum('id')]).toEqual([id, id]);
    expect([await books.sum('id'), await books.average('id')]).toEqual([id, id]);
    await books.createQueryBuilder().delete().execute();
    expect([await books.maximum('id'), await books.sum('id')]).toEqual([null, null]);
  });

  it('in what writing statements return', async () => {
    const books = dataSource.getRepository(Book);
    await expect(books.insert({})).resolves.toMatchObject({ raw: [{ id: numbers.id }] });
    await expect(
      books
        .createQueryBuilder()
        .update()
        .set({ shelf: null as never })
        .returning('*')
        .execute(),
    ).resolves.toMatchObject({ affected: 2, raw: [{ id: numbers.id }, { id: numbers.id }] });
    await expect(books.createQueryBuilder().delete().returning('id').execute()).resolves.toMatchObject({
      raw: [{ id: numbers.id }, { id: numbers.id }],
    });
  });

  it('in streams', async () => {
    const rowsOf = async (manager: EntityManager) => {
      const stream = await manager
        .createQueryBuilder(Book, 'b')
        .innerJoinAndSelect('b.shelf', 's')
        .where('b.id > :id', { id: 0 })
        .stream();
      return (await stream.toArray()) as unknown;
    };
    const rows = [{ b_id: numbers.id, b_shelfId: numbers.id, s_id: numbers.id, s_weight: '7' }];
    await expect(rowsOf(dataSource.manager)).resolves.toEqual(rows);
    await expect(dataSource.transaction(rowsOf)).resolves.toEqual(rows);
  });

  it('in a transaction', async () => {
    await dataSource.transaction(async (manager) => {
      await expect(manager.query('INSERT INTO shelf DEFAULT VALUES RETURNING *')).resolves.toEqual([
        { id: numbers.id, weight: '7' },
      ]);
    });
  });

  it('in tables that no entity knows, and in columns that came later', async () => {
    const queryRunner = dataSource.createQueryRunner();
    try {
      await queryRunner.createTable(
        new Table({
          name: 'lamp',
          columns: [
            { name: 'id', type: 'int', isPrimary: true, isGenerated: true, generationStrategy: 'increment' },
          ],
        }),
        true,
      );
      await queryRunner.query('INSERT INTO lamp DEFAULT VALUES');
      await expect(queryRunner.query('SELECT * FROM lamp')).resolves.toEqual([{ id: 1 }]);
      await queryRunner.query('ALTER TABLE lamp ADD watts bigint');
      await queryRunner.query('UPDATE lamp SET watts = 60');
      await expect(queryRunner.query('SELECT * FROM lamp')).resolves.toEqual([{ id: 1, watts: '60' }]);
      await queryRunner.query('ALTER TABLE lamp ADD twin bigint');
      const stream = await queryRunner.stream('SELECT * FROM lamp');
      await expect(stream.toArray()).resolves.toEqual([{ id: 1, watts: '60', twin: null }]);
    } finally {
      await queryRunner.release();
    }
  });

  it('in views that say so', async () => {
    await expect(dataSource.manager.find(PlacedBook)).resolves.toEqual([
      { id: numbers.id, place: numbers.id, weight: '7' },
    ]);
  });

  it('unless JavaScript cannot hold them', async () => {
    await dataSource.query('INSERT INTO shelf (id) VALUES (9007199254740993)');
    await expect(
      dataSource.query('DELETE FROM shelf WHERE id > 9007199254740992 RETURNING id'),
    ).resolves.toEqual([[{ id: '9007199254740993' }], 1]);
  });
});
