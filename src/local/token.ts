import { createHash, timingSafeEqual } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';
import { Sha256 } from '../node';

/** The IAM action a token was signed for: `DbConnectAdmin` for the role `admin`, `DbConnect` for every other role. */
export type TokenAction = 'DbConnect' | 'DbConnectAdmin';

/** The secret half of an access key that the server knows. */
export interface SigningCredentials {
  readonly secretAccessKey: string;
  /** Set for temporary credentials; the token must then carry exactly this session token. */
  readonly sessionToken?: string | undefined;
}

/** What a token must have been signed for, with, and when, to be accepted. */
export interface TokenExpectations {
  /** Host names of the cluster, without a port; compared without regard to case. */
  readonly hosts: readonly string[];
  readonly region: string;
  readonly action: TokenAction;
  /** Looks an access key up; `undefined` means that the key is unknown. */
  readonly credentials: (accessKeyId: string) => SigningCredentials | undefined;
  readonly now: Date;
}

/** What an accepted token says. */
export interface VerifiedToken {
  readonly accessKeyId: string;
  readonly action: TokenAction;
  readonly signedAt: Date;
  readonly expiresAt: Date;
}

/** Why a token was refused; for the server's own record, a client is told little of it. */
export type TokenRejectionReason =
  | 'malformed'
  | 'duplicate parameter'
  | 'algorithm'
  | 'scope'
  | 'service'
  | 'region'
  | 'host'
  | 'action'
  | 'date'
  | 'expiry'
  | 'signed headers'
  | 'not yet valid'
  | 'expired'
  | 'unknown key'
  | 'session token'
  | 'signature';

/** A token was refused. Neither the message nor any field quotes the token. */
export class TokenRejectedError extends Error {
  override readonly name = 'TokenRejectedError';

  constructor(
    readonly reason: TokenRejectionReason,
    readonly explanation: string,
  ) {
    super(`authentication token refused (${reason}): ${explanation}`);
  }
}

const MAX_TOKEN_LENGTH = 8192;
const MAX_EXPIRES_SECS = 604_800;
const MAX_CLOCK_SKEW_MS = 5 * 60_000;

/**
 * Verifies a DSQL authentication token: a SigV4 presigned `GET https://<host>/?Action=…` without its `https://`
 * (AWS user guide, "Generating an authentication token in Aurora DSQL", 2026-09-15).
 *
 * @param token - the password a client sent
 * @param expected - what the token must be for
 * @returns what the token says
 * @throws {@link TokenRejectedError} with its `reason`, for the first thing that is wrong
 */
export async function verifyToken(token: string, expected: TokenExpectations): Promise<VerifiedToken> {
  const { host, parameters } = parseToken(token);
  const { accessKeyId, region, day } = expectSignedFor(host, parameters, expected);
  const { signedAt, expiresSecs, expiresAt } = expectValidNow(parameters, day, expected.now);
  const credentials = expected.credentials(accessKeyId);
  if (!credentials) throw new TokenRejectedError('unknown key', 'no such access key');
  if (!sameText(parameters.get('X-Amz-Security-Token') ?? '', credentials.sessionToken ?? '')) {
    throw new TokenRejectedError('session token', 'X-Amz-Security-Token is not the one of this access key');
  }
  const signed = await presign(parameters, {
    host,
    region,
    accessKeyId,
    ...credentials,
    now: signedAt,
    expiresSecs,
  });
  if (!sameText(parameters.get('X-Amz-Signature') ?? '', signed.get('X-Amz-Signature') ?? '')) {
    throw new TokenRejectedError('signature', 'X-Amz-Signature is not the signature of this token');
  }
  return { accessKeyId, action: expected.action, signedAt, expiresAt };
}

/** What a token was signed for, by its credential scope. */
interface TokenScope {
  readonly accessKeyId: string;
  readonly region: string;
  readonly day: string;
}

/** @throws {@link TokenRejectedError} when a token was not signed for the endpoint and the action that it is used for */
function expectSignedFor(
  host: string,
  parameters: ReadonlyMap<string, string>,
  expected: TokenExpectations,
): TokenScope {
  if (parameters.get('X-Amz-Algorithm') !== 'AWS4-HMAC-SHA256') {
    throw new TokenRejectedError('algorithm', 'X-Amz-Algorithm must be AWS4-HMAC-SHA256');
  }
  const scope = (parameters.get('X-Amz-Credential') ?? '').split('/');
  const [accessKeyId, day, region, service, terminator] = scope;
  if (!accessKeyId || !day || !region || scope.length !== 5 || terminator !== 'aws4_request') {
    throw new TokenRejectedError('scope', 'X-Amz-Credential must be <key>/<day>/<region>/dsql/aws4_request');
  }
  if (service !== 'dsql') throw new TokenRejectedError('service', 'it was not signed for the service dsql');
  if (region !== expected.region) {
    throw new TokenRejectedError('region', `it was not signed for region ${expected.region}`);
  }
  if (!expected.hosts.some((name) => name.toLowerCase() === host.toLowerCase())) {
    throw new TokenRejectedError('host', `it was not signed for ${expected.hosts.join(' or ')}`);
  }
  if ((parameters.get('Action') ?? '') !== expected.action) {
    throw new TokenRejectedError('action', `it was not signed for the action ${expected.action}`);
  }
  return { accessKeyId, region, day };
}

