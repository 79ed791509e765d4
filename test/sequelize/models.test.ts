import { isStaleInstanceError } from 'aurora-dsql-orm/sequelize';
import {
  cast,
  col,
  DataTypes,
  fn,
  ForeignKeyConstraintError,
  literal,
  Op,
  OptimisticLockError,
  QueryTypes,
  UniqueConstraintError,
  where as whereFn,
  type Model,
  type WhereOptions,
} from 'sequelize';
import { useCluster } from '../cluster';
import { failure } from './accounts';
import { Author, Book, BookTag, defineLibrary, Profile, Tag, useLibrary } from './library';

const cluster = useCluster();
const on = useLibrary(cluster);

/** Two conflicts where a table is committed next. */
const conflicts = (table: string) => cluster.local.faults.failCommit({ error: 'OC000', table, times: 2 });

const nameOf = (instance: Model) => instance.get('name') as string;

const sentBy = async (work: () => Promise<unknown>) => {
  const recording = cluster.local.trace.start();
  await work();
  return recording.stop();
};

describe('an instance', () => {
  it('is created, changed, read again and destroyed', async () => {
    const author = await Author.create({ name: 'Ursula', details: { born: 1929 } });
    expect([author.isNewRecord, author.likes, author.createdAt instanceof Date]).toStrictEqual([
      false,
      0,
      true,
    ]);
    await author.update({ name: 'U. K.', details: { born: 1929, died: 2018 } });
    author.set('likes', 5);
    expect(author.changed()).toStrictEqual(['likes']);
    await author.save({ fields: ['likes'] });
    const read = await Author.findByPk(author.id, { rejectOnEmpty: true });
    expect(read.get()).toMatchObject({ name: 'U. K.', likes: 5, details: { born: 1929, died: 2018 } });
    await Author.update({ likes: 9 }, { where: { id: author.id } });
    expect((await author.reload()).likes).toBe(9);
    await author.destroy({ force: true });
    expect(await Author.count({ paranoid: false })).toBe(0);
  });

  it('is buried and restored where the model is paranoid', async () => {
    const author = await Author.create({ name: 'Iain' });
    await author.destroy();
    expect([await Author.count(), await Author.count({ paranoid: false })]).toStrictEqual([0, 1]);
    expect(author.deletedAt).toBeInstanceOf(Date);
    await author.restore();
    expect(await Author.count()).toBe(1);
    await Author.destroy({ where: { name: 'Iain' } });
    await Author.restore({ where: { name: 'Iain' } });
    expect(await Author.count()).toBe(1);
  });

  it('is counted up and down in the database', async () => {
    const author = await Author.create({ name: 'Ann' });
    await author.increment('likes', { by: 3 });
    await author.decrement(['likes']);
    expect((await author.reload()).likes).toBe(2);
    await Author.increment({ likes: 5 }, { where: { name: 'Ann' } });
    await Author.decrement('likes', { by: 2, where: {} });
    expect((await author.reload()).likes).toBe(5);
  });

  it('with a version is not overwritten by one that is older', async () => {
    const { id } = await Book.create({ title: 'one' });
    const [first, second] = await Promise.all([1, 2].map(() => Book.findByPk(id, { rejectOnEmpty: true })));
    conflicts('book');
    await first?.update({ copies: 2 });
    expect(first?.version).toBe(1);
    expect(await failure(second?.update({ copies: 3 }) ?? Promise.resolve())).toBeInstanceOf(
      OptimisticLockError,
    );
    await second?.reload();
    await second?.update({ copies: 3 });
    expect(await Book.findByPk(id)).toMatchObject({ copies: 3, version: 2 });
  });

  it('with a version can be changed by many at once in transactions', async () => {
    const { id } = await Book.create({ title: 'one', copies: 0 });
    await Promise.all(
      Array.from({ length: 6 }, () =>
        on.library.transaction(async (transaction) => {
          const book = await Book.findByPk(id, { transaction, rejectOnEmpty: true });
          await book.update({ copies: book.copies + 1 }, { transaction });
        }),
      ),
    );
    expect(await Book.findByPk(id)).toMatchObject({ copies: 6, version: 6 });
  });
});

