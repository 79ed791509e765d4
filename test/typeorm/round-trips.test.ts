import type { EventEmitter } from 'node:events';
import {
  isAfterCommitError,
  isCommitOutcomeUnknownError,
  transactionCounters,
} from 'aurora-dsql-orm/typeorm';
import {
  AfterInsert,
  Column,
  DeleteDateColumn,
  Entity,
  JoinTable,
  ManyToMany,
  ManyToOne,
  OneToMany,
  PrimaryColumn,
  PrimaryGeneratedColumn,
  UpdateDateColumn,
  type DataSource,
  type EntitySubscriberInterface,
  type InsertEvent,
} from 'typeorm';
import { useCluster } from '../cluster';
import { openedDataSources } from './opened-data-sources';

@Entity()
class Book {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column({ type: 'text', unique: true })
  title!: string;

  @OneToMany(() => Page, (page) => page.book, { cascade: true })
  pages?: Page[];

  @ManyToMany(() => Author, { cascade: true })
  @JoinTable()
  authors?: Author[];

  @DeleteDateColumn()
  deletedAt?: Date | null;
}

@Entity()
class Page {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column({ type: 'integer' })
  number!: number;

  @ManyToOne(() => Book, (book) => book.pages)
  book?: Book;
}

@Entity()
class Author {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column({ type: 'text' })
  name!: string;

  @UpdateDateColumn()
  seen!: Date;
}

@Entity()
class Note {
  @PrimaryColumn({ type: 'uuid', default: () => 'gen_random_uuid()' })
  id!: string;

  @Column({ type: 'text', nullable: true })
  text!: string | null;
}

@Entity()
class Watched {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column({ type: 'text' })
  text!: string;

  @AfterInsert()
  refuse(): void {
    if (this.text === 'refused') throw new Error('refused after the INSERT');
  }
}

const entities = [Book, Page, Author, Note, Watched];
const cluster = useCluster();
const open = openedDataSources(cluster, entities);
let dataSource: DataSource;

beforeAll(async () => {
  dataSource = await open();
  await dataSource.synchronize();
});
beforeEach(async () => {
  for (const entity of ['book_authors_author', Page, Author, Book, Note, Watched]) {
    await dataSource.createQueryBuilder().delete().from(entity).execute();
  }
});
afterEach(() => {
  cluster.local.faults.clear();
});

const book = (title = 'a', more: Partial<Book> = {}) => Object.assign(new Book(), { title, ...more });
const page = (number: number) => Object.assign(new Page(), { number });
const author = (name: string) => Object.assign(new Author(), { name });
const tenPages = () => Array.from({ length: 10 }, (_, index) => page(index));

/** The first words of what each round trip has sent. */
async function roundTripsOf(work: () => Promise<unknown>): Promise<string[]> {
  const recording = cluster.local.trace.start();
  try {
    await work();
  } finally {
    recording.stop();
  }
  return recording.roundTrips.map(({ statements }) =>
    statements.map(({ text }) => /^\s*(\w+)/.exec(text)?.[1]?.toUpperCase() ?? '').join(' '),
  );
}

async function failure(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => {
      throw new Error('It did not fail.');
    },
    (error: unknown) => error,
  );
}

const titles = async () =>
  (await dataSource.manager.find(Book, { order: { title: 'ASC' }, withDeleted: true })).map(
    ({ title }) => title,
  );

