import { EventEmitter } from 'node:events';
import { DsqlClient, DsqlPool } from 'aurora-dsql-orm';
import { Client, Pool, Query } from 'pg';
import QueryStream from 'pg-query-stream';
import { useCluster } from '../cluster';

/**
 * What src/connection uses of node-postgres beside its documented methods. When one of these fails after an upgrade, the
 * files that its name names have to be read again before anything else is looked at.
 */

/** The messages that are written to the stream of a connection: their types, as the first letter. */
class RecordingStream extends EventEmitter {
  readonly written: string[] = [];
  readonly corks: string[] = [];
  writable = true;

  cork(): void {
    this.corks.push('cork');
  }

  uncork(): void {
    this.corks.push('uncork');
  }

  write(message: Buffer): boolean {
    this.written.push(message.toString('latin1', 0, 1));
    return true;
  }

  end(): void {
    this.emit('close');
  }

  destroy(): void {
    this.emit('close');
  }

  readonly setNoDelay = jest.fn();
  readonly connect = jest.fn();
}

interface HostConnection extends EventEmitter {
  readonly stream: RecordingStream;
  readonly parsedStatements: Record<string, string>;
  readonly submittedNamedStatements?: Record<string, string>;
  parse(statement: object): void;
  bind(portal: object): void;
  execute(portal: object): void;
  describe(target: object): void;
  query(text: string): void;
  sync(): void;
}

interface HostClient extends EventEmitter {
  readonly connection: HostConnection;
  readonly connectionParameters: object;
  readonly _ending: boolean;
  readonly _queryable: boolean;
  connect(done: (error: unknown) => void): void;
  query(config: unknown, values?: unknown, callback?: unknown): unknown;
  end(): Promise<void>;
}

interface HostQuery extends EventEmitter {
  text: unknown;
  values: unknown;
  name: unknown;
  rows: unknown;
  queryMode: unknown;
  callback: unknown;
  _result: { rows: unknown[] };
  _canceledDueToError: unknown;
  submit(connection: unknown): Error | null;
  prepare(connection: unknown): void;
  handleError(error: Error, connection: unknown): void;
  handleReadyForQuery(connection: unknown): void;
  handleCommandComplete(message: object, connection: unknown): void;
  handleRowDescription(message: object): void;
  handleDataRow(message: object): void;
}

interface HostCursor {
  readonly text: string;
  readonly _cb: unknown;
  readonly close: unknown;
  submit(connection: unknown): unknown;
  read(rows: number, done: (...answer: unknown[]) => void): void;
}

/** pg-query-stream brings its own pg-cursor. */
const newCursor = (text: string): HostCursor => (new QueryStream(text) as unknown as HostStream).cursor;

interface HostStream {
  readonly cursor: HostCursor;
  readonly submit: unknown;
  readonly handleError: unknown;
  readonly destroy: unknown;
}

const HostQueryClass = Query as unknown as new (
  config: unknown,
  values?: unknown,
  callback?: unknown,
) => HostQuery;

/** A client of node-postgres that is connected to nobody. */
function hostClient(options: object = {}): HostClient {
  const client = new Client({ ...options, stream: () => new RecordingStream() as never });
  return client as unknown as HostClient;
}

function connected(client: HostClient): HostClient {
  client.connect(() => undefined);
  client.connection.emit('readyForQuery', { status: 'I' });
  return client;
}

/** A ReadyForQuery, as the server sends it; node-postgres goes on with the next query. */
const ready = (client: HostClient) => client.connection.emit('readyForQuery', { status: 'I' });

const nextTick = () =>
  new Promise<void>((resolve) => {
    process.nextTick(resolve);
  });

