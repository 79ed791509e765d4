import { once } from 'node:events';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { SecureContext } from 'node:tls';
import type { FaultInjector } from './faults/fault-injector';
import type { Limits } from './limits/limits';
import type { Concurrency } from './concurrency/concurrency';
import { clearInterval, clearTimeout, setInterval, setTimeout, sleep } from './real-time';
import { logIn } from './session/log-in';
import type { Gate } from './session/log-in';
import { Session } from './session/session';
import type { Tracer } from './trace';
import { errorResponse } from './wire/server-messages';
import { ConnectionRefusedError, openConnection } from './wire/startup';
import type { CancelRequest } from './wire/startup';

/** What a proxy server works with. */
export interface ProxyServerParts {
  readonly secureContext: SecureContext;
  readonly gate: Gate;
  /** The time by which connections and transactions age. */
  readonly clock: () => Date;
  readonly concurrency: Concurrency;
  readonly faults: FaultInjector;
  readonly limits: Limits;
  readonly trace: Tracer;
  /** Whether a CancelRequest has an effect. */
  readonly cancelRequests: boolean;
  /** Hears why a connection was refused. */
  readonly onRefused?: ((error: Error) => void) | undefined;
  /** Hears of the asynchronous jobs of every transaction that has ended. */
  readonly onJobs: (jobIds: readonly string[]) => void;
}

/** The only address that is listened on. */
export const LOOPBACK = '127.0.0.1';

/** How long a client may take to log in, as PostgreSQL's authentication_timeout. */
const LOG_IN_MS = 60_000;
/** How often it is looked whether idle connections have lasted too long; the clock may have been moved. */
const SWEEP_MS = 250;

/** Accepts connections and keeps count of what has to be closed. */
export class ProxyServer {
  readonly #server: Server;
  readonly #parts: ProxyServerParts;
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Set<Session>();
  readonly #sweep: NodeJS.Timeout;

  constructor(parts: ProxyServerParts) {
    this.#parts = parts;
    this.#server = createServer({ noDelay: true }, (socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined); // 'close' follows, and ends what was made of it
      socket.once('close', () => this.#sockets.delete(socket));
      const obstacle = parts.faults.atArrival(this.region);
      if (obstacle === undefined) void this.#serve(socket);
      else if (obstacle === 'reset') socket.resetAndDestroy();
      else socket.resume(); // so that its end is noticed
    });
    this.#sweep = setInterval(() => {
      for (const session of this.#sessions) session.endWhenOver();
    }, SWEEP_MS).unref();
  }

  /**
   * Begins to listen on {@link LOOPBACK}.
   *
   * @param port - 0 for a free one
   * @returns the port
   */
  async listen(port: number): Promise<number> {
    this.#server.listen(port, LOOPBACK);
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  /** The Region of the endpoint. */
  get region(): string {
    return this.#parts.gate.region;
  }

  /** Closes every connection and stops listening. */
  async close(): Promise<void> {
    clearInterval(this.#sweep);
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const session of this.#sessions) session.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }

  /** Ends every session; returns how many there were. */
  endSessions(): number {
    const { size } = this.#sessions;
    for (const session of this.#sessions) session.close();
    return size;
  }

  /** Ends every connection without a word, as a network does that is gone. */
  cutConnections(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async #serve(socket: Socket): Promise<void> {
    const deadline = setTimeout(() => socket.destroy(), LOG_IN_MS);
    socket.once('close', () => {
      clearTimeout(deadline);
    });
    try {
      const session = await this.#open(socket);
      clearTimeout(deadline);
      if (!session) {
        socket.destroy();
        return;
      }
      this.#sessions.add(session);
      await session.run().finally(() => this.#sessions.delete(session));
    } catch (error) {
      this.#refuse(socket, error);
    }
  }

  async #open(socket: Socket): Promise<Session | undefined> {
    const delayMs = this.#parts.faults.beforeLogIn(this.region);
    if (delayMs > 0) await sleep(delayMs);
    const opened = await openConnection(socket, this.#parts.secureContext);
    if (!opened) return undefined;
    if (opened.kind === 'cancel') {
      this.#cancel(opened);
      return undefined;
    }
    const { stream, reader } = opened;
    const { gate, clock, concurrency, faults, limits, onJobs } = this.#parts;
    const link = await logIn(opened, gate);
    if (!link) return undefined;
    const trace = this.#parts.trace.connection(
      opened.parameters.get('user') ?? '',
      link.parameters.get('application_name'),
    );
    return new Session({
      stream,
      reader,
      link,
      region: this.region,
      clock,
      concurrency,
      faults,
      limits,
      trace,
      onJobs,
    });
  }

  /**
   * Nothing is answered to a CancelRequest, and a cluster does nothing about one: `pg_sleep(5)` ran to its end
   * (`roboco-io/dsql-experiments`, 2026-09).
   */
  #cancel({ processId, secretKey }: CancelRequest): void {
    if (!this.#parts.cancelRequests) return;
    for (const session of this.#sessions) {
      const key = session.cancelKey;
      if (key.processId === processId && key.secretKey === secretKey) session.cancel();
    }
  }

  #refuse(socket: Socket, error: unknown): void {
    this.#parts.trace.count('connectionsRefused');
    if (error instanceof Error) this.#parts.onRefused?.(error);
    if (error instanceof ConnectionRefusedError) error.stream.end(errorResponse(error.fields));
    else socket.destroy();
  }
}
