import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import type { Socket } from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import type { TLSSocket } from 'node:tls';
import { byForm } from '../form';
import * as send from '../../src/local/wire/client-messages';
import { cstring, int32, message } from '../../src/local/wire/server-messages';

/** How many messages to send. */
const MESSAGES = byForm({ short: 2_000, long: 10_000, soak: 100_000 });
const SEED = Number(process.env.DSQL_FUZZ_SEED ?? 1);
const CLIENTS = 8;
/** A server that does not answer for so long hangs. */
const ANSWER_MS = 120_000;

/** What the server process tells of itself. */
interface Address {
  readonly host: string;
  readonly hostaddr: string;
  readonly port: number;
  readonly ca: string;
  readonly token: string;
}

/** In a process of its own, so that whatever it dies of is seen; its clock runs fast, so that it takes every connection. */
const SERVER = `
const { startLocalDsql } = require(${JSON.stringify(path.resolve(__dirname, '../../src/local'))});
const started = Date.now();
startLocalDsql({ clock: () => new Date(started + (Date.now() - started) * 3) }).then(async (local) => {
  const { host, hostaddr, port, ca } = local;
  console.log(JSON.stringify({ host, hostaddr, port, ca, token: (await local.env()).PGPASSWORD }));
  process.stdin.resume().once('end', () => local.stop());
});
`;

/** Numbers that a seed decides (Mulberry32). */
class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 up to `end`. */
  below(end: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * end;
  }

  integer(end: number): number {
    return Math.floor(this.below(end));
  }

  happens(probability: number): boolean {
    return this.below(1) < probability;
  }

  of<T>(choices: readonly T[]): T {
    return choices[this.integer(choices.length)] as T;
  }

  bytes(count: number): Buffer {
    return Buffer.from(Array.from({ length: count }, () => this.integer(256)));
  }
}

const CREATE_TABLE =
  'CREATE TABLE IF NOT EXISTS fuzz (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), value int)';
const STATEMENTS = [
  'SELECT 1',
  `SELECT 'ä€😀', E'\\\\x00', $$ $ $$ -- comment`,
  'SELECT 1; SELECT 2; SELECT 1/0; SELECT 3',
  'SELECT * FROM generate_series(1, 200)',
  `SELECT repeat('x', 10000)`,
  'BEGIN',
  'BEGIN; SELECT 1; COMMIT; SELECT 2',
  'COMMIT',
  'ROLLBACK',
  'START TRANSACTION READ ONLY',
  'SAVEPOINT a',
  'TRUNCATE fuzz',
  'CREATE TABLE fuzz_own (id int PRIMARY KEY)',
  'CREATE INDEX ASYNC ON fuzz (value)',
  'CREATE INDEX ASYNC',
  'DROP TABLE fuzz_own',
  'DROP TABLE fuzz',
  CREATE_TABLE,
  'INSERT INTO fuzz VALUES (DEFAULT, 1) RETURNING id',
  'INSERT INTO fuzz (value) SELECT generate_series(1, 20)',
  'COPY fuzz (value) FROM STDIN',
  'COPY (SELECT generate_series(1, 100)) TO STDOUT',
  'DECLARE c CURSOR FOR SELECT 1',
  'PREPARE p AS SELECT 1',
  'DEALLOCATE ALL',
  'SET search_path TO nowhere',
  'SET client_encoding TO latin1',
  'SET statement_timeout = 1',
  'SHOW server_version',
  'AWS IAM GRANT nobody TO nothing',
  `CALL sys.wait_for_job('x')`,
  'SELECT $1::int + $2::int',
  'SELECT $1::text',
  '',
  ';;;',
  'SELECT "',
  '/* never closed',
  `${'('.repeat(500)}1${')'.repeat(500)}`,
  'EXPLAIN SELECT 1',
  'ANALYZE fuzz',
];
const WHOLE_STATEMENT = Buffer.concat([
  send.parse('', Buffer.from('SELECT 1')),
  send.bind('', ''),
  send.execute(''),
  send.sync,
]);
const NAMES = ['', 'a', 'b', 'dsql$hidden', 'ä'];