describe('many rows at once', () => {
  it('are created, with what the database has made of them', async () => {
    const authors = await Author.bulkCreate([{ name: 'a' }, { name: 'b' }], { returning: ['id', 'likes'] });
    expect(authors.map(({ name, likes }) => [name, likes])).toStrictEqual([
      ['a', 0],
      ['b', 0],
    ]);
    expect(await Author.bulkCreate([])).toStrictEqual([]);
  });

  it('are written over, or left, where they are there already', async () => {
    await Author.create({ name: 'old', email: 'a@x.org' });
    const rows = [
      { name: 'new', email: 'a@x.org' },
      { name: 'other', email: 'b@x.org' },
    ];
    await Author.bulkCreate(rows, { ignoreDuplicates: true });
    expect((await Author.findAll({ order: ['email'] })).map(({ name }) => name)).toStrictEqual([
      'old',
      'other',
    ]);
    await Author.bulkCreate(rows, { updateOnDuplicate: ['name'], conflictAttributes: ['email'] });
    expect((await Author.findAll({ order: ['email'] })).map(({ name }) => name)).toStrictEqual([
      'new',
      'other',
    ]);
    expect(await failure(Author.bulkCreate(rows))).toBeInstanceOf(UniqueConstraintError);
  });

  it('are validated, and run through individual hooks, when that is asked for', async () => {
    const seen: string[] = [];
    Author.addHook('beforeCreate', 'seen', (author) => void seen.push(nameOf(author)));
    await Author.bulkCreate([{ name: 'a' }, { name: 'b' }], { individualHooks: true });
    Author.removeHook('beforeCreate', 'seen');
    expect(seen).toStrictEqual(['a', 'b']);
    await expect(Author.bulkCreate([{ name: '' }], { validate: true })).rejects.toMatchObject({
      name: 'AggregateError',
    });
    expect(await Author.count()).toBe(2);
  });

  it('are created with what belongs to them', async () => {
    await Author.bulkCreate(
      [
        { name: 'a', books: [{ title: 'one', tags: [{ name: 'x' }] }, { title: 'two' }] },
        { name: 'b', profile: { text: 'p' } },
      ] as never,
      { include: [{ association: 'books', include: ['tags'] }, 'profile'] },
    );
    expect(await Promise.all([Book.count(), BookTag.count(), Profile.count()])).toStrictEqual([2, 1, 1]);
  });

  it('are changed and destroyed, and counted', async () => {
    await Author.bulkCreate([{ name: 'a' }, { name: 'b' }, { name: 'c' }]);
    expect(await Author.update({ likes: 1 }, { where: { name: ['a', 'b'] } })).toStrictEqual([2]);
    const [count, changed] = await Author.update(
      { likes: literal('likes + 1') },
      { where: { likes: 1 }, returning: true },
    );
    expect([count, changed.map(({ likes }) => likes)]).toStrictEqual([2, [2, 2]]);
    const hook = jest.fn();
    Author.addHook('beforeUpdate', 'seen', hook);
    await Author.update({ likes: 7 }, { where: { name: 'c' }, individualHooks: true });
    Author.removeHook('beforeUpdate', 'seen');
    expect(hook).toHaveBeenCalledTimes(1);
    expect(await Author.destroy({ where: { likes: { [Op.gte]: 2 } }, limit: 2 })).toBe(3);
  });
});

describe('upsert', () => {
  it.each([
    ['by the primary key', (id: string) => ({ id, name: 'new' }), ['id' as const]],
    ['by a field of ones choice', () => ({ name: 'new', email: 'a@x.org' }), ['email' as const]],
  ])('changes what is there %s, and creates what is not', async (_, values, conflictFields) => {
    const { id } = await Author.create({ name: 'old', email: 'a@x.org', likes: 4 });
    const fault = conflicts('author');
    const [changed, created] = await Author.upsert(values(id), { conflictFields, fields: ['name', 'email'] });
    expect([fault.fired, changed.id, changed.name, changed.likes, created]).toStrictEqual([
      2,
      id,
      'new',
      4,
      null,
    ]);
    const [other] = await Author.upsert({ name: 'other' });
    expect([other.name, await Author.count()]).toStrictEqual(['other', 2]);
  });
});

