import { DsqlClient, type DsqlClientOptions } from '../client';
import type { ResolvedEndpoint } from '../options/resolved-connection';
import { watchAnswer } from './answer-time';
import type { EndpointAttempt, EndpointRanking } from './endpoint-ranking';
import { probeDue } from './probe';
import { isUnreachable } from './unreachable';

type Connected = (error?: Error) => void;

/** A client of the endpoint that is to be tried next; what becomes of its connection is told to the ranking. */
export class EndpointClient extends DsqlClient {
  readonly #endpoints: EndpointRanking<ResolvedEndpoint>;
  readonly #attempt: EndpointAttempt<ResolvedEndpoint>;

  constructor(options: DsqlClientOptions, endpoints: EndpointRanking<ResolvedEndpoint>) {
    probeDue(endpoints);
    const attempt = endpoints.choose();
    super(options, attempt.connection);
    this.#endpoints = endpoints;
    this.#attempt = attempt;
  }

  /** As for every client; one that makes room for a connection to a nearer endpoint is closed, with nothing under way on it. */
  override prepareForReuse(): boolean {
    if (!super.prepareForReuse()) return false;
    // A pool that opens no connections would never learn that a nearer endpoint is there again.
    probeDue(this.#endpoints);
    if (!this.isQuiet || !this.#attempt.isToBeReplaced) return true;
    this.end().catch(() => undefined);
    return false;
  }

  override connect(): Promise<this>;
  override connect(callback: Connected): void;
  override connect(callback?: Connected): Promise<this> | undefined {
    if (callback === undefined) {
      return new Promise((resolve, reject) => {
        this.connect((error) => {
          if (error) reject(error);
          else resolve(this);
        });
      });
    }
    const attempt = this.#attempt;
    const stop = watchAnswer(this, attempt.answerTimeoutMs, (tookMs) => {
      attempt.answered(tookMs);
    });
    super.connect((error?: Error | null) => {
      stop();
      if (!error) attempt.opened();
      else if (isUnreachable(error)) attempt.failed(error);
      callback(error ?? undefined);
    });
    return undefined;
  }
}
