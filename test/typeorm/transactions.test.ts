import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { pipeline } from 'node:stream/promises';
import {
  createDsqlDataSource,
  runInTransaction,
  transactionCounters,
  type DsqlDataSourceOptions,
  type TypeOrmTransactionOptions,
} from 'aurora-dsql-orm/typeorm';
import {
  BaseEntity,
  BeforeInsert,
  BeforeUpdate,
  Column,
  Entity,
  EntityManager,
  JoinColumn,
  ManyToOne,
  OneToMany,
  PrimaryGeneratedColumn,
  TransactionNotStartedError,
  Tree,
  TreeChildren,
  TreeParent,
  VersionColumn,
  type DataSource,
  type EntitySubscriberInterface,
  type LoadEvent,
  type Relation,
} from 'typeorm';
import { useCluster } from '../cluster';

@Entity()
class Account extends BaseEntity {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column({ type: 'text', unique: true })
  owner!: string;

  @Column({ type: 'integer', default: 0 })
  balance!: number;

  @Column({ type: 'integer', default: 0 })
  prepared!: number;

  @Column({ type: 'timestamptz', nullable: true })
  due!: Date | null;

  @VersionColumn()
  version!: number;

  @OneToMany(() => Entry, (entry) => entry.account, { cascade: true, lazy: true })
  entries!: Promise<Entry[]>;

  @BeforeInsert()
  @BeforeUpdate()
  prepare(): void {
    this.prepared = (this.prepared || 0) + 1;
    this.due?.setUTCFullYear(this.due.getUTCFullYear() + 1);
  }
}

@Entity()
class Entry {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  #note = '';

  /** Kept behind accessors. */
  @Column({ type: 'text' })
  get note(): string {
    return this.#note;
  }
  set note(note: string) {
    this.#note = note;
  }

  @ManyToOne(() => Account, (account) => account.entries, { nullable: true })
  @JoinColumn({ name: 'accountId' })
  account!: Relation<Account> | null;

  @BeforeInsert()
  shout(): void {
    this.note += '!';
  }
}

@Entity()
@Tree('materialized-path')
class Folder {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column({ type: 'text' })
  name!: string;

  @TreeChildren({ cascade: true })
  children!: Relation<Folder>[];

  @TreeParent()
  parent!: Relation<Folder> | null;
}

const quick = { baseDelayMs: 0, maxDelayMs: 0 };
const cluster = useCluster();
let ours: DataSource;

beforeAll(async () => {
  ours = await dataSourceWith({ retry: quick });
  await ours.query(`CREATE TABLE account (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), owner text NOT NULL UNIQUE,
    balance integer NOT NULL DEFAULT 0, prepared integer NOT NULL DEFAULT 0, due timestamptz, version integer NOT NULL)`);
  await ours.query(
    `CREATE TABLE entry (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), note text NOT NULL, "accountId" uuid)`,
  );
  await ours.query(
    'CREATE TABLE folder (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text NOT NULL, mpath text, "parentId" uuid)',
  );
});
afterAll(async () => {
  await ours.destroy();
});
beforeEach(async () => {
  await ours.query('DELETE FROM entry');
  await ours.query('DELETE FROM account');
});
afterEach(() => {
  cluster.local.faults.clear();
});

