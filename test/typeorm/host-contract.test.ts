import { EventEmitter } from 'node:events';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import {
  DataSource,
  EntityManager,
  EntitySchema,
  EntitySchemaOptions,
  InsertQueryBuilder,
  QueryFailedError,
  type ObjectLiteral,
  type QueryRunner,
} from 'typeorm';
import { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver.js';
import { PostgresQueryRunner } from 'typeorm/driver/postgres/PostgresQueryRunner.js';
import { Subject } from 'typeorm/persistence/Subject.js';
import { SubjectExecutor } from 'typeorm/persistence/SubjectExecutor.js';
import { Broadcaster } from 'typeorm/subscriber/Broadcaster.js';
import { useCluster } from '../cluster';

/**
 * What src/typeorm uses of TypeORM's private parts. When one of these fails after an upgrade, the files that build on it
 * have to be read again before anything else is looked at.
 */

/** A connection that answers everything, and notes what it was asked. */
class FakeConnection extends EventEmitter {
  readonly asked: unknown[] = [];
  failing: string | undefined;

  query(text: unknown): unknown {
    this.asked.push(text);
    if (typeof text !== 'string') return text;
    if (text === this.failing) return Promise.reject(new Error(`no ${text}`));
    return Promise.resolve({ rows: [], rowCount: 0, command: text.split(' ')[0] });
  }
}

interface HostRunner extends QueryRunner {
  transactionDepth: number;
  databaseConnection: unknown;
  databaseConnectionPromise: unknown;
  releaseCallback: ((error?: unknown) => void) | undefined;
  broadcaster: Broadcaster;
  driver: { connectedQueryRunners: unknown[] };
}

const cluster = useCluster();

/** TypeORM's own query runner, on connections that are none. */
function hostRunner() {
  const dataSource = new DataSource({ type: 'postgres' });
  const released: unknown[] = [];
  const connections: FakeConnection[] = [];
  Object.assign(dataSource.driver, {
    obtainMasterConnection: () => {
      const connection = new FakeConnection();
      connections.push(connection);
      return Promise.resolve([connection, (error: unknown) => released.push(error)]);
    },
  });
  const runner = Reflect.construct(PostgresQueryRunner, [dataSource.driver, 'master']) as HostRunner;
  return { dataSource, runner, released, connections };
}

describe('PostgresQueryRunner, on which DsqlQueryRunner is built', () => {
  it('connects when it is first asked, and keeps what it got in databaseConnection and databaseConnectionPromise', async () => {
    const { runner, connections } = hostRunner();
    expect([runner.databaseConnection, runner.databaseConnectionPromise]).toStrictEqual([
      undefined,
      undefined,
    ]);
    await runner.query('SELECT 1');
    expect(runner.databaseConnection).toBe(connections[0]);
    expect(runner.databaseConnectionPromise).toBeInstanceOf(Promise);
    expect(runner.driver.connectedQueryRunners).toContain(runner);
  });

  it('connects anew when both were taken away, and releaseCallback gives the first connection back', async () => {
    const { runner, connections, released } = hostRunner();
    await runner.query('SELECT 1');
    runner.releaseCallback?.(undefined);
    expect(released).toStrictEqual([undefined]);
    expect(connections[0]?.listenerCount('error')).toBe(0);
    Object.assign(runner, {
      releaseCallback: undefined,
      databaseConnection: undefined,
      databaseConnectionPromise: undefined,
    });
    await runner.query('SELECT 2');
    expect(connections.map(({ asked }) => asked)).toStrictEqual([['SELECT 1'], ['SELECT 2']]);
    expect(runner.releaseCallback).toEqual(expect.any(Function));
  });

  it('sends each of the transaction through its own query(), and counts in transactionDepth', async () => {
    const { runner, connections } = hostRunner();
    const query = jest.spyOn(runner, 'query');
    expect(runner.transactionDepth).toBe(0);
    await runner.startTransaction();
    expect([runner.transactionDepth, runner.isTransactionActive]).toStrictEqual([1, true]);
    await runner.commitTransaction();
    expect([runner.transactionDepth, runner.isTransactionActive]).toStrictEqual([0, false]);
    await runner.startTransaction();
    await runner.rollbackTransaction();
    const sent = ['START TRANSACTION', 'COMMIT', 'START TRANSACTION', 'ROLLBACK'];
    expect(query.mock.calls.map(([text]) => text)).toStrictEqual(sent);
    expect(connections[0]?.asked).toStrictEqual(sent);
  });

  it('is in a transaction before START TRANSACTION is sent, and until COMMIT was answered', async () => {
    const { runner } = hostRunner();
    const states: unknown[] = [];
    jest.spyOn(runner, 'query').mockImplementation((text) => {
      states.push([text, runner.isTransactionActive, runner.transactionDepth]);
      return Promise.resolve();
    });
    await runner.startTransaction();
    await runner.commitTransaction();
    expect(states).toStrictEqual([
      ['START TRANSACTION', true, 0],
      ['COMMIT', true, 1],
    ]);
  });

  it('stays in its transaction when COMMIT or ROLLBACK fails, and knows none after a BEGIN that failed', async () => {
    for (const end of ['commitTransaction', 'rollbackTransaction'] as const) {
      const { runner, connections } = hostRunner();
      await runner.startTransaction();
      Object.assign(connections[0] ?? {}, { failing: end === 'commitTransaction' ? 'COMMIT' : 'ROLLBACK' });
      await expect(runner[end]()).rejects.toBeInstanceOf(QueryFailedError);
      expect([runner.transactionDepth, runner.isTransactionActive]).toStrictEqual([1, true]);
    }
    const { runner } = hostRunner();
    jest.spyOn(runner, 'query').mockRejectedValue(new Error('no'));
    await expect(runner.startTransaction()).rejects.toThrow('no');
    expect(runner.transactionDepth).toBe(0);
  });

  it('calls its subscribers after COMMIT was answered', async () => {
    const { runner, dataSource, connections } = hostRunner();
    const afterTransactionCommit = jest.fn(() => {
      expect(connections[0]?.asked).toContain('COMMIT');
      expect(runner.isTransactionActive).toBe(false);
    });
    dataSource.subscribers.push({ afterTransactionCommit });
    await runner.startTransaction();
    await runner.commitTransaction();
    expect(afterTransactionCommit).toHaveBeenCalledTimes(1);
  });

  it('makes of every error a QueryFailedError with the query and driverError', async () => {
    const { runner, connections } = hostRunner();
    await runner.query('SELECT 1');
    Object.assign(connections[0] ?? {}, { failing: 'SELECT 2' });
    await expect(runner.query('SELECT 2')).rejects.toMatchObject({
      name: 'QueryFailedError',
      query: 'SELECT 2',
      driverError: { message: 'no SELECT 2' },
    });
  });

  it('is released, with the error, when its connection emits one, and refuses every query then', async () => {
    const { runner, connections, released } = hostRunner();
    await runner.startTransaction();
    const lost = new Error('lost');
    connections[0]?.emit('error', lost);
    expect([runner.isReleased, runner.isTransactionActive]).toStrictEqual([true, true]);
    expect(released).toStrictEqual([lost]);
    await expect(runner.query('SELECT 1')).rejects.toMatchObject({
      name: expect.stringMatching(/^QueryRunner\w*AlreadyReleasedError$/) as string,
    });
  });

  it('gives its query stream to query() of the connection, and gives that back', async () => {
    const { runner, connections } = hostRunner();
    const stream = await runner.stream('SELECT 1');
    expect(connections[0]?.asked).toStrictEqual([stream]);
  });

  it('has a broadcaster that can be replaced, with the events that are listened to', () => {
    const { runner } = hostRunner();
    expect(runner.broadcaster).toBeInstanceOf(Broadcaster);
    for (const event of ['broadcastBeforeInsertEvent', 'broadcastBeforeUpdateEvent', 'broadcast']) {
      expect(Reflect.get(Broadcaster.prototype, event)).toEqual(expect.any(Function));
    }
  });
});

describe('PostgresDriver, on which DsqlDriver is built', () => {
  it('makes its pool of Pool in the option driver, with what is in extra', async () => {
    const made: unknown[] = [];
    class Pool extends EventEmitter {
      constructor(options: unknown) {
        super();
        made.push(options);
      }

      connect(done: (...answer: unknown[]) => void): void {
        done(undefined, new FakeConnection(), () => undefined);
      }
    }
    const extra = { connection: {} };
    const dataSource = new DataSource({ type: 'postgres', driver: { Pool }, poolSize: 3, extra });
    const { driver } = dataSource as unknown as {
      driver: { createPool(options: object, endpoint: object): Promise<unknown> };
    };
    expect(await driver.createPool(dataSource.options, {})).toBeInstanceOf(Pool);
    expect(made).toMatchObject([{ max: 3, connection: {} }]);
    expect((made[0] as typeof extra).connection).toBe(extra.connection);
  });

  it.each([
    'createQueryRunner',
    'createSchemaBuilder',
    'afterConnect',
    'normalizeType',
    'createGeneratedMap',
    'preparePersistentValue',
  ])('has the method %s', (method) => {
    expect(Reflect.get(PostgresDriver.prototype, method)).toEqual(expect.any(Function));
  });

  it.each([
    ...[
      String,
      Number,
      'uuid',
      'text',
      'varchar',
      'character varying',
      'char',
      'character',
      'boolean',
      'bool',
    ],
    ...['bytea', 'int', 'int2', 'int4', 'int8', 'integer', 'smallint', 'bigint', 'numeric', 'decimal'],
    ...['real', 'float', 'float4', 'float8', 'double precision'],
  ])('sends values of the type %p as they are', (type) => {
    const { driver } = new DataSource({ type: 'postgres' });
    for (const value of ['a', '1', 1, 1n, true, new Date(), Buffer.of(1), ['a'], { a: 1 }, null, undefined]) {
      expect(driver.preparePersistentValue(value, { type } as never)).toBe(value);
    }
  });

  it('says which isolation levels, types and defaults it has, where they can be changed', () => {
    const { driver } = new DataSource({ type: 'postgres' });
    expect(driver).toMatchObject({
      supportedDataTypes: expect.any(Array) as unknown[],
      mappedDataTypes: { migrationId: expect.anything() as unknown },
      dataTypeDefaults: expect.any(Object) as object,
      connectedQueryRunners: [],
    });
  });
});

describe('EntityManager, on which DsqlEntityManager is built', () => {
  it.each([
    'transaction',
    'save',
    'remove',
    'softRemove',
    'recover',
    'insert',
    'upsert',
    'update',
    'delete',
    'softDelete',
    'restore',
    'merge',
  ])('has the method %s on its prototype', (method) => {
    expect(Object.hasOwn(EntityManager.prototype, method)).toBe(true);
  });

  it('begins and ends a transaction with three methods of the query runner, and releases one that it has made itself', async () => {
    const { dataSource, runner, released } = hostRunner();
    const calls: string[] = [];
    for (const method of [
      'startTransaction',
      'commitTransaction',
      'rollbackTransaction',
      'release',
    ] as const) {
      const host = runner[method].bind<() => Promise<void>>(runner);
      jest.spyOn(runner, method).mockImplementation(() => (calls.push(method), host()));
    }
    await new EntityManager(dataSource, runner).transaction(() => Promise.resolve());
    await new EntityManager(dataSource, runner)
      .transaction(() => Promise.reject(new Error('mine')))
      .catch(() => undefined);
    expect(calls).toStrictEqual([
      'startTransaction',
      'commitTransaction',
      'startTransaction',
      'rollbackTransaction',
    ]);
    jest.spyOn(dataSource, 'createQueryRunner').mockReturnValue(runner);
    await dataSource.manager.transaction(() => Promise.resolve());
    expect(calls.slice(4)).toStrictEqual(['startTransaction', 'commitTransaction', 'release']);
    expect(released).toHaveLength(1);
  });
});

it('a data source of ours keeps its connection where it is looked for', async () => {
  const dataSource = await createDsqlDataSource(cluster.orm).initialize();
  const runner = dataSource.createQueryRunner() as unknown as HostRunner;
  await runner.query('SELECT 1');
  expect(runner).toBeInstanceOf(PostgresQueryRunner);
  expect(runner.databaseConnection).toBeInstanceOf(EventEmitter);
  expect(runner.releaseCallback).toEqual(expect.any(Function));
  await runner.release();
  await dataSource.destroy();
});

describe('SubjectExecutor, on which CountedSubjects is built', () => {
  it('inserts, updates, removes, soft-removes and recovers in this order, each in a method of its own', async () => {
    const phases: string[] = [];
    class Recording extends SubjectExecutor {
      protected override async executeInsertOperations(): Promise<void> {
        phases.push(`insert ${this.insertSubjects.length} of ${this.allSubjects.length}`);
        await super.executeInsertOperations();
      }
      protected override async executeUpdateOperations(): Promise<void> {
        phases.push(`update ${this.updateSubjects.length}`);
        await super.executeUpdateOperations();
      }
      protected override async executeRemoveOperations(): Promise<void> {
        phases.push(`remove ${this.removeSubjects.length}`);
        await super.executeRemoveOperations();
      }
      protected override async executeSoftRemoveOperations(): Promise<void> {
        phases.push(`soft-remove ${this.softRemoveSubjects.length}`);
        await super.executeSoftRemoveOperations();
      }
      protected override async executeRecoverOperations(): Promise<void> {
        phases.push(`recover ${this.recoverSubjects.length}`);
        await super.executeRecoverOperations();
      }
    }
    const { runner } = hostRunner();
    await new Recording(runner, []).execute();
    expect(phases).toStrictEqual(['insert 0 of 0', 'update 0', 'remove 0', 'soft-remove 0', 'recover 0']);
  });
});

describe('SubjectExecutor, of which PipelinedStatements lets several phases be under way', () => {
  const parent = Object.assign(new EntitySchemaOptions<ObjectLiteral>(), {
    name: 'parent',
    columns: {
      id: { type: 'uuid', primary: true, generated: 'uuid' },
      name: { type: 'text' },
      removed: { type: 'timestamptz', deleteDate: true, nullable: true },
    } as const,
  });
  const child = Object.assign(new EntitySchemaOptions<ObjectLiteral>(), {
    name: 'child',
    columns: { id: { type: 'uuid', primary: true, generated: 'uuid' } } as const,
    relations: { parent: { type: 'many-to-one', target: 'parent' } } as const,
  });
  let dataSource: DataSource;
  beforeAll(async () => {
    const { dsql, ...orm } = cluster.orm;
    const entities = [new EntitySchema(parent), new EntitySchema(child)];
    dataSource = await createDsqlDataSource({ ...orm, dsql, entities }).initialize();
  });
  afterAll(() => dataSource.destroy());

  it.each([
    ['executeInsertOperations', 'insertSubjects', 'INSERT'],
    ['executeUpdateOperations', 'updateSubjects', 'UPDATE'],
    ['executeRemoveOperations', 'removeSubjects', 'DELETE'],
    ['executeSoftRemoveOperations', 'softRemoveSubjects', 'UPDATE'],
    ['executeRecoverOperations', 'recoverSubjects', 'UPDATE'],
  ] as const)('%s() reads %s before it waits for anything', async (method, list, verb) => {
    const queryRunner = dataSource.createQueryRunner();
    const asked = new Promise<string>((resolve) => {
      jest.spyOn(queryRunner, 'query').mockImplementation((text) => {
        resolve(text);
        return new Promise(() => undefined);
      });
    });
    const metadata = dataSource.getMetadata('parent');
    const id = '00000000-0000-4000-8000-000000000000';
    const [column] = metadata.findColumnsWithPropertyPath('name');
    if (column === undefined) throw new Error('There is no such column.');
    const changeMaps = [{ column, value: 'x' }];
    const subject = new Subject({ metadata, entity: { id }, identifier: { id }, changeMaps });
    class Opened extends SubjectExecutor {
      run(): void {
        this[list] = [subject];
        void this[method]();
        this[list] = [];
      }
    }
    new Opened(queryRunner, []).run();
    expect((await asked).split(' ')[0]).toBe(verb);
    await queryRunner.release();
  });

  it('refers to a row that was not inserted yet by what its entity has', () => {
    const id = '00000000-0000-4000-8000-000000000000';
    const value = new Subject({ metadata: dataSource.getMetadata('parent'), entity: { id } });
    const metadata = dataSource.getMetadata('child');
    const relation = metadata.findRelationWithPropertyPath('parent');
    if (relation === undefined) throw new Error('There is no such relation.');
    const subject = new Subject({ metadata, entity: {}, changeMaps: [{ relation, value }] });
    expect(subject.createValueSetAndPopChangeMap()).toStrictEqual({ parent: { id } });
    expect(subject.changeMaps).toStrictEqual([]);
  });
});

describe('Subject, on which DsqlSubject is built', () => {
  it('makes one object of the values of its columns, copies of what is in them, and forgets them', async () => {
    const { dsql, ...orm } = cluster.orm;
    const entity = Object.assign(new EntitySchemaOptions<ObjectLiteral>(), {
      name: 'thing',
      columns: {
        id: { type: 'uuid', primary: true, generated: 'uuid' },
        payload: { type: 'jsonb' },
      } as const,
    });
    const dataSource = createDsqlDataSource({ ...orm, dsql, entities: [new EntitySchema(entity)] });
    await dataSource.initialize();
    const metadata = dataSource.getMetadata('thing');
    const payload = { tags: ['a'] };
    const changeMaps = metadata.columns.map((column) => ({
      column,
      value: column.propertyName === 'id' ? 'key' : payload,
    }));
    const subject = new Subject({ metadata, entity: {}, changeMaps });
    const values = subject.createValueSetAndPopChangeMap();
    expect(values).toStrictEqual({ id: 'key', payload });
    expect(Reflect.get(values, 'payload')).not.toBe(payload);
    expect(subject.changeMaps).toStrictEqual([]);
    await dataSource.destroy();
  });
});

describe('InsertQueryBuilder, on which inserts of arrays are built', () => {
  /** With the parts that its types do not show. */
  class Builder extends InsertQueryBuilder<ObjectLiteral> {
    override createValuesExpression(): string {
      return '(here)';
    }

    override getInsertedColumns() {
      return super.getInsertedColumns().filter(({ propertyName }) => propertyName !== 'left');
    }
  }

  it('is made of the builder whose insert() was called, and writes VALUES before what createValuesExpression returns', async () => {
    const { dsql, ...orm } = cluster.orm;
    const entity = Object.assign(new EntitySchemaOptions<ObjectLiteral>(), {
      name: 'thing',
      columns: { id: { type: 'integer', primary: true }, left: { type: 'integer' } } as const,
    });
    const dataSource = createDsqlDataSource({ ...orm, dsql, entities: [new EntitySchema(entity)] });
    await dataSource.initialize();
    const source = dataSource.createQueryBuilder();
    source.expressionMap.queryType = 'insert';
    const builder = new Builder(source).into('thing').values([{ id: 1 }, { id: 2 }]);
    expect(builder.getQueryAndParameters()).toStrictEqual(['INSERT INTO "thing"("id") VALUES (here)', []]);
    await dataSource.destroy();
  });
});
