import { setImmediate as nextTurn } from 'node:timers/promises';
import { DsqlClient } from 'aurora-dsql-orm';
import type { CommitFault, Fault, Faults } from 'aurora-dsql-orm/local';
import { toldBy, type Attempt, type Journal, type Told } from './journal';
import {
  ClientScope,
  connectionOf,
  type HostOptions,
  type HostUnderTest,
  type OpenTransaction,
  type Scope,
  type UnmanagedTransaction,
} from './client-fault-hosts';
import type { Operation, Program, ServerFault, StatementStep, Strike } from './client-fault-programs';
import { styledStatement, type Written } from './client-fault-statements';
import { pause, type UnreliableNetwork } from './unreliable-network';

/** Of pools and clients that have one. */
export const QUERY_TIMEOUT_MS = 50;
/** What is late is later than that. */
const LATE_MS = 80;
/** Of one query. */
const SHORT_TIMEOUT_MS = 15;
/** Nothing takes longer: the waits for connections, the deadlines of retries, and a machine that is slow. */
const OPERATION_DEADLINE_MS = 15_000;

/** What statements begin with that no fault is to strike. */
export const OBSERVER = 'SELECT id AS there';

/** What a program runs on. */
export interface Stage {
  readonly host: HostUnderTest;
  readonly options: HostOptions;
  readonly network: UnreliableNetwork;
  readonly destroyClients: () => void;
  readonly journal: Journal;
  readonly faults: Faults;
}

const begins = ['BEGIN', '/* tag */ START TRANSACTION', '-- at first\nBEGIN'] as const;

/** Runs a program, and tells the journal what its callers were told. */
export async function runProgram(stage: Stage, { branches, serverFaults }: Program): Promise<void> {
  const placed = serverFaults.map((fault) => placeFault(stage, fault));
  try {
    await Promise.all(
      branches.map(async (operations) => {
        for (const operation of operations) await new Run(stage, operation).run();
      }),
    );
  } finally {
    for (const fault of placed) fault.remove();
    stage.network.calm();
  }
}

function placeFault({ faults, options: { table } }: Stage, fault: ServerFault): Fault {
  const commit = ({ error, committed }: { error: CommitFault['error']; committed: boolean }) =>
    faults.failCommit({ error, table, committed: committed && error === 'XX000' });
  // Not the statements of the journal, which observes.
  const text = new RegExp(`^(?!${OBSERVER}).*${table}`, 's');
  switch (fault.at) {
    case 'commit':
      return commit(fault);
    case 'statement':
      return faults.failStatement({ error: fault.error, text, nth: fault.nth });
    case 'cut at statement':
      return faults.cutConnection({ at: 'statement', text, nth: fault.nth });
    case 'connection':
      return faults.refuseConnections({ error: '53300' });
    default:
      return faults.cutConnection({ at: fault.at, table });
  }
}

/** One operation of a program. */
class Run {
  readonly #stage: Stage;
  readonly #operation: Operation;
  readonly #attempts: Attempt[] = [];

  constructor(stage: Stage, operation: Operation) {
    this.#stage = stage;
    this.#operation = operation;
  }