describe('an autocommit statement', () => {
  it.each<[string, () => Promise<unknown>]>([
    ['insert', () => ours.manager.insert(Account, { owner: 'new' })],
    ['upsert', () => ours.manager.upsert(Account, { owner: 'Ada', balance: 1 }, ['owner'])],
    ['update', () => ours.manager.update(Account, { owner: 'Ada' }, { balance: 1 })],
    ['increment', () => ours.manager.increment(Account, { owner: 'Ada' }, 'balance', 1)],
    ['delete', () => ours.getRepository(Account).delete({ owner: 'Ada' })],
    [
      'a query builder',
      () => ours.createQueryBuilder().update(Account).set({ balance: 1 }).where('true').execute(),
    ],
    ['a raw query', () => ours.query('UPDATE account SET balance = 1;')],
  ])('is sent again after a conflict: %s', async (_, run) => {
    await givenAccount();
    const fault = conflicts(3);
    await run();
    expect(fault.fired).toBe(3);
    const rows = await ours.query<{ owner: string; balance: number }[]>('SELECT owner, balance FROM account');
    expect(rows).not.toStrictEqual([{ owner: 'Ada', balance: 0 }]);
  });

  it('runs listeners and subscribers once', async () => {
    const subscriber = { beforeInsert: jest.fn(), afterInsert: jest.fn() };
    await subscribing(subscriber, async () => {
      conflicts(3);
      await ours.manager.insert(Account, Object.assign(new Account(), { owner: 'Ada' }));
    });
    expect(subscriber.beforeInsert).toHaveBeenCalledTimes(1);
    expect(subscriber.afterInsert).toHaveBeenCalledTimes(1);
    expect(await theAccount()).toMatchObject({ prepared: 1 });
  });

  it('is not sent again when it may be several: one of them may be COMMIT', async () => {
    await givenAccount();
    const fault = conflicts(9);
    const two = 'UPDATE account SET balance = 1; UPDATE account SET balance = 2';
    await expect(ours.query(two)).rejects.toMatchObject({ name: 'QueryFailedError', code: '40001' });
    expect(fault.fired).toBe(1);
  });

  it('is not sent again when it stands in a transaction that was begun by hand', async () => {
    await givenAccount();
    const queryRunner = ours.createQueryRunner();
    await queryRunner.query('BEGIN');
    const fault = cluster.local.faults.failStatement({ error: 'OC000', table: 'account', times: 9 });
    await expect(queryRunner.query('UPDATE account SET balance = 1')).rejects.toMatchObject({
      code: '40001',
    });
    expect(fault.fired).toBe(1);
    await queryRunner.query('ROLLBACK');
    await queryRunner.release();
  });

  it('surfaces the conflict as the host does when retrying is off', async () => {
    const once = await dataSourceWith({ retry: false });
    const fault = conflicts(9);
    await expect(once.manager.insert(Account, { owner: 'x' })).rejects.toMatchObject({
      name: 'QueryFailedError',
      code: '40001',
    });
    expect(fault.fired).toBe(1);
    await once.destroy();
  });

  it('gives up after as many attempts as the data source allows, with its values as they were', async () => {
    const thrice = await dataSourceWith({ retry: { ...quick, maxAttempts: 3 } });
    conflicts(9);
    const values = Object.assign(new Account(), { owner: 'Ada' });
    const before = copyOf(values);
    await expect(thrice.manager.insert(Account, values)).rejects.toMatchObject({
      name: 'RetryExhaustedError',
      attempts: 3,
      code: '40001',
      cause: { name: 'QueryFailedError' },
    });
    expect(copyOf(values)).toStrictEqual(before);
    await thrice.destroy();
  });
});

