import type { ObjectLiteral, QueryRunner } from 'typeorm';
import { ofLastStatement, type DsqlClient } from '../../connection';
import {
  canBeMarked,
  findInChain,
  isOccConflict,
  wasNeverUsed,
  withMarker,
  type Attempt,
  type StatementTransaction,
} from '../../occ';
import { ReusedIdentityKeys } from '../../schema';
import { summarizeText } from '../../sql';
import { firstStatement, type Statement } from '../statement';
import { identityColumnsOf } from '../writes/identity-keys';
import { tellsOfStatements } from './application-code';
import { dataSourceOf, transactionsOf } from './transactions';

/** A longer label would only fill the memory: what conflicts are statements on the same table. */
const LABEL_LENGTH = 200;

/** A query runner, as far as its autocommit statements use it. */
export interface AutocommitRunner extends QueryRunner {
  /** Its connection, while it has one. */
  readonly client: DsqlClient | undefined;
  /**
   * Sends a statement once.
   *
   * @param keys - what earlier attempts were given as keys
   */
  sendOnce(statement: Statement, keys?: ReusedIdentityKeys): Promise<unknown>;
  /** Gives the connection back to the pool; the next statement takes another one. */
  giveConnectionBack(): void;
}

/** The autocommit statements of one query runner: each is run again after a conflict. */
export class AutocommitStatements {
  readonly #runner: AutocommitRunner;
  #marked: Promise<unknown> | undefined;
  /** How many use the connection: attempts of autocommit statements, and streams until the end. */
  #users = 0;

  constructor(runner: AutocommitRunner) {
    this.#runner = runner;
  }

  /** The statement with a marker that is under way, and whose transaction no other statement may get into. */
  get marked(): Promise<unknown> | undefined {
    return this.#marked?.catch(() => undefined);
  }

  /** Keeps the connection from being given back, until the function that this returns is called. */
  keepConnection(): () => void {
    this.#users++;
    return () => {
      this.#users--;
    };
  }

  /** Runs a statement until it is committed. */
  run(statement: Statement): Promise<unknown> {
    const [text] = statement;
    const dataSource = dataSourceOf(this.#runner);
    const { defaults, runner } = transactionsOf(dataSource);
    const isConnected = this.#runner.client !== undefined;
    const { onlyReads, firstWord } = summarizeText(text);
    if (!onlyReads && defaults.commitMarkers && canBeMarked(text)) return this.#runMarked(statement);
    // What inserts nothing is given no keys.
    const keys = firstWord === 'INSERT' ? new ReusedIdentityKeys(identityColumnsOf(dataSource)) : undefined;
    const once = this.#sendingOnce(statement, keys);
    const send = keys === undefined ? once : () => keys.attempt(once);
    return runner.runStatement({
      first: firstStatement(statement),
      send: () => this.#attempt(send, isConnected),
      // Its outcome is unknown when its answer is lost.
      returned: { value: undefined },
      label: text.slice(0, LABEL_LENGTH),
      // What reads alone waits for nobody.
      mayWait: !onlyReads && !isConnected,
      callsApplication: tellsOfStatements(dataSource),
    });
  }

  /**
   * Sends a statement once, each time that it is called. The host has released the query runner where the connection has ended,
   * so one that was never used is followed by that of another query runner.
   */
  #sendingOnce(statement: Statement, keys: ReusedIdentityKeys | undefined): () => Promise<unknown> {
    let hasEndedUnused = false;
    return async () => {
      const { own, release } = hasEndedUnused
        ? this.#unreleased()
        : { own: this.#runner, release: () => Promise.resolve() };
      try {
        return await own.sendOnce(statement, keys);
      } catch (error) {
        hasEndedUnused = findInChain(error, wasNeverUsed) !== undefined;
        throw error;
      } finally {
        await release();
      }
    };
  }

  /** The query runner, or another one where the host has released it with its connection. */
  #unreleased(): { readonly own: AutocommitRunner; readonly release: () => Promise<void> } {
    const runner = this.#runner;
    if (!runner.isReleased) return { own: runner, release: () => Promise.resolve() };
    const own = dataSourceOf(runner).createQueryRunner(runner.getReplicationMode()) as AutocommitRunner;
    return { own, release: () => own.release() };
  }

  #runMarked(statement: Statement): Promise<unknown> {
    const { markers, runner } = transactionsOf(dataSourceOf(this.#runner));
    const isConnected = this.#runner.client !== undefined;
    const keys = new ReusedIdentityKeys(identityColumnsOf(dataSourceOf(this.#runner)));
    const once = async (attempt: Attempt<unknown>, make: () => Promise<unknown>) => {
      await attempt.admit(firstStatement(statement));
      return this.#attempt(() => keys.attempt(make), isConnected);
    };
    const marked = withMarker(
      markers,
      () => this.#beginFor(statement, keys),
      (sql, values) => this.#runForMarker(sql, values),
    );
    const transaction = {
      attempt: (attempt: Attempt<unknown>) => once(attempt, () => marked.attempt(attempt)),
      settle: marked.settle,
    };
    const label = statement[0].slice(0, LABEL_LENGTH);
    this.#marked = runner
      .run(transaction, { label, ...(isConnected && { admission: false }) })
      .finally(() => {
        this.#marked = undefined;
      });
    return this.#marked;
  }

  /**
   * Makes an attempt.
   *
   * Its connection is given back after a conflict, unless the query runner had it before: a caller who held one while it
   * waits to be admitted again would wait for those who are admitted and wait for a connection. One that has ended without
   * having been used is given back in any case: the next attempt takes another.
   */
  async #attempt<T>(make: () => Promise<T>, keepsConnection: boolean): Promise<T> {
    this.#users++;
    try {
      return await make();
    } catch (error) {
      const isOver = findInChain(error, wasNeverUsed) !== undefined;
      const mayBeGivenBack = isOver || (!keepsConnection && isOccConflict(error));
      if (this.#users === 1 && mayBeGivenBack) this.#runner.giveConnectionBack();
      throw error;
    } finally {
      this.#users--;
    }
  }

  /** Not a transaction of the host's: its subscribers are not told of what the caller did not begin. */
  async #beginFor(statement: Statement, keys: ReusedIdentityKeys): Promise<StatementTransaction<unknown>> {
    const { own, release } = this.#unreleased();
    await own.sendOnce(['START TRANSACTION']);
    return {
      send: () => own.sendOnce(statement, keys),
      // Where that fails, it is rolled back.
      commitWith: async (text, values) => {
        await own.sendOnce([text, ofLastStatement(values)]);
        await release();
      },
      rollback: async () => {
        try {
          await own.sendOnce(['ROLLBACK']);
        } finally {
          await release();
        }
      },
    };
  }

  /** On this connection, if it is there and idle: the pool may have no other one. */
  async #runForMarker(text: string, values: readonly string[]): Promise<readonly ObjectLiteral[]> {
    const { isReleased, client } = this.#runner;
    if (isReleased || client === undefined || client.isInTransaction) {
      return transactionsOf(dataSourceOf(this.#runner)).run(text, values);
    }
    const { rows } = await client.query(text, [...values]);
    return rows as ObjectLiteral[];
  }
}
