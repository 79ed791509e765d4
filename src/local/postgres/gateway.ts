import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { quoted } from '../../sql';
import { errorResponse, readCstring, readyForQuery } from '../wire/server-messages';
import { StreamReader } from '../wire/stream-reader';
import type { PostgresAddress } from './postgres-session';
import { PostgresSession, PostgresSessionError } from './postgres-session';

/** An entry point to a PostgreSQL that wants a password. */
export interface Gateway {
  connect(): Socket;
  /** Ends every connection. */
  close(): Promise<void>;
}

const CANCEL_REQUEST = 80877102;
const MAX_STARTUP_BYTES = 10_000;

/**
 * Opens a socket that is to its clients what PostgreSQL's own socket with trust authentication would be: a session
 * begins with the start-up message, as any role and without a password. Behind it, every session is one of the
 * superuser in `database` that has taken on the role, so that roles need no passwords.
 *
 * @param path - of the Unix socket or, on Windows, the named pipe
 */
export async function openGateway(
  path: string,
  address: PostgresAddress,
  database: string,
): Promise<Gateway> {
  const sockets = new Set<Socket>();
  const server = createServer({ noDelay: true }, (client) => {
    sockets.add(client);
    client.once('close', () => sockets.delete(client));
    client.on('error', () => undefined); // 'close' follows
    void serve(client, address, database).catch(() => client.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(path, resolve);
  });
  // As a PostgreSQL of our own, it is no reason to keep this process alive.
  server.unref();
  return {
    connect: () => connect(path),
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        for (const socket of sockets) socket.destroy();
      }),
  };
}

async function serve(client: Socket, address: PostgresAddress, database: string): Promise<void> {
  const reader = new StreamReader(client);
  const length = await reader.bytes(4);
  if (!length) return;
  const rest = await reader.bytes(Math.min(length.readUInt32BE(), MAX_STARTUP_BYTES) - 4);
  if (!rest) return;
  reader.release();
  if (rest.readUInt32BE(0) === CANCEL_REQUEST) {
    connect(address.socket)
      .on('error', () => undefined)
      .end(Buffer.concat([length, rest]));
    client.end();
    return;
  }
  const parameters = readParameters(rest.subarray(4));
  const role = parameters.get('user') ?? '';
  let session: PostgresSession;
  try {
    session = await PostgresSession.open(address, new Map([...parameters, ['database', database]]));
    if (role !== address.user) await setSessionAuthorization(role, session);
  } catch (error) {
    const { sqlstate, message } =
      error instanceof PostgresSessionError ? error : { sqlstate: '08006', message: String(error) };
    client.end(errorResponse({ severity: 'FATAL', sqlstate, message }));
    return;
  }
  const upstream = session.release();
  client.write(Buffer.concat([session.greeting, readyForQuery('I')]));
  upstream.once('close', () => client.destroy());
  client.once('close', () => upstream.destroy());
  client.pipe(upstream);
  upstream.pipe(client);
}

/** Makes a superuser's session one of a role, or fails as logging in as that role would. */
async function setSessionAuthorization(role: string, session: PostgresSession): Promise<void> {
  const [row] = await session.query(`SELECT rolcanlogin FROM pg_roles WHERE rolname = ${literal(role)}`);
  const refusal = !row ? 'does not exist' : row[0] === 't' ? undefined : 'is not permitted to log in';
  if (refusal) {
    session.close();
    throw new PostgresSessionError('28000', `role "${role}" ${refusal}`);
  }
  await session.query(`SET SESSION AUTHORIZATION ${quoted(role)}`);
}

function readParameters(body: Buffer): Map<string, string> {
  const parameters = new Map<string, string>();
  for (let at = 0; at < body.length && body[at] !== 0;) {
    const name = readCstring(body, at);
    const value = readCstring(body, name.end);
    parameters.set(name.text, value.text);
    at = value.end;
  }
  return parameters;
}

/** A text as a literal of SQL. */
export function literal(text: string): string {
  return ` E'${text.replace(/\\/g, '\\\\').replace(/'/g, "''")}'`;
}