describe('reading', () => {
  beforeEach(async () => {
    const [ann, bob] = await Author.bulkCreate([
      { name: 'Ann', likes: 2, details: { city: 'Rome', tags: ['x', 'y'] } },
      { name: 'Bob', likes: 0, details: { city: 'Oslo' } },
      { name: 'Cy', likes: 5 },
    ]);
    const books = await Book.bulkCreate(
      Array.from({ length: 5 }, (_, index) => ({
        title: `book ${index + 1}`,
        copies: index,
        authorId: index < 3 ? ann?.id : bob?.id,
      })),
    );
    const tags = await Tag.bulkCreate([{ name: 'red' }, { name: 'blue' }]);
    for (const book of books.slice(0, 2)) await book.setTags(tags, { through: { weight: 3 } });
    await ann?.createProfile({ text: 'of Ann' });
  });

  const names = (authors: Author[]) => authors.map(({ name }) => name);

  it.each<[string, WhereOptions, string[]]>([
    ['equality and lists', { name: ['Ann', 'Cy'] }, ['Ann', 'Cy']],
    ['comparison', { likes: { [Op.between]: [1, 4] } }, ['Ann']],
    ['patterns', { name: { [Op.iLike]: 'b%' } }, ['Bob']],
    ['regular expressions', { name: { [Op.regexp]: '^[AC]' } }, ['Ann', 'Cy']],
    ['any of a list', { name: { [Op.like]: { [Op.any]: ['A%', 'B%'] } } }, ['Ann', 'Bob']],
    ['nothing', { details: null }, ['Cy']],
    ['a path into JSON', { 'details.city': 'Rome' }, ['Ann']],
    ['nested JSON', { details: { city: { [Op.ne]: 'Rome' } } }, ['Bob']],
    ['JSON that holds', { details: { [Op.contains]: { tags: ['x'] } } }, ['Ann']],
    ['functions', whereFn(fn('lower', col('name')), 'bob'), ['Bob']],
    ['casts', whereFn(cast(col('likes'), 'text'), '5'), ['Cy']],
    ['alternatives', { [Op.or]: [{ likes: 0 }, { name: 'Cy' }] }, ['Bob', 'Cy']],
    ['negation', { [Op.not]: { name: 'Ann' } }, ['Bob', 'Cy']],
    ['sub-queries', { id: { [Op.in]: literal('(SELECT "authorId" FROM book)') } }, ['Ann', 'Bob']],
  ])('filters by %s', async (_, where, expected) => {
    expect(names(await Author.findAll({ where, order: ['name'] }))).toStrictEqual(expected);
  });

  it('limits, orders and counts', async () => {
    const { rows, count } = await Author.findAndCountAll({
      limit: 2,
      offset: 1,
      order: [['likes', 'DESC NULLS LAST']],
    });
    expect([names(rows), count]).toStrictEqual([['Ann', 'Bob'], 3]);
    expect(await Author.sum('likes')).toBe(7);
    expect(await Author.min('likes')).toBe(0);
    expect(await Author.max('name')).toBe('Cy');
    expect(await Book.aggregate('copies', 'avg', { dataType: new DataTypes.FLOAT() })).toBe(2);
    expect(await Book.count({ group: ['authorId'] })).toHaveLength(2);
    const totals = await Book.findAll({
      attributes: ['authorId', [fn('sum', col('copies')), 'total']],
      group: ['authorId'],
      order: [[col('total'), 'ASC']],
      raw: true,
    });
    expect(totals).toMatchObject([{ total: '3' }, { total: '7' }]);
  });

  it('applies scopes', async () => {
    expect(names(await Author.scope('liked').findAll({ order: ['name'] }))).toStrictEqual(['Ann', 'Cy']);
    expect(names(await Author.scope({ method: ['named', 'Bob'] }).findAll())).toStrictEqual(['Bob']);
    expect(await Author.scope(['liked', { method: ['named', 'Bob'] }]).count()).toBe(0);
    await Author.scope('liked').update({ likes: 1 }, { where: {} });
    expect(await Author.sum('likes')).toBe(2);
  });

  it('includes what is associated, nested, filtered and limited', async () => {
    const authors = await Author.findAll({
      include: [
        { association: 'books', include: [{ association: 'tags', through: { attributes: ['weight'] } }] },
        'profile',
      ],
      order: ['name', ['books', 'title', 'ASC'], ['books', 'tags', 'name', 'DESC']],
    });
    const [ann, bob, cy] = authors;
    expect([ann, bob, cy].map((author) => author?.books?.length)).toStrictEqual([3, 2, 0]);
    expect(ann?.profile?.text).toBe('of Ann');
    expect(ann?.books?.[0]?.tags?.map((tag) => [tag.name, tag.BookTag.weight])).toStrictEqual([
      ['red', 3],
      ['blue', 3],
    ]);
    const { rows, count } = await Author.findAndCountAll({
      include: [{ association: 'books', required: true, where: { copies: { [Op.gt]: 0 } } }],
      distinct: true,
      limit: 1,
      order: ['name'],
    });
    expect([names(rows), count, rows[0]?.books?.length]).toStrictEqual([['Ann'], 2, 2]);
    const tagged = await Book.findAll({ include: { association: 'tags', where: { name: 'red' } } });
    expect(tagged).toHaveLength(2);
    expect(await Author.findAll({ where: { '$books.title$': 'book 4' }, include: ['books'] })).toMatchObject([
      { name: 'Bob' },
    ]);
  });

  it('includes in queries of their own', async () => {
    const work = () =>
      Author.findAll({
        include: [{ association: 'books', separate: true, limit: 1, order: [['title', 'DESC']] }],
        order: ['name'],
      });
    const authors = await work();
    expect(authors.map(({ books }) => books?.map(({ title }) => title))).toStrictEqual([
      ['book 3'],
      ['book 5'],
      [],
    ]);
    await on.library.transaction(async (transaction) => {
      const { statements } = await sentBy(() =>
        Author.findAll({ include: [{ association: 'books', separate: true }], transaction }),
      );
      expect(statements.filter(({ kind }) => kind === 'read')).toHaveLength(2);
    });
  });

  it('finds through every method of the associations', async () => {
    const ann = await Author.findOne({ where: { name: 'Ann' }, rejectOnEmpty: true });
    const [first, , third] = await ann.getBooks({ order: ['title'] });
    if (!first || !third) throw new Error('Ann has written three books.');
    expect(await ann.countBooks({ where: { copies: 0 } })).toBe(1);
    await ann.removeBook(first);
    await ann.createBook({ title: 'book 6' });
    await ann.addBook(first);
    expect(await ann.countBooks()).toBe(4);
    await ann.setBooks([first]);
    expect(await ann.countBooks()).toBe(1);
    const bob = await Author.findOne({ where: { name: 'Bob' }, rejectOnEmpty: true });
    await third.setAuthor(bob);
    expect((await bob.getBooks()).map(({ title }) => title).sort()).toStrictEqual([
      'book 3',
      'book 4',
      'book 5',
    ]);
    await bob.setProfile(await ann.getProfile());
    expect([await ann.getProfile(), (await bob.getProfile()).text]).toStrictEqual([null, 'of Ann']);

    const green = await first.createTag({ name: 'green' }, { through: { weight: 9 } });
    expect([await first.countTags(), await first.hasTag(green)]).toStrictEqual([3, true]);
    await first.removeTag(green);
    await first.addTag(green, { through: { weight: 8 } });
    await first.addTag(green, { through: { weight: 7 } });
    expect(await BookTag.findOne({ where: { tagId: green.id } })).toMatchObject({ weight: 7 });
    await first.setTags([]);
    expect(await first.getTags()).toStrictEqual([]);
  });

  it('selects what a conflict of the schema has interrupted, again', async () => {
    const fault = cluster.local.faults.failCommit({ error: 'OC001', times: 2 });
    const found = await Author.findAll({ include: ['books'] });
    expect([fault.fired, found.length]).toStrictEqual([2, 3]);
  });
});

