import { ConfigurationError, DsqlClient, type DsqlClientOptions } from 'aurora-dsql-orm';

const id = 'abcdefghijklmnopqrstuvwxyz';
const host = `${id}.dsql.us-east-1.on.aws`;

beforeEach(() => {
  jest.replaceProperty(process, 'env', {});
});
afterEach(() => {
  jest.restoreAllMocks();
});

describe('the endpoint', () => {
  it.each([
    ['a cluster endpoint', { host }, host],
    ['an endpoint in capital letters with a final dot', { host: `${host.toUpperCase()}.` }, host],
    ['a PrivateLink name', { host: `${id}.dsql-fnh4.eu-west-2.on.aws` }, `${id}.dsql-fnh4.eu-west-2.on.aws`],
    ['a cluster id and a region', { host: id, region: 'ap-northeast-1' }, `${id}.dsql.ap-northeast-1.on.aws`],
    ['a dsql:// string', `dsql://${host}`, host],
    ['a postgres:// string', `postgres://app@${host}:6543/postgres`, host],
    [
      'a postgresql:// string with a cluster id',
      `postgresql://${id}?region=us-west-2`,
      `${id}.dsql.us-west-2.on.aws`,
    ],
  ])('can be %s', (_, options: DsqlClientOptions | string, expected) => {
    expect(new DsqlClient(options).host).toBe(expected);
  });

  it('comes from CLUSTER_ENDPOINT when no host is given', () => {
    process.env.CLUSTER_ENDPOINT = host;
    expect(new DsqlClient().host).toBe(host);
  });

  it.each(['AWS_REGION', 'AWS_DEFAULT_REGION'])('takes the region of a cluster id from %s', (variable) => {
    process.env[variable] = 'eu-central-1';
    expect(new DsqlClient({ host: id }).host).toBe(`${id}.dsql.eu-central-1.on.aws`);
  });

  it("believes the host name's region rather than the environment's", () => {
    process.env.AWS_REGION = 'eu-central-1';
    expect(new DsqlClient({ host }).host).toBe(host);
  });

  it.each([
    ['a region that contradicts the host', { host, region: 'us-west-2' }, 'region', /contradicts/],
    ['a cluster id without a region', { host: id }, 'region', /is needed/],
    ['a host that is no cluster', { host: 'db.example.com' }, 'host', /expected a cluster endpoint/],
    ['an id that is too short', { host: 'abc', region: 'us-east-1' }, 'host', /26-character cluster id/],
    ['no host at all', {}, 'host', /CLUSTER_ENDPOINT/],
  ])('is refused for %s', (_, options, option, message) => {
    expectConfigurationError(options, option, message);
  });
});