describe('pg Query, on which TransactionQuery is built', () => {
  it('keeps text, values, name, rows and callback of its configuration in properties of these names', () => {
    const callback = () => undefined;
    const query = new HostQueryClass({ text: 'SELECT 1', values: [1], name: 'n', rows: 2, callback });
    expect(query).toMatchObject({ text: 'SELECT 1', values: [1], name: 'n', rows: 2, callback });
    expect(new HostQueryClass('SELECT 1', [1], callback)).toMatchObject({
      text: 'SELECT 1',
      values: [1],
      callback,
    });
    expect(new HostQueryClass('SELECT 1', callback)).toMatchObject({ text: 'SELECT 1', callback });
    expect(new HostQueryClass('SELECT 1').callback).toBeUndefined();
    expect(query._canceledDueToError).toBe(false);
    expect(query._result.rows).toStrictEqual([]);
  });

  it.each([
    ['in one message where it has no parameters', { text: 'SELECT 1' }, ['Q']],
    [
      'in the extended protocol where it has some',
      { text: 'SELECT $1', values: [1] },
      ['P', 'B', 'D', 'E', 'S'],
    ],
    [
      'in the extended protocol where it is told to',
      { text: 'S', queryMode: 'extended' },
      ['P', 'B', 'D', 'E', 'S'],
    ],
    ['without Sync where it is read page by page', { text: 'SELECT 1', rows: 1 }, ['P', 'B', 'D', 'E', 'H']],
    ['with a name', { text: 'SELECT 1', name: 'n' }, ['P', 'B', 'D', 'E', 'S']],
  ])('submit() writes all of it at once: %s', (_, config, expected) => {
    const { connection } = hostClient();
    expect(new HostQueryClass(config).submit(connection)).toBeNull();
    expect(connection.stream.written).toStrictEqual(expected);
  });

  it('submit() reads queryMode then, and not in the constructor', () => {
    const { connection } = hostClient();
    const query = new HostQueryClass('SELECT 1');
    query.queryMode = 'extended';
    query.submit(connection);
    expect(connection.stream.written[0]).toBe('P');
  });

  it.each([
    ['values that are no list', { text: 'SELECT 1', values: 1 }],
    ['neither text nor name', {}],
  ])('submit() gives back an error for %s, and writes nothing', (_, config) => {
    const { connection } = hostClient();
    expect(new HostQueryClass(config).submit(connection)).toBeInstanceOf(Error);
    expect(connection.stream.written).toStrictEqual([]);
  });

  it('submit() writes a Parse before it calls handleError() for a value that has no text', () => {
    const { connection } = hostClient();
    const toPostgres = () => {
      throw new Error('no text');
    };
    const errors: unknown[] = [];
    const query = new HostQueryClass('SELECT $1', [{ toPostgres }], (error: unknown) => errors.push(error));
    expect(query.submit(connection)).toBeNull();
    expect(errors).toMatchObject([{ message: 'no text' }]);
    expect(connection.stream.written).toContain('P');
    expect(connection.stream.written).not.toContain('E');
  });

  it('handleError() reports _canceledDueToError in the place of what it is given', () => {
    const errors: unknown[] = [];
    const query = new HostQueryClass('SELECT 1', (error: unknown) => errors.push(error));
    query._canceledDueToError = new Error('row');
    query.handleError(new Error('given'), {});
    query._canceledDueToError = false;
    query.handleError(new Error('given'), {});
    expect(errors).toMatchObject([{ message: 'row' }, { message: 'given' }]);
  });

  it('handleDataRow() keeps what a type parser throws in _canceledDueToError, and handleReadyForQuery() reports it', () => {
    const types = {
      getTypeParser: () => () => {
        throw new Error('unreadable');
      },
    };
    const errors: unknown[] = [];
    const query = new HostQueryClass({ text: 'SELECT 1', types }, (error: unknown) => errors.push(error));
    query.handleRowDescription({ fields: [{ name: 'a', dataTypeID: 25, format: 'text' }] });
    query.handleDataRow({ fields: ['x'] });
    expect(query._canceledDueToError).toMatchObject({ message: 'unreadable' });
    query.handleReadyForQuery({});
    expect(errors).toMatchObject([{ message: 'unreadable' }]);
  });

  it('handleReadyForQuery() calls the callback with the results; handleCommandComplete() does not', () => {
    const callback = jest.fn();
    const query = new HostQueryClass('SELECT 1', callback);
    query.handleCommandComplete({ text: 'SELECT 1' }, {});
    expect(callback).not.toHaveBeenCalled();
    query.handleReadyForQuery({});
    expect(callback).toHaveBeenCalledWith(null, expect.objectContaining({ command: 'SELECT' }));
  });

  it('reads callback when it reports, and not when it is made', () => {
    const query = new HostQueryClass('SELECT 1');
    query.callback = jest.fn();
    query.handleError(new Error('x'), {});
    expect(query.callback).toHaveBeenCalledTimes(1);
  });
});