describe('errors', () => {
  it('name the fields of a duplicate', async () => {
    await Author.create({ name: 'a', email: 'a@x.org' });
    const error = await failure(Author.create({ name: 'b', email: 'a@x.org' }));
    expect(error).toBeInstanceOf(UniqueConstraintError);
    expect(error).toMatchObject({
      fields: { email: 'a@x.org' },
      errors: [{ path: 'email', type: 'unique violation', value: 'a@x.org' }],
      original: { code: '23505', constraint: 'author_email_key' },
    });
  });

  it('name the table and the constraint of a reference to nothing', async () => {
    const error = await failure(
      Book.create({ title: 'x', authorId: '00000000-0000-4000-8000-000000000000' }),
    );
    expect(error).toBeInstanceOf(ForeignKeyConstraintError);
    expect(error).toMatchObject({ table: 'book', index: 'book_authorId_fkey', original: { code: '23503' } });
  });

  it.each<[string, () => Promise<unknown>, object]>([
    ['validation', () => Author.create({ name: '' }), { name: 'SequelizeValidationError' }],
    ['null', () => Author.create({} as never), { name: 'SequelizeValidationError' }],
    [
      'a check',
      () => Book.create({ title: 'x', copies: -1 }),
      { name: 'SequelizeDatabaseError', original: { code: '23514', constraint: 'book_copies_check' } },
    ],
    [
      'null in the database',
      () => on.library.query('INSERT INTO tag VALUES (gen_random_uuid(), NULL)'),
      { name: 'SequelizeDatabaseError', original: { code: '23502', column: 'name' } },
    ],
  ])('are those of PostgreSQL: %s', async (_, work, expected) => {
    expect(await failure(work())).toMatchObject(expected);
  });
});

