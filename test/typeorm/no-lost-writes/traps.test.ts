import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { createDsqlDataSource, isOccConflict, runInTransaction } from 'aurora-dsql-orm/typeorm';
import { EntityManager, type DataSource, type EntitySubscriberInterface } from 'typeorm';
import { useCluster } from '../../cluster';
import { createPeople, emptyPeople, newPerson, people, Person, Tag } from '../people';
import { stockDataSource } from '../stock-data-source';

const cluster = useCluster();
let stock: DataSource;
let ours: DataSource;

beforeAll(async () => {
  ours = createDsqlDataSource({ ...cluster.orm, entities: people });
  await ours.initialize();
  await createPeople(ours);
  stock = await stockDataSource(cluster.local, people);
});
afterAll(async () => {
  await stock.destroy();
  await ours.destroy();
});
beforeEach(() => emptyPeople(ours));
afterEach(() => {
  cluster.local.faults.clear();
});

describe('trap D: an entity that was loaded outside is removed, and COMMIT conflicts', () => {
  it('stock TypeORM masks the conflict on the second attempt, keeps the row and loses the id', async () => {
    const person = await givenPerson();
    conflictOnce();
    const error = await caught(naively(() => stock.transaction((manager) => manager.remove(person))));
    expect(error).toMatchObject({ name: 'SubjectWithoutIdentifierError' });
    expect(person.id).toBeUndefined();
    expect(await names()).toStrictEqual(['Ada']);
  });

  it.each([
    ['in a transaction', (person: Person) => ours.transaction((manager) => manager.remove(person))],
    ['alone', (person: Person) => ours.manager.remove(person)],
    ['through runInTransaction', (person: Person) => runInTransaction(ours, (m) => m.remove(person))],
    ['on a stock data source', (person: Person) => runInTransaction(stock, (m) => m.remove(person))],
  ])('ours removes it: %s', async (_, remove) => {
    const person = await givenPerson();
    conflictOnce();
    await remove(person);
    expect(person.id).toBeUndefined();
    expect(await names()).toStrictEqual([]);
  });
});

describe('trap E: the error of a nested transaction is swallowed', () => {
  const work = async (manager: EntityManager) => {
    await manager.save(newPerson('before'));
    await manager.transaction(() => Promise.reject(new Error('inner'))).catch(() => undefined);
    await manager.save(newPerson('after'));
  };

  it('stock TypeORM rolls the outer transaction back, and what comes then survives alone', async () => {
    await expect(stock.transaction(work)).rejects.toThrow('Transaction is not started');
    expect(await names()).toStrictEqual(['after']);
  });

  it.each(['ours', 'stock'] as const)(
    'runInTransaction refuses the inner one, and does not commit the outer one without it (%s)',
    async (which) => {
      const dataSource = { ours, stock }[which];
      await expect(runInTransaction(dataSource, work)).rejects.toMatchObject({
        name: 'TransactionRolledBackError',
        circumstance: 'joined',
        cause: { name: 'NestedTransactionError' },
      });
      expect(await names()).toStrictEqual([]);
    },
  );

  it.each(['ours', 'stock'] as const)(
    'where inner work joins, nothing of the outer is done (%s)',
    async (which) => {
      const dataSource = { ours, stock }[which];
      await expect(runInTransaction(dataSource, work, { nested: 'join' })).rejects.toMatchObject({
        name: 'TransactionRolledBackError',
        circumstance: 'joined',
        cause: { message: 'inner' },
      });
      expect(await names()).toStrictEqual([]);
    },
  );

  it.each([
    [
      'a manager that the user makes',
      ({ queryRunner }: EntityManager) =>
        new EntityManager(ours, queryRunner).transaction(() => Promise.resolve()),
    ],
    [
      'the query runner',
      async ({ queryRunner }: EntityManager) => {
        await queryRunner?.startTransaction().catch(async (error: unknown) => {
          await queryRunner.rollbackTransaction();
          throw error;
        });
      },
    ],
  ])('ours lets nothing survive alone when the inner one is begun by %s', async (_, nest) => {
    const nested = async (manager: EntityManager) => {
      await manager.save(newPerson('before'));
      expect(await caught(nest(manager))).toMatchObject({ name: 'NestedTransactionError' });
      await manager.save(newPerson('after'));
    };
    await expect(ours.transaction(nested)).rejects.toMatchObject({ name: 'TransactionRolledBackError' });
    expect(await names()).toStrictEqual([]);
  });
});