describe('save, remove and their like', () => {
  it.each([
    ['a manager', (account: Account) => ours.manager.save(account)],
    ['a repository', (account: Account) => ours.getRepository(Account).save(account)],
    ['an active record', (account: Account) => account.save()],
    [
      'a query runner',
      async (account: Account) => {
        const queryRunner = ours.createQueryRunner();
        await queryRunner.manager.save(account);
        await queryRunner.release();
      },
    ],
  ])('are run again through %s, and listeners leave the trace of one run', async (_, save) => {
    Account.useDataSource(ours);
    const account = Object.assign(new Account(), { owner: 'Ada', due: new Date('2026-01-01') });
    const fault = conflicts(3);
    await save(account);
    expect(fault.fired).toBe(3);
    expect(account).toMatchObject({ prepared: 1, version: 1, due: new Date('2027-01-01') });
    expect(await theAccount()).toMatchObject({ id: account.id, prepared: 1, due: new Date('2027-01-01') });
  });

  it('cascade through a lazy relation', async () => {
    const account = ours.manager.create(Account, { owner: 'Ada' });
    const entry = Object.assign(new Entry(), { note: 'one' });
    account.entries = Promise.resolve([entry]);
    conflicts(2);
    await ours.manager.save(account);
    expect(await ours.manager.find(Entry, { relations: { account: true } })).toMatchObject([
      { id: entry.id, note: 'one!', account: { id: account.id } },
    ]);
    expect(entry.note).toBe('one!');
    await expect(account.entries).resolves.toStrictEqual([entry]);
  });

  it.each(['save', 'remove'] as const)(
    'leave the objects as they were when they give up: %s',
    async (method) => {
      const account = method === 'remove' ? await givenAccount() : new Account();
      if (method === 'save') {
        const entry = Object.assign(new Entry(), { note: 'one' });
        Object.assign(account, {
          owner: 'Ada',
          due: new Date('2026-01-01'),
          entries: Promise.resolve([entry]),
        });
      }
      const before = copyOf(account);
      const twice = await dataSourceWith({ retry: { ...quick, maxAttempts: 2 } });
      conflicts(9);
      const run = method === 'save' ? twice.manager.save(account) : twice.manager.remove(account);
      await expect(run).rejects.toMatchObject({ name: 'RetryExhaustedError' });
      expect(copyOf(account)).toStrictEqual(before);
      await twice.destroy();
    },
  );

  it('leave the objects as they were when they fail otherwise', async () => {
    await givenAccount();
    const twin = Object.assign(new Account(), { owner: 'Ada' });
    const before = copyOf(twin);
    await expect(ours.manager.save(twin)).rejects.toMatchObject({ code: '23505' });
    expect(copyOf(twin)).toStrictEqual(before);
  });

  it('are not run as a whole when they asked for no transaction: a part may be done', async () => {
    const fault = conflicts(2);
    const account = Object.assign(new Account(), { owner: 'Ada' });
    await ours.manager.save(account, { transaction: false });
    expect(fault.fired).toBe(2);
    expect(await theAccount()).toMatchObject({ prepared: 1 });
  });

  it('are refused when they are based on other reads the second time: nothing tells what they would take back', async () => {
    const account = await givenAccount();
    account.balance = 5;
    const fault = conflicts(1);
    let loads = 0;
    const afterLoad = async (_: unknown, event?: LoadEvent<unknown>) => {
      await event?.manager.query(`SELECT ${++loads}`);
    };
    await subscribing({ listenTo: () => Account, afterLoad }, async () => {
      await expect(ours.manager.save(account)).rejects.toThrow(/read other rows than/);
    });
    expect(fault.fired).toBe(1);
    expect(await theAccount()).toMatchObject({ balance: 0, version: 1 });
  });

  it('take the target and the options where the host takes them', async () => {
    conflicts(1);
    const [saved] = await ours.manager.save(Account, [{ owner: 'Ada' }], {
      reload: false,
      data: { by: 'test' },
    });
    expect(saved).toMatchObject({ owner: 'Ada' });
    await expect(ours.manager.save([])).resolves.toStrictEqual([]);
    await expect(ours.manager.save({ owner: 'x' })).rejects.toThrow(/Cannot save/);
    await expect(ours.manager.save(undefined as unknown as object)).rejects.toThrow(/Cannot save/);
  });
});