describe('hooks', () => {
  const HOOKS = [
    'beforeValidate',
    'afterValidate',
    'beforeCreate',
    'beforeSave',
    'afterCreate',
    'afterSave',
  ] as const;

  it('run once, in order, although the statement is sent again', async () => {
    const seen: string[] = [];
    for (const hook of HOOKS) Tag.addHook(hook, 'seen', () => void seen.push(hook));
    const fault = conflicts('tag');
    await Tag.create({ name: 'x' });
    for (const hook of HOOKS) Tag.removeHook(hook, 'seen');
    expect(fault.fired).toBe(2);
    expect(seen).toStrictEqual([
      'beforeValidate',
      'afterValidate',
      'beforeCreate',
      'beforeSave',
      'afterCreate',
      'afterSave',
    ]);
  });

  it('write in the transaction that they are given, and are taken back with it', async () => {
    Tag.addHook('afterCreate', 'echo', async (tag, { transaction }) => {
      if (!nameOf(tag).endsWith('!')) {
        await Tag.create({ name: `${nameOf(tag)}!` }, { transaction: transaction ?? null });
      }
    });
    const fault = conflicts('tag');
    await on.library.transaction((transaction) => Tag.create({ name: 'x' }, { transaction }));
    expect([fault.fired, (await Tag.findAll()).map(({ name }) => name).sort()]).toStrictEqual([
      2,
      ['x', 'x!'],
    ]);
    const work = on.library.transaction(async (transaction) => {
      await Tag.create({ name: 'y' }, { transaction });
      throw new Error('no');
    });
    await expect(work).rejects.toThrow('no');
    Tag.removeHook('afterCreate', 'echo');
    expect(await Tag.count()).toBe(2);
  });

  it('are left out when they are not wanted', async () => {
    const hook = jest.fn();
    Tag.addHook('beforeBulkDestroy', 'seen', hook);
    await Tag.destroy({ where: {}, hooks: false });
    Tag.removeHook('beforeBulkDestroy', 'seen');
    expect(hook).not.toHaveBeenCalled();
  });
});

