import { DsqlSigner } from '@aws-sdk/dsql-signer';
import { inspect } from 'node:util';
import type { TokenAction, TokenExpectations, TokenRejectionReason } from '../../src/local/token';
import { TokenRejectedError, verifyToken } from '../../src/local/token';

const host = 'abcdefghijklmnopqrstuvwxyz.dsql.us-east-1.on.aws';
const region = 'us-east-1';
const accessKeyId = 'AKIDEXAMPLE';
const secretAccessKey = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY';
const sessionToken = 'IQoJb3JpZ2luX2VjE//+session==';

interface SignOptions {
  readonly action?: TokenAction;
  readonly hostname?: string;
  readonly region?: string;
  readonly expiresIn?: number;
  readonly accessKeyId?: string;
  readonly secretAccessKey?: string;
  readonly sessionToken?: string;
}

/** A token as the AWS SDK makes it. */
function sign({ action = 'DbConnectAdmin', expiresIn = 900, ...options }: SignOptions = {}): Promise<string> {
  const signer = new DsqlSigner({
    hostname: options.hostname ?? host,
    region: options.region ?? region,
    expiresIn,
    credentials: {
      accessKeyId: options.accessKeyId ?? accessKeyId,
      secretAccessKey: options.secretAccessKey ?? secretAccessKey,
      ...(options.sessionToken === undefined ? {} : { sessionToken: options.sessionToken }),
    },
  });
  return action === 'DbConnect' ? signer.getDbConnectAuthToken() : signer.getDbConnectAdminAuthToken();
}

function verify(token: string, expected: Partial<TokenExpectations> = {}) {
  return verifyToken(token, {
    hosts: [host],
    region,
    action: 'DbConnectAdmin',
    credentials: (key) => (key === accessKeyId ? { secretAccessKey } : undefined),
    now: new Date(),
    ...expected,
  });
}

async function rejection(
  token: string,
  expected: Partial<TokenExpectations> = {},
): Promise<TokenRejectedError> {
  try {
    await verify(token, expected);
  } catch (error) {
    if (error instanceof TokenRejectedError) return error;
    throw error;
  }
  throw new Error('the token was accepted');
}

const later = (seconds: number) => new Date(Date.now() + seconds * 1000);