/** A message as a client might send it. */
function validMessage(chance: Chance): Buffer {
  const name = chance.of(NAMES);
  const values = chance.of([
    Buffer.alloc(6),
    send.textValues(['1', '2']),
    send.textValues([null]),
    send.textValues(['x'.repeat(chance.integer(5000))]),
  ]);
  const kinds: readonly (() => Buffer)[] = [
    () => message('Q', cstring(chance.of(STATEMENTS))),
    () => send.parse(name, Buffer.from(chance.of(STATEMENTS))),
    () => send.bind(name, chance.of(NAMES), values),
    () => send.describe(chance.of(['S', 'P'] as const), name),
    () => send.execute(name, chance.of([0, 0, 0, 1, 10])),
    () => send.close(chance.of(['S', 'P'] as const), name),
    () => send.sync,
    () => send.sync,
    () => send.flush,
    () => message('d', Buffer.from('1\n')),
    () => message('c'),
    () => send.copyFail('enough'),
    () => message('F', int32(1)),
    () => message('p', cstring('again')),
  ];
  // Those that end the session come last in the list, and seldom.
  return chance.of(chance.happens(0.01) ? kinds : kinds.slice(0, -2))();
}

/** A message with something wrong about it; `framed` says whether its length is still true. */
function brokenMessage(chance: Chance): { bytes: Buffer; framed: boolean } {
  const bytes = Buffer.from(validMessage(chance));
  // One in fifty takes the whole session out of step.
  switch (chance.happens(0.02) ? 4 + chance.integer(2) : chance.integer(4)) {
    case 0: {
      for (let flips = 1 + chance.integer(4); flips > 0 && bytes.length > 5; flips--) {
        bytes[5 + chance.integer(bytes.length - 5)] = chance.integer(256);
      }
      return { bytes, framed: true };
    }
    case 1:
      bytes[0] = chance.integer(256);
      return { bytes, framed: true };
    case 2: {
      const cut = Buffer.from(bytes.subarray(0, 5 + chance.integer(Math.max(bytes.length - 5, 1))));
      cut.writeInt32BE(cut.length - 1, 1);
      return { bytes: cut, framed: true };
    }
    case 3: {
      const body = chance.bytes(chance.integer(300));
      return {
        bytes: message(String.fromCharCode(chance.of([...Buffer.from('QPBDECSHdcf')])), body),
        framed: true,
      };
    }
    case 4:
      bytes.writeInt32BE(chance.of([-1, 0, 3, 5, 2 ** 31 - 1, 11 * 2 ** 20, bytes.length + 7]), 1);
      return { bytes, framed: false };
    default:
      return { bytes: chance.bytes(1 + chance.integer(100)), framed: false };
  }
}

describe('the server of the local DSQL', () => {
  let server: ChildProcess;
  let address: Address;
  let errors = '';

  beforeAll(async () => {
    const hook = path.resolve(__dirname, '../typescript-register.cjs');
    server = spawn(process.execPath, ['-r', hook, '-e', SERVER], { stdio: ['pipe', 'pipe', 'pipe'] });
    server.stderr?.on('data', (text: Buffer) => (errors += text.toString()));
    const [line] = (await once(server.stdout as NodeJS.EventEmitter, 'data')) as [Buffer];
    address = JSON.parse(line.toString()) as Address;
    const setUp = await Session.open(address, 0);
    await setUp.query(CREATE_TABLE);
    setUp.destroy();
  });
  afterAll(async () => {
    if (server.exitCode === null) {
      server.stdin?.end();
      await once(server, 'close');
    }
  });

  it(`survives ${MESSAGES} random messages, and answers everybody else as ever`, async () => {
    const witness = await Session.open(address, 1);
    const sessionsBefore = await witness.countSessions();
    let sent = 0;
    let sessions = 1;
    const attack = async (client: number) => {
      const chance = new Chance(SEED * 1000 + client);
      while (sent < MESSAGES) {
        const count = chance.happens(0.1)
          ? await attackStart(chance, address)
          : await attackSession(chance, address, ++sessions);
        sent += count; // not before the await: others add to it meanwhile
      }
    };
    const attacks = Promise.all(Array.from({ length: CLIENTS }, (_nothing, client) => attack(client)));
    let over = false;
    const watch = async () => {
      while (!over) {
        expect(await witness.ask()).toBe('answered');
        await sleep(5);
      }
    };
    await Promise.all([attacks.finally(() => (over = true)), watch()]);

    expect({ exitCode: server.exitCode, errors }).toEqual({ exitCode: null, errors: '' });
    // Every session but the witness leaves PostgreSQL.
    const deadline = Date.now() + ANSWER_MS;
    while ((await witness.countSessions()) > sessionsBefore) {
      if (Date.now() > deadline) throw new Error(`${await witness.countSessions()} sessions are left`);
      await sleep(50);
    }
    witness.destroy();
  });
});

