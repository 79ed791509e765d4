import { connectionChannels, type EndpointMessage } from '../diagnostics';
import { elapsedMs } from '../real-time';
import { jitteredMs } from '../refused-connection';
import { Distance } from './distance';
import type { ResolvedEndpointPolicy } from './endpoint-policy';
import { EndpointsUnreachableError, reasonOf } from './endpoints-unreachable-error';

/** What is known of every endpoint by its connection. */
interface Reachable {
  readonly host: string;
  readonly port: number;
  readonly region: string;
  readonly user: string;
}

/** One attempt to reach an endpoint; its maker tells it what has happened. */
export interface EndpointAttempt<Connection> {
  readonly connection: Connection;
  /** How long the endpoint may take to answer. */
  readonly answerTimeoutMs: number;
  /** It has answered, after so many milliseconds on the network, where that was measured. */
  answered(tookMs?: number): void;
  /** The connection is open. */
  opened(): void;
  /** It cannot be reached. */
  failed(error: unknown): void;
  /** Whether the connection should make room for one to a nearer endpoint, when nothing is under way on it. */
  readonly isToBeReplaced: boolean;
}

/**
 * Whether connections go to an endpoint:
 * - `up`: as far as is known, it takes them;
 * - `aside`: it could not be reached, and gets none;
 * - `answering`: set aside, it has answered since, and gets one.
 */
type State = 'up' | 'aside' | 'answering';

interface Standing<Connection> {
  readonly connection: Connection;
  readonly distance: Distance;
  state: State;
  /** Since when it has its state. */
  sinceMs: number;
  /** How often in succession it could not be reached. */
  failures: number;
  /** When it is to be asked again whether it answers, or how far it is. */
  probeAtMs: number;
  isBeingProbed: boolean;
  /** Of the attempts that could not reach it the one that began last. */
  lastFailure: { readonly error: unknown; readonly begunMs: number } | undefined;
}

/** What is nearest stays so until another one is nearer by a fifth: between equals there is nothing to gain. */
const CLEARLY_NEARER = 0.8;

/**
 * The endpoints of one cluster, the nearest first, and which of them can be reached: what one data source, pool or `Sequelize`
 * has found out. It opens nothing itself.
 *
 * @typeParam Connection - how an endpoint is reached
 */
export class EndpointRanking<Connection extends Reachable> {
  /** In the order in which they were given. */
  readonly #standings: readonly Standing<Connection>[];
  readonly #policy: ResolvedEndpointPolicy;
  #nearest: Standing<Connection>;
  #start: Promise<void> | undefined;
  /** Hears in a sentence which endpoints are lost, and which are back. */
  #log: (message: string) => void = () => undefined;

  constructor(connections: readonly [Connection, ...Connection[]], policy: ResolvedEndpointPolicy) {
    const standingOf = (connection: Connection): Standing<Connection> => ({
      connection,
      distance: new Distance(),
      state: 'up',
      sinceMs: 0,
      failures: 0,
      probeAtMs: 0,
      isBeingProbed: false,
      lastFailure: undefined,
    });
    const [first, ...others] = connections;
    this.#nearest = standingOf(first);
    this.#standings = [this.#nearest, ...others.map(standingOf)];
    this.#policy = policy;
  }

  /**
   * Whom to tell when an endpoint is lost, and when it is back.
   *
   * @param log - takes a sentence
   */
  logTo(log: (message: string) => void): void {
    this.#log = log;
  }

  /** Every endpoint, in the order in which they were given. */
  get connections(): readonly Connection[] {
    return this.#standings.map(({ connection }) => connection);
  }

  /** Whether {@link start} has nothing to wait for. */
  get isStarted(): boolean {
    return this.#standings.length === 1 || this.#standings.some(({ distance }) => distance.ms !== undefined);
  }

