import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { DsqlClient } from 'aurora-dsql-orm';
import { startLocalDsql } from 'aurora-dsql-orm/local';
import { capabilityProbes } from '../../src/cli/doctor/capability-probes';
import { capabilities } from '../../src/sql';
import { useCluster } from '../cluster';
import { nodeArgs, run } from './run-cli';

const cluster = useCluster();

interface Report {
  readonly version: 1;
  readonly status: string;
  readonly findings: readonly {
    readonly check: string;
    readonly endpoint?: string;
    readonly status: string;
    readonly message: string;
    readonly advice?: string;
  }[];
}

/** Nothing of this machine's own AWS configuration. */
const without = {
  AWS_PROFILE: '',
  AWS_CONFIG_FILE: '/nowhere',
  AWS_SHARED_CREDENTIALS_FILE: '/nowhere',
  AWS_EC2_METADATA_DISABLED: 'true',
};

const doctor = async (args: readonly string[] = [], more: NodeJS.ProcessEnv = {}) =>
  run(['doctor', ...args], { env: { ...without, ...(await cluster.local.env()), ...more } });

async function examine(args: readonly string[] = [], more: NodeJS.ProcessEnv = {}) {
  const { status, stdout, stderr } = await doctor(['--json', ...args], more);
  expect(stderr).toBe('');
  const report = JSON.parse(stdout) as Report;
  const of = (check: string) => report.findings.find((finding) => finding.check === check);
  return { status, report, of, all: stdout };
}

async function asAdmin(...statements: readonly string[]): Promise<void> {
  const client = new DsqlClient(cluster.connection);
  await client.connect();
  for (const sql of statements) await client.query(sql);
  await client.end();
}

describe('aurora-dsql-orm doctor', () => {
  it('finds nothing wrong with an empty local DSQL, in the order from near to far', async () => {
    const { status, report, of } = await examine();
    expect(report.findings.map(({ check, status: each }) => `${check} ${each}`)).toEqual([
      'options ok',
      'token ok',
      'dns ok',
      'tcp ok',
      'tls ok',
      'login ok',
      'clock ok',
      'version ok',
      'rights ok',
      'privileges ok',
      'capabilities ok',
      'quotas ok',
      'indexes ok',
      'constraints ok',
      'foreign keys ok',
      'indexes per table ok',
      'identities ok',
    ]);
    expect({ status, version: report.version, worst: report.status }).toEqual({
      status: 0,
      version: 1,
      worst: 'ok',
    });
    const { host, port } = cluster.local;
    expect(of('options')?.message).toContain(
      `host ${host} (CLUSTER_ENDPOINT), region us-east-1 (AWS_REGION), user admin (CLUSTER_USER), database postgres (default), port ${port} (PGPORT)`,
    );
    expect(of('tls')?.message).toMatch(new RegExp(`^TLSv1.3, SNI ${host}, certificate .* ← .*, valid until`));
    expect(of('clock')?.message).toMatch(/^this machine is 0\.\d s (?:behind|before) the server$/);
    expect(of('rights')?.message).toBe('role admin, schema public: it may create tables');
    expect(of('capabilities')?.message).toBe(
      `${Object.keys(capabilityProbes).length} of ${capabilities.length} asked, all as this version knows them`,
    );
  });

  it('leaves nothing behind of what it asks', async () => {
    await doctor();
    const client = new DsqlClient(cluster.connection);
    await client.connect();
    const { rows } = await client.query("SELECT relname FROM pg_class WHERE relname LIKE '%probe%'");
    await client.end();
    expect(rows).toEqual([]);
  });

  it('decodes the token and shows nothing that it proves itself by', async () => {
    const { of, all } = await examine(['--no-probe'], { AWS_SESSION_TOKEN: '' });
    const { accessKeyId, secretAccessKey } = cluster.local.credentials;
    expect(of('token')?.message).toMatch(
      /^DbConnectAdmin for role admin, signed by key AKIA….{4} with no session token, on \d{8} for us-east-1, opens connections for 900 s, signature hidden$/,
    );
    expect(all).not.toContain(accessKeyId);
    expect(all).not.toContain(secretAccessKey);
    expect(all).not.toMatch(/X-Amz-Signature/);
    expect(of('capabilities')).toBeUndefined();
  });

  it('prints a line for each, and what to do below it, without colours where it is no terminal', async () => {
    const { status, stdout } = await doctor(['--host', 'example.com']);
    expect(status).toBe(1);
    expect(stdout).toMatch(
      /^failure options: host: expected a cluster endpoint [^]*\n {8}The options are in .*\n$/,
    );
  });
});

