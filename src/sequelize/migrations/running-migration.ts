import { QueryTypes, type Sequelize } from 'sequelize';
import { DsqlError, nextTurn } from '../../connection';
import { classifyError, PartlyCommittedError, retryOnConflict, UnsupportedFeatureError } from '../../occ';
import type {
  Answer,
  MigrationCalls,
  Migrations,
  MigrationSession,
  MigrationStatement,
  RunInTransaction,
  TableBatches,
  TransactionEntries,
} from '../../migrate/for-orms';
import type { PlannedChange, ResolvedMapping } from '../../schema';
import { log } from '../log';
import { ambientTransaction } from '../transactions/cls';
import { DsqlTransaction } from '../transactions/dsql-transaction';
import { inBatch, inOwnTransaction, inTransaction } from '../transactions/own-transaction';
import { HeldConnections } from './held-connections';
import type { JournalledAnswer, KeptAnswer } from './journalled-answer';
import { asMigration, migrationAround, ours, type AroundMigration } from './own-statements';

/** The options of a call, as far as they are looked at here. */
interface CallOptions {
  readonly transaction?: unknown;
  readonly bind?: unknown;
  readonly replacements?: unknown;
  readonly type?: unknown;
  readonly plain?: unknown;
}

/** Options with which a statement is sent. */
export interface SentOptions {
  readonly transaction?: unknown;
  readonly journalled?: JournalledAnswer;
}

/** The migration of an instance in whose code this is called. */
export function runningMigration(sequelize: Sequelize): RunningMigration | undefined {
  const around = migrationAround(sequelize);
  return around instanceof RunningMigration && around.sequelize === sequelize ? around : undefined;
}

/** An option of Sequelize, of which its types do not know. */
const AS_IT_IS: object = { completesTransaction: true };

const LEFT_OPEN =
  'The migration has left a transaction open, which was rolled back, so the migration is not recorded. Wait for the commit() or rollback() of each transaction.';

const NO_ANSWER: KeptAnswer = { command: '', rowCount: 0, rows: [] };

/** How far the code of a migration has come. */
interface Reached {
  /** The calls that it has made. */
  readonly position: number;
  /** The statements that stay whatever comes. */
  readonly committed: number;
}

/** Finds out what takes the place of a text. */
type Plan = (read: MigrationSession['read']) => Promise<'as it is' | 'refused' | PlannedChange>;

/** How a text that changes the schema is carried out. */
interface SchemaChange extends Pick<MigrationStatement<unknown>, 'recall'> {
  readonly plan: Plan;
  /** Sends it, or another text in its place, outside of transactions. */
  readonly send: (sql: string) => Promise<unknown>;
}

/** One migration that an instance carries out: what its code sends through the instance is journalled. */
export class RunningMigration implements AroundMigration {
  readonly sequelize: Sequelize;
  readonly connections: HeldConnections;
  readonly #migrations: Migrations;
  readonly #mapping: ResolvedMapping;
  readonly #find: (() => Promise<MigrationCalls>) | undefined;
  #finding: Promise<MigrationCalls> | undefined;
  #run: MigrationCalls | undefined;
  readonly #asked = new Set<Promise<void>>();
  #isCodeDone = false;
  /** The first failure that its code cannot have waited for. */
  #late: { readonly error: unknown } | undefined;
  readonly #apart: TakenApart;

  /**
   * @param find - finds its run when its code sends the first statement, where somebody else calls the code
   * @param another - another call of its code
   */
  constructor(
    sequelize: Sequelize,
    migrations: Migrations,
    mapping: ResolvedMapping,
    find?: () => Promise<MigrationCalls>,
    another?: RunningMigration,
  ) {
    this.#find = find;
    this.#apart = another === undefined ? { transaction: null } : another.#apart;
    this.connections = another?.connections ?? new HeldConnections();
    this.sequelize = sequelize;
    this.#migrations = migrations;
    this.#mapping = mapping;
  }