  /** Waits for the first measurement, which the first caller makes. */
  start(measure: () => Promise<void>): Promise<void> {
    return (this.#start ??= measure());
  }

  /** Every endpoint, to be measured for the first time. */
  probeAll(): EndpointAttempt<Connection>[] {
    return this.#standings.map((standing) => this.#probe(standing));
  }

  /**
   * The endpoints that should be asked whether they answer, beside what clients do: those whose back-off is over, and those
   * whose distance was measured too seldom or long ago.
   */
  probesDue(): EndpointAttempt<Connection>[] {
    const nowMs = elapsedMs();
    return this.#standings
      .filter(({ state, isBeingProbed, probeAtMs }) => {
        const isOfUse = state === 'aside' || this.#standings.length > 1;
        return isOfUse && !isBeingProbed && probeAtMs <= nowMs;
      })
      .map((standing) => this.#probe(standing));
  }

  /**
   * Chooses the endpoint of a new connection: the nearest that is not set aside. One that answers again gets one connection,
   * and the others go elsewhere until that is open. Where all are set aside it is the one whose turn was the longest ago.
   */
  choose(): EndpointAttempt<Connection> {
    const order = this.#nearestFirst();
    const turnMs = ({ lastFailure }: Standing<Connection>) => lastFailure?.begunMs ?? 0;
    const chosen =
      order.find(({ state }) => state !== 'aside') ??
      order.reduce((least, each) => (turnMs(each) < turnMs(least) ? each : least));
    if (chosen.state !== 'up') {
      this.#become(chosen, 'aside');
      chosen.probeAtMs = Math.max(chosen.probeAtMs, elapsedMs() + this.#policy.answerTimeoutMs);
    }
    return this.#attempt(chosen);
  }

  /** What to report where every endpoint was tried since a moment and failed; nothing where one is left to try. */
  failureSince(sinceMs: number): EndpointsUnreachableError | undefined {
    const failures = this.#nearestFirst().flatMap(({ connection, state, lastFailure }) => {
      const { host, port, region } = connection;
      return state === 'aside' && lastFailure !== undefined && lastFailure.begunMs >= sinceMs
        ? [{ host, port, region, error: lastFailure.error }]
        : [];
    });
    return failures.length === this.#standings.length ? new EndpointsUnreachableError(failures) : undefined;
  }

  #probe(standing: Standing<Connection>): EndpointAttempt<Connection> {
    standing.isBeingProbed = true;
    if (standing.state !== 'aside') standing.probeAtMs = elapsedMs() + standing.distance.pauseMs;
    const attempt = this.#attempt(standing);
    return {
      ...attempt,
      answered: (tookMs) => {
        standing.isBeingProbed = false;
        attempt.answered(tookMs);
        // Only a connection that opens ends the back-off.
        if (standing.state === 'aside') this.#become(standing, 'answering');
        standing.probeAtMs = elapsedMs() + standing.distance.pauseMs;
      },
      failed: (error) => {
        standing.isBeingProbed = false;
        attempt.failed(error);
      },
    };
  }

  #attempt(standing: Standing<Connection>): EndpointAttempt<Connection> {
    const begunMs = elapsedMs();
    const share = Math.random();
    const isToBeReplaced = () => this.#isToBeReplaced(standing, share);
    return {
      connection: standing.connection,
      answerTimeoutMs: this.#policy.answerTimeoutMs,
      answered: (tookMs) => {
        if (tookMs === undefined) standing.distance.notMeasured();
        else this.#measured(standing, tookMs);
      },
      opened: () => {
        this.#opened(standing);
      },
      failed: (error) => {
        this.#failed(standing, error, begunMs);
      },
      get isToBeReplaced() {
        return isToBeReplaced();
      },
    };
  }

  #measured(standing: Standing<Connection>, tookMs: number): void {
    const distanceMs = standing.distance.measured(tookMs);
    if (distanceMs >= (this.#nearest.distance.ms ?? Infinity) * CLEARLY_NEARER) return;
    if (standing === this.#nearest) return;
    this.#nearest = standing;
    // What is connected elsewhere moves here by and by.
    standing.sinceMs = elapsedMs();
  }

  #opened(standing: Standing<Connection>): void {
    if (standing.state === 'up') return;
    standing.failures = 0;
    standing.probeAtMs = elapsedMs() + standing.distance.pauseMs;
    this.#become(standing, 'up');
    const { host, user } = standing.connection;
    connectionChannels.endpointRestored.publish({ host, user } satisfies EndpointMessage);
    this.#log(`The endpoint ${host} takes connections again.`);
  }

  #failed(standing: Standing<Connection>, error: unknown, begunMs: number): void {
    if (begunMs >= (standing.lastFailure?.begunMs ?? 0)) standing.lastFailure = { error, begunMs };
    // Many attempts that fail together are one failure, and one from before says nothing of the state since.
    if (begunMs < standing.sinceMs) return;
    const isNews = standing.state === 'up';
    const { minBackoffMs, maxBackoffMs } = this.#policy;
    standing.failures++;
    const backoffMs = jitteredMs(standing.failures, minBackoffMs, maxBackoffMs);
    standing.probeAtMs = elapsedMs() + backoffMs;
    this.#become(standing, 'aside');
    const { host, user } = standing.connection;
    connectionChannels.endpointSetAside.publish({
      host,
      user,
      reason: reasonOf(error),
      backoffMs,
    } satisfies EndpointMessage);
    // That it still cannot be reached, the channel says.
    if (isNews) {
      this.#log(
        `The endpoint ${host} cannot be reached (${reasonOf(error)}): connections go to another one.`,
      );
    }
  }

  #become(standing: Standing<Connection>, state: State): void {
    standing.state = state;
    standing.sinceMs = elapsedMs();
  }

  /** @param share - of the time for it, at which this connection is replaced */
  #isToBeReplaced(standing: Standing<Connection>, share: number): boolean {
    const order = this.#nearestFirst();
    const soonestMs = elapsedMs() - share * this.#policy.drainMs;
    return order
      .slice(0, order.indexOf(standing))
      .some(({ state, sinceMs }) => state !== 'aside' && sinceMs <= soonestMs);
  }

  #nearestFirst(): readonly Standing<Connection>[] {
    const distanceOf = (standing: Standing<Connection>) =>
      standing === this.#nearest ? -1 : (standing.distance.ms ?? Number.MAX_VALUE);
    return this.#standings.toSorted((one, other) => distanceOf(one) - distanceOf(other));
  }
}