describe('a transaction', () => {
  it('is run again from the start, with the objects from outside as they were', async () => {
    const account = Object.assign(new Account(), { owner: 'Ada' });
    const inserted = { note: 'inserted' };
    const built = Object.assign(new Entry(), { note: 'built' });
    const upserted = { owner: 'Grace', balance: 3 };
    const states: unknown[] = [];
    conflicts(2);
    await ours.transaction(async (manager) => {
      states.push([copyOf(account), copyOf(inserted), built.note, built.id, copyOf(upserted)]);
      await manager.save(account);
      await manager.insert(Entry, inserted);
      await manager.upsert(Account, upserted, ['owner']);
      await manager.createQueryBuilder().insert().into(Entry).values(built).execute();
    });
    expect(states).toHaveLength(3);
    expect(states[1]).toStrictEqual(states[0]);
    expect(states[2]).toStrictEqual(states[0]);
    expect(built.note).toBe('built!');
    expect(account.version).toBe(1);
    expect(await ours.manager.count(Entry)).toBe(2);
    expect(await ours.manager.count(Account)).toBe(2);
  });

  it('puts the objects back when it gives up', async () => {
    const account = Object.assign(new Account(), { owner: 'Ada' });
    const values = Object.assign(new Entry(), { note: 'x' });
    const before = [copyOf(account), values.id, values.note];
    const work = async (manager: EntityManager) => {
      await manager.save(account);
      await manager.createQueryBuilder().insert().into(Entry).values(values).callListeners(false).execute();
      throw new Error('no');
    };
    await expect(ours.transaction(work)).rejects.toThrow('no');
    expect([copyOf(account), values.id, values.note]).toStrictEqual(before);
  });

  it('gives back what the callback returned, and tells the runs apart', async () => {
    conflicts(1);
    const returned = await ours.transaction('REPEATABLE READ', async (manager) => {
      await manager.insert(Entry, { note: 'x' });
      return 'done';
    });
    expect(returned).toBe('done');
  });

  it('refuses a call without a callback as the host does', async () => {
    await expect(ours.transaction('REPEATABLE READ', undefined as never)).rejects.toThrow(/callback/);
  });

  it('refuses to apply the same change twice to an entity from outside', async () => {
    const account = await givenAccount();
    conflicts(1);
    const work = async (manager: EntityManager) => {
      account.balance += 10;
      await manager.save(account);
    };
    await expect(ours.transaction(work)).rejects.toMatchObject({ name: 'StaleEntityError', entity: account });
    expect(await theAccount()).toMatchObject({ balance: 0 });
  });

  it('restores what it was asked to restore, so that the change is applied once', async () => {
    const account = await givenAccount();
    const log = { lines: ['begin'] };
    conflicts(3);
    await runInTransaction(
      ours,
      async (manager) => {
        account.balance += 10;
        log.lines.push('booked');
        await manager.save(account);
      },
      { restore: [account, log] },
    );
    expect(account.balance).toBe(10);
    expect(log.lines).toStrictEqual(['begin', 'booked']);
    expect(await theAccount()).toMatchObject({ balance: 10, version: 2 });
  });

  it('takes an entity from outside that gets the same value again', async () => {
    const account = await givenAccount();
    conflicts(2);
    await ours.transaction(async (manager) => {
      account.balance = 10;
      account.due = new Date('2026-01-01');
      await manager.save(account);
    });
    expect(await theAccount()).toMatchObject({ balance: 10, version: 2, due: new Date('2027-01-01') });
  });

  it('counts up exactly although many of them run at once', async () => {
    const { id } = await givenAccount();
    const work = async (manager: EntityManager) => {
      const account = await manager.findOneByOrFail(Account, { id });
      account.balance += 1;
      await manager.save(account);
    };
    await Promise.all(Array.from({ length: 20 }, () => ours.transaction(work)));
    expect(await theAccount()).toMatchObject({ balance: 20, version: 21 });
  });

  it('is not committed while a write in it has not ended', async () => {
    const writes: Promise<unknown>[] = [];
    const work = (manager: EntityManager) => {
      writes.push(manager.save(Object.assign(new Account(), { owner: 'late' })));
      return Promise.resolve();
    };
    await expect(ours.transaction(work)).rejects.toThrow(/was not awaited/);
    await Promise.allSettled(writes);
    expect(await ours.manager.count(Account)).toBe(0);
  });

  it('that was not awaited writes nothing behind its end, whatever it was about to write', async () => {
    for (let ticks = 0; ticks < 40; ticks++) {
      const writes: Promise<unknown>[] = [];
      const work = async (manager: EntityManager) => {
        const list = ['a', 'b'].map((owner) => Object.assign(new Account(), { owner, balance: ticks }));
        writes.push(manager.save(list, { chunk: 1 }));
        for (let tick = 0; tick < ticks; tick++) await Promise.resolve();
      };
      await expect(ours.transaction(work)).rejects.toThrow(/was not awaited/);
      const [written] = await Promise.allSettled(writes);
      expect(written).toMatchObject({ status: 'rejected' });
      expect(await ours.manager.count(Account)).toBe(0);
    }
  });

  it.each([false, true])(
    'takes no statement while it is being committed, with commitMarkers: %s',
    async (commitMarkers) => {
      const booked = (owner: string) => Object.assign(new Account(), { owner });
      let late: Promise<unknown> | undefined;
      await runInTransaction(
        ours,
        async (manager) => {
          await manager.save(booked('in time'));
          const latency = cluster.local.faults.addLatency(300);
          setTimeout(() => {
            latency.remove();
            late = manager.insert(Account, { owner: 'late' });
            late.catch(() => undefined);
          }, 100);
        },
        { commitMarkers },
      );
      await expect(late).rejects.toThrow(/its transaction was being committed/);
      expect((await ours.manager.find(Account)).map(({ owner }) => owner)).toEqual(['in time']);
    },
  );

  it('that was committed is not run again when a subscriber fails behind it', async () => {
    const conflict = Object.assign(new Error('of something else'), { code: '40001', severity: 'ERROR' });
    const account = Object.assign(new Account(), { owner: 'Ada' });
    let runs = 0;
    const afterTransactionCommit = () => {
      throw conflict;
    };
    await subscribing({ afterTransactionCommit }, async () => {
      const error: unknown = await ours
        .transaction(async (manager) => {
          runs++;
          await manager.save(account);
        })
        .catch((caught: unknown) => caught);
      expect(error).toMatchObject({ name: 'AfterCommitError', cause: conflict });
    });
    expect(runs).toBe(1);
    expect(await theAccount()).toMatchObject({ id: account.id });
  });
});