/** Sends rubbish in place of a handshake, or of a start-up packet. */
async function attackStart(chance: Chance, address: Address): Promise<number> {
  const inClear = chance.happens(0.5);
  const socket: Socket = inClear
    ? connectTcp(address.port, address.hostaddr)
    : connectTls({ ...tlsOptions(address), ALPNProtocols: ['postgresql'] });
  socket.on('error', () => undefined);
  socket.resume();
  const closed = closing(socket);
  await Promise.race([opening(socket, inClear ? 'connect' : 'secureConnect'), closed]);
  if (!socket.destroyed) {
    const packets = [
      chance.bytes(1 + chance.integer(200)),
      send.cancelRequest(chance.integer(100_000), chance.integer(2 ** 31)),
      Buffer.concat([int32(8), int32(80877103)]),
      Buffer.concat([int32(8), int32(80877104), int32(8), int32(80877104)]),
      Buffer.concat([int32(chance.integer(20_000)), int32(3 << 16), chance.bytes(50)]),
      send.startup(new Map([['user', chance.bytes(5).toString('latin1')]])),
      Buffer.concat([send.startup(new Map([['user', 'admin']])), message('p', chance.bytes(100))]),
      Buffer.concat([
        send.startup(
          new Map([
            ['user', 'admin'],
            ['options', '-c a=b -x'],
          ]),
        ),
        validMessage(chance),
      ]),
    ];
    socket.write(chance.of(packets));
    if (chance.happens(0.5)) await sleep(chance.integer(5));
  }
  if (chance.happens(0.5)) socket.destroy();
  else socket.end();
  await withDeadline(closed, 'a connection that never became a session was not closed');
  return 1;
}

/** Logs in and sends messages, some of them wrong, until the session is over or has been tried enough. */
async function attackSession(chance: Chance, address: Address, id: number): Promise<number> {
  const session = await Session.open(address, id);
  let sent = 0;
  for (let rounds = 1 + chance.integer(20); rounds > 0 && !session.closed; rounds--) {
    const parts: Buffer[] = [];
    let framed = true;
    for (let count = 1 + chance.integer(20); count > 0; count--, sent++) {
      if (chance.happens(0.25)) {
        const broken = brokenMessage(chance);
        parts.push(broken.bytes);
        framed &&= broken.framed;
      } else parts.push(chance.happens(0.2) ? WHOLE_STATEMENT : validMessage(chance));
    }
    const bytes = Buffer.concat(parts);
    const at = chance.integer(bytes.length);
    session.write(bytes.subarray(0, at));
    if (chance.happens(0.3)) await sleep(0);
    session.write(bytes.subarray(at));
    if (!framed) break; // who knows what it waits for
    if (chance.happens(0.1)) break; // and leaves without waiting for the answers
    expect(['answered', 'closed']).toContain(await session.ask());
  }
  if (chance.happens(0.5)) session.destroy();
  else session.end();
  await withDeadline(session.gone, 'a session was not closed');
  return sent;
}

