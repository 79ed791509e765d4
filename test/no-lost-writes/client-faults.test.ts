import { DsqlClient } from 'aurora-dsql-orm';
import fc from 'fast-check';
import { setTimeout as sleep } from 'node:timers/promises';
import { useCluster } from '../cluster';
import { byForm, form } from '../form';
import type { HostOptions, HostUnderTest } from './client-fault-hosts';
import { hosts } from './client-fault-orms';
import { program, type Program } from './client-fault-programs';
import { OBSERVER, QUERY_TIMEOUT_MS, runProgram, type Stage } from './client-fault-runner';
import { Journal, type Told } from './journal';
import { UnreliableNetwork } from './unreliable-network';

/** How many programs run, in all lanes together. */
const programs = byForm({ short: 2_100, long: 6_000, soak: 20_000 });
/** With the seed of a failure, the lane that had it runs it again. */
const firstSeed = Number(process.env.CLIENT_FAULT_SEED ?? 1);
const lanes = [0, 1, 2] as const;
const SETTLE_MS = 5_000;

const cluster = useCluster();

/** Pools of every kind and size, with one table: what runs side by side does not meet, but for the event loop. */
class Lane {
  readonly journal: Journal;
  readonly #table: string;
  readonly #observer: DsqlClient;
  readonly #stages = new Map<string, Promise<Stage>>();
  readonly #networks: UnreliableNetwork[] = [];
  #checkedId = 0;

  private constructor(index: number, observer: DsqlClient) {
    this.#table = `lane_${index}`;
    this.#observer = observer;
    this.journal = new Journal((ids) => this.#look(ids));
  }

  static async open(index: number): Promise<Lane> {
    const observer = new DsqlClient(cluster.connection);
    observer.on('error', () => undefined);
    await observer.connect();
    const lane = new Lane(index, observer);
    const table = lane.#table;
    await observer.query(`CREATE TABLE ${table} (id integer PRIMARY KEY)`);
    await observer.query(`INSERT INTO ${table} VALUES (0)`);
    await observer.query(`CREATE TABLE ${table}_hot (id integer PRIMARY KEY, n integer NOT NULL)`);
    await observer.query(`INSERT INTO ${table}_hot VALUES (1, 0)`);
    return lane;
  }

  async run(given: Program): Promise<void> {
    const { journal } = this;
    journal.violations.length = 0;
    const stage = await this.#stage(given);
    await runProgram(stage, given);
    await this.#expectIdle(stage);
    await journal.compare(this.#idsSince(this.#checkedId));
    this.#checkedId = journal.lastId;
    journal.throwIfViolated();
  }

  /** Each pool still has all its connections to give; and no write has come or gone later. */
  async expectFullPools(): Promise<void> {
    const { journal } = this;
    const stages = await Promise.all(this.#stages.values());
    for (const stage of stages) {
      await giveAll(stage).catch((error: unknown) => journal.violations.push(`not full: ${String(error)}`));
      await this.#expectIdle(stage);
    }
    await journal.compare(this.#idsSince(0));
    journal.throwIfViolated();
  }

  async close(): Promise<void> {
    const stages = await Promise.all(this.#stages.values());
    await Promise.all(stages.map(({ host }) => host.close()));
    await Promise.all(this.#networks.map((network) => network.close()));
    await this.#observer.end();
  }

  /** How many writes were told what. */
  get told(): Record<Told, number> {
    const told = { done: 0, failed: 0, unknown: 0 };
    for (const each of this.journal.told.values()) told[each]++;
    return told;
  }

  get struck(): Record<string, number> {
    const all: Record<string, number> = {};
    for (const { struck } of this.#networks) {
      for (const [fault, times] of Object.entries(struck)) all[fault] = (all[fault] ?? 0) + times;
    }
    return all;
  }

  #stage({ host, max, hasQueryTimeout }: Program): Promise<Stage> {
    const name = `${this.#table}${host[0] ?? ''}${max}${hasQueryTimeout ? 't' : ''}`;
    let stage = this.#stages.get(name);
    if (stage === undefined) {
      stage = this.#openStage(name, host, max, hasQueryTimeout);
      this.#stages.set(name, stage);
    }
    return stage;
  }

  async #openStage(name: string, host: Program['host'], max: number, isTimed: boolean): Promise<Stage> {
    const clients = new Set<DsqlClient>();
    const destroyClients = () => {
      for (const client of clients) streamOf(client).destroy();
    };
    const network = new UnreliableNetwork(cluster.local.port, destroyClients);
    this.#networks.push(network);
    const options: HostOptions = {
      cluster,
      port: await network.listen(),
      max,
      queryTimeoutMs: isTimed ? QUERY_TIMEOUT_MS : undefined,
      table: this.#table,
      applicationName: name,
      onClient: (client) => {
        clients.add(client);
        client.once('end', () => clients.delete(client));
      },
    };
    const opened = await openHost(host, options);
    const { journal } = this;
    return { host: opened, options, network, destroyClients, journal, faults: cluster.local.faults };
  }

  /** Nobody uses or waits for a connection, and the server has none of them in a transaction. */
  async #expectIdle({ host, options }: Stage): Promise<void> {
    const deadline = performance.now() + SETTLE_MS;
    let state = '';
    do {
      if (state !== '') await sleep(5);
      const { inUse, waiting, size } = host.poolState();
      const open = inUse === 0 && waiting === 0 ? await this.#transactionsOf(options.applicationName) : [];
      if (inUse === 0 && waiting === 0 && size <= options.max && open.length === 0) return;
      state = JSON.stringify({ inUse, waiting, size, open });
    } while (performance.now() < deadline);
    this.journal.violations.push(`not idle: ${state}`);
  }

  async #transactionsOf(applicationName: string): Promise<unknown[]> {
    const { rows } = await this.#observer.query<Record<string, unknown>>(
      `SELECT pid, state, query FROM pg_stat_activity WHERE application_name LIKE $1 AND xact_start IS NOT NULL`,
      [`${applicationName}:%`],
    );
    return rows;
  }

  async #look(ids: readonly number[]): Promise<ReadonlySet<number>> {
    const { rows } = await this.#observer.query<{ there: number }>(
      `${OBSERVER} FROM ${this.#table} WHERE id = ANY ($1)`,
      [ids],
    );
    return new Set(rows.map(({ there }) => there));
  }

  #idsSince(id: number): number[] {
    return Array.from({ length: this.journal.lastId - id }, (_, index) => id + index + 1);
  }
}