describe('the options of one transaction', () => {
  it.each<[TypeOrmTransactionOptions, number]>([
    [{ maxAttempts: 3 }, 3],
    [{ maxAttempts: 1 }, 1],
    [{ deadlineMs: 1, baseDelayMs: 100_000, maxDelayMs: 100_000 }, 1],
  ])('%p ends after %i attempts', async (options, attempts) => {
    conflicts(99);
    await expect(runInTransaction(ours, insertEntry, { ...options, admission: false })).rejects.toMatchObject(
      {
        name: 'RetryExhaustedError',
        attempts,
        code: '40001',
      },
    );
    expect(await ours.manager.count(Entry)).toBe(0);
  });

  it('tell of each retry, and end the waiting', async () => {
    conflicts(99);
    const controller = new AbortController();
    const onRetry = jest.fn(({ attempt }: { attempt: number }) => {
      if (attempt === 2) controller.abort(new Error('enough'));
    });
    await expect(runInTransaction(ours, insertEntry, { onRetry, signal: controller.signal })).rejects.toThrow(
      /aborted|enough/,
    );
    expect(onRetry).toHaveBeenCalledTimes(2);
    expect(onRetry.mock.calls[0]?.[0]).toMatchObject({ attempt: 1, error: { code: '40001' } });
  });

  it('name the transaction in diagnostics', async () => {
    const labels: unknown[] = [];
    const note = (message: unknown) => labels.push((message as { label: unknown }).label);
    subscribe('aurora-dsql-orm:transaction-retry', note);
    conflicts(1);
    await runInTransaction(ours, insertEntry, { label: 'booking' });
    conflicts(1);
    await ours.manager.save(Object.assign(new Account(), { owner: 'Ada' }));
    unsubscribe('aurora-dsql-orm:transaction-retry', note);
    expect(labels).toStrictEqual(['booking', 'save Account']);
  });

  it.each([
    ['maxAttempts', { maxAttempts: 0 }],
    ['deadlineMs', { deadlineMs: 300_001 }],
    ['nested', { nested: 'savepoint' }],
    ['commitMarkers', { commitMarkers: 'yes' }],
    ['verifyCommitted', { verifyCommitted: true }],
    ['retry', { retry: {} }],
    ['attempts', { attempts: 3 }],
  ])('are refused by name: %s', async (option, options) => {
    const work = jest.fn();
    await expect(runInTransaction(ours, work, options as object)).rejects.toMatchObject({
      name: 'ConfigurationError',
      option,
    });
    expect(work).not.toHaveBeenCalled();
  });

  it.each([
    ['dsql.retry', { retry: true }],
    ['dsql.retry.attempts', { retry: { attempts: 3 } }],
    ['dsql.retry.maxAttempts', { retry: { maxAttempts: 0 } }],
    ['dsql.nested', { nested: 'savepoint' }],
    ['dsql.commitMarkers', { commitMarkers: 1 }],
  ])('are refused by name for a data source: %s', (option, dsql) => {
    expect(() =>
      createDsqlDataSource({ ...cluster.orm, dsql: { ...cluster.orm.dsql, ...dsql } } as never),
    ).toThrow(expect.objectContaining({ name: 'ConfigurationError', option }) as Error);
  });

  it('are counted for the data source', async () => {
    const counted = await dataSourceWith({ retry: quick });
    conflicts(2);
    await counted.transaction(insertEntry);
    await counted.destroy();
    expect(transactionCounters(counted)).toMatchObject({ conflicts: 2, retries: 2, unknown: 0 });
  });
});

