import type { Submittable } from 'pg';
import { areOfLastStatement, ofLastStatement } from './last-statement';
import { PipelinedQueries } from './pipelined-queries';
import { SkippedStatementError } from './transaction-errors';
import type { QueryOwner, TransactionQuery } from './transaction-query';

type RunQuery = (query: Submittable) => unknown;

/** A statement that waits to be sent with others, on one connection. */
interface WaitingQuery {
  readonly query: TransactionQuery;
  readonly owner: QueryOwner;
  readonly run: RunQuery;
}

/** Honest here: hosts hand on the very array of the parameters, and nothing else that could say so. */
const pipelines = new WeakMap<object, Pipeline>();

/**
 * Gathers statements of one transaction that do not need each other's answers, so that they take one round trip: a
 * {@link DsqlClient} that is given parameters of it keeps the statement until {@link Pipeline.send} is called.
 *
 * All are written in one message with one Sync, BEGIN before the first where it was not sent yet, and COMMIT behind the last
 * where that has parameters of `ofLastStatement`. Where no transaction is open any more, none is sent.
 */
export class Pipeline {
  #waiting: WaitingQuery[] = [];
  #noteJoined: (() => void) | undefined;

  /** How many statements wait to be sent. */
  get size(): number {
    return this.#waiting.length;
  }

  /**
   * The parameters of a statement that is to wait for {@link Pipeline.send}; those of a last statement stay that.
   *
   * @param parameters - left untouched
   * @returns a copy
   */
  parametersOf(parameters: readonly unknown[] = []): unknown[] {
    const own = areOfLastStatement(parameters) ? ofLastStatement(parameters) : [...parameters];
    pipelines.set(own, this);
    return own;
  }

  /** Waits until the next statement has come; no other one may be begun before, so that they are sent in this order. */
  whenJoined(): Promise<void> {
    return new Promise((resolve) => {
      this.#noteJoined = resolve;
    });
  }

  /** Called by the client in the place of sending. */
  join(query: TransactionQuery, owner: QueryOwner, run: RunQuery): void {
    this.#waiting.push({ query, owner, run });
    const noteJoined = this.#noteJoined;
    this.#noteJoined = undefined;
    noteJoined?.();
  }

  /** Sends what waits. */
  send(): void {
    const waiting = this.#waiting.splice(0);
    const [first, ...others] = waiting;
    if (first === undefined) return;
    const { query, owner, run } = first;
    const queries = [query, ...others.map((other) => other.query)] as const;
    // What is the whole transaction may commit itself.
    const isWhole = others.length === 0 && query.isLast;
    try {
      run((isWhole ? query : new PipelinedQueries(owner, queries)) as unknown as Submittable);
    } catch (error) {
      // A tracer has failed, and nobody knows whether before or after it was sent.
      for (const each of queries) each.giveUp(error as Error, owner.wire);
    }
  }

  /**
   * Nothing of what waits is sent: each statement fails with a {@link SkippedStatementError}.
   *
   * @param cause - why
   */
  discard(cause: unknown): void {
    for (const { query, owner } of this.#waiting.splice(0)) {
      query.report(new SkippedStatementError({ cause }), owner.wire);
    }
  }
}

/** The pipeline that a statement of these parameters waits in. */
export function pipelineOf(parameters: unknown): Pipeline | undefined {
  return typeof parameters === 'object' && parameters !== null ? pipelines.get(parameters) : undefined;
}
