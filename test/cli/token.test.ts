import { spawn, spawnSync } from 'node:child_process';
import { DsqlClient } from 'aurora-dsql-orm';
import { useCluster } from '../cluster';
import { outcomeOf, run } from './run-cli';

const cluster = useCluster();

/** Nothing of this machine's own AWS configuration. */
const without = {
  AWS_PROFILE: '',
  AWS_CONFIG_FILE: '/nowhere',
  AWS_SHARED_CREDENTIALS_FILE: '/nowhere',
  AWS_EC2_METADATA_DISABLED: 'true',
};

const withEnv = async (args: readonly string[], more: NodeJS.ProcessEnv = {}) =>
  run(['token', ...args], { env: { ...without, ...(await cluster.local.env()), ...more } });

const fieldsOf = (token: string) => new URL(`https://${token.trim()}`).searchParams;

describe('aurora-dsql-orm token', () => {
  it('prints a token on standard output, and nothing else, that opens a connection', async () => {
    const { status, stdout, stderr } = await withEnv([]);
    expect({ status, stderr, lines: stdout.split('\n').length }).toEqual({ status: 0, stderr: '', lines: 2 });
    const { host, hostaddr, port, ca } = cluster.local;
    const { Client } = await import('pg');
    const client = new Client({
      host: hostaddr,
      port,
      user: 'admin',
      database: 'postgres',
      password: stdout.trim(),
      ssl: { ca, servername: host },
    });
    await client.connect();
    await client.end();
  });

  it('signs for the role, the Region and the time it is told', async () => {
    const { stdout } = await withEnv([
      '--host',
      'abcdefghijklmnopqrstuvwxyz',
      '--region',
      'eu-west-1',
      '--user',
      'reporting',
      '--expires-in-seconds',
      '60',
    ]);
    expect(stdout).toMatch(/^abcdefghijklmnopqrstuvwxyz\.dsql\.eu-west-1\.on\.aws\/\?/);
    expect(Object.fromEntries(fieldsOf(stdout))).toMatchObject({
      Action: 'DbConnect',
      'X-Amz-Expires': '60',
      'X-Amz-Credential': expect.stringContaining('/eu-west-1/dsql/aws4_request') as string,
    });
  });

  it('signs for admin with --admin, whatever CLUSTER_USER says', async () => {
    const { stdout } = await withEnv(['--admin'], { CLUSTER_USER: 'reporting' });
    expect(fieldsOf(stdout).get('Action')).toBe('DbConnectAdmin');
    const { stdout: other } = await withEnv([], { CLUSTER_USER: 'reporting' });
    expect(fieldsOf(other).get('Action')).toBe('DbConnect');
  });

  it('exits with 1, and says what to do, where there are no credentials', async () => {
    const { status, stdout, stderr } = await withEnv([], {
      AWS_ACCESS_KEY_ID: '',
      AWS_SECRET_ACCESS_KEY: '',
    });
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(
      /^aurora-dsql-orm token: No authentication token could be signed for user "admin"/,
    );
  });

  it('names the profile that gave no credentials, and how to look for it', async () => {
    const { status, stderr } = await withEnv(['--profile', 'no-such'], {
      AWS_ACCESS_KEY_ID: '',
      AWS_SECRET_ACCESS_KEY: '',
      AWS_EC2_METADATA_DISABLED: 'true',
    });
    expect(stderr).toContain('with the profile "no-such". The profile gave no AWS credentials.');
    expect(stderr).toContain('aws configure list-profiles');
    expect(status).toBe(1);
  });

  it.each([
    [['--admin', '--user', 'app'], '--admin cannot be combined with --user'],
    [['--expires-in-seconds', 'day'], '--expires-in-seconds: expected a number, got "day"'],
    [['--expires-in-seconds', '604801'], 'tokenDurationSecs'],
    [['--host', 'example.com'], 'host: expected a cluster endpoint'],
    [['app'], 'unexpected argument "app"'],
  ])('refuses %j', async (args, message) => {
    expect(await withEnv(args)).toMatchObject({
      status: 2,
      stdout: '',
      stderr: expect.stringContaining(message) as string,
    });
  });
});

// The package needs no psql, and a bare machine has none.
const describeWithPsql = spawnSync('psql', ['--version']).status === 0 ? describe : describe.skip;

describeWithPsql('psql', () => {
  it('connects with a token as its password, as a role of its own', async () => {
    const admin = new DsqlClient(cluster.connection);
    await admin.connect();
    await admin.query('CREATE ROLE reporting WITH LOGIN');
    await admin.query(`AWS IAM GRANT reporting TO '${cluster.local.roleArn}'`);
    await admin.end();
    const { stdout } = await withEnv(['--user', 'reporting']);
    const env = { ...process.env, ...(await cluster.local.env('reporting')), PGPASSWORD: stdout.trim() };
    const child = spawn('psql', ['-XAtc', 'SELECT current_user'], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    expect(await outcomeOf(child)).toEqual({ status: 0, stdout: 'reporting\n', stderr: '' });
  });
});