/** @throws {@link TokenRejectedError} when a token is not valid, or not at this time */
function expectValidNow(parameters: ReadonlyMap<string, string>, day: string, now: Date) {
  const timestamp = parameters.get('X-Amz-Date') ?? '';
  const signedAt = parseTimestamp(timestamp);
  if (!signedAt || !timestamp.startsWith(`${day}T`)) {
    throw new TokenRejectedError('date', 'X-Amz-Date must be a UTC time on the day of the credential scope');
  }
  const expires = parameters.get('X-Amz-Expires') ?? '';
  const expiresSecs = /^\d{1,6}$/.test(expires) ? Number(expires) : 0;
  if (expiresSecs < 1 || expiresSecs > MAX_EXPIRES_SECS) {
    throw new TokenRejectedError('expiry', `X-Amz-Expires must be 1 to ${MAX_EXPIRES_SECS} seconds`);
  }
  if (parameters.get('X-Amz-SignedHeaders') !== 'host') {
    throw new TokenRejectedError('signed headers', 'X-Amz-SignedHeaders must be host');
  }
  const expiresAt = new Date(signedAt.getTime() + expiresSecs * 1000);
  if (signedAt.getTime() > now.getTime() + MAX_CLOCK_SKEW_MS) {
    throw new TokenRejectedError('not yet valid', 'it was signed more than five minutes in the future');
  }
  if (expiresAt < now) {
    const explanation = `${timestampOf(expiresAt)} is now earlier than ${timestampOf(now)}`;
    throw new TokenRejectedError('expired', explanation);
  }
  return { signedAt, expiresSecs, expiresAt };
}

/** What to sign a token for. */
export interface TokenRequest {
  readonly host: string;
  readonly region: string;
  readonly action: TokenAction;
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly now: Date;
  /** How long it is good for in seconds, 1 to 604,800. */
  readonly expiresSecs: number;
}

/** Signs a token that {@link verifyToken} accepts, as the AWS SDK would at that time. */
export async function signToken(request: TokenRequest): Promise<string> {
  const signed = await presign(new Map([['Action', request.action]]), request);
  const query = [...signed].map((pair) => pair.map(encodeURIComponent).join('='));
  return `${request.host}/?${query.join('&')}`;
}

function parseToken(token: string): { host: string; parameters: ReadonlyMap<string, string> } {
  const queryStart = token.indexOf('/?');
  if (queryStart < 1 || token.length > MAX_TOKEN_LENGTH) {
    throw new TokenRejectedError('malformed', 'it must be <host>/?<query>');
  }
  const parameters = new Map<string, string>();
  for (const pair of token.slice(queryStart + 2).split('&')) {
    const equals = pair.indexOf('=');
    const name = equals > 0 ? decode(pair.slice(0, equals)) : undefined;
    const value = decode(pair.slice(equals + 1));
    if (name === undefined || value === undefined) {
      throw new TokenRejectedError('malformed', 'its query must be <name>=<value> pairs in percent encoding');
    }
    if (parameters.has(name)) {
      throw new TokenRejectedError('duplicate parameter', 'a parameter of its query is given twice');
    }
    parameters.set(name, value);
  }
  return { host: token.slice(0, queryStart), parameters };
}

/** A time as SigV4 writes it, `20260915T101112Z`. */
function timestampOf(time: Date): string {
  return time.toISOString().replace(/[-:]|\.\d+/g, '');
}

/** The time of `20260915T101112Z`, or `undefined` for anything else, impossible dates included. */
function parseTimestamp(timestamp: string): Date | undefined {
  const match = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(timestamp);
  if (!match) return undefined;
  const [, year, month, day, hour, minute, second] = match;
  const iso = `${year}-${month}-${day}T${hour}:${minute}:${second}.000Z`;
  const time = new Date(iso);
  // JavaScript reads 30 February as 2 March; such a date does not come back as it went in.
  return !Number.isNaN(time.getTime()) && time.toISOString() === iso ? time : undefined;
}

/** Gives these parameters of a query those that sign it, in place of their own. */
async function presign(
  parameters: ReadonlyMap<string, string>,
  { host, region, now, expiresSecs, ...credentials }: Omit<TokenRequest, 'action'> & SigningCredentials,
): Promise<ReadonlyMap<string, string>> {
  const unsigned = [...parameters].filter(([name]) => name !== 'X-Amz-Signature');
  const signer = new SignatureV4({ service: 'dsql', region, credentials, sha256: Sha256 });
  const { query } = await signer.presign(
    {
      method: 'GET',
      protocol: 'https:',
      hostname: host,
      path: '/',
      query: Object.fromEntries(unsigned),
      headers: { host },
    },
    { signingDate: now, expiresIn: expiresSecs },
  );
  return new Map(Object.entries(query as Readonly<Record<string, string>>));
}

/** Compares in a time that does not tell where two texts differ. */
function sameText(a: string, b: string): boolean {
  return timingSafeEqual(sha256(a), sha256(b));
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