describe('what fails', () => {
  it('a host without an address', async () => {
    const { status, report, of } = await examine([], {
      PGHOSTADDR: '',
      CLUSTER_ENDPOINT: 'aaaaaaaaaaaaaaaaaaaaaaaaaa.dsql.us-east-1.on.aws',
    });
    expect(status).toBe(1);
    expect(of('dns')).toMatchObject({
      status: 'failure',
      message: expect.stringContaining(
        'aaaaaaaaaaaaaaaaaaaaaaaaaa.dsql.us-east-1.on.aws has no address',
      ) as string,
      advice: expect.stringContaining('PGHOSTADDR') as string,
    });
    expect(report.findings.map(({ check }) => check)).toEqual(['options', 'token', 'dns']);
  });

  it('the address of another cluster', async () => {
    const { status, of } = await examine(['--host', 'aaaaaaaaaaaaaaaaaaaaaaaaaa.dsql.us-east-1.on.aws']);
    expect(status).toBe(1);
    expect(of('tls')).toMatchObject({
      status: 'failure',
      message: expect.stringContaining('ERR_TLS_CERT_ALTNAME_INVALID') as string,
      advice: expect.stringContaining('The address belongs to another cluster') as string,
    });
    expect(of('login')).toBeUndefined();
  });

  it('a port where nothing listens', async () => {
    const { of } = await examine([], { PGPORT: '1' });
    expect(of('tcp')).toMatchObject({
      status: 'failure',
      message: expect.stringContaining('127.0.0.1:1 cannot be reached: ') as string,
    });
  });

  it('an authority that is not trusted', async () => {
    const other = await startLocalDsql();
    const folder = mkdtempSync(path.join(tmpdir(), 'aurora-dsql-orm-doctor-'));
    const file = path.join(folder, 'other.pem');
    writeFileSync(file, other.ca);
    await other.stop();
    const { status, of } = await examine([], { PGSSLROOTCERT: file });
    rmSync(folder, { recursive: true });
    expect(status).toBe(1);
    expect(of('tls')).toMatchObject({
      status: 'failure',
      message: expect.stringContaining(
        `the certificate is not that of ${cluster.local.host}, or not trusted`,
      ) as string,
      advice: expect.stringContaining('PGSSLROOTCERT') as string,
    });
  });

  it('keys that the account does not know', async () => {
    const { status, of } = await examine([], { AWS_SECRET_ACCESS_KEY: 'x'.repeat(40) });
    expect(status).toBe(1);
    expect(of('login')).toMatchObject({
      status: 'failure',
      message: expect.stringContaining(
        'role admin is refused: unable to accept connection, access denied',
      ) as string,
      advice: expect.stringContaining('dsql:DbConnectAdmin') as string,
    });
  });

  it('no credentials at all, while the network is looked at', async () => {
    const { status, report, of } = await examine([], { AWS_ACCESS_KEY_ID: '', AWS_SECRET_ACCESS_KEY: '' });
    expect(status).toBe(1);
    expect(of('token')).toMatchObject({ status: 'failure' });
    expect(report.findings.map(({ check }) => check)).toEqual(['options', 'token', 'dns', 'tcp', 'tls']);
  });

  it('a role that the cluster does not know', async () => {
    const { status, of } = await examine(['--user', 'payroll']);
    expect(status).toBe(1);
    expect(of('login')).toMatchObject({
      status: 'failure',
      advice: expect.stringContaining(
        `CREATE ROLE "payroll" WITH LOGIN; AWS IAM GRANT "payroll" TO '`,
      ) as string,
    });
  });
});