describe('trap F: the error of a statement is swallowed, so COMMIT is answered with ROLLBACK', () => {
  const work = async (manager: EntityManager) => {
    await manager.save(newPerson('lost'));
    await manager.query('SELECT 1 / 0').catch(() => undefined);
    return 'done';
  };

  it('stock TypeORM reports a success, and nothing is there', async () => {
    await expect(stock.transaction(work)).resolves.toBe('done');
    expect(await names()).toStrictEqual([]);
  });

  it('ours reports that nothing was written, and why', async () => {
    await expect(ours.transaction(work)).rejects.toMatchObject({
      name: 'TransactionRolledBackError',
      circumstance: 'aborted',
      cause: { code: '22012' },
    });
    expect(await names()).toStrictEqual([]);
  });

  it('ours reports it on a stock data source', async () => {
    await expect(runInTransaction(stock, work)).rejects.toMatchObject({ name: 'TransactionRolledBackError' });
    expect(await names()).toStrictEqual([]);
  });

  it('ours reports it of a transaction that the user began', async () => {
    const queryRunner = ours.createQueryRunner();
    await queryRunner.startTransaction();
    await work(queryRunner.manager);
    const error = await caught(queryRunner.commitTransaction());
    await queryRunner.rollbackTransaction();
    await queryRunner.release();
    expect(error).toMatchObject({ name: 'TransactionRolledBackError', cause: { code: '22012' } });
  });

  it('when what was swallowed is a conflict, ours runs the transaction again', async () => {
    cluster.local.faults.failStatement({ error: 'OC000', table: 'tag' });
    await ours.transaction(async (manager) => {
      await manager.save(Object.assign(new Person(), { name: 'kept' }));
      await manager.save(Object.assign(new Tag(), { label: 'x' })).catch(() => undefined);
    });
    expect(await names()).toStrictEqual(['kept']);
    expect(await ours.manager.countBy(Tag, { label: 'x' })).toBe(1);
  });

  it('when a conflict was turned into an error of the application, ours runs the transaction again', async () => {
    cluster.local.faults.failStatement({ error: 'OC000', table: 'tag' });
    await ours.transaction(async (manager) => {
      await manager.save(Object.assign(new Tag(), { label: 'x' })).catch(() => {
        throw new Error('503 Service Unavailable');
      });
    });
    expect(await ours.manager.countBy(Tag, { label: 'x' })).toBe(1);
  });
});

describe('trap G: an entity that was built outside is saved, and COMMIT conflicts', () => {
  it('stock TypeORM sends generated values of the failed attempt, which an identity column refuses', async () => {
    conflictOnce();
    const person = newPerson('Ada');
    const error = await caught(naively(() => stock.manager.save(person)));
    expect(error).toMatchObject({ code: '428C9' });
    expect(await names()).toStrictEqual([]);
  });

  it.each([
    ['alone', (person: Person) => ours.manager.save(person)],
    ['through a repository', (person: Person) => ours.getRepository(Person).save(person)],
    ['in a transaction', (person: Person) => ours.transaction((manager) => manager.save(person))],
    ['on a stock data source', (person: Person) => runInTransaction(stock, (m) => m.save(person))],
  ])('ours saves it once: %s', async (_, save) => {
    conflictOnce();
    const person = newPerson('Ada');
    await save(person);
    const saved = await ours.manager.findOneOrFail(Person, {
      where: { id: person.id },
      relations: { posts: true, tags: true, profile: true },
    });
    expect(saved).toMatchObject({
      name: 'Ada',
      version: 1,
      tagIds: person.tagIds,
      profileId: person.profileId,
    });
    expect(saved.posts.map(({ id }) => id).sort()).toStrictEqual(person.posts.map(({ id }) => id).sort());
    expect(saved.createdAt).toStrictEqual(person.createdAt);
  });
});