describe('the round trips of', () => {
  it('a save of a new row are one, without a transaction', async () => {
    const sent = await roundTripsOf(() => dataSource.manager.save(book()));
    expect(sent).toStrictEqual(['INSERT']);
    expect(await titles()).toStrictEqual(['a']);
  });

  it('a save of a changed row are two: it is read, and updated', async () => {
    const saved = await dataSource.manager.save(book());
    saved.title = 'b';
    const sent = await roundTripsOf(() => dataSource.manager.save(saved));
    expect(sent).toStrictEqual(['SELECT', 'UPDATE']);
    expect(await titles()).toStrictEqual(['b']);
  });

  it('a save of a row that is as it was are the one that reads it', async () => {
    const saved = await dataSource.manager.save(book());
    expect(await roundTripsOf(() => dataSource.manager.save(saved))).toStrictEqual(['SELECT']);
  });

  it('a save of a row with ten new children are one', async () => {
    const written = book('a', { pages: tenPages() });
    const sent = await roundTripsOf(() => dataSource.manager.save(written));
    expect(sent).toStrictEqual(['START INSERT INSERT COMMIT']);
    expect(await dataSource.manager.countBy(Page, { book: { id: written.id } })).toBe(10);
    expect(written.pages?.every(({ id }) => typeof id === 'string')).toBe(true);
  });

  it('a save with children in two tables, and rows of a join table, are one', async () => {
    const written = book('a', { pages: tenPages(), authors: [author('x'), author('y')] });
    const sent = await roundTripsOf(() => dataSource.manager.save(written));
    expect(sent).toStrictEqual(['START INSERT INSERT INSERT INSERT COMMIT']);
    expect(written.authors?.every(({ seen }) => seen instanceof Date)).toBe(true);
    expect(await dataSource.manager.countBy(Page, { book: { id: written.id } })).toBe(10);
    const [found] = await dataSource.manager.find(Book, { relations: { authors: true } });
    expect(found?.authors).toHaveLength(2);
  });

  it('remove are two, softRemove and recover, too', async () => {
    const saved = await dataSource.manager.save(book());
    expect(await roundTripsOf(() => dataSource.manager.softRemove(saved))).toStrictEqual([
      'SELECT',
      'UPDATE',
    ]);
    expect(await roundTripsOf(() => dataSource.manager.recover(saved))).toStrictEqual(['SELECT', 'UPDATE']);
    const writer = await dataSource.manager.save(author('x'));
    expect(await roundTripsOf(() => dataSource.manager.remove(writer))).toStrictEqual(['SELECT', 'DELETE']);
    expect(await dataSource.manager.count(Author)).toBe(0);
  });

  it('a save that inserts, updates and removes are one, after those that read what there is', async () => {
    const saved = await dataSource.manager.save(book('a', { authors: [author('x')] }));
    saved.title = 'b';
    saved.authors = [author('y')];
    const sent = await roundTripsOf(() => dataSource.manager.save(saved));
    const written = sent.filter((statements) => statements !== 'SELECT');
    expect(written).toStrictEqual(['START INSERT INSERT UPDATE DELETE COMMIT']);
    const [found] = await dataSource.manager.find(Book, { relations: { authors: true } });
    expect(found).toMatchObject({ title: 'b', authors: [{ name: 'y' }] });
  });

  it('a save of rows whose keys the database gives are one more, because the keys come before COMMIT', async () => {
    const notes = [new Note(), Object.assign(new Note(), { text: 'x' }), new Note()];
    const sent = await roundTripsOf(() => dataSource.manager.save(notes));
    expect(sent).toStrictEqual(['START INSERT INSERT INSERT', 'COMMIT']);
    expect(await dataSource.manager.count(Note)).toBe(3);
    expect(new Set(notes.map(({ id }) => id)).size).toBe(3);
  });

  it('a save in chunks are one transaction, which ends with the last chunk', async () => {
    const list = ['a', 'b', 'c'].map((title) => book(title));
    const sent = await roundTripsOf(() => dataSource.manager.save(list, { chunk: 1 }));
    expect(sent).toStrictEqual(['START INSERT', 'INSERT', 'INSERT COMMIT']);
  });

  it('a save with commit markers end with COMMIT, too', async () => {
    const marking = await open({ dsql: { commitMarkers: true } });
    await marking.manager.save(book('first'));
    const sent = await roundTripsOf(() => marking.manager.save(book()));
    expect(sent).toStrictEqual(['START INSERT', 'INSERT COMMIT']);
    expect(await titles()).toStrictEqual(['a', 'first']);
    const transacted = await roundTripsOf(() => marking.transaction((manager) => manager.save(book('b'))));
    expect(transacted).toStrictEqual(['START INSERT', 'INSERT COMMIT']);
    const autocommitted = await roundTripsOf(() => marking.manager.insert(Author, { name: 'x' }));
    expect(autocommitted).toStrictEqual(['START INSERT', 'INSERT COMMIT']);
  });

  it('a save that somebody is told of before COMMIT are as many as TypeORM makes', async () => {
    const watched = Object.assign(new Watched(), { text: 'x' });
    const sent = await roundTripsOf(() => dataSource.manager.save(watched));
    expect(sent).toStrictEqual(['START INSERT', 'COMMIT']);
    const refused = Object.assign(new Watched(), { text: 'refused' });
    await expect(dataSource.manager.save(refused)).rejects.toThrow('refused after the INSERT');
    expect(await dataSource.manager.count(Watched)).toBe(1);
  });

  it('a save that a subscriber of its entity adds to hold what it adds, in the same transaction', async () => {
    class Adds implements EntitySubscriberInterface<Book> {
      listenTo(): typeof Book {
        return Book;
      }

      async afterInsert({ manager, entity }: InsertEvent<Book>): Promise<void> {
        await manager.insert(Note, { text: entity.title });
      }
    }
    const told = await open();
    told.subscribers.push(new Adds());
    expect(await roundTripsOf(() => told.manager.save(book()))).toStrictEqual([
      'START INSERT',
      'INSERT',
      'COMMIT',
    ]);
    expect(await roundTripsOf(() => told.manager.save(author('x')))).toStrictEqual(['INSERT']);
  });
});