describe('a transaction inside a transaction', () => {
  it('is a part of the outer one where it joins', async () => {
    const joining = await dataSourceWith({ nested: 'join', retry: quick });
    const afterTransactionCommit = jest.fn();
    joining.subscribers.push({ afterTransactionCommit });
    conflicts(2);
    await joining.transaction(async (manager) => {
      await manager.save(Object.assign(new Account(), { owner: 'outer' }));
      await manager.getRepository(Account).manager.transaction((inner) => insertEntry(inner));
    });
    expect(await joining.manager.count(Account)).toBe(1);
    expect(await joining.manager.count(Entry)).toBe(1);
    expect(afterTransactionCommit).toHaveBeenCalledTimes(1);
    await joining.destroy();
  });

  it.each([
    ['commits with it', 'commitTransaction', 2],
    ['takes it along when it rolls back', 'rollbackTransaction', 0],
  ] as const)('joins one that was begun on a query runner, and %s', async (_, endInner, rows) => {
    const joining = await dataSourceWith({ nested: 'join' });
    const queryRunner = joining.createQueryRunner();
    await queryRunner.startTransaction();
    await queryRunner.manager.insert(Entry, { note: 'outer' });
    await queryRunner.startTransaction();
    await queryRunner.manager.insert(Entry, { note: 'inner' });
    await queryRunner[endInner]();
    expect(await ours.manager.count(Entry)).toBe(0);
    const outcome: unknown = await queryRunner.commitTransaction().catch((error: unknown) => error);
    expect((outcome as { circumstance?: string } | undefined)?.circumstance).toBe(
      rows === 0 ? 'joined' : undefined,
    );
    await queryRunner.release();
    await joining.destroy();
    expect(await ours.manager.count(Entry)).toBe(rows);
  });

  it('is run again as a whole when a conflict of joined work was swallowed', async () => {
    cluster.local.faults.failStatement({ error: 'OC000', table: 'entry' });
    await runInTransaction(
      ours,
      async (manager) => {
        await manager.transaction(insertEntry).catch(() => undefined);
      },
      { nested: 'join' },
    );
    expect(await ours.manager.count(Entry)).toBe(1);
  });

  it('may ask for no other isolation level', async () => {
    const work = (manager: EntityManager) => manager.transaction('SERIALIZABLE', insertEntry);
    await expect(runInTransaction(ours, work, { nested: 'join' })).rejects.toMatchObject({
      name: 'UnsupportedFeatureError',
    });
  });
});

describe('a query builder that is to use a transaction', () => {
  it.each<[string, () => { execute(): Promise<unknown> }, object[]]>([
    [
      'insert',
      () => ours.createQueryBuilder().insert().into(Account).values({ owner: 'new' }).useTransaction(true),
      [
        { owner: 'Ada', balance: 0 },
        { owner: 'new', balance: 0 },
      ],
    ],
    [
      'update',
      () => ours.manager.createQueryBuilder().update(Account).set({ balance: 1 }).useTransaction(true),
      [{ owner: 'Ada', balance: 1 }],
    ],
    ['delete', () => ours.getRepository(Account).createQueryBuilder().delete().useTransaction(true), []],
  ])('runs it again after a conflict: %s', async (_, build, rows) => {
    await givenAccount();
    const fault = conflicts(2);
    await build().execute();
    expect(fault.fired).toBe(2);
    await expect(ours.query('SELECT owner, balance FROM account ORDER BY owner')).resolves.toStrictEqual(
      rows,
    );
  });

  it('uses the one that there is', async () => {
    await givenAccount();
    const doing = ours.transaction(async (manager) => {
      await manager.createQueryBuilder().update(Account).set({ balance: 1 }).useTransaction(true).execute();
      throw new Error('stop');
    });
    await expect(doing).rejects.toThrow('stop');
    await expect(ours.query('SELECT balance FROM account')).resolves.toStrictEqual([{ balance: 0 }]);
  });
});