describe('other settings', () => {
  it('default to what Aurora DSQL has', () => {
    expect(new DsqlClient({ host })).toMatchObject({ port: 5432, user: 'admin', database: 'postgres' });
  });

  it('come from a connection string, and explicit options win over it', () => {
    const url = `dsql://app@${host}:6543`;
    expect(new DsqlClient(url)).toMatchObject({ port: 6543, user: 'app' });
    expect(new DsqlClient({ connectionString: url, port: 7777, user: 'other' })).toMatchObject({
      port: 7777,
      user: 'other',
    });
  });

  it.each([
    ['-c search_path=app', '-c search_path=app'],
    ['-csearch_path=App', '-c search_path=app'],
    [String.raw`--search-path="My\ App"`, String.raw`-c search_path="My\ App"`],
    ['  -c search_path=app  -c search_path=other ', '-c search_path=other'],
  ])('take the search_path from the start-up options %s of a string', (options, expected) => {
    expect(new DsqlClient(`dsql://${host}?options=${encodeURIComponent(options)}`)).toMatchObject({
      connectionParameters: { options: expected },
    });
  });

  it.each([
    '-c search_path=app,public',
    '-c search_path="$user"',
    '-c search_path=app -c statement_timeout=5',
    'search_path=app',
    '-c search_path=',
    '',
  ])('refuse the start-up options %j of a string', (options) => {
    const url = `dsql://${host}?options=${encodeURIComponent(options)}`;
    expectConfigurationError(url, 'connection string parameter options', /search_path of one schema/);
  });

  it('come from the environment when neither says anything', () => {
    Object.assign(process.env, { CLUSTER_ENDPOINT: host, CLUSTER_USER: 'app', PGPORT: '6543' });
    expect(new DsqlClient()).toMatchObject({ port: 6543, user: 'app' });
  });

  it.each([
    ['an unknown option', { host, hots: 'x' }, 'hots', /did you mean `host`/],
    ['a name that is nothing like one', { host, colour: 'x' }, 'colour', /check its spelling/],
    ['a password', { host, password: 'x' }, 'password', /token is signed/],
    ['ssl', { host, ssl: false }, 'ssl', /always on/],
    ['statement_timeout', { host, statement_timeout: 5 }, 'statement_timeout', /5 minutes/],
    ['lock_timeout', { host, lock_timeout: 5 }, 'lock_timeout', /Nothing waits/],
    [
      'idle_in_transaction_session_timeout',
      { host, idle_in_transaction_session_timeout: 5 },
      'idle_in_transaction_session_timeout',
      /start-up parameter/,
    ],
    ['another database', { host, database: 'app' }, 'database', /only database/],
    ['a port out of range', { host, port: 70_000 }, 'port', /65535/],
    ['a token that lives too long', { host, tokenDurationSecs: 604_801 }, 'tokenDurationSecs', /604800/],
    ['a token that lives no time', { host, tokenDurationSecs: 0 }, 'tokenDurationSecs', /from 1/],
    ['a life over an hour', { host, maxLifetimeSecs: 3601 }, 'maxLifetimeSecs', /60 minutes/],
    ['what is no name as hostaddr', { host, hostaddr: 'no host' }, 'hostaddr', /DNS name/],
    ['an unknown negotiation', { host, sslNegotiation: 'off' }, 'sslNegotiation', /"direct"/],
    ['control characters in the prefix', { host, ormPrefix: 'a\nb' }, 'ormPrefix', /control/],
    ['a profile beside credentials', { host, profile: 'p', credentials: {} }, 'profile', /combined/],
  ])('refuse %s by name', (_, options, option, message) => {
    expectConfigurationError(options, option, message);
  });

  it.each([
    [`dsql://${host}?statement_timeout=5`, /statement_timeout/],
    [`dsql://${host}?sslmode=disable`, /full verification/],
    [`dsql://admin:secret@${host}`, /password/],
    [`mysql://${host}`, /postgres:\/\//],
    [`dsql://${host}?sslrootcert=/no/such/file`, /cannot be read/],
  ])('refuse the string %s', (url, message) => {
    const error = configurationError(url);
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain('secret');
  });

  it('leave the options of the caller as they were', () => {
    const options = Object.freeze({
      host,
      credentials: Object.freeze({ accessKeyId: 'a', secretAccessKey: 'b' }),
    });
    expect(() => new DsqlClient(options)).not.toThrow();
    expect(options).toStrictEqual({ host, credentials: { accessKeyId: 'a', secretAccessKey: 'b' } });
  });

  it('warn once of tokens that live longer than an hour', () => {
    const warn = jest.spyOn(process, 'emitWarning').mockReturnValue();
    new DsqlClient({ host, tokenDurationSecs: 7200 });
    new DsqlClient({ host, tokenDurationSecs: 7201 });
    expect(warn).toHaveBeenCalledTimes(1);
    expect(warn).toHaveBeenCalledWith(expect.stringContaining('7200'), { code: 'DSQL_LONG_TOKEN' });
  });
});

function configurationError(options: unknown): ConfigurationError {
  try {
    new DsqlClient(options as DsqlClientOptions);
  } catch (error) {
    if (error instanceof ConfigurationError) return error;
    throw error;
  }
  throw new Error('No error was raised.');
}

function expectConfigurationError(options: unknown, option: string, message: RegExp): void {
  const error = configurationError(options);
  expect(error.option).toBe(option);
  expect(error.message).toMatch(message);
}