  /** The same for another call of its code, in the same session: what a dry run has called stays in that. */
  another(): RunningMigration {
    return new RunningMigration(this.sequelize, this.#migrations, this.#mapping, undefined, this);
  }

  /** Runs the code of the migration, and what that does not wait for. */
  async during(run: MigrationCalls, work: () => Promise<unknown>): Promise<void> {
    this.#run = run;
    try {
      await asMigration(this, work);
      if (!run.isDryRun) await this.end();
    } finally {
      await this.#endTransactions();
    }
  }

  /**
   * Its code, which somebody else has called, has come to its end.
   *
   * @throws what it has asked for has failed with, where it has not waited for that
   * @throws DsqlError when it has left a transaction open
   */
  async end(): Promise<void> {
    this.#isCodeDone = true;
    await this.#whenDone();
    const left = await this.#endTransactions();
    if (this.#late !== undefined) throw this.#late.error;
    if (left > 0) throw new DsqlError(LEFT_OPEN);
  }

  /** Rolls back the transactions that its code has left open, and returns how many they were. */
  async #endTransactions(): Promise<number> {
    const left = await this.connections.leftOpen();
    const { connectionManager } = this.sequelize;
    // What is given back with its transaction open is not used again: the server rolls it back.
    for (const client of left) connectionManager.releaseConnection(client);
    return left.length;
  }

  /** Its code has asked for something, and may not wait for it: it belongs to the migration all the same. */
  note(asked: Promise<unknown>): void {
    const noteUse = () => {
      this.connections.noteUse();
    };
    noteUse();
    const done = asked.then(noteUse, (error: unknown) => {
      noteUse();
      if (this.#isCodeDone) this.#late ??= { error };
    });
    this.#asked.add(done);
    void done.then(() => this.#asked.delete(done));
  }

  /** Waits for all that its code has asked for. */
  async #whenDone(): Promise<void> {
    do {
      await Promise.all(this.#asked);
      await nextTurn();
    } while (this.#asked.size > 0);
  }

  /** Finds the run of a migration whose code somebody else calls, once. */
  begin(): Promise<MigrationCalls> {
    if (this.#find === undefined) throw new TypeError('The migration has not begun.');
    return (this.#finding ??= ours(this.#find, this).then((run) => (this.#run = run)));
  }

  /** Does something with its run. What waits for that stays in its order. */
  #withRun<T>(work: (run: MigrationCalls) => Promise<T>): Promise<T> {
    if (this.#find !== undefined) return this.begin().then(work);
    if (this.#run === undefined) throw new TypeError('The migration has not begun.');
    return work(this.#run);
  }

  /** The session in which the migration begins. */
  get session(): MigrationSession {
    return this.#session(null, this.#migrations.entries, () => undefined);
  }

  /**
   * The transaction of its code that is taken apart now. What is done outside of it is sent on its connection: the pool may
   * have no other one.
   */
  get apart(): DsqlTransaction | null {
    return this.#apart.transaction;
  }

  /** How far its code has come; an attempt of a transaction that is made again begins where the last one did. */
  get reached(): Reached {
    return { position: this.#run?.position ?? 0, committed: this.#run?.committed ?? 0 };
  }

  /** Whether nothing that its code asks for is done. */
  get isDryRun(): boolean {
    return this.#run?.isDryRun === true;
  }

  /** What only a run can do ends a dry run. */
  endDryRun(): Promise<unknown> {
    return this.#withRun((run) => run.end());
  }

  /** A COMMIT of its code has failed. */
  noteFailure(error: unknown): void {
    this.#run?.noteFailure(error);
  }

  /**
   * A transaction of its code was rolled back.
   *
   * @param begun - how far the code had come when it began
   * @param error - what ended it
   * @returns the error to report: where the code has committed something beside the transaction, that is not run again alone,
   *   but the whole migration is, which does not do what the journal has
   */
  rolledBack({ position, committed }: Reached, error: unknown): unknown {
    this.#run?.rewind(position);
    const remains = this.#run?.remains;
    const isAlone = this.reached.committed === committed || remains === undefined;
    return isAlone || !classifyError(error).isRetryable
      ? error
      : new PartlyCommittedError(remains, { cause: error });
  }

  /**
   * Carries out a statement that reads or writes rows.
   *
   * @param plan - finds out what takes its place
   * @param send - sends it, or another text in its place, with other options
   */
  query(
    text: string,
    options: CallOptions,
    plan: Plan,
    send: (options: SentOptions, sql: string) => Promise<unknown>,
  ): Promise<unknown> {
    let kept: KeptAnswer | undefined;
    const own: OwnTransaction = { current: undefined };
    const sendWith = (journalled: JournalledAnswer, sql = text) => {
      const transaction = own.current;
      return ours(() => send({ journalled, ...(transaction !== undefined && { transaction }) }, sql), this);
    };
    const { bind, replacements } = options;
    const hasParameters = bind !== undefined || replacements !== undefined;
    return this.#statement(options, own, {
      text,
      ...(hasParameters && { parameters: { bind, replacements } }),
      plan,
      send: (sql) => {
        const note = (answer: KeptAnswer) => {
          kept = answer;
        };
        return sendWith({ note }, sql);
      },
      answerOf: () => ({ rows: (kept?.rows ?? []) as Answer['rows'], rowCount: kept?.rowCount ?? 0 }),
      kept: () => kept,
      resultOf: (answer) => sendWith({ kept: (answer ?? NO_ANSWER) as KeptAnswer }),
      ...(isPair(options) && { unknown: (answer: readonly unknown[]) => [answer, answer] }),
    });
  }

  /**
   * Carries out a text that changes the schema.
   *
   * @param change - how it is planned, and sent as it is, outside of transactions
   */
  change(text: string, options: CallOptions, { plan, recall, send }: SchemaChange): Promise<unknown> {
    return this.#statement(
      options,
      { current: undefined },
      {
        text,
        plan,
        recall,
        send: (sql) => ours(() => send(sql), this),
        answerOf: rawAnswer,
        kept: () => null,
        resultOf: () => [[], undefined],
        unknown: (answer) => [answer, answer],
      },
    );
  }

  /** Changes rows in batches: see `inBatches` of `aurora-dsql-orm/migrate`. */
  async batches(batches: TableBatches): Promise<void> {
    // What it holds is none of theirs: they would not see its rows, nor it theirs.
    if (this.connections.hasTransaction) {
      throw new UnsupportedFeatureError(
        'inBatches while a transaction of the migration is open',
        'Each batch is a transaction of its own: end the transaction first, or begin it behind the batches.',
      );
    }
    return this.#withRun((run) => run.batches(batches, this.session));
  }

  #statement(
    { transaction = ambientTransaction(this.sequelize) }: CallOptions,
    own: OwnTransaction,
    { plan, ...statement }: Omit<MigrationStatement<unknown>, 'plan'> & { readonly plan: Plan },
  ): Promise<unknown> {
    const open = transaction instanceof DsqlTransaction ? transaction.root : null;
    if (open !== null) open.entries ??= this.#migrations.newEntries();
    const entries = open?.entries ?? this.#migrations.entries;
    const session = this.#session(open, entries, (current) => (own.current = current));
    const planned = () => ours(() => plan(session.read), this);
    return this.#withRun((run) => run.statement({ ...statement, plan: planned }, session));
  }

  #session(
    open: DsqlTransaction | null,
    entries: TransactionEntries,
    setOwn: (transaction: DsqlTransaction | undefined) => void,
  ): MigrationSession {
    const { sequelize } = this;
    const raw = { type: QueryTypes.RAW, raw: true, isPlanned: true } as const;
    const send = async (sql: string): Promise<Answer> => {
      await this.#migrations.hold();
      const options = { ...raw, ...(sql.startsWith('SELECT ') && { logging: false as const }) };
      const { transaction: apart, isBetween } = this.#apart;
      const inTransaction = apart === null ? { transaction: open } : { transaction: apart, ...AS_IT_IS };
      const query = () => ours(() => sequelize.query(sql, { ...options, ...inTransaction }), this);
      return rawAnswer(await (apart === null || isBetween ? query() : retryOnConflict(query)));
    };
    const isOutside = () => this.apart !== null;
    return {
      get isInTransaction() {
        return open !== null && !isOutside();
      },
      isSplit: true,
      // The instance says so itself: see `rewind`.
      isRunAgain: false,
      entries,
      send,
      outsideTransaction: (work) => (open === null ? work() : this.#outside(open, work)),
      inTransaction: (work) =>
        this.apart === null ? transactionOfItsOwn(sequelize, setOwn, work) : this.#between(this.apart, work),
      inBatch: (work) => inBatch(sequelize, work),
      read: async (sql) => {
        if (open === null || isOutside()) return (await send(sql)).rows;
        await this.#migrations.hold();
        return this.#migrations.readCatalogue(sql);
      },
      warn: () => undefined,
      log: () => undefined,
      tell: (message) => {
        log(sequelize, message);
      },
      onProgress: this.#mapping.onSchemaProgress,
    };
  }

  /** A transaction of this package's own, on the connection of one that is taken apart. */
  #between<T>(apart: DsqlTransaction, work: (run: RunInTransaction) => Promise<T>): Promise<T> {
    const run: RunInTransaction = async (text, values) => {
      const options = { type: QueryTypes.RAW, raw: true, transaction: apart, ...AS_IT_IS };
      const answer = await ours(() => this.sequelize.query(text, { ...options, bind: [...values] }));
      return rawAnswer(answer).rows;
    };
    return ours(async () => {
      this.#apart.isBetween = true;
      try {
        return await apart.between(() => work(run));
      } finally {
        this.#apart.isBetween = false;
      }
    });
  }

  #outside<T>(open: DsqlTransaction, work: () => Promise<T>): Promise<T> {
    return ours(() =>
      open.inTurn(() =>
        open.outside(async (committed) => {
          this.#apart.transaction = open;
          try {
            const result = await work();
            committed();
            return result;
          } finally {
            this.#apart.transaction = null;
          }
        }),
      ),
    );
  }
}

/** @param setOwn - hears of it when it has begun, and of its end */
function transactionOfItsOwn<T>(
  sequelize: Sequelize,
  setOwn: (transaction: DsqlTransaction | undefined) => void,
  work: (run: RunInTransaction) => Promise<T>,
): Promise<T> {
  return ours(async () => {
    try {
      return await inOwnTransaction(sequelize, (transaction) => {
        setOwn(transaction);
        return work(inTransaction(sequelize, transaction));
      });
    } finally {
      setOwn(undefined);
    }
  });
}

/** The transaction of a migration that is taken apart now. */
interface TakenApart {
  transaction: DsqlTransaction | null;
  /** Whether another one is open on its connection. */
  isBetween?: boolean;
}

/** Whether Sequelize makes of an answer the rows and what there is to say of them, and not a number or a row. */
function isPair({ type = QueryTypes.RAW, plain }: CallOptions): boolean {
  return plain !== true && (type === QueryTypes.RAW || type === QueryTypes.INSERT);
}

/** A transaction that is made for one statement. */
interface OwnTransaction {
  current: DsqlTransaction | undefined;
}

function rawAnswer(result: unknown): Answer {
  const [rows, { rowCount }] = (result ?? [[], {}]) as [Answer['rows'], { rowCount?: number | null }];
  return { rows, rowCount: rowCount ?? 0 };
}