/** Takes as many connections as the pool may have; on a slow machine one of them may time out. */
async function giveAll({ host, options: { max } }: Stage, attempts = 5): Promise<void> {
  const held = new CountDown(max);
  const results = await Promise.allSettled(
    Array.from({ length: max }, () => host.withClient(() => held.count())),
  );
  const failed = results.find((result) => result.status === 'rejected');
  if (failed === undefined) return;
  if (attempts === 1) throw failed.reason;
  await giveAll({ host, options: { max } } as Stage, attempts - 1);
}

/** The faults of another lane may strike its first connection. */
async function openHost(host: Program['host'], options: HostOptions, attempts = 30): Promise<HostUnderTest> {
  try {
    return await hosts[host](options);
  } catch (error) {
    if (attempts === 1) throw error;
    return openHost(host, options, attempts - 1);
  }
}

/** Lets nobody go on before all are there, or a second has passed. */
class CountDown {
  #left: number;
  #open: () => void = () => undefined;
  readonly #all: Promise<void>;

  constructor(count: number) {
    this.#left = count;
    this.#all = new Promise((resolve) => {
      this.#open = resolve;
    });
  }

  async count(): Promise<void> {
    this.#left--;
    if (this.#left === 0) this.#open();
    await Promise.race([this.#all, sleep(1_000, undefined, { ref: false })]);
    if (this.#left > 0) throw new Error(`${this.#left} connections are missing.`);
  }
}

function streamOf(client: DsqlClient): { destroy(): void } {
  return (client as unknown as { readonly connection: { readonly stream: { destroy(): void } } }).connection
    .stream;
}

let opened: readonly Lane[] = [];

beforeAll(async () => {
  opened = await Promise.all(lanes.map((index) => Lane.open(index)));
});
afterAll(async () => {
  await Promise.all(opened.map((lane) => lane.close()));
});

it(
  'a client that fails loses no write and leaves none behind',
  async () => {
    await Promise.all(
      opened.map((lane, index) =>
        fc.assert(
          fc.asyncProperty(program, (given) => lane.run(given)),
          // What a fault strikes depends on time, so a program that is made smaller proves little.
          { numRuns: Math.ceil(programs / lanes.length), seed: firstSeed + index, endOnFailure: true },
        ),
      ),
    );
    for (const lane of opened) {
      await lane.expectFullPools();
      const { done, failed, unknown } = lane.told;
      if (form === 'soak') console.log({ ...lane.told, ...lane.struck });
      // Most of it really happens, and each fault does.
      expect(done).toBeGreaterThan((done + failed + unknown) / 4);
      expect(unknown).toBeGreaterThan(0);
      expect(Object.keys(lane.struck)).toHaveLength(6);
    }
  },
  programs * 1_000,
);
