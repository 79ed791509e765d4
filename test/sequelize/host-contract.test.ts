import { EventEmitter } from 'node:events';
import { oneConnectionPerWaiter } from '../../src/connection';
import { DataTypes, Model, Op, Sequelize } from 'sequelize';
import PostgresConnectionManager from 'sequelize/lib/dialects/postgres/connection-manager';
import PostgresQuery from 'sequelize/lib/dialects/postgres/query';
import { Transaction } from 'sequelize/lib/transaction';

/**
 * What src/sequelize uses of Sequelize's private parts. When one of these fails after an upgrade, the files that build on
 * it have to be read again before anything else is looked at.
 */

/** A connection that answers everything, and notes what it was asked. */
class FakeConnection extends EventEmitter {
  readonly asked: string[] = [];
  uuid: string | undefined;
  failing: string | undefined;

  query(text: string, values: unknown, done?: (error: Error | null, result?: object) => void): void {
    const answer = (done ?? values) as (error: Error | null, result?: object) => void;
    this.asked.push(text);
    if (text === this.failing) answer(new Error(`no ${text}`));
    else answer(null, { rows: [], rowCount: 0, command: text.split(/\W/)[0] });
  }
}

interface HostPool {
  size: number;
  waiting: number;
  minSize: number;
  _createResource(): void;
  _factory: { create(): Promise<unknown>; validate(connection: unknown): boolean };
  acquire(): Promise<object>;
  release(connection: object): void;
  destroy(connection: object): Promise<void>;
}

interface HostManager {
  pool: HostPool;
  config: { pool: { validate: unknown }; replication?: unknown };
  getConnection(options?: object): Promise<unknown>;
  releaseConnection(connection: unknown): void;
  destroyConnection(connection: unknown): Promise<void>;
  _connect(config: unknown): Promise<unknown>;
  _disconnect(connection: unknown): Promise<void>;
}

function managerOf(sequelize: Sequelize): HostManager {
  return sequelize.connectionManager as unknown as HostManager;
}

/** Sequelize's own instance, on connections that are none. */
function host(options: object = {}) {
  const sequelize = new Sequelize({ dialect: 'postgres', logging: false, ...options });
  const connections: FakeConnection[] = [];
  const ended: unknown[] = [];
  const manager = managerOf(sequelize);
  Object.assign(sequelize.connectionManager, {
    connect: () => {
      const connection = new FakeConnection();
      connections.push(connection);
      return Promise.resolve(connection);
    },
    disconnect: (connection: unknown) => {
      ended.push(connection);
      return Promise.resolve();
    },
    validate: () => true,
  });
  Object.assign((sequelize as unknown as { options: object }).options, { databaseVersion: '16.0.0' });
  return { sequelize, manager, connections, ended };
}

const begun = async (options: object = {}) => {
  const all = host();
  const transaction = new Transaction(all.sequelize, options);
  await transaction.prepareEnvironment(false);
  return { ...all, transaction };
};

describe('Transaction, on which DsqlTransaction is built', () => {
  it('takes a connection and begins in prepareEnvironment(), and says of the connection whose it is', async () => {
    const { transaction, connections } = await begun();
    expect(transaction.connection).toBe(connections[0]);
    expect(connections[0]).toMatchObject({ uuid: transaction.id, asked: ['START TRANSACTION;'] });
    expect(transaction.finished).toBeUndefined();
  });

  it('begins through begin(), which can be replaced, and rolls back through rollback() when that fails', async () => {
    const { sequelize } = host();
    const transaction = new Transaction(sequelize, {});
    jest.spyOn(transaction, 'begin').mockRejectedValue(new Error('no'));
    const rollback = jest.spyOn(transaction, 'rollback').mockResolvedValue(undefined);
    await expect(transaction.prepareEnvironment(false)).rejects.toThrow('no');
    expect(rollback).toHaveBeenCalledTimes(1);
  });

  it('gives its connection back in cleanup(), once', async () => {
    const { transaction, manager, connections } = await begun();
    const release = jest.spyOn(manager, 'releaseConnection');
    transaction.cleanup();
    transaction.cleanup();
    expect(release.mock.calls).toStrictEqual([[connections[0]]]);
    expect(connections[0]?.uuid).toBeUndefined();
  });

  it('ends its connection in forceCleanup()', async () => {
    const { transaction, ended, connections } = await begun();
    await transaction.forceCleanup();
    expect(ended).toStrictEqual([connections[0]]);
  });

  it('clears CLS in cleanup() and forceCleanup() through _clearCls()', async () => {
    for (const method of ['cleanup', 'forceCleanup'] as const) {
      const { transaction } = await begun();
      const clear = jest.spyOn(transaction, '_clearCls');
      await transaction[method]();
      expect(clear).toHaveBeenCalledTimes(1);
    }
  });

  it('keeps its hooks in _afterCommitHooks', async () => {
    const { transaction } = await begun();
    const hook = () => undefined;
    transaction.afterCommit(hook);
    expect(transaction._afterCommitHooks).toStrictEqual([hook]);
  });

  it('is among the savepoints of its parent, with the same id', async () => {
    const { sequelize, transaction } = await begun();
    const inner = new Transaction(sequelize, { transaction });
    expect(transaction.savepoints).toStrictEqual([inner]);
    expect([inner.parent, inner.id]).toStrictEqual([transaction, transaction.id]);
    expect(inner.options).not.toHaveProperty('transaction');
  });

  it('sends ROLLBACK and COMMIT through the query interface, which hands on the answer', async () => {
    const { sequelize, transaction, connections } = await begun();
    await sequelize.getQueryInterface().rollbackTransaction(transaction, transaction.options);
    expect(connections[0]?.asked).toStrictEqual(['START TRANSACTION;', 'ROLLBACK;']);
    expect(transaction.finished).toBe('rollback');
    const other = await begun();
    const raw: object = { type: 'RAW', raw: true };
    const queryInterface = other.sequelize.getQueryInterface();
    const commit = queryInterface.commitTransaction(other.transaction, raw) as Promise<unknown>;
    const [, answer] = (await commit) as [unknown, object];
    expect(other.connections[0]?.asked).toStrictEqual(['START TRANSACTION;', 'COMMIT;']);
    expect(answer).toMatchObject({ command: 'COMMIT' });
  });
});