describe('a transaction that the user began', () => {
  it('is not run again: the conflict surfaces', async () => {
    const queryRunner = ours.createQueryRunner();
    await queryRunner.startTransaction();
    await insertEntry(queryRunner.manager);
    const fault = conflicts(9);
    await expect(queryRunner.commitTransaction()).rejects.toMatchObject({ code: '40001' });
    expect(fault.fired).toBe(1);
    await queryRunner.rollbackTransaction();
    cluster.local.faults.clear();
    await queryRunner.manager.transaction(insertEntry);
    await queryRunner.release();
    expect(await ours.manager.count(Entry)).toBe(1);
  });

  it('begins anew where its first statement meets a conflict, with those behind it', async () => {
    const queryRunner = ours.createQueryRunner();
    await queryRunner.startTransaction();
    const fault = cluster.local.faults.failStatement({ error: 'OC001', table: 'entry', times: 2 });
    await Promise.all([insertEntry(queryRunner.manager), insertEntry(queryRunner.manager)]);
    expect(fault.fired).toBe(2);
    await queryRunner.rollbackTransaction();
    expect(await ours.manager.count(Entry)).toBe(0);
    cluster.local.faults.failStatement({ error: 'OC001', table: 'entry' });
    await queryRunner.startTransaction();
    const inserting = insertEntry(queryRunner.manager);
    const committing = queryRunner.commitTransaction();
    await expect(committing).rejects.toThrow(/had not ended: a promise was not awaited/);
    await inserting;
    await queryRunner.commitTransaction();
    await queryRunner.release();
    expect(await ours.manager.count(Entry)).toBe(1);
  });

  it('surfaces a conflict of a statement behind the first, and one that does not pass', async () => {
    const queryRunner = ours.createQueryRunner();
    await queryRunner.startTransaction();
    await insertEntry(queryRunner.manager);
    const second = cluster.local.faults.failStatement({ error: 'OC001', table: 'entry', times: 99 });
    await expect(insertEntry(queryRunner.manager)).rejects.toMatchObject({ code: '40001' });
    expect(second.fired).toBe(1);
    await queryRunner.rollbackTransaction();
    await queryRunner.startTransaction();
    await expect(insertEntry(queryRunner.manager)).rejects.toMatchObject({ code: '40001' });
    expect(second.fired).toBe(6);
    await expect(queryRunner.commitTransaction()).rejects.toThrow(/was rolled back/);
    await queryRunner.release();
    expect(await ours.manager.count(Entry)).toBe(0);
  });

  it('sends a first text of several statements once: one of them may have committed what came before', async () => {
    const queryRunner = ours.createQueryRunner();
    await queryRunner.startTransaction();
    const fault = cluster.local.faults.failStatement({ error: 'OC000', table: 'account', times: 9 });
    const text = `INSERT INTO entry (note) VALUES ('x'); COMMIT; UPDATE account SET balance = 1`;
    await expect(queryRunner.query(text)).rejects.toMatchObject({ code: '40001' });
    await queryRunner.release();
    expect(fault.fired).toBe(1);
    expect(await ours.manager.count(Entry)).toBe(1);
  });

  it('sends nothing behind a ROLLBACK that waits for its first statement', async () => {
    const queryRunner = ours.createQueryRunner();
    await queryRunner.startTransaction();
    cluster.local.faults.failStatement({ error: 'OC001', table: 'entry' });
    const before = [insertEntry(queryRunner.manager), insertEntry(queryRunner.manager)];
    const ending = queryRunner.rollbackTransaction();
    const behind = insertEntry(queryRunner.manager);
    const outcomes = await Promise.allSettled([...before, ending, behind]);
    await queryRunner.release();
    expect(outcomes.map(({ status }) => status)).toStrictEqual([
      'fulfilled',
      'rejected',
      'fulfilled',
      'rejected',
    ]);
    expect(await ours.manager.count(Entry)).toBe(0);
  });

  it('is whole whatever a subscriber does while it begins anew, and is told as no transaction of ours', async () => {
    const told = jest.fn();
    subscribe('aurora-dsql-orm:transaction-commit', told);
    const queryRunner = ours.createQueryRunner();
    await queryRunner.startTransaction();
    cluster.local.faults.failStatement({ error: 'OC001', table: 'entry' });
    const beforeQuery = ({ query }: { query: string }) => {
      if (query.startsWith('START')) throw new Error('a mistake in a subscriber');
    };
    await subscribing({ beforeQuery }, async () => {
      await insertEntry(queryRunner.manager).catch(() => undefined);
    });
    await insertEntry(queryRunner.manager);
    await queryRunner.rollbackTransaction();
    await queryRunner.release();
    unsubscribe('aurora-dsql-orm:transaction-commit', told);
    expect(told).not.toHaveBeenCalled();
    expect(await ours.manager.count(Entry)).toBe(0);
  });

  it('is over where its connection ends while it begins anew', async () => {
    const queryRunner = ours.createQueryRunner();
    await queryRunner.startTransaction();
    cluster.local.faults.failStatement({ error: 'OC001', table: 'entry' });
    cluster.local.faults.cutConnection({ at: 'statement', table: 'entry' });
    await expect(insertEntry(queryRunner.manager)).rejects.toThrow();
    await expect(queryRunner.commitTransaction()).rejects.toThrow();
    await queryRunner.release();
    expect(await ours.manager.count(Entry)).toBe(0);
  });

  it('through a manager of his own is not run again either', async () => {
    const fault = conflicts(9);
    const manager = new EntityManager(ours);
    await expect(manager.transaction(insertEntry)).rejects.toMatchObject({ code: '40001' });
    expect(fault.fired).toBe(1);
  });

  it('is ended once: a second end is refused as the host refuses it, and says nothing of the first', async () => {
    const queryRunner = ours.createQueryRunner();
    for (const end of ['commitTransaction', 'rollbackTransaction'] as const) {
      await queryRunner.startTransaction();
      await queryRunner.manager.insert(Entry, { note: end });
      await queryRunner[end]();
      await expect(queryRunner.commitTransaction()).rejects.toThrow(TransactionNotStartedError);
      await expect(queryRunner.rollbackTransaction()).rejects.toThrow(TransactionNotStartedError);
    }
    await queryRunner.release();
    expect(await ours.manager.find(Entry)).toMatchObject([{ note: 'commitTransaction' }]);
  });

  it('is rolled back when its query runner is released without an end', async () => {
    const single = await dataSourceWith({}, { extra: { max: 1 } });
    for (const begin of ['startTransaction', 'BEGIN']) {
      const queryRunner = single.createQueryRunner();
      if (begin === 'BEGIN') await queryRunner.query('BEGIN');
      else await queryRunner.startTransaction();
      await queryRunner.query(`INSERT INTO entry (note) VALUES ('x')`);
      await queryRunner.release();
      await single.manager.insert(Entry, { note: 'own' });
    }
    expect(await ours.manager.find(Entry)).toMatchObject([{ note: 'own' }, { note: 'own' }]);
    await single.destroy();
  });
});