describe('pg Connection, in whose place Outbox stands', () => {
  it('writes every message through this.stream, so that what inherits from it writes to its own', () => {
    const { connection } = hostClient();
    const own = new RecordingStream();
    const inheriting = Object.create(connection, { stream: { value: own } }) as HostConnection;
    inheriting.parse({ text: 'BEGIN', name: '', types: [] });
    inheriting.bind({ portal: '', statement: '', values: [], binary: false });
    inheriting.describe({ type: 'P', name: '' });
    inheriting.execute({ portal: '', rows: 0 });
    inheriting.sync();
    inheriting.query('SELECT 1');
    expect(own.written).toStrictEqual(['P', 'B', 'D', 'E', 'S', 'Q']);
    expect(connection.stream.written).toStrictEqual([]);
  });

  it('writes each message as one buffer, whose length is that of the message and its type', () => {
    const { connection } = hostClient();
    const messages: Buffer[] = [];
    connection.stream.write = (message) => messages.push(message) > 0;
    new HostQueryClass('SELECT $1', ['x']).submit(connection);
    for (const message of messages) expect(message.readInt32BE(1)).toBe(message.length - 1);
  });

  it('writes nothing to a stream that is not writable, and does not say so', () => {
    const { connection } = hostClient();
    connection.stream.writable = false;
    expect(new HostQueryClass('SELECT 1').submit(connection)).toBeNull();
    expect(connection.stream.written).toStrictEqual([]);
  });

  it('corks and uncorks the stream by pairs', () => {
    const { connection } = hostClient();
    new HostQueryClass('SELECT $1', [1]).submit(connection);
    expect(connection.stream.corks).toStrictEqual(['cork', 'uncork']);
  });

  it('remembers named statements in parsedStatements, from ParseComplete on; and in submittedNamedStatements before, where it has that', () => {
    const client = connected(hostClient());
    const { connection } = client;
    client.query({ name: 'n', text: 'SELECT 1' }, () => undefined);
    expect(connection.parsedStatements).toStrictEqual({});
    expect([undefined, 'SELECT 1']).toContain(connection.submittedNamedStatements?.n);
    connection.emit('parseComplete', {});
    expect(connection.parsedStatements).toStrictEqual({ n: 'SELECT 1' });
    // 8.16 does not have it.
    expect(connection.submittedNamedStatements ?? {}).toStrictEqual({});
    Reflect.deleteProperty(connection.parsedStatements, 'n');
    connection.stream.written.length = 0;
    ready(client);
    client.query({ name: 'n', text: 'SELECT 2' }, () => undefined);
    expect(connection.stream.written).toStrictEqual(['P', 'B', 'D', 'E', 'S']);
  });
});

