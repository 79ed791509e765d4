import { randomBytes } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { sessionParameterRefusal } from '../../sql';
import type { Refusal } from '../../sql';
import { CONNECTION_REFUSALS } from '../limits/connection-limits';
import type { PostgresServer } from '../postgres';
import { TokenRejectedError, verifyToken } from '../token';
import type { SigningCredentials, TokenAction } from '../token';
import { readText } from '../wire/client-messages';
import { authenticationCleartextPassword, negotiateProtocolVersion } from '../wire/server-messages';
import type { ErrorFields } from '../wire/server-messages';
import { ConnectionRefusedError } from '../wire/startup';
import type { SessionRequest } from '../wire/startup';
import { BackendError, BackendLink } from './backend-link';
import { KEPT_SETTINGS } from './reported-settings';
import { clusterIdOption, readStartupOptions } from './startup-options';

/** What a client must match to get in, and where it is let to. */
export interface Gate {
  readonly clusterId: string;
  /** The cluster's host name, which certificates and tokens are made for. */
  readonly host: string;
  readonly region: string;
  /** Whether a client must name the cluster in the TLS handshake. */
  readonly requireSni: boolean;
  /** The time by which tokens are good. */
  /** A token is taken that is good by one of them. */
  readonly tokenClocks: readonly (() => Date)[];
  readonly credentials: (accessKeyId: string) => IamCredentials | undefined;
  /** Says what a client that wants to log in must be refused with before anything is asked of it. */
  readonly admit: (user: string) => Refusal | undefined;
  /** Hears of the end of every connection that was admitted. */
  readonly leave: () => void;
  /** Hears of every token that was presented. */
  readonly onToken: (accepted: boolean) => void;
  readonly postgres: PostgresServer;
}

/** Credentials of an IAM role. */
export interface IamCredentials extends SigningCredentials {
  readonly arn: string;
}

/** The IAM role behind a token was not granted the database role. The message is for our own record. */
export class AccessDeniedError extends Error {
  override readonly name = 'AccessDeniedError';
}

/** The only database of a cluster (AWS user guide, "Accessing Aurora DSQL", 2026-09-15). */
const DATABASE = 'postgres';

/** AWS's skill "Troubleshooting in DSQL", observed 2026-10-01; that its SQLSTATE is 28000 is likely. */
const ACCESS_DENIED: ErrorFields = {
  sqlstate: '28000',
  message: 'unable to accept connection, access denied',
};

/**
 * Takes a client from its start-up packet to a session of PostgreSQL that is its own: SNI, token, database, settings.
 *
 * @returns `undefined` when the client went away meanwhile
 * @throws ConnectionRefusedError with what the client is to be told; its `cause` says more
 */
export async function logIn(request: SessionRequest, gate: Gate): Promise<BackendLink | undefined> {
  const { stream, reader, parameters } = request;
  const user = parameters.get('user') ?? '';
  if (gate.requireSni && !request.serverName) {
    // The message is the troubleshooting guide's (2026-09-15); its SQLSTATE was never recorded.
    throw refused(stream, {
      sqlstate: '28000',
      message: 'unable to accept connection, sni was not received',
    });
  }
  if (user === '') {
    throw refused(stream, {
      sqlstate: '28000',
      message: 'no PostgreSQL user name specified in startup packet',
    });
  }
  const refusal = gate.admit(user);
  if (refusal) throw refused(stream, refusal);
  stream.once('close', gate.leave);
  if (request.unknownProtocolOptions) {
    stream.write(negotiateProtocolVersion(0, request.unknownProtocolOptions));
  }

  stream.write(authenticationCleartextPassword());
  const password = await reader.message();
  if (!password) return undefined;
  if (password.type !== 'p') {
    throw refused(stream, {
      sqlstate: '08P01',
      message: `expected password response, got message type ${password.type}`,
    });
  }
  const arn = await authenticate(readText(password.body).toString(), user, gate, stream);

  const database = parameters.get('database') ?? user;
  if (database !== DATABASE) {
    throw refused(stream, { sqlstate: '3D000', message: `database "${database}" does not exist` });
  }
  if (user === gate.postgres.superuser) {
    throw refused(stream, { sqlstate: '28000', message: `Role ${user} does not exist` }); // on a cluster it does not
  }
  return openBackend(request, { user, arn }, gate);
}

/** Opens the session of PostgreSQL, and asks it whether the IAM role may have the database role. */
async function openBackend(
  request: SessionRequest,
  { user, arn }: { readonly user: string; readonly arn: string },
  gate: Gate,
): Promise<BackendLink> {
  const { stream } = request;
  try {
    const link = await BackendLink.open(
      () => gate.postgres.connect(),
      backendParameters(request, user, gate),
    );
    if (user !== 'admin' && !(await mayConnect(link, user, arn))) {
      link.close();
      const message = `the role ${user} is not granted to ${arn}: as admin, AWS IAM GRANT ${user} TO '${arn}'`;
      throw refused(stream, ACCESS_DENIED, new AccessDeniedError(message));
    }
    return link;
  } catch (error) {
    if (!(error instanceof BackendError)) throw error;
    if (error.sqlstate === '53300') throw refused(stream, CONNECTION_REFUSALS['53300'], error);
    const unknownRole = /^role "(.*)" does not exist$/.exec(error.message)?.[1];
    const message = unknownRole === undefined ? error.message : `Role ${unknownRole} does not exist`;
    throw refused(stream, { sqlstate: error.sqlstate, message, detail: error.fields.get('D') }, error);
  }
}

