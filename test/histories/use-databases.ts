import { Client } from 'pg';
import { DsqlClient } from 'aurora-dsql-orm';
import { launchPostgres, type PostgresServer } from '../../src/local/postgres';
import { useCluster, type TestCluster } from '../cluster';
import { catalogueOf, empty } from '../sql/translate-databases';

/** A local DSQL and a PostgreSQL as it comes, which get the same history. */
export interface TestDatabases {
  readonly cluster: TestCluster;
  /** How the ORMs reach the PostgreSQL. */
  readonly plain: {
    readonly host: string;
    readonly port: number;
    readonly user: string;
    readonly database: string;
  };
  /**
   * What the DSQL holds, without what migrations are journalled in, and what the PostgreSQL holds, in words that are the
   * same for what is mapped.
   */
  schemas(): Promise<{ readonly dsql: readonly string[]; readonly plain: readonly string[] }>;
}

/** Starts both for the tests of one file, empties them after each test, and stops them after all. */
export function useDatabases(): TestDatabases {
  const cluster = useCluster();
  let server: PostgresServer | undefined;
  beforeAll(async () => {
    server = await launchPostgres();
    // The server's own database looks like a cluster's; one made from the template looks like PostgreSQL's.
    await using superuser = await connected(new Client({ ...plain(), database: 'postgres' }));
    await superuser.client.query('CREATE DATABASE plain TEMPLATE template0');
  });
  afterAll(async () => {
    await server?.stop();
  });
  afterEach(async () => {
    await using ours = await connected(new DsqlClient(cluster.connection));
    await using theirs = await connected(new Client(plain()));
    await empty({ dsql: ours.client, plain: theirs.client });
  });
  const plain = () => {
    if (server === undefined) throw new Error('PostgreSQL runs inside tests and hooks only.');
    return { host: server.directory, port: 5432, user: server.superuser, database: 'plain' };
  };
  return {
    cluster,
    get plain() {
      return plain();
    },
    schemas: async () => {
      await using ours = await connected(new DsqlClient(cluster.connection));
      await using theirs = await connected(new Client(plain()));
      const [here, there] = [await catalogueOf(ours.client), await catalogueOf(theirs.client)];
      const ofHistory = here.filter((line) => !line.includes('aurora_dsql_orm_migration'));
      return { dsql: withKeysAsBigint(ofHistory), plain: withKeysAsBigint(there) };
    },
  };
}

async function connected(client: Client) {
  await client.connect();
  return { client, [Symbol.asyncDispose]: () => client.end() };
}

/** Sequelize's columns that refer to an identity are BIGINT as it is. */
function withKeysAsBigint(lines: readonly string[]): readonly string[] {
  const referring = new Set(
    lines.flatMap((line) => {
      const [, table = '', column = ''] = /^constraint (\S+) \S+: FOREIGN KEY \((\S+)\)/.exec(line) ?? [];
      return table === '' ? [] : [`column ${table}.${column}`];
    }),
  );
  return lines.map((line) => {
    const [column = '', rest = ''] = line.split(': ');
    return referring.has(column) && rest.startsWith('integer') ? line.replace(': integer', ': bigint') : line;
  });
}