describe('pg Client, on which DsqlClient is built', () => {
  it('has its connection, and that its stream, from the constructor on', () => {
    const { connection } = hostClient();
    expect(connection).toBeInstanceOf(EventEmitter);
    expect(connection.stream).toBeInstanceOf(RecordingStream);
  });

  it.each(['readyForQuery', 'errorMessage', 'error', 'end'])(
    'adds its own listener of %s in connect(), so that one of the constructor comes before',
    (event) => {
      const client = hostClient();
      expect(client.connection.listenerCount(event)).toBe(0);
      const first = () => undefined;
      client.connection.on(event, first);
      client.connect(() => undefined);
      expect(client.connection.listenerCount(event)).toBeGreaterThan(1);
      expect(client.connection.listeners(event)[0]).toBe(first);
    },
  );

  it('takes what has a submit() for a query, calls submit() with its connection, and gives it back', () => {
    const client = connected(hostClient());
    const submit = jest.fn(() => null);
    const query = Object.assign(new EventEmitter(), { submit, callback: () => undefined });
    expect(client.query(query)).toBe(query);
    expect(submit).toHaveBeenCalledWith(client.connection);
  });

  it('calls handleError() of a query whose submit() gives back an error, in the next tick, and goes on with the next query', async () => {
    const client = connected(hostClient());
    const refused = { submit: () => new Error('refused'), handleError: jest.fn(), callback: () => undefined };
    const next = { submit: jest.fn(() => null), callback: () => undefined };
    client.query(refused);
    client.query(next);
    expect(refused.handleError).not.toHaveBeenCalled();
    await nextTick();
    expect(refused.handleError).toHaveBeenCalledWith(
      expect.objectContaining({ message: 'refused' }),
      client.connection,
    );
    expect(next.submit).toHaveBeenCalledTimes(1);
  });

  it('gives a query its type parsers in _types of _result, before it calls submit()', () => {
    const client = connected(hostClient());
    const { _types } = client as unknown as { readonly _types: object };
    const result: { _types?: unknown } = {};
    const submit = jest.fn(() => {
      expect(result._types).toBe(_types);
      return null;
    });
    client.query({ submit, callback: () => undefined, _result: result });
    expect(submit).toHaveBeenCalledTimes(1);
  });

  it('asks the active query for its name whenever a statement was parsed', () => {
    const client = connected(hostClient());
    const names = ['first', undefined, 'third'];
    const query = {
      submit: () => null,
      callback: () => undefined,
      text: 'SELECT 1',
      get name() {
        return names[0];
      },
    };
    client.query(query);
    while (names.length > 0) {
      client.connection.emit('parseComplete', {});
      names.shift();
    }
    expect(Object.keys(client.connection.parsedStatements)).toStrictEqual(['first', 'third']);
  });

  it('passes each answer to the active query, and submits the next one after ReadyForQuery', () => {
    const client = connected(hostClient());
    const log: string[] = [];
    const query = (name: string) => ({
      submit: () => (log.push(`${name} submitted`), null),
      handleCommandComplete: () => log.push(`${name} complete`),
      handleReadyForQuery: () => log.push(`${name} ready`),
      callback: () => undefined,
    });
    client.query(query('first'));
    client.query(query('second'));
    client.connection.emit('commandComplete', { text: 'SELECT 1' });
    ready(client);
    expect(log).toStrictEqual(['first submitted', 'first complete', 'first ready', 'second submitted']);
  });

  it('is not ready for the next query after an error of the server, until ReadyForQuery, which the query does not hear', () => {
    const client = connected(hostClient());
    const query = {
      submit: () => null,
      handleError: jest.fn(),
      handleReadyForQuery: jest.fn(),
      callback: () => undefined,
    };
    const next = { submit: jest.fn(() => null), callback: () => undefined };
    client.query(query);
    client.query(next);
    client.connection.emit('errorMessage', new Error('server'));
    expect(query.handleError).toHaveBeenCalledTimes(1);
    expect(next.submit).not.toHaveBeenCalled();
    ready(client);
    expect(query.handleReadyForQuery).not.toHaveBeenCalled();
    expect(next.submit).toHaveBeenCalledTimes(1);
  });

  it('end() with a query under way ends it with an error, and emits none itself', async () => {
    const client = connected(hostClient());
    const onError = jest.fn();
    client.on('error', onError);
    const handleError = jest.fn();
    client.query({ submit: () => null, handleError, callback: () => undefined });
    void client.end();
    client.connection.stream.destroy();
    client.connection.emit('end');
    await nextTick();
    await nextTick();
    expect(handleError).toHaveBeenCalledTimes(1);
    expect(onError).not.toHaveBeenCalled();
    expect(client._ending).toBe(true);
  });

  it('emits an error, and is not _queryable any more, when its connection is lost', async () => {
    const client = connected(hostClient());
    const onError = jest.fn();
    client.on('error', onError);
    client.connection.emit('error', Object.assign(new Error('reset'), { code: 'ECONNRESET' }));
    await nextTick();
    expect(onError).toHaveBeenCalledTimes(1);
    expect(client._queryable).toBe(false);
  });

  it.each([
    ['that has ended', (client: HostClient) => void client.end()],
    ['that was lost', (client: HostClient) => client.connection.emit('error', new Error('reset'))],
  ])(
    'calls handleError() of a query on a connection %s, and not submit(), with a message that ends in "is not queryable"',
    async (_, end) => {
      const client = connected(hostClient());
      client.on('error', () => undefined);
      end(client);
      const query = { submit: jest.fn(), handleError: jest.fn(), callback: () => undefined };
      client.query(query);
      await nextTick();
      expect(query.submit).not.toHaveBeenCalled();
      expect(query.handleError).toHaveBeenCalledWith(
        expect.objectContaining({ message: expect.stringMatching(/is not queryable$/) as string }),
        client.connection,
      );
    },
  );

  it('asks for the password by a getter of its own, which it reads as a function first and then as a text', async () => {
    const client = hostClient({ password: 'x' });
    const read: unknown[] = [];
    let stored: unknown;
    Object.defineProperty(client, 'password', {
      get() {
        const value: unknown = stored ?? (() => Promise.resolve('token'));
        read.push(typeof value);
        stored = undefined;
        return value;
      },
      set(value: unknown) {
        stored = value;
      },
    });
    client.connect(() => undefined);
    client.connection.emit('authenticationCleartextPassword', {});
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(client.connection.stream.written).toStrictEqual(['p']);
    expect(read.at(-1)).toBe('string');
    expect(client.connectionParameters).toHaveProperty('password');
  });
});