  async run(): Promise<void> {
    const { journal } = this.#stage;
    if (this.#operation.strike !== undefined) this.#arm(this.#operation.strike);
    let timer: NodeJS.Timeout | undefined;
    const hung = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        journal.violations.push(`hung: ${this.#operation.kind} ${JSON.stringify(this.#operation)}`);
        resolve();
      }, OPERATION_DEADLINE_MS);
    });
    await Promise.race([this.#run(), hung]);
    clearTimeout(timer);
  }

  async #run(): Promise<void> {
    const { host } = this.#stage;
    const { kind } = this.#operation;
    switch (kind) {
      case 'autocommit':
        for (const step of this.#operation.steps) await this.#autocommit(host, step);
        return;
      case 'managed':
        return this.#managed();
      case 'unmanaged':
        return this.#unmanaged(() => host.unmanaged(begins[this.#operation.control]));
      case 'client of its own':
        return this.#unmanaged(() => this.#ownClient());
      case 'save': {
        const ids = host.savesRows ? this.#newIds(2) : [];
        return this.#alone(ids, () => host.save(ids));
      }
      case 'find or create': {
        const ids = host.savesRows ? this.#newIds(1) : [];
        return this.#alone(ids, () => host.findOrCreate(ids[0] ?? 0));
      }
      case 'stream': {
        const ids = this.#newIds(1);
        return this.#alone(ids, () => host.stream(`${this.#insert} RETURNING id`, [...ids]));
      }
      case 'one text': {
        const [id = 0] = this.#newIds(1);
        return this.#alone([id], () => host.query(`BEGIN; ${this.#insertOf(id)}; COMMIT`));
      }
      case 'pipeline':
        return this.#pipeline();
    }
  }

  get #insert(): string {
    return `INSERT INTO ${this.#stage.options.table} (id) VALUES ($1)`;
  }

  #insertOf(id: number): string {
    return this.#insert.replace('$1', String(id));
  }

  #newIds(count: number): number[] {
    return Array.from({ length: count }, () => this.#stage.journal.newId());
  }

  /** Writes that commit themselves. */
  async #alone(ids: readonly number[], send: () => Promise<unknown>, ifRead: Told = 'done'): Promise<void> {
    let told: Told = ifRead;
    let what = this.#operation.kind as string;
    try {
      await send();
    } catch (error) {
      told = toldBy(error);
      what += ` (${String(error)})`;
      this.#expectNoLostName(error);
    }
    await this.#stage.journal.report(ids, told, what);
  }

  async #autocommit(scope: Scope, step: StatementStep): Promise<void> {
    const { ids, send } = this.#statement(scope, step);
    await this.#alone(ids, send);
  }

  async #managed(): Promise<void> {
    const { abortAfterMs, kind } = this.#operation;
    const abort = new AbortController();
    const timer =
      abortAfterMs === undefined
        ? undefined
        : setTimeout(() => {
            abort.abort();
          }, abortAfterMs);
    await this.#settled(kind, () =>
      this.#stage.host.managed(async (transaction) => {
        await this.#work(transaction);
        if (this.#operation.ending === 'roll back') throw new Error('rolled back on purpose');
      }, abort.signal),
    );
    clearTimeout(timer);
  }

  async #unmanaged(begin: () => Promise<UnmanagedTransaction>): Promise<void> {
    const { ending, kind } = this.#operation;
    await this.#settled(kind, async () => {
      const transaction = await begin();
      try {
        await this.#work(transaction);
        if (ending === 'leave open') throw new Error('left open');
        if (ending === 'roll back') throw new Error('rolled back on purpose');
        await transaction.commit();
        if (ending === 'commit, then roll back') await transaction.rollback().catch(() => undefined);
      } catch (error) {
        if (ending !== 'leave open') await transaction.rollback().catch(() => undefined);
        throw error;
      } finally {
        await transaction.release();
      }
    });
  }

  async #settled(what: string, run: () => Promise<void>): Promise<void> {
    let told: Told = 'done';
    let reason = '';
    try {
      await run();
    } catch (error) {
      told = toldBy(error);
      reason = ` (${String(error)})`;
      this.#expectNoLostName(error);
    }
    await this.#stage.journal.settle(this.#attempts, told, what + reason);
  }

  async #ownClient(): Promise<UnmanagedTransaction> {
    const { options } = this.#stage;
    const client = new DsqlClient({ ...connectionOf(options), query_timeout: QUERY_TIMEOUT_MS });
    client.on('error', () => undefined);
    options.onClient(client);
    const release = () => client.end();
    try {
      await client.connect();
      await client.query(begins[this.#operation.control]);
    } catch (error) {
      await release().catch(() => undefined);
      throw error;
    }
    return new ClientScope(client, release);
  }

  /** Everything at once, on one client. */
  async #pipeline(): Promise<void> {
    const attempt = this.#begin();
    await this.#settled('pipeline', () =>
      this.#stage.host.withClient(async (client) => {
        const scope = new ClientScope(client, () => Promise.resolve());
        const begun = scope.query(begins[this.#operation.control]);
        const statements = this.#operation.steps.map((step) => this.#inTransaction(attempt, scope, step));
        const ended = this.#operation.ending === 'roll back' ? scope.rollback() : scope.commit();
        const [, end] = await Promise.allSettled([begun, ended, ...statements]);
        if (end.status === 'rejected') throw end.reason;
        if (this.#operation.ending === 'roll back') throw new Error('rolled back on purpose');
      }),
    );
  }

  #begin(): Attempt {
    const attempt = this.#stage.journal.attempt();
    this.#attempts.push(attempt);
    return attempt;
  }

  /** What a transaction does. */
  async #work(transaction: OpenTransaction): Promise<void> {
    const attempt = this.#begin();
    const [first, ...others] = this.#operation.steps;
    const run = (step: StatementStep) => this.#inTransaction(attempt, transaction, step);
    if (first !== undefined) await run(first);
    await this.#inside(attempt, transaction);
    if (this.#operation.inside !== 'parallel') for (const step of others) await run(step);
    else {
      const results = await Promise.allSettled(others.map(run));
      for (const result of results) if (result.status === 'rejected') throw result.reason;
    }
  }

  async #inside(attempt: Attempt, transaction: OpenTransaction): Promise<void> {
    const { inside, control } = this.#operation;
    const plain: StatementStep = { style: 'parameters', strike: undefined, isCaught: false };
    if (inside === 'autocommit') await this.#autocommit(this.#stage.host, plain);
    if (inside !== 'inner' && inside !== 'swallowed inner') return;
    try {
      await transaction.inner?.(async () => {
        await this.#inTransaction(attempt, transaction, plain);
        if (control === 0) throw new Error('The inner work fails.');
      });
    } catch (error) {
      attempt.mustFail = true;
      if (inside === 'inner') throw error;
    }
  }

  async #inTransaction(attempt: Attempt, scope: Scope, step: StatementStep): Promise<void> {
    const { ids, send, isUnread = false } = this.#statement(scope, step);
    if (isUnread) attempt.unread.push(...ids);
    else for (const id of ids) attempt.unwritten.add(id);
    try {
      await send();
      for (const id of ids) if (attempt.unwritten.delete(id)) attempt.written.push(id);
    } catch (error) {
      this.#expectNoLostName(error);
      if (!step.isCaught) throw error;
    }
  }

  #expectNoLostName(error: unknown): void {
    const { code } = error as { readonly code?: unknown };
    if (code === '26000') this.#stage.journal.violations.push(`26000: ${String(error)}`);
  }

  #arm({ fault, nth }: Strike): void {
    const { network, destroyClients } = this.#stage;
    if (fault === 'destroyed before') destroyClients();
    else if (fault === 'destroyed just after') setImmediate(destroyClients);
    else if (fault === 'pause just after') {
      void nextTurn().then(() => {
        pause(LATE_MS);
      });
    } else if (fault === 'time-out of the query') network.strike('hold answer', 1, LATE_MS);
    else network.strike(fault, nth, LATE_MS);
  }

  /** A statement, that is sent when it is asked for. */
  #statement(scope: Scope, step: StatementStep): Written {
    const { strike } = step;
    const written = styledStatement(
      { scope, table: this.#stage.options.table, newIds: (count) => this.#newIds(count) },
      step.style,
      strike?.fault === 'time-out of the query' ? { query_timeout: SHORT_TIMEOUT_MS } : undefined,
    );
    return {
      ...written,
      send: () => {
        if (strike !== undefined) this.#arm(strike);
        return written.send();
      },
    };
  }
}
