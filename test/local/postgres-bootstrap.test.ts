import { Client } from 'pg';
import { launchPostgres } from '../../src/local/postgres';
import type { PostgresServer } from '../../src/local/postgres';

let server: PostgresServer;

beforeAll(async () => {
  server = await launchPostgres();
});

afterAll(async () => {
  await server.stop();
});

type Row = Record<string, unknown>;

async function withClient<T>(user: string, work: (client: Client) => Promise<T>): Promise<T> {
  const options = '-c dsql_local.uuid_seed=seed';
  const client = new Client({ host: server.directory, user, database: 'postgres', options });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** Runs statements in one session; the rows of the last one. */
function as(user: string, ...statements: readonly string[]): Promise<Row[]> {
  return withClient(user, async (client) => {
    let rows: Row[] = [];
    for (const sql of statements) ({ rows } = await client.query<Row>(sql));
    return rows;
  });
}

const admin = (...statements: readonly string[]) => as('admin', ...statements);
const superuser = (...statements: readonly string[]) => as(server.superuser, ...statements);

/** Runs statements in one transaction, the last of which begins a job; the job's id. */
function begin(...statements: readonly string[]): Promise<string | null> {
  return withClient('admin', async (client) => {
    await client.query('begin');
    let id: string | null = null;
    for (const sql of statements) {
      const { rows } = await client.query<{ id: string | null }>(sql);
      id = rows[0]?.id ?? null;
    }
    await client.query('commit');
    return id;
  });
}

const beginIndexBuild = (createIndex: string, { unique = false } = {}) =>
  begin(createIndex, `select pg_dsql_local.begin_index_build(${unique}) as id`);
const beginValidation = (table: string, constraint: string) =>
  begin(`select pg_dsql_local.begin_validation('${table}', '${constraint}') as id`);

async function finish(job: string | null, failure: string | null = null): Promise<unknown> {
  const { rows } = await withClient(server.superuser, (client) =>
    client.query<{ status: string }>('select pg_dsql_local.finish_job($1, $2) as status', [job, failure]),
  );
  return rows[0]?.status;
}

const jobs = (id: string | null) =>
  admin(`select status, details, job_type, class_id, object_name from sys.jobs where job_id = '${id}'`);
const indexState = (index: string) =>
  admin(
    `select indisvalid as valid, indisunique as unique from pg_index where indexrelid = '${index}'::regclass`,
  );

describe('the database a cluster shows', () => {
  it('has the recorded versions', async () => {
    expect(
      await admin(`select version(), current_setting('server_version') as text,
                          current_setting('SERVER_VERSION_NUM', true) as number,
                          (select setting from pg_settings where name = 'server_version') as listed,
                          current_setting('no.such', true) as missing, current_setting('TimeZone') as zone`),
    ).toEqual([
      {
        version: 'PostgreSQL 16',
        text: '16.15',
        number: '160015',
        listed: '16.15',
        missing: null,
        zone: 'UTC',
      },
    ]);
    await expect(admin(`select current_setting('no.such')`)).rejects.toMatchObject({ code: '42704' });
    expect(await admin('select dsql_major_version from sys.dsql_major_version()')).toEqual([
      { dsql_major_version: 1 },
    ]);
  });

  it('has no lc_collate and no text search configuration "english"', async () => {
    await expect(admin('show lc_collate')).rejects.toMatchObject({
      code: '42704',
      message: 'unrecognized configuration parameter "lc_collate"',
    });
    await expect(admin(`select to_tsvector('english', 'a')`)).rejects.toMatchObject({
      code: '42704',
      message: 'text search configuration "english" does not exist',
    });
  });

  it('lets admin use the schema public, create schemas and roles, and no more', async () => {
    await admin(
      'create schema mine',
      'create table mine.t ()',
      'create table public.t ()',
      'create role mortal login',
    );
    expect(
      await admin(`select rolsuper, rolcreaterole, rolcreatedb from pg_roles where rolname = 'admin'`),
    ).toEqual([{ rolsuper: false, rolcreaterole: true, rolcreatedb: false }]);
    await expect(admin('select pg_read_file($$postgresql.conf$$)')).rejects.toMatchObject({ code: '42501' });
    await expect(admin('select pg_dsql_local.finish_job($$x$$)')).rejects.toMatchObject({ code: '42501' });
    await expect(as('mortal', 'select * from public.t')).rejects.toMatchObject({ code: '42501' });
    await expect(as('mortal', 'create table public.u ()')).rejects.toMatchObject({ code: '42501' });
  });

  it('shows schemas and relations of its own only where a cluster has them', async () => {
    expect(
      await admin(`select schema_name from information_schema.schemata
                    where schema_name !~ '^pg_' and schema_name not in ('mine', 'information_schema') order by 1`),
    ).toEqual([{ schema_name: 'public' }, { schema_name: 'sys' }]);
    expect(
      await admin(`select relname from pg_class where oid >= 16384 and relnamespace not in
                     (select oid from pg_namespace where nspname in ('public', 'mine') or nspname like 'pg_toast%')`),
    ).toEqual([]);
  });
});

describe('the catalogue', () => {
  beforeAll(async () => {
    await admin(
      'create schema catalogue',
      `create table catalogue.child (id uuid, "Other Id" int, name text, gone int, primary key (id, "Other Id"),
                                     unique (name), check (name <> ' USING btree ('))`,
      'create table catalogue.keys_only (a int primary key)',
      `create index on catalogue.child (lower(name)) include (gone) where name <> ' USING btree ('`,
    );
  });

  const definitions = () =>
    admin(`select indexdef from pg_indexes where schemaname = 'catalogue' order by indexname`);

  it('names the access method btree_index and includes all other columns in a primary key', async () => {
    expect((await definitions()).map((row) => row.indexdef)).toEqual([
      `CREATE INDEX child_lower_gone_idx ON catalogue.child USING btree_index (lower(name)) INCLUDE (gone) WHERE (name <> ' USING btree ('::text)`,
      `CREATE UNIQUE INDEX child_name_key ON catalogue.child USING btree_index (name)`,
      `CREATE UNIQUE INDEX child_pkey ON catalogue.child USING btree_index (id, "Other Id") INCLUDE (name, gone)`,
      'CREATE UNIQUE INDEX keys_only_pkey ON catalogue.keys_only USING btree_index (a)',
    ]);
    expect(
      await admin(`select distinct amname from pg_am join pg_class on relam = pg_am.oid
                    where relnamespace = 'catalogue'::regnamespace and relkind = 'i'`),
    ).toEqual([{ amname: 'btree_index' }]);
  });

  it('defines constraints as a cluster does', async () => {
    expect(
      await admin(`select pg_get_constraintdef(oid) as plain, pg_get_constraintdef(oid, true) as pretty
                     from pg_constraint where conrelid = 'catalogue.child'::regclass order by contype`),
    ).toEqual([
      { plain: `CHECK ((name <> ' USING btree ('::text))`, pretty: `CHECK (name <> ' USING btree ('::text)` },
      {
        plain: 'PRIMARY KEY (id, "Other Id") INCLUDE (name, gone)',
        pretty: 'PRIMARY KEY (id, "Other Id") INCLUDE (name, gone)',
      },
      { plain: 'UNIQUE (name)', pretty: 'UNIQUE (name)' },
    ]);
  });

  it('follows columns that are dropped and added', async () => {
    await admin(
      'create table catalogue.changing (a int, b int, id int primary key)',
      'alter table catalogue.changing drop column a',
      'alter table catalogue.changing add column c int',
    );
    expect(
      await admin(`select indkey::text, indnatts, indnkeyatts, pg_get_indexdef(indexrelid) as definition
                     from pg_index where indrelid = 'catalogue.changing'::regclass`),
    ).toEqual([
      {
        indkey: '3 2 4',
        indnatts: 3,
        indnkeyatts: 1,
        definition:
          'CREATE UNIQUE INDEX changing_pkey ON catalogue.changing USING btree_index (id) INCLUDE (b, c)',
      },
    ]);
    await admin('drop table catalogue.changing');
  });

  it('answers for columns of an index, null and objects that do not exist as PostgreSQL does', async () => {
    expect(
      await admin(`select pg_get_indexdef('catalogue.child_pkey'::regclass, 2, true) as second,
                          pg_get_indexdef('catalogue.child_pkey'::regclass, 0, true) as whole,
                          pg_get_indexdef(null) as nothing, pg_get_indexdef(0) as none, pg_get_constraintdef(0) as none2`),
    ).toEqual([
      {
        second: '"Other Id"',
        whole:
          'CREATE UNIQUE INDEX child_pkey ON catalogue.child USING btree_index (id, "Other Id") INCLUDE (name, gone)',
        nothing: null,
        none: null,
        none2: null,
      },
    ]);
  });
});

describe('gen_random_uuid', () => {
  const uuids = `select array(select gen_random_uuid()::text from generate_series(1, 3)) as uuids`;

  it('gives the same values again after a rollback to a savepoint, and others in the next transaction', async () => {
    await withClient('admin', async (client) => {
      const read = async () => (await client.query<{ uuids: string[] }>(uuids)).rows[0]?.uuids ?? [];
      await client.query('begin');
      await client.query('savepoint s');
      const first = await read();
      await client.query('rollback to savepoint s');
      const replayed = await read();
      await client.query('commit');
      const next = await read();

      expect(replayed).toEqual(first);
      expect(new Set([...first, ...next]).size).toBe(6);
      for (const uuid of first) {
        expect(uuid).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
      }
    });
  });

  it('is random in a session without a seed, and prints as itself in a default', async () => {
    const random = () =>
      as('admin', `set dsql_local.uuid_seed = ''`, 'begin', 'select gen_random_uuid() as uuid');
    expect(await random()).not.toEqual(await random());
    await admin('create table with_default (id uuid primary key default gen_random_uuid())');
    expect(
      await admin(
        `select pg_get_expr(adbin, adrelid) as expression from pg_attrdef where adrelid = 'with_default'::regclass`,
      ),
    ).toEqual([{ expression: 'gen_random_uuid()' }]);
  });
});

describe('jobs', () => {
  it('keep an index invalid until they are done', async () => {
    await admin('create table built (a int)');
    const job = await beginIndexBuild('create index built_a on built (a)');
    expect(job).toMatch(/^[a-z2-7]{25}[aeimquy4]$/);
    expect(await jobs(job)).toEqual([
      {
        status: 'submitted',
        details: null,
        job_type: 'INDEX_BUILD',
        class_id: 1259,
        object_name: 'public.built_a',
      },
    ]);
    expect(await indexState('built_a')).toEqual([{ valid: false, unique: false }]);
    await superuser(`select pg_dsql_local.start_job('${job}')`);
    expect(await jobs(job)).toMatchObject([{ status: 'processing' }]);
    expect(await finish(job)).toBe('completed');
    expect(await finish(job)).toBe('completed');
    expect(await indexState('built_a')).toEqual([{ valid: true, unique: false }]);
    expect(await admin(`call sys.wait_for_job('${job}')`)).toEqual([{ succeeded: true }]);
  });

  it('are those of unnamed indexes too, and there is none when IF NOT EXISTS found one', async () => {
    await admin('create table unnamed (a int)');
    const job = await beginIndexBuild('create index on unnamed (a)');
    expect(await jobs(job)).toMatchObject([{ object_name: 'public.unnamed_a_idx' }]);
    expect(await beginIndexBuild('create index if not exists unnamed_a_idx on unnamed (a)')).toBeNull();
  });

  it('are found below a savepoint too', async () => {
    await admin('create table nested (a int)');
    const job = await begin(
      'savepoint hidden',
      'create index nested_a on nested (a)',
      'select pg_dsql_local.begin_index_build() as id',
    );
    expect(await jobs(job)).toMatchObject([{ object_name: 'public.nested_a' }]);
  });

  it('fail for duplicates, and the unique index stays invalid and still enforces', async () => {
    await admin(
      'create table duplicates (a int, b text)',
      `insert into duplicates values (1, 'x'), (1, 'X'), (null, null), (null, null)`,
    );
    const build = (index: string, on: string) =>
      beginIndexBuild(`create index ${index} on duplicates ${on}`, { unique: true });
    const failing = [
      await build('d_a', '(a)'),
      await build('d_lower', '(lower(b))'),
      await build('d_null', '(b) nulls not distinct'),
    ];
    const completing = [
      await build('d_b', '(b)'),
      await build('d_partial', `(a) where b = 'x'`),
      await build('d_pair', '(a, b)'),
    ];
    for (const job of failing) {
      expect(await finish(job)).toBe('failed');
      expect(await jobs(job)).toMatchObject([
        { details: 'Found duplicate key while validating index for UCVs' },
      ]);
    }
    for (const job of completing) expect(await finish(job)).toBe('completed');
    expect(await indexState('d_a')).toEqual([{ valid: false, unique: true }]);
    expect(await indexState('d_b')).toEqual([{ valid: true, unique: true }]);
    await expect(admin(`insert into duplicates values (1, 'y')`)).rejects.toMatchObject({
      code: '23505',
      constraint: 'd_a',
    });
    await expect(
      admin('alter table duplicates add constraint c unique using index d_a'),
    ).rejects.toMatchObject({
      code: '55000',
      message: 'index "d_a" is not valid',
    });
    await admin('alter table duplicates add constraint c unique using index d_b');
    expect(await admin(`call sys.wait_for_job('${failing[0]}')`)).toEqual([{ succeeded: false }]);
  });

  it('end completed, with an explanation, when the table is gone', async () => {
    await admin('create table dropped (a int)');
    const job = await beginIndexBuild('create index dropped_a on dropped (a)');
    await admin('drop table dropped');
    expect(await finish(job)).toBe('completed');
    expect(await jobs(job)).toMatchObject([
      { details: 'relation "public.dropped" does not exist', object_name: null },
    ]);
  });

  it('wait for a transaction that changes the table', async () => {
    await admin('create table locked (a int)');
    const job = await beginIndexBuild('create index locked_a on locked (a)');
    await withClient('admin', async (client) => {
      await client.query('begin');
      await client.query('drop index locked_a');
      expect(await finish(job)).toBe('processing');
      await client.query('rollback');
    });
    expect(await finish(job)).toBe('completed');
  });

  it('do not wait for a transaction that writes rows', async () => {
    await admin('create table written (a int)');
    const job = await beginIndexBuild('create index written_a on written (a)');
    await withClient('admin', async (client) => {
      await client.query('begin');
      await client.query('insert into written values (1)');
      expect(await finish(job)).toBe('completed');
      await client.query('rollback');
    });
  });

  it('fail when told to', async () => {
    await admin('create table unlucky (a int)');
    const job = await beginIndexBuild('create index unlucky_a on unlucky (a)');
    expect(await finish(job, 'injected')).toBe('failed');
    expect(await jobs(job)).toMatchObject([{ status: 'failed', details: 'injected' }]);
  });

  it('validate constraints', async () => {
    await admin(
      'create table parent (id int primary key)',
      'create table validated (a int, parent int)',
      'insert into validated values (1, 1)',
      'alter table validated add constraint positive check (a > 0) not valid',
      'alter table validated add constraint large check (a > 9) not valid',
      'alter table validated add constraint orphan foreign key (parent) references parent not valid',
    );
    const job = async (constraint: string) => {
      const id = await beginValidation('validated', constraint);
      expect(await jobs(id)).toMatchObject([
        { job_type: 'VALIDATE_CONSTRAINT', object_name: 'public.validated' },
      ]);
      await finish(id);
      return (await jobs(id)).map(({ status, details }) => ({ status, details }));
    };
    expect(await job('positive')).toEqual([{ status: 'completed', details: null }]);
    expect(await job('large')).toEqual([
      { status: 'failed', details: 'check constraint "large" is violated by some row' },
    ]);
    expect(await job('orphan')).toEqual([
      {
        status: 'failed',
        details: 'insert or update on table "validated" violates foreign key constraint "orphan"',
      },
    ]);
    expect(
      await admin(
        `select conname from pg_constraint where conrelid = 'validated'::regclass and convalidated`,
      ),
    ).toEqual([{ conname: 'positive' }]);
  });

  it('cannot be begun for a constraint that is missing, of another kind, or of another owner', async () => {
    await admin('create table owned (id int primary key)', 'create role stranger login');
    await expect(beginValidation('owned', 'none')).rejects.toMatchObject({
      code: '42704',
      message: 'constraint "none" of relation "owned" does not exist',
    });
    await expect(beginValidation('owned', 'owned_pkey')).rejects.toMatchObject({ code: '42809' });
    await expect(
      as(
        'stranger',
        `select pg_dsql_local.begin_validation((select oid from pg_class where relname = 'owned'), 'none')`,
      ),
    ).rejects.toMatchObject({ code: '42501', message: 'must be owner of table owned' });
  });

  it('are waited for by a procedure', async () => {
    await admin('create table waiting (a int)');
    const job = await beginIndexBuild('create index waiting_a on waiting (a)');
    const waiting = admin(`call sys.wait_for_job('${job}')`);
    await finish(job);
    expect(await waiting).toEqual([{ succeeded: true }]);
    await expect(admin(`call sys.wait_for_job('no-such-job')`)).rejects.toMatchObject({
      code: '22P02',
      message: 'Unable to convert text to UUID',
    });
    await expect(
      admin('select sys.wait_for_job((select job_id from sys.jobs limit 1))'),
    ).rejects.toMatchObject({
      code: '42809',
      message: 'sys.wait_for_job(text) is a procedure',
    });
  });

  it('are forgotten one by one', async () => {
    await admin('create table forgotten (a int)');
    const ended = await beginIndexBuild('create index forgotten_a on forgotten (a)');
    await finish(ended);
    const open = await beginIndexBuild('create index forgotten_b on forgotten (a)');
    await superuser(`select pg_dsql_local.forget_job('${ended}')`);
    expect(await jobs(ended)).toEqual([]);
    expect(await jobs(open)).toHaveLength(1);
  });
});

describe('IAM trust', () => {
  const arn = 'arn:aws:iam::123456789012:role/app';
  const grant = (role: string, identity = arn) => `select pg_dsql_local.iam_grant('${role}', '${identity}')`;
  const revoke = (role: string) => `select pg_dsql_local.iam_revoke('${role}', '${arn}')`;

  it('is listed, and keeps a role from being dropped until it is revoked', async () => {
    await admin('create role app login', grant('app'), grant('app'), grant('app', `${arn}2`));
    expect(
      await admin(`select arn, pg_role_name, grantor_pg_role_name, pg_role_oid = 'app'::regrole as same
                     from sys.iam_pg_role_mappings order by arn`),
    ).toEqual([
      { arn, pg_role_name: 'app', grantor_pg_role_name: 'admin', same: true },
      { arn: `${arn}2`, pg_role_name: 'app', grantor_pg_role_name: 'admin', same: true },
    ]);
    await admin(revoke('app'));
    await expect(admin('drop role app')).rejects.toMatchObject({
      code: '2BP01',
      message: 'role "app" cannot be dropped because some objects depend on it',
    });
    await admin(revoke('app').replace(arn, `${arn}2`), 'drop role app');
    expect(await admin('select * from sys.iam_pg_role_mappings')).toEqual([]);
  });

  it('is refused with the messages of the troubleshooting guide', async () => {
    await admin('create role no_login', 'create role plain login');
    const messages = [];
    for (const [user, statement] of [
      ['admin', grant('plain', 'me')],
      ['admin', grant('nobody_known')],
      ['admin', grant('no_login')],
      ['admin', grant('admin')],
      ['plain', grant('plain')],
    ] as const) {
      messages.push(await as(user, statement).catch((error: unknown) => (error as Error).message));
    }
    expect(messages).toEqual([
      'IAM role must look like an IAM ARN',
      'Role nobody_known does not exist',
      'role no_login must have the LOGIN attribute',
      'Cannot establish trust with role admin',
      'permission denied to grant IAM trust with role plain',
    ]);
  });
});