describe('verifyToken', () => {
  it('accepts what the AWS SDK signs for admin', async () => {
    const { signedAt, expiresAt, ...verified } = await verify(await sign());
    expect(verified).toEqual({ accessKeyId, action: 'DbConnectAdmin' });
    expect(expiresAt.getTime() - signedAt.getTime()).toBe(900_000);
  });

  it.each<[string, SignOptions, Partial<TokenExpectations>]>([
    ['for another role', { action: 'DbConnect' }, { action: 'DbConnect' }],
    ['that lasts one second', { expiresIn: 1 }, {}],
    ['that lasts a week', { expiresIn: 604_800 }, {}],
    [
      'of temporary credentials',
      { sessionToken },
      { credentials: () => ({ secretAccessKey, sessionToken }) },
    ],
    ['for another region', { region: 'eu-central-1' }, { region: 'eu-central-1' }],
    ['for a host without dots', { hostname: 'localhost' }, { hosts: ['localhost'] }],
    ['for any of the hosts', {}, { hosts: ['localhost', host] }],
    ['for the host in capitals', { hostname: host.toUpperCase() }, {}],
    [
      'with a key of odd characters',
      { accessKeyId: "A'(*)!~" },
      { credentials: () => ({ secretAccessKey }) },
    ],
  ])('accepts a token %s', async (_, options, expected) => {
    expect(await verify(await sign(options), expected)).toMatchObject({
      action: expected.action ?? 'DbConnectAdmin',
    });
  });

  it.each<[TokenRejectionReason, string, SignOptions, Partial<TokenExpectations>]>([
    ['host', 'for another cluster', { hostname: `x${host.slice(1)}` }, {}],
    ['region', 'for another region', { region: 'us-west-2' }, {}],
    ['action', 'for another role than admin', { action: 'DbConnect' }, {}],
    ['action', 'for admin when another role connects', {}, { action: 'DbConnect' }],
    ['unknown key', 'of an unknown access key', { accessKeyId: 'AKIDOTHER' }, {}],
    ['signature', 'signed with another secret', { secretAccessKey: 'other' }, {}],
    ['session token', 'with a session token that was not given out', { sessionToken }, {}],
    [
      'session token',
      'without its session token',
      {},
      { credentials: () => ({ secretAccessKey, sessionToken }) },
    ],
    [
      'session token',
      'with another session token',
      { sessionToken: 'other' },
      { credentials: () => ({ secretAccessKey, sessionToken }) },
    ],
    ['expired', 'after its time', { expiresIn: 60 }, { now: later(62) }],
    ['not yet valid', 'signed six minutes in the future', {}, { now: later(-6 * 60) }],
  ])('rejects for its %s a token %s', async (reason, _, options, expected) => {
    expect((await rejection(await sign(options), expected)).reason).toBe(reason);
  });

  it('forgives a clock that is four minutes behind', async () => {
    expect(await verify(await sign(), { now: later(-4 * 60) })).toMatchObject({ accessKeyId });
  });

  const replaceParameter = (name: string, value: string) => (token: string) => {
    const replaced = token.replace(new RegExp(`${name}=[^&]*`), `${name}=${value}`);
    if (replaced === token) throw new Error(`the token has no ${name} to replace`);
    return replaced;
  };
  const removeParameter = (name: string) => (token: string) =>
    token.replace(new RegExp(`[&?]${name}=[^&]*`), '');
  const flipDigit = (token: string) =>
    token.replace(
      /(X-Amz-Signature=)(.)/,
      (_, name: string, digit: string) => name + (digit === '0' ? '1' : '0'),
    );

  it.each<[TokenRejectionReason, string, (token: string) => string]>([
    ['malformed', 'is empty', () => ''],
    ['malformed', 'is a plain password', () => 'secret'],
    ['malformed', 'is a URL path', (token) => token.slice(token.indexOf('/?'))],
    ['malformed', 'has a broken escape', (token) => `${token}&x=%zz`],
    ['malformed', 'has a parameter without a value', (token) => `${token}&x`],
    ['malformed', 'has a parameter without a name', (token) => `${token}&=x`],
    ['malformed', 'is longer than any token', (token) => `${token}&x=${'y'.repeat(9000)}`],
    ['duplicate parameter', 'says its action twice', (token) => `${token}&Action=DbConnectAdmin`],
    [
      'duplicate parameter',
      'says it twice in another spelling',
      (token) => `${token}&%41ction=DbConnectAdmin`,
    ],
    ['algorithm', 'names another algorithm', replaceParameter('X-Amz-Algorithm', 'AWS4-HMAC-SHA1')],
    ['algorithm', 'names no algorithm', removeParameter('X-Amz-Algorithm')],
    ['scope', 'has no credential', removeParameter('X-Amz-Credential')],
    ['scope', 'has a scope too short', replaceParameter('X-Amz-Credential', 'AKIDEXAMPLE%2F20260101')],
    ['scope', 'has a scope too long', (token) => token.replace('aws4_request', 'aws4_request%2Fmore')],
    ['scope', 'has another terminator', (token) => token.replace('aws4_request', 'aws5_request')],
    ['service', 'is for another service', (token) => token.replace('%2Fdsql%2F', '%2Frds-db%2F')],
    ['region', 'was moved to another region', (token) => token.replace('%2Fus-east-1%2F', '%2Fus-east-2%2F')],
    ['host', 'was moved to another host', (token) => `x${token}`],
    ['action', 'has its action changed', replaceParameter('Action', 'DbDelete')],
    ['action', 'has no action', (token) => token.replace('Action=DbConnectAdmin&', '')],
    ['date', 'has no date', removeParameter('X-Amz-Date')],
    ['date', 'has a date in words', replaceParameter('X-Amz-Date', 'today')],
    ['date', 'has an impossible date', replaceParameter('X-Amz-Date', '20260230T000000Z')],
    ['date', 'has a date outside its scope', replaceParameter('X-Amz-Date', '20200101T000000Z')],
    ['expiry', 'has no lifetime', removeParameter('X-Amz-Expires')],
    ['expiry', 'lasts no time', replaceParameter('X-Amz-Expires', '0')],
    ['expiry', 'lasts longer than a week', replaceParameter('X-Amz-Expires', '604801')],
    ['expiry', 'lasts a negative time', replaceParameter('X-Amz-Expires', '-1')],
    ['expiry', 'lasts a time that is no number', replaceParameter('X-Amz-Expires', '1e3')],
    ['signed headers', 'signs other headers', replaceParameter('X-Amz-SignedHeaders', 'host%3Bx-date')],
    ['signed headers', 'signs no headers', removeParameter('X-Amz-SignedHeaders')],
    ['signature', 'has its lifetime changed', replaceParameter('X-Amz-Expires', '901')],
    ['signature', 'has a digit of its signature changed', flipDigit],
    ['signature', 'has no signature', removeParameter('X-Amz-Signature')],
    ['signature', 'has an empty signature', replaceParameter('X-Amz-Signature', '')],
    ['signature', 'has a parameter added', (token) => `${token}&X-Amz-Extra=1`],
  ])('rejects for its %s a token that %s', async (reason, _, tamper) => {
    expect((await rejection(tamper(await sign()))).reason).toBe(reason);
  });

  it('rejects a token for admin made from one for another role', async () => {
    const token = (await sign({ action: 'DbConnect' })).replace(
      'Action=DbConnect&',
      'Action=DbConnectAdmin&',
    );
    expect((await rejection(token)).reason).toBe('signature');
  });

  it('never quotes the token or a secret in the error', async () => {
    const token = await sign({ sessionToken });
    const parts = new Set(
      token.split(/[/?&=]|%2F/).filter((part) => part.length > 15 && !part.startsWith('X-Amz')),
    );
    parts.delete(host);
    parts.delete('AWS4-HMAC-SHA256');
    expect(parts.size).toBeGreaterThan(2);
    const expectations: Partial<TokenExpectations>[] = [
      { region: 'eu-west-1' },
      { hosts: ['other'] },
      { action: 'DbConnect' },
      { now: later(10_000) },
      { credentials: () => ({ secretAccessKey, sessionToken: 'other' }) },
      { credentials: () => ({ secretAccessKey: 'other', sessionToken }) },
    ];
    const rejections = await Promise.all(expectations.map((expected) => rejection(token, expected)));
    const shown = rejections
      .map((error) => inspect(error, { depth: 9 }) + JSON.stringify(error) + String(error))
      .join();
    for (const part of [...parts, secretAccessKey]) expect(shown).not.toContain(part);
  });
});