function tlsOptions({ host, hostaddr, port, ca }: Address) {
  return { host: hostaddr, port, servername: host, ca };
}

/** As `once` of node:events, but an error is no answer: a connection that breaks closes, too. */
function opening(socket: Socket, event: 'connect' | 'secureConnect'): Promise<void> {
  return new Promise((resolve) => {
    socket.once(event, resolve).once('close', resolve);
  });
}

function closing(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('close', () => {
      resolve();
    });
  });
}

async function withDeadline<T>(work: Promise<T>, complaint: string): Promise<T> {
  const stop = new AbortController();
  const late = sleep(ANSWER_MS, undefined, { signal: stop.signal }).then(() => {
    throw new Error(complaint);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    stop.abort();
    late.catch(() => undefined);
  }
}

/** A client that looks for nothing in the answers but its own marks, and for those of others. */
class Session {
  readonly #socket: TLSSocket;
  readonly #id: number;
  #received = '';
  #wake: () => void = () => undefined;
  #asked = 0;
  closed = false;
  readonly gone: Promise<unknown>;

  private constructor(socket: TLSSocket, id: number) {
    this.#socket = socket;
    this.#id = id;
    socket.on('error', () => undefined);
    this.gone = closing(socket).then(() => {
      this.closed = true;
      this.#wake();
    });
    socket.on('data', (chunk: Buffer) => {
      // Enough of the past that a mark is never cut in two.
      this.#received = this.#received.slice(-100) + chunk.toString('latin1');
      for (const [, other] of this.#received.matchAll(/mark<(\d+)/g)) {
        if (Number(other) !== id) throw new Error(`session ${id} got an answer for session ${other ?? ''}`);
      }
      this.#wake();
    });
  }

  static async open(address: Address, id: number): Promise<Session> {
    const socket = connectTls({ ...tlsOptions(address), ALPNProtocols: ['postgresql'] });
    const session = new Session(socket, id);
    await withDeadline(opening(socket, 'secureConnect'), 'the handshake hangs');
    session.write(send.startup(new Map(Object.entries({ user: 'admin', database: 'postgres' }))));
    session.write(message('p', cstring(address.token)));
    if ((await session.ask()) === 'closed') throw new Error('the session was not opened');
    return session;
  }

  write(bytes: Buffer): void {
    if (!this.closed) this.#socket.write(bytes);
  }

  end(): void {
    this.#socket.resume().end();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Sends statements that bring back a mark of this session and no other, whatever state it is in. */
  async ask(): Promise<'answered' | 'closed'> {
    const mark = `mark<${this.#id}.${++this.#asked}>`;
    this.write(Buffer.concat([send.sync, message('Q', cstring('ROLLBACK'))]));
    this.write(message('Q', cstring(`SELECT 'mark<' || '${this.#id}.${this.#asked}>'`)));
    return this.#until(mark);
  }

  async query(sql: string): Promise<void> {
    this.write(message('Q', cstring(sql)));
    await this.ask();
  }

  async countSessions(): Promise<number> {
    this.write(
      message(
        'Q',
        cstring(`SELECT 'count<' || count(*) || '>' FROM pg_stat_activity WHERE usename = 'admin'`),
      ),
    );
    await this.#until('count<');
    await this.#until('>');
    const count = Number(/.*count<(\d+)>/s.exec(this.#received)?.[1]);
    this.#received = '';
    return count;
  }

  async #until(text: string): Promise<'answered' | 'closed'> {
    const stop = Date.now() + ANSWER_MS;
    while (!this.#received.includes(text)) {
      if (this.closed) return 'closed';
      const left = stop - Date.now();
      if (left <= 0)
        throw new Error(`session ${this.#id} waits for ${text} in vain; it got ${this.#received}`);
      const timer = setTimeout(() => {
        this.#wake();
      }, left);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      clearTimeout(timer);
    }
    return 'answered';
  }
}