describe('raw queries', () => {
  it('take replacements and bound values, by name and by place', async () => {
    const text = (sql: string, options: object) =>
      on.library.query<{ v: string }>(sql, { ...options, type: QueryTypes.SELECT, plain: true });
    expect(await text('SELECT :v AS v', { replacements: { v: "it's" } })).toStrictEqual({ v: "it's" });
    expect(await text('SELECT ? AS v', { replacements: ['a?b'] })).toStrictEqual({ v: 'a?b' });
    expect(await text('SELECT $v::text AS v', { bind: { v: 'x' } })).toStrictEqual({ v: 'x' });
    expect(await text('SELECT $1::text || $2 AS v', { bind: ['x', 'y'] })).toStrictEqual({ v: 'xy' });
    expect(
      await text('SELECT count(*)::int AS v FROM tag WHERE name IN (:names)', {
        replacements: { names: ['a', 'b'] },
      }),
    ).toStrictEqual({ v: 0 });
  });

  it('answer by their type', async () => {
    const insert = "INSERT INTO tag VALUES (gen_random_uuid(), 'a'), (gen_random_uuid(), 'b')";
    expect(await on.library.query(insert, { type: QueryTypes.INSERT })).toStrictEqual([[], 2]);
    expect(await on.library.query('UPDATE tag SET name = name', { type: QueryTypes.UPDATE })).toStrictEqual([
      [],
      2,
    ]);
    expect(await on.library.query("DELETE FROM tag WHERE name = 'a'", { type: QueryTypes.BULKDELETE })).toBe(
      1,
    );
    const [rows, result] = await on.library.query('SELECT name FROM tag');
    expect([rows, (result as { rowCount: number }).rowCount]).toStrictEqual([[{ name: 'b' }], 1]);
    const [tag] = await on.library.query('SELECT * FROM tag', { model: Tag, mapToModel: true });
    expect(tag).toBeInstanceOf(Tag);
    expect(
      await on.library.query('SELECT name AS "tag.name" FROM tag', { type: QueryTypes.SELECT, nest: true }),
    ).toStrictEqual([{ tag: { name: 'b' } }]);
  });

  it('are logged with their transaction and their time as asked', async () => {
    const lines: string[] = [];
    const options = {
      logging: (line: string, elapsed?: unknown) => void lines.push(`${line} (${typeof elapsed})`),
      benchmark: true,
    };
    await on.library.transaction(async (transaction) => {
      await on.library.query('SELECT 1', { ...options, transaction });
    });
    await on.library.query('SELECT 2', options);
    expect(lines).toStrictEqual([
      expect.stringMatching(/^Executed \([0-9a-f-]{36}\): SELECT 1 \(number\)$/),
      expect.stringMatching(/^Executed \(default\): SELECT 2 \(number\)$/),
    ]);
  });
});

describe('options of the instance', () => {
  it('shorten aliases, also where a lock is strengthened', async () => {
    const short = on.open({ minifyAliases: true, dsql: { simplify: { rowLocks: true } } });
    defineLibrary(short);
    await Author.create({ name: 'Ann', books: [{ title: 'x' }] } as never, { include: ['books'] });
    const found = await short.transaction((transaction) =>
      Book.findAll({
        include: [{ association: 'author', required: true }],
        transaction,
        lock: transaction.LOCK.SHARE,
      }),
    );
    expect(found).toMatchObject([{ title: 'x', author: { name: 'Ann' } }]);
    defineLibrary(on.library);
  });
});

describe('a transaction that fails', () => {
  it('leaves instances from outside unusable until they are read again', async () => {
    const author = await Author.create({ name: 'Ann' });
    const work = on.library.transaction(async (transaction) => {
      await author.update({ likes: 1 }, { transaction });
      throw new Error('no');
    });
    await expect(work).rejects.toThrow('no');
    expect(isStaleInstanceError(await failure(Promise.resolve().then(() => author.save())))).toBe(true);
    expect((await author.reload()).likes).toBe(0);
  });
});