describe('what hurts', () => {
  it('a role that may create nothing', async () => {
    await asAdmin('CREATE ROLE reader WITH LOGIN', `AWS IAM GRANT reader TO '${cluster.local.roleArn}'`);
    const { of: inPublic } = await examine(['--user', 'reader', '--no-probe']);
    expect(inPublic('rights')).toMatchObject({
      status: 'failure',
      message: expect.stringContaining('only admin may use the schema public') as string,
      advice: expect.stringContaining('CREATE SCHEMA "app";') as string,
    });
    await asAdmin('CREATE SCHEMA app');
    const { of: inClosed } = await examine(['--user', 'reader', '--schema', 'app', '--no-probe']);
    expect(inClosed('rights')).toMatchObject({
      status: 'failure',
      message: 'role reader may not use the schema app of its search_path (app)',
      advice: expect.stringContaining('GRANT USAGE, CREATE ON SCHEMA "app" TO "reader";') as string,
    });
    await asAdmin('GRANT USAGE ON SCHEMA app TO reader');
    const { status, of } = await examine(['--user', 'reader', '--schema', 'app']);
    expect(status).toBe(0);
    expect(of('rights')).toMatchObject({
      status: 'warning',
      advice: expect.stringContaining('GRANT USAGE, CREATE ON SCHEMA "app" TO "reader";') as string,
    });
    expect(of('capabilities')?.status).toBe('ok');
  });

  it('a schema that is not there', async () => {
    const { status, of } = await examine(['--schema', 'nowhere']);
    expect(status).toBe(1);
    expect(of('rights')).toMatchObject({
      status: 'failure',
      message: 'role admin: no schema of its search_path (nowhere) is there',
      advice: expect.stringContaining('CREATE SCHEMA "nowhere";') as string,
    });
  });

  it('tables that the role may not read or write', async () => {
    await asAdmin(
      'CREATE ROLE clerk WITH LOGIN',
      `AWS IAM GRANT clerk TO '${cluster.local.roleArn}'`,
      'CREATE SCHEMA office',
      'GRANT USAGE ON SCHEMA office TO clerk',
      'CREATE TABLE office.letters (id uuid PRIMARY KEY)',
      'CREATE TABLE office.stamps (id uuid PRIMARY KEY)',
      'GRANT SELECT, INSERT, UPDATE, DELETE ON office.letters TO clerk',
    );
    const asClerk = ['--user', 'clerk', '--schema', 'office', '--no-probe'];
    const { status, of } = await examine(asClerk);
    expect(status).toBe(0);
    expect(of('privileges')).toMatchObject({
      status: 'warning',
      message: 'role clerk lacks some of SELECT, INSERT, UPDATE, DELETE on 1 of 2 tables: "office"."stamps"',
    });
    // The advice can be sent as it is.
    const statements = of('privileges')?.advice?.match(/(?:GRANT|ALTER)[^;]*;/g) ?? [];
    expect(statements).toHaveLength(2);
    await asAdmin(...statements, 'CREATE TABLE office.pens (id uuid PRIMARY KEY)');
    expect((await examine(asClerk)).of('privileges')).toMatchObject({
      status: 'ok',
      message: 'its 3 tables can be read and written',
    });
    await asAdmin('DROP SCHEMA office CASCADE');
  });

  it('an index whose build failed, a constraint that is not validated, a foreign key without an index, many indexes', async () => {
    await asAdmin(
      'CREATE TABLE "Category" (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), code text, "parentId" uuid)',
      'CREATE TABLE counted (id bigint GENERATED BY DEFAULT AS IDENTITY (CACHE 1) PRIMARY KEY, n int)',
      `INSERT INTO "Category" (code) VALUES ('a'), ('a')`,
      'CREATE UNIQUE INDEX ASYNC "category_code" ON "Category" (code)',
      'ALTER TABLE "Category" ADD CONSTRAINT "parent" FOREIGN KEY ("parentId") REFERENCES "Category" (id) NOT VALID',
      ...Array.from({ length: 19 }, () => 'CREATE INDEX ASYNC ON counted (n)'),
    );
    const { status, report, of } = await examine();
    expect({ status, worst: report.status }).toEqual({ status: 1, worst: 'failure' });
    expect(of('indexes')).toMatchObject({
      status: 'failure',
      message: expect.stringContaining('"public"."category_code" of "public"."Category"') as string,
      advice: expect.stringContaining('DROP INDEX "public"."category_code";') as string,
    });
    expect(of('constraints')).toMatchObject({
      status: 'warning',
      advice: expect.stringContaining(
        'ALTER TABLE ASYNC "public"."Category" VALIDATE CONSTRAINT "parent";',
      ) as string,
    });
    expect(of('foreign keys')).toMatchObject({
      status: 'warning',
      advice: 'CREATE INDEX ASYNC ON "public"."Category" ("parentId");',
    });
    expect(of('indexes per table')).toMatchObject({
      status: 'warning',
      message: '"public"."counted" has 20 of 24',
    });
    expect(of('identities')?.message).toContain('1 of 1 have CACHE 1');
    expect(of('quotas')?.message).toBe(
      '1 of 10 schemas, 2 of 1000 tables, 0 of 5000 views, 1 of 5000 sequences',
    );
  });
});