describe('a save that lost against another one', () => {
  it('stock TypeORM takes back what the winner wrote, when it is run again', async () => {
    const person = await givenPerson();
    conflictOnce();
    person.nick = 'loser';
    expect(isOccConflict(await caught(stock.manager.save(person)))).toBe(true);
    await winnerWrites(person.id);
    await stock.manager.save(person);
    expect(await rowOf(person.id)).toMatchObject({ nick: 'loser', score: 0, bonus: 7 });
  });

  it.each([
    // Only a save that reads anew would see the winner's row before it compares, and take it back.
    ['before the second attempt', 'afterTransactionRollback', 1],
    ['in the second attempt', 'beforeUpdate', 2],
  ] as const)('ours changes only what it changed at first: the winner writes %s', async (_, event, nth) => {
    const person = await givenPerson();
    conflictOnce();
    person.nick = 'loser';
    let heard = 0;
    const subscriber = {
      listenTo: () => Person,
      [event]: async () => {
        if (++heard === nth) await winnerWrites(person.id);
      },
    };
    await subscribing(subscriber, () => ours.manager.save(person));
    expect(heard).toBe(nth);
    expect(await rowOf(person.id)).toMatchObject({ nick: 'loser', score: 77, bonus: 9, version: 7 });
    expect(person.version).toBe(7);
  });

  it.each(['softRemove', 'recover'] as const)('ours does the same for %s', async (method) => {
    const person = await givenPerson();
    if (method === 'recover') await ours.manager.softRemove(person);
    conflictOnce();
    let heard = 0;
    const afterTransactionRollback = async () => {
      if (++heard === 1) await winnerWrites(person.id);
    };
    const run = () => (method === 'recover' ? ours.manager.recover(person) : ours.manager.softRemove(person));
    await subscribing({ afterTransactionRollback }, run);
    expect(heard).toBe(1);
    expect(await rowOf(person.id)).toMatchObject({ score: 77, bonus: 9, version: 7 });
    expect(person.deletedAt === null).toBe(method === 'recover');
  });
});

it('saves of one row at the same time keep what each of them changed, those that wait to be admitted too', async () => {
  const { id } = await givenPerson();
  const changes = [
    { name: 'Ada Lovelace' },
    { nick: 'ada' },
    { score: 5 },
    { bonus: 6 },
    { settings: { colours: ['blue'] } },
  ];
  // In the first round nobody waits; its conflicts let most of them wait in the others.
  for (let round = 0; round < 5; round++) {
    await ours.query(
      `UPDATE person SET name = 'Ada', nick = NULL, score = 0, bonus = 7, settings = NULL, version = 1`,
    );
    const copies = await Promise.all(changes.map(() => ours.manager.findOneByOrFail(Person, { id })));
    copies.forEach((copy, index) => Object.assign(copy, changes[index]));
    const afterLoad = barrier(copies.length);
    await subscribing({ listenTo: () => Person, afterLoad }, () =>
      Promise.all(copies.map((copy) => ours.manager.save(copy))),
    );
    const after = await ours.manager.findOneByOrFail(Person, { id });
    expect(after).toMatchObject({ ...changes.reduce((all, one) => ({ ...all, ...one }), {}), version: 6 });
  }
});

describe('trap H: work after the commit', () => {
  it('runs once, however often COMMIT conflicted, and not when the transaction was rolled back', async () => {
    const commits: string[] = [];
    const subscriber = { afterTransactionCommit: () => void commits.push('commit') };
    ours.subscribers.push(subscriber);
    try {
      conflictOnce(3);
      await ours.manager.save(newPerson('Ada'));
      expect(commits).toStrictEqual(['commit']);
      conflictOnce(3);
      await ours.transaction((manager) => manager.save(newPerson('Grace')));
      expect(commits).toStrictEqual(['commit', 'commit']);
      await caught(ours.transaction(() => Promise.reject(new Error('no'))));
      expect(commits).toHaveLength(2);
    } finally {
      ours.subscribers.splice(ours.subscribers.indexOf(subscriber), 1);
    }
  });
});