it('a data source does no more than log in before its first query', async () => {
  const recording = cluster.local.trace.start();
  const cold = await open();
  await cold.manager.findBy(Author, { name: 'x' });
  const { connectionsOpened, statements } = recording.stop();
  expect(connectionsOpened).toBe(1);
  expect(statements.map(({ text }) => text)).toStrictEqual([
    expect.stringMatching(/^SELECT .* FROM "author"/),
  ]);
});

it('a data source asks which schema it is in when it changes the schema, once', async () => {
  const cold = await open();
  const recording = cluster.local.trace.start();
  await cold.synchronize();
  await cold.synchronize();
  const asked = recording
    .stop()
    .statements.filter(({ text }) => text === 'SELECT current_schema() AS schema');
  expect(asked).toHaveLength(1);
});

describe('when it fails, a save whose COMMIT travels', () => {
  const withPages = () => book('a', { pages: tenPages() });

  /** What of it is in the database. */
  const written = async () => [await dataSource.manager.count(Book), await dataSource.manager.count(Page)];

  async function expectNothingDone(saved: Book): Promise<void> {
    expect(await written()).toStrictEqual([0, 0]);
    expect(saved.id).toBeUndefined();
    expect(saved.pages?.some(({ id }) => typeof id === 'string') ?? false).toBe(false);
    // And the connection is fit for the next one.
    await dataSource.manager.save(saved);
    expect(await written()).toStrictEqual([1, saved.pages?.length ?? 0]);
  }

  it('by an error in its only statement has done nothing', async () => {
    await dataSource.manager.save(book());
    const twice = book();
    const sent = await roundTripsOf(() => failure(dataSource.manager.save(twice)));
    expect(sent).toStrictEqual(['INSERT']);
    expect(twice.id).toBeUndefined();
    expect(await titles()).toStrictEqual(['a']);
    await dataSource.manager.save(Object.assign(twice, { title: 'b' }));
    expect(await titles()).toStrictEqual(['a', 'b']);
  });

  it('by an error in its first statement has done nothing', async () => {
    cluster.local.faults.failStatement({ error: 'XX000', text: 'INSERT INTO "book"' });
    const saved = withPages();
    const error = await failure(dataSource.manager.save(saved));
    expect(isCommitOutcomeUnknownError(error)).toBe(false);
    await expectNothingDone(saved);
  });

  it('by an error in its last statement has done nothing, and COMMIT is skipped', async () => {
    const saved = withPages();
    saved.pages?.push(Object.assign(page(0), { number: 'none' }));
    const sent = await roundTripsOf(() => failure(dataSource.manager.save(saved)));
    expect(sent).toStrictEqual(['START INSERT INSERT', 'ROLLBACK']);
    saved.pages?.pop();
    await expectNothingDone(saved);
  });

  it('by a conflict at BEGIN is sent again', async () => {
    cluster.local.faults.failStatement({ error: 'OC001', kind: 'begin' });
    const { retries } = transactionCounters(dataSource);
    const saved = withPages();
    const sent = await roundTripsOf(() => dataSource.manager.save(saved));
    expect(sent).toStrictEqual(['START', 'START INSERT INSERT COMMIT']);
    expect(transactionCounters(dataSource).retries).toBe(retries + 1);
    expect(await written()).toStrictEqual([1, 10]);
  });

  it('by a BEGIN that finds no server has an unknown outcome, because COMMIT was sent with it', async () => {
    cluster.local.faults.failStatement({ error: 'XX000', kind: 'begin' });
    const saved = withPages();
    const sent = await roundTripsOf(async () => {
      expect(isCommitOutcomeUnknownError(await failure(dataSource.manager.save(saved)))).toBe(true);
    });
    expect(sent).toStrictEqual(['START']);
    expect(await written()).toStrictEqual([0, 0]);
    await dataSource.manager.save(saved);
    expect(await written()).toStrictEqual([1, 10]);
  });

  it('by a cut before COMMIT is sent has done nothing', async () => {
    cluster.local.faults.cutConnection({ at: 'statement', text: 'INSERT INTO "note"', nth: 2 });
    const notes = [new Note(), new Note()];
    const sent = await roundTripsOf(async () => {
      expect(isCommitOutcomeUnknownError(await failure(dataSource.manager.save(notes)))).toBe(false);
    });
    expect(sent.join(' ')).not.toContain('COMMIT');
    expect(await dataSource.manager.count(Note)).toBe(0);
    expect(notes.some(({ id }) => typeof id === 'string')).toBe(false);
    await dataSource.manager.save(notes);
    expect(await dataSource.manager.count(Note)).toBe(2);
  });

  it.each([
    ['at BEGIN', 0, () => cluster.local.faults.cutConnection({ at: 'statement', text: 'START' })],
    [
      'at its first statement',
      0,
      () => cluster.local.faults.cutConnection({ at: 'statement', text: 'INSERT INTO "book"' }),
    ],
    [
      'at its last statement',
      0,
      () => cluster.local.faults.cutConnection({ at: 'statement', text: 'INSERT INTO "page"' }),
    ],
    ['before COMMIT', 0, () => cluster.local.faults.cutConnection({ at: 'before commit', table: 'page' })],
    ['after COMMIT', 1, () => cluster.local.faults.cutConnection({ at: 'after commit', table: 'page' })],
  ] as const)('by a cut %s has an unknown outcome, and can be saved again', async (_, books, cut) => {
    cut();
    const saved = withPages();
    expect(isCommitOutcomeUnknownError(await failure(dataSource.manager.save(saved)))).toBe(true);
    expect(await written()).toStrictEqual([books, books * 10]);
    expect(saved.id).toEqual(expect.any(String));
    await dataSource.manager.save(saved);
    expect(await written()).toStrictEqual([1, 10]);
  });

  it.each([
    [
      'before it was done',
      0,
      () => cluster.local.faults.cutConnection({ at: 'before commit', table: 'author' }),
    ],
    [
      'after it was done',
      1,
      () => cluster.local.faults.cutConnection({ at: 'after commit', table: 'author' }),
    ],
  ] as const)('by a cut at its only statement %s has an unknown outcome', async (_, authors, cut) => {
    cut();
    const saved = author('x');
    expect(isCommitOutcomeUnknownError(await failure(dataSource.manager.save(saved)))).toBe(true);
    expect(await dataSource.manager.count(Author)).toBe(authors);
    await dataSource.manager.save(saved);
    expect(await dataSource.manager.count(Author)).toBe(1);
  });

  it.each([
    ['with its last statement', () => dataSource.manager.save(withPages()), [1, 10]],
    ['of its only statement', () => dataSource.manager.save(book()), [1, 0]],
  ] as const)('by a conflict at the COMMIT %s is sent again', async (_, save, expected) => {
    cluster.local.faults.failCommit({ error: 'OC000', times: 2 });
    const { retries } = transactionCounters(dataSource);
    await save();
    expect(transactionCounters(dataSource).retries).toBe(retries + 2);
    expect(await written()).toStrictEqual(expected);
  });

  it('by a COMMIT that is answered with ROLLBACK says so', async () => {
    const single = await open({ poolSize: 1 });
    const queryRunner = single.createQueryRunner();
    const { connection: wire } = (await queryRunner.connect()) as { connection: EventEmitter };
    await queryRunner.release();
    const change = (message: { text: string }) => {
      if (message.text === 'COMMIT') message.text = 'ROLLBACK';
    };
    wire.prependListener('commandComplete', change);
    const saved = withPages();
    const error = await failure(single.manager.save(saved));
    wire.off('commandComplete', change);
    expect(error).toMatchObject({ name: 'TransactionRolledBackError', circumstance: 'aborted' });
    expect(saved.id).toBeUndefined();
  });

  it('by what comes after COMMIT was committed, and says so', async () => {
    const saved = await dataSource.manager.save(author('x'));
    Object.defineProperty(saved, 'seen', {
      enumerable: true,
      set: () => {
        throw new Error('no');
      },
      get: () => undefined,
    });
    saved.name = 'y';
    const error = await failure(dataSource.manager.save(saved));
    expect(isAfterCommitError(error)).toBe(true);
    expect(await dataSource.manager.countBy(Author, { name: 'y' })).toBe(1);
  });
});