it('a tree repository saves a branch again, and its path is that of the rows that are there', async () => {
  conflicts(2);
  const root = await ours.getTreeRepository(Folder).save(Object.assign(new Folder(), { name: 'root' }));
  conflicts(2);
  const leaf = Object.assign(new Folder(), { name: 'leaf', parent: root });
  await ours.getTreeRepository(Folder).save(leaf);
  const [tree] = await ours.getTreeRepository(Folder).findTrees();
  expect(tree).toMatchObject({ id: root.id, children: [{ id: leaf.id, name: 'leaf' }] });
  expect(await ours.query('SELECT mpath FROM folder ORDER BY mpath')).toStrictEqual([
    { mpath: `${root.id}.` },
    { mpath: `${root.id}.${leaf.id}.` },
  ]);
});

it('stream() works inside a transaction and outside', async () => {
  await ours.manager.insert(Entry, [{ note: 'one' }, { note: 'two' }]);
  const notesOf = async (manager: EntityManager) => {
    const stream = await manager.createQueryBuilder(Entry, 'entry').orderBy('note').stream();
    const notes: unknown[] = [];
    await pipeline(stream, async (rows: AsyncIterable<{ entry_note: string }>) => {
      for await (const { entry_note } of rows) notes.push(entry_note);
    });
    return notes;
  };
  expect(await notesOf(ours.manager)).toStrictEqual(['one', 'two']);
  expect(await ours.transaction(notesOf)).toStrictEqual(['one', 'two']);
});

it('the isolation level that every transaction has may be an option of the data source', async () => {
  const dataSource = await dataSourceWith({}, { isolationLevel: 'REPEATABLE READ' });
  await dataSource.transaction(insertEntry);
  await dataSource.destroy();
  expect(await ours.manager.count(Entry)).toBe(1);
});

async function dataSourceWith(
  dsql: Partial<NonNullable<DsqlDataSourceOptions['dsql']>>,
  more: Partial<DsqlDataSourceOptions> = {},
): Promise<DataSource> {
  const dataSource = createDsqlDataSource({
    ...cluster.orm,
    ...more,
    dsql: { ...cluster.orm.dsql, ...dsql },
    entities: [Account, Entry, Folder],
  });
  return dataSource.initialize();
}

function conflicts(times: number) {
  return cluster.local.faults.failCommit({ error: 'OC000', times });
}

async function insertEntry(manager: EntityManager): Promise<void> {
  await manager.insert(Entry, { note: 'x' });
}

async function givenAccount(): Promise<Account> {
  await ours.query(`INSERT INTO account (owner, version) VALUES ('Ada', 1)`);
  return theAccount();
}

async function theAccount(): Promise<Account> {
  return ours.manager.findOneByOrFail(Account, { owner: 'Ada' });
}

async function subscribing(subscriber: EntitySubscriberInterface, work: () => Promise<void>): Promise<void> {
  ours.subscribers.push(subscriber);
  try {
    await work();
  } finally {
    ours.subscribers.splice(ours.subscribers.indexOf(subscriber), 1);
  }
}

/** Every property, whatever its kind; promises stay what they are. */
function copyOf(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || value instanceof Promise) return value;
  if (value instanceof Date) return new Date(value);
  if (Array.isArray(value)) return value.map(copyOf);
  return Object.fromEntries(
    Object.getOwnPropertyNames(value).map((name) => {
      const descriptor = Object.getOwnPropertyDescriptor(value, name);
      return [name, descriptor !== undefined && 'get' in descriptor ? 'accessor' : copyOf(descriptor?.value)];
    }),
  );
}