describe('trap I: a conflict that is not retried', () => {
  it("is the host's own error, and known for what it is", async () => {
    conflictOnce();
    const error = await caught(
      runInTransaction(ours, (manager) => manager.save(newPerson('Ada')), { retry: false }),
    );
    expect(error).toMatchObject({ name: 'QueryFailedError', code: '40001' });
    expect(isOccConflict(error)).toBe(true);
  });
});

describe('trap J: a connection after a conflict', () => {
  it('stays in the pool', async () => {
    await ours.manager.find(Person);
    let opened = 0;
    const count = () => opened++;
    subscribe('aurora-dsql-orm:connection-opened', count);
    try {
      conflictOnce(5);
      await ours.manager.save(newPerson('Ada'));
      conflictOnce(5);
      await ours.transaction((manager) => manager.save(newPerson('Grace')));
      await expect(caughtConflict()).resolves.toMatchObject({ code: '40001' });
    } finally {
      unsubscribe('aurora-dsql-orm:connection-opened', count);
    }
    expect(opened).toBe(0);
  });

  function caughtConflict(): Promise<unknown> {
    conflictOnce();
    return caught(runInTransaction(ours, (m) => m.save(newPerson('x')), { retry: false }));
  }
});

describe('trap K: a url beside a password that is asked for', () => {
  const url = () => `postgres://admin@${cluster.local.host}:${cluster.local.port}/postgres`;

  it('stock TypeORM drops the password', async () => {
    const { PGPASSWORD } = await cluster.local.env();
    const password = jest.fn(() => Promise.resolve(PGPASSWORD));
    await caught(stockDataSource(cluster.local, people, { url: url(), password }));
    expect(password).not.toHaveBeenCalled();
  });

  it('ours signs a token', async () => {
    const dataSource = createDsqlDataSource({ url: url(), dsql: cluster.orm.dsql });
    await dataSource.initialize();
    await expect(dataSource.query('SELECT 1 AS one')).resolves.toStrictEqual([{ one: 1 }]);
    await dataSource.destroy();
  });
});

/** What people write around an ORM that does not retry. */
async function naively<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!isOccConflict(error)) throw error;
    return work();
  }
}

function conflictOnce(times = 1): void {
  cluster.local.faults.failCommit({ error: 'OC000', times });
}

/** Holds everybody back until so many have come; then nobody any more. */
function barrier(count: number): () => Promise<void> {
  let arrived = 0;
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return () => {
    if (++arrived >= count) open();
    return opened;
  };
}

function caught(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

async function givenPerson(): Promise<Person> {
  await ours.manager.save(Object.assign(new Person(), { name: 'Ada' }));
  return ours.manager.findOneByOrFail(Person, { name: 'Ada' });
}

async function names(): Promise<string[]> {
  const rows = await ours.query<{ name: string }[]>('SELECT name FROM person ORDER BY name');
  return rows.map(({ name }) => name);
}

async function rowOf(id: string): Promise<unknown> {
  const [row] = await ours.query<object[]>('SELECT * FROM person WHERE id = $1', [id]);
  return row;
}

async function winnerWrites(id: string): Promise<void> {
  await ours.query('UPDATE person SET score = 77, bonus = 9, version = 6 WHERE id = $1', [id]);
}

async function subscribing(
  subscriber: EntitySubscriberInterface,
  work: () => Promise<unknown>,
): Promise<void> {
  ours.subscribers.push(subscriber);
  try {
    await work();
  } finally {
    ours.subscribers.splice(ours.subscribers.indexOf(subscriber), 1);
  }
}