describe('Sequelize, from which DsqlSequelize and attachDsql take what they replace', () => {
  it('sets in its constructor first options, then dialect, and what it takes from that, and then modelManager', () => {
    const set: string[] = [];
    const Base = Sequelize as unknown as new (options: object) => object;
    class Watching extends Base {
      set dialect(value: object) {
        expect(this).toHaveProperty('options.dialectOptions');
        set.push('dialect');
        Object.defineProperty(this, 'dialect', { value, writable: true });
      }

      set queryInterface(value: object) {
        set.push('queryInterface');
        Object.defineProperty(this, 'queryInterface', { value, writable: true });
      }

      set modelManager(value: object) {
        set.push('modelManager');
        Object.defineProperty(this, 'modelManager', { value, writable: true });
      }
    }
    expect(new Watching({ dialect: 'postgres', dialectOptions: {} })).toBeInstanceOf(Sequelize);
    expect(set.indexOf('dialect')).toBe(0);
    expect(set.indexOf('modelManager')).toBeGreaterThan(set.indexOf('queryInterface'));
  });

  it.each(['init', 'define'])(
    'adds a model through modelManager.addModel() when it is made with %s',
    (way) => {
      const { sequelize } = host();
      const { modelManager } = sequelize as unknown as {
        modelManager: { models: unknown[]; addModel(model: unknown): unknown };
      };
      expect(modelManager.models).toStrictEqual([]);
      const addModel = jest.spyOn(modelManager, 'addModel');
      const made =
        way === 'define'
          ? sequelize.define('Made', { name: DataTypes.TEXT })
          : class extends Model {}.init({ name: DataTypes.TEXT }, { sequelize, modelName: 'Made' });
      expect(addModel.mock.calls).toStrictEqual([[made]]);
      expect(modelManager.models).toStrictEqual([made]);
    },
  );

  it('has the methods that an instance of ours replaces', () => {
    const { sequelize } = host();
    for (const method of ['query', 'transaction', 'sync', 'normalizeDataType']) {
      expect(Reflect.get(sequelize, method)).toEqual(expect.any(Function));
    }
    for (const part of [
      'dialect',
      'queryInterface',
      'connectionManager',
      'modelManager',
      'options',
      'config',
    ]) {
      expect(Reflect.get(sequelize, part)).toEqual(expect.any(Object));
    }
  });

  it('has CLS on its class, as _cls and _clsRun, and passes a transaction on through it', async () => {
    const store = new Map<string, unknown>();
    const namespace = {
      get: (name: string) => store.get(name),
      set: (name: string, value: unknown) => store.set(name, value),
      bind: () => undefined,
      run: (work: (context: unknown) => void) => {
        work({});
      },
    };
    class WithCls extends Sequelize {}
    const host = WithCls as unknown as {
      _cls: unknown;
      _clsRun<T>(work: () => T): T;
      useCLS(given: object): void;
    };
    host.useCLS(namespace);
    // useCLS sets it on Sequelize itself, whatever class it is called on.
    expect((Sequelize as unknown as typeof host)._cls).toBe(namespace);
    expect(await host._clsRun(() => Promise.resolve(1))).toBe(1);
    Reflect.deleteProperty(Sequelize, '_cls');
  });

  it('runs a statement with retry.max 1 once, and gives its query the options of the call', async () => {
    const { sequelize, connections } = host();
    const run = jest.spyOn(PostgresQuery.prototype, 'run');
    await sequelize.query('SELECT 1', { retry: { max: 1 }, own: 'x' } as never);
    expect(connections[0]?.asked).toStrictEqual(['SELECT 1']);
    expect(run.mock.contexts[0]).toMatchObject({
      options: { own: 'x' },
      connection: connections[0],
    });
    run.mockRestore();
  });
});