it('each probe is of a row of the capability table', () => {
  const known = capabilities.map(({ id }) => id);
  expect(Object.keys(capabilityProbes).filter((id) => !known.includes(id))).toEqual([]);
});

describe('several endpoints', () => {
  it('looks at each endpoint of a cluster of several Regions, and at the database once', async () => {
    const command = [process.execPath, ...nodeArgs].map((each) => `'${each}'`).join(' ');
    const { status, stdout } = await run([
      ...['local', '--other-region', 'us-east-2', '--', 'sh', '-c'],
      `${command} doctor --no-probe --json --endpoints "$DSQL_LOCAL_ENDPOINTS"`,
    ]);
    const { findings } = JSON.parse(stdout) as Report;
    expect(findings.filter(({ status: each }) => each !== 'ok')).toEqual([]);
    const regions = findings.map(({ check, endpoint }) => [check, endpoint?.split('.')[2]]);
    const ofEach = ['token', 'dns', 'tcp', 'tls', 'login'];
    expect(regions.slice(1, 12)).toEqual([
      ...ofEach.map((check) => [check, 'us-east-1']),
      ...ofEach.map((check) => [check, 'us-east-2']),
      ['clock', undefined],
    ]);
    expect(status).toBe(0);
  });

  it('says of which endpoint something fails, and goes on with the others', async () => {
    const { host, hostaddr, port } = cluster.local;
    const lost = { host: 'zyxwvutsrqponmlkjihgfedcba.dsql.us-east-2.on.aws', hostaddr: '127.0.0.1', port: 1 };
    const endpoints = JSON.stringify([lost, { host, hostaddr, port }]);
    const { status, stdout } = await doctor(['--no-probe', '--endpoints', endpoints]);
    expect(stdout).toMatch(
      /^failure tcp of zyxwvutsrqponmlkjihgfedcba\.dsql\.us-east-2\.on\.aws: 127\.0\.0\.1:1 cannot/m,
    );
    expect(stdout).toMatch(/^ok {6}version: PostgreSQL 16/m);
    expect(status).toBe(1);
    const both = await doctor(['--host', host, '--endpoints', endpoints]);
    expect(both.stderr).toContain('--endpoints cannot be combined with --host');
  });
});