describe('pg-pool, on which DsqlPool is built', () => {
  /** A client that is connected to nobody, as far as the pool looks at it. */
  class FakeClient extends EventEmitter {
    _queryable = true;
    _ending = false;
    readonly ended = jest.fn();
    readonly options: object;

    constructor(options: object) {
      super();
      this.options = options;
    }

    connect(done: () => void): void {
      done();
    }

    end(done?: () => void): Promise<void> {
      this.ended();
      this._ending = true;
      done?.();
      return Promise.resolve();
    }
  }

  const poolOf = (options: object = {}) => new Pool({ max: 1, Client: FakeClient as never, ...options });

  it('makes its clients of the option Client, with its own options', async () => {
    const pool = poolOf({ application_name: 'x' });
    const client = (await pool.connect()) as unknown as FakeClient;
    expect(client).toBeInstanceOf(FakeClient);
    expect(client.options).toMatchObject({ application_name: 'x' });
  });

  it.each([
    ['takes a client back that is fit', () => undefined, 1],
    ['removes one that is _ending', (client: FakeClient) => (client._ending = true), 0],
    ['removes one that is not _queryable', (client: FakeClient) => (client._queryable = false), 0],
  ])('release() emits "release" with the client before it looks at that: it %s', async (_, change, idle) => {
    const pool = poolOf();
    const client = await pool.connect();
    pool.on('release', (error, released) => {
      expect(error).toBeUndefined();
      expect(released).toBe(client);
      change(released as unknown as FakeClient);
    });
    client.release();
    expect([pool.idleCount, pool.totalCount]).toStrictEqual([idle, idle]);
  });

  it('reads options.maxLifetimeSeconds when it has opened a connection, and not in the constructor', async () => {
    const pool = poolOf();
    const read = jest.fn(() => 0);
    Object.defineProperty(pool.options, 'maxLifetimeSeconds', { get: read });
    expect(read).not.toHaveBeenCalled();
    (await pool.connect()).release();
    expect(read).toHaveBeenCalled();
  });

  it('calls the callback of connect() with error, client and release', async () => {
    const pool = poolOf();
    const [error, client, release] = await new Promise<unknown[]>((resolve) => {
      pool.connect((...answer: unknown[]) => {
        resolve(answer);
      });
    });
    expect([error, client, typeof release]).toStrictEqual([undefined, expect.any(FakeClient), 'function']);
  });
});

describe('pg-cursor and pg-query-stream, which DsqlClient watches', () => {
  it('have their text in the cursor, and methods that can be replaced', () => {
    const stream = new QueryStream('SELECT 1') as unknown as HostStream;
    expect(stream.cursor.text).toBe('SELECT 1');
    for (const method of [stream.cursor.close, stream.submit, stream.handleError, stream.destroy]) {
      expect(method).toEqual(expect.any(Function));
    }
  });

  it('a cursor has the callback of the read that is under way in _cb, and nothing there otherwise', () => {
    const client = connected(hostClient());
    const cursor = newCursor('SELECT 1');
    client.query(cursor);
    client.connection.emit('rowDescription', { fields: [] });
    expect(cursor._cb).toBeNull();
    const done = jest.fn();
    cursor.read(1, done);
    expect(cursor._cb).toBe(done);
  });

  it('a cursor takes no notice of an error behind CommandComplete, and reports none', async () => {
    const client = connected(hostClient());
    const cursor = newCursor('INSERT');
    client.query(cursor);
    client.connection.emit('rowDescription', { fields: [] });
    const done = jest.fn();
    cursor.read(1, done);
    client.connection.emit('commandComplete', { text: 'INSERT 0 1' });
    client.connection.emit('errorMessage', new Error('conflict'));
    await nextTick();
    expect(done).not.toHaveBeenCalled();
    expect(cursor._cb).toBe(done);
  });
});

describe('what is built on it', () => {
  const cluster = useCluster();

  it('a DsqlClient has its listener of readyForQuery before that of node-postgres', async () => {
    const client = new DsqlClient(cluster.connection);
    const { connection } = client as unknown as HostClient;
    const ours = connection.listeners('readyForQuery').at(-1);
    expect(ours).toBeDefined();
    await client.connect();
    const listeners = connection.listeners('readyForQuery');
    expect(listeners.length).toBeGreaterThan(1);
    expect(listeners[0]).toBe(ours);
    await client.end();
  });

  it('a DsqlPool removes a client on "release" on which a transaction is open', async () => {
    const pool = new DsqlPool({ ...cluster.connection, max: 1 });
    const client = await pool.connect();
    await client.query('BEGIN');
    await client.query('SELECT 1');
    client.release();
    expect((client as unknown as HostClient)._ending).toBe(true);
    expect(pool.totalCount).toBe(0);
    await pool.end();
  });
});
