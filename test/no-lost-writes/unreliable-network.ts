import { createServer, connect, type AddressInfo, type Socket } from 'node:net';
import { once } from 'node:events';

/**
 * What happens to the packets of one round trip:
 * - `hold request`, `hold answer`: they are delivered late, also when the client has gone meanwhile;
 * - `cut request`, `cut answer`: they are lost, and the connection with them;
 * - `pause`: the answer lies in the client's socket when the event loop goes on after `ms`, its timers first;
 * - `destroy`: the client's own socket is destroyed when the request is on its way.
 */
export type NetworkFault =
  'hold request' | 'hold answer' | 'cut request' | 'cut answer' | 'pause' | 'destroy';

interface Strike {
  readonly fault: NetworkFault;
  readonly ms: number;
  requestsLeft: number;
}

/** A network between clients and a database that loses and delays what it is told to, on 127.0.0.1. */
export class UnreliableNetwork {
  readonly #server = createServer({ noDelay: true }, (client) => {
    this.#connect(client);
  });
  readonly #sockets = new Set<Socket>();
  readonly #targetPort: number;
  readonly #destroyClients: () => void;
  #strikes: Strike[] = [];
  /** How often each fault has struck. */
  readonly struck: Partial<Record<NetworkFault, number>> = {};

  /**
   * @param targetPort - of the database
   * @param destroyClients - destroys the sockets of the clients that use this network
   */
  constructor(targetPort: number, destroyClients: () => void) {
    this.#targetPort = targetPort;
    this.#destroyClients = destroyClients;
  }

  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  /** Lets `fault` strike the request that is the `nth` from now on, and the answer to it. */
  strike(fault: NetworkFault, nth: number, ms: number): void {
    this.#strikes.push({ fault, ms, requestsLeft: nth });
  }

  /** Forgets the strikes that have not come yet. */
  calm(): void {
    this.#strikes = [];
  }

  async close(): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, 'close');
  }

  #nextStrike(): Strike | undefined {
    for (const strike of this.#strikes) strike.requestsLeft--;
    const strike = this.#strikes.find(({ requestsLeft }) => requestsLeft <= 0);
    if (strike === undefined) return undefined;
    this.#strikes = this.#strikes.filter((other) => other !== strike);
    this.struck[strike.fault] = (this.struck[strike.fault] ?? 0) + 1;
    return strike;
  }

  #connect(client: Socket): void {
    const database = connect({ port: this.#targetPort, host: '127.0.0.1', noDelay: true });
    const requests = new LateWriter(database);
    const answers = new LateWriter(client);
    let strikeAnswer: Strike | undefined;
    for (const socket of [client, database]) {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.once('close', () => this.#sockets.delete(socket));
    }
    const cut = () => {
      client.destroy();
      database.destroy();
    };
    client.on('data', (bytes) => {
      const strike = this.#nextStrike();
      if (strike?.fault === 'cut request') {
        cut();
        return;
      }
      requests.write(bytes, strike?.fault === 'hold request' ? strike.ms : 0);
      if (strike?.fault === 'destroy') this.#destroyClients();
      else if (strike !== undefined && strike.fault !== 'hold request') strikeAnswer = strike;
    });
    database.on('data', (bytes) => {
      const strike = strikeAnswer;
      strikeAnswer = undefined;
      if (strike?.fault === 'cut answer') {
        cut();
        return;
      }
      answers.write(bytes, strike?.fault === 'hold answer' ? strike.ms : 0);
      if (strike?.fault === 'pause') pause(strike.ms);
    });
    client.once('close', () => {
      requests.end();
    });
    database.once('close', () => {
      answers.end();
    });
  }
}

/** Stops the event loop: neither timers nor sockets are served meanwhile. */
export function pause(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

/** Writes to a socket in order, at once or late. */
class LateWriter {
  readonly #socket: Socket;
  #last: Promise<void> | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  write(bytes: Uint8Array, delayMs: number): void {
    const write = () => {
      if (this.#socket.writable) this.#socket.write(bytes);
    };
    if (delayMs === 0 && this.#last === undefined) write();
    else this.#later(write, delayMs);
  }

  /** After everything that is late. */
  end(): void {
    const end = () => {
      this.#socket.end();
      this.#socket.destroySoon();
    };
    if (this.#last === undefined) end();
    else this.#later(end, 0);
  }

  #later(act: () => void, delayMs: number): void {
    const before = this.#last ?? Promise.resolve();
    const last = before
      .then(() => new Promise((resolve) => setTimeout(resolve, delayMs)))
      .then(act)
      .then(() => {
        if (this.#last === last) this.#last = undefined;
      });
    this.#last = last;
  }
}