/** As {@link roleBehind}, and says what became of the token. */
async function authenticate(token: string, user: string, gate: Gate, stream: Duplex): Promise<string> {
  try {
    const arn = await roleBehind(token, user, gate, stream);
    gate.onToken(true);
    return arn;
  } catch (error) {
    gate.onToken(false);
    throw error;
  }
}

/**
 * Checks a token and gives the IAM role behind it. Why one is refused is in the hint, if anywhere: that it has
 * expired, in IAM's words for any signature, or that it is for the other kind of role (AWS's skill "Troubleshooting in
 * DSQL", observed 2026-10-01).
 */
async function roleBehind(token: string, user: string, gate: Gate, stream: Duplex): Promise<string> {
  const [action, otherAction]: [TokenAction, TokenAction] =
    user === 'admin' ? ['DbConnectAdmin', 'DbConnect'] : ['DbConnect', 'DbConnectAdmin'];
  const verify = async (signedFor: TokenAction) => {
    const { host, region, credentials, tokenClocks } = gate;
    let refusal: unknown;
    for (const clock of tokenClocks) {
      try {
        const expected = { hosts: [host], region, action: signedFor, credentials, now: clock() };
        return await verifyToken(token, expected);
      } catch (error) {
        refusal ??= error;
      }
    }
    throw refusal;
  };
  try {
    return gate.credentials((await verify(action)).accessKeyId)?.arn ?? '';
  } catch (error) {
    if (!(error instanceof TokenRejectedError)) throw error;
    if (error.reason === 'expired') {
      throw refused(stream, { ...ACCESS_DENIED, hint: `Signature expired: ${error.explanation}` }, error);
    }
    if (error.reason !== 'action') throw refused(stream, ACCESS_DENIED, error);
    try {
      // Only a client that could have signed the right token is told that it was the wrong one.
      await verify(otherAction);
    } catch {
      throw refused(stream, ACCESS_DENIED, error);
    }
    const hint = `Wrong user to action mapping. user: ${user}, action: ${otherAction}`;
    throw refused(stream, { ...ACCESS_DENIED, hint }, error);
  }
}

/** Whether an IAM role was granted a database role. */
async function mayConnect(link: BackendLink, user: string, arn: string): Promise<boolean> {
  const sql =
    'SELECT FROM sys.iam_pg_role_mappings WHERE pg_role_name = $1 AND iam_pg_role_mappings.arn = $2';
  const rows = await link.hidden(sql, [user, arn]);
  await link.hiddenExchange([], 'sync');
  return rows.length > 0;
}

/** The start-up parameters for PostgreSQL: the client's, as far as DSQL lets it choose, over DSQL's own. */
function backendParameters(
  { stream, parameters }: SessionRequest,
  user: string,
  gate: Gate,
): Map<string, string> {
  const wanted = new Map<string, string>();
  for (const [name, value] of parameters) {
    if (!['user', 'database', 'options'].includes(name)) wanted.set(name, value);
  }
  const options = readStartupOptions(parameters.get('options') ?? '');
  if ('invalid' in options) {
    const message = `invalid command-line argument for server process: ${options.invalid}`;
    throw refused(stream, { sqlstate: '42601', message });
  }
  for (const [name, value] of options.settings) wanted.set(name, value);

  const kept = [...KEPT_SETTINGS.values()].map(({ keptAs, initially }): [string, string] => [
    keptAs,
    initially,
  ]);
  const accepted = new Map([
    ...kept,
    ['user', user],
    ['database', DATABASE],
    ['client_encoding', 'UTF8'],
    ['TimeZone', 'UTC'],
    ['default_transaction_isolation', 'repeatable read'],
    // For us: that a statement waits for a lock is a message for the log.
    ['client_min_messages', 'log'],
    // UUIDs come again when a transaction is replayed.
    ['dsql_local.uuid_seed', randomBytes(16).toString('hex')],
  ]);
  for (const [name, value] of wanted) {
    const refusal = sessionParameterRefusal(name, 'startup');
    if (refusal) throw refused(stream, refusal);
    const lowerCase = name.toLowerCase();
    if (lowerCase === clusterIdOption) {
      if (value !== gate.clusterId) {
        throw refused(stream, ACCESS_DENIED);
      }
    } else if (KEPT_SETTINGS.has(lowerCase)) {
      accepted.set(KEPT_SETTINGS.get(lowerCase)?.keptAs ?? name, value);
    } else {
      // Names are compared without case; ours must not be given in a second spelling.
      for (const ours of accepted.keys()) if (ours.toLowerCase() === lowerCase) accepted.delete(ours);
      accepted.set(name, value);
    }
  }
  return accepted;
}

function refused(
  stream: Duplex,
  { sqlstate, message, detail, hint }: ErrorFields,
  cause?: Error,
): ConnectionRefusedError {
  const fields: ErrorFields = { severity: 'FATAL', sqlstate, message, detail, hint };
  return new ConnectionRefusedError(stream, fields, cause && { cause });
}