describe('PostgresQuery, on which DsqlQuery is built', () => {
  it.each(['run', 'formatError', 'handleSelectQuery'])('has the method %s', (method) => {
    expect(Reflect.get(PostgresQuery.prototype, method)).toEqual(expect.any(Function));
  });

  it('makes of what a client reports an error with that as parent', async () => {
    const { sequelize, connections } = host();
    await sequelize.query('SELECT 1');
    Object.assign(connections[0] ?? {}, { failing: 'SELECT 2' });
    await expect(sequelize.query('SELECT 2')).rejects.toMatchObject({
      name: 'SequelizeDatabaseError',
      parent: { message: 'no SELECT 2' },
    });
  });
});

describe('PostgresQueryGenerator, on which DsqlQueryGenerator is built', () => {
  it('writes each condition of a column in _whereParseSingleValueObject(), with its attribute and its operator', () => {
    const { sequelize } = host();
    const { queryGenerator } = sequelize.getQueryInterface() as unknown as {
      queryGenerator: Record<'_whereParseSingleValueObject' | 'whereQuery', (...args: unknown[]) => string>;
    };
    const write = jest.spyOn(queryGenerator, '_whereParseSingleValueObject');
    const model = sequelize.define('made', { during: DataTypes.RANGE(DataTypes.DATE) });
    const where = { [Op.not]: { during: { [Op.or]: [{ [Op.adjacent]: [] }, { [Op.overlap]: [] }] } } };
    queryGenerator.whereQuery(where, { model });
    expect(write.mock.calls.map(([key, field, operator]) => [key, field, operator])).toStrictEqual(
      [Op.adjacent, Op.overlap].map((operator) => ['during', model.getAttributes().during, operator]),
    );
  });
});

describe('ConnectionManager, on which DsqlConnectionManager is built', () => {
  it.each([
    'initPools',
    'connect',
    'disconnect',
    'validate',
    'releaseConnection',
    'destroyConnection',
    'getConnection',
    '_clearDynamicOIDs',
    '_clearTypeParser',
    'refreshTypeParser',
    'getTypeParser',
  ])('has the method %s', (method) => {
    expect(Reflect.get(PostgresConnectionManager.prototype, method)).toEqual(expect.any(Function));
  });

  it('makes its pools in the constructor, through initPools(), from config.pool', () => {
    const seen: unknown[] = [];
    class Watching extends PostgresConnectionManager {
      override initPools(): void {
        seen.push(this.config.pool.validate);
        super.initPools();
      }
    }
    const { sequelize } = host();
    const { dialect } = sequelize as unknown as { dialect: unknown };
    const manager = new Watching(dialect, sequelize) as unknown as HostManager;
    expect(seen).toStrictEqual([expect.any(Function)]);
    expect(manager.pool).toHaveProperty('acquire');
  });

  it('asks validate() before it gives out a connection that was used before, and ends one that is not valid', async () => {
    const { manager, ended, connections } = host({ pool: { max: 1, validate: () => false } });
    manager.releaseConnection(await manager.getConnection());
    await manager.getConnection();
    expect(connections).toHaveLength(2);
    expect(ended).toStrictEqual([connections[0]]);
  });

  it('has one pool, or with replication one for reads and one for writes behind it', () => {
    const { manager } = host();
    expect((manager.pool as unknown as { read?: unknown }).read).toBeUndefined();
    const { manager: replicated } = host({ replication: { read: [{ host: 'a' }], write: { host: 'b' } } });
    expect(replicated.pool).toMatchObject({
      read: expect.any(Object) as object,
      write: expect.any(Object) as object,
    });
  });
});

describe('the pool of sequelize-pool, which oneConnectionPerWaiter() limits', () => {
  it('has size, waiting, minSize, and opens its connections in _createResource() by _factory.create()', async () => {
    const { manager } = host({ pool: { max: 2, min: 0 } });
    const { pool } = manager;
    expect([pool.size, pool.waiting, pool.minSize]).toStrictEqual([0, 0, 0]);
    const createResource = jest.spyOn(pool, '_createResource');
    const create = jest.spyOn(pool._factory, 'create');
    const acquiring = pool.acquire();
    expect([pool.size, pool.waiting]).toStrictEqual([1, 1]);
    expect([createResource.mock.calls.length, create.mock.calls.length]).toStrictEqual([1, 1]);
    const connection = await acquiring;
    expect([pool.size, pool.waiting]).toStrictEqual([1, 0]);
    pool.release(connection);
    await pool.destroy(connection);
    expect(pool.size).toBe(0);
  });

  it('looks again for work after each connection that it has removed, and opens no second one for the same waiter', async () => {
    const { manager, connections } = host({ pool: { max: 2 } });
    const { pool } = manager;
    oneConnectionPerWaiter(pool);
    const first = await pool.acquire();
    const second = pool.destroy(first);
    const third = pool.acquire();
    await Promise.all([second, third]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(connections).toHaveLength(2);
  });
});
