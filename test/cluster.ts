import { DsqlClient, type ConnectionOptions } from 'aurora-dsql-orm';
import { emptyDatabase, startLocalDsql, type LocalDsql } from 'aurora-dsql-orm/local';

/** How the tests of one file reach a cluster that is empty at first and theirs alone. */
export interface TestCluster {
  /** Not on a real cluster: the files that use it are named in jest.config.js. */
  readonly local: LocalDsql;
  /** For `DsqlClient` and `DsqlPool`. */
  readonly connection: ConnectionOptions & { readonly host: string };
  /** For the ORMs, which take host and port among their own options. */
  readonly orm: { readonly host: string; readonly port: number; readonly dsql: OrmPart };
}

type OrmPart = Pick<ConnectionOptions, 'hostaddr' | 'ca' | 'credentials' | 'region'>;

/**
 * Starts a local DSQL for the tests of one file, and stops it after them. With DSQL_TEST_CLUSTER=1 the tests run on the
 * cluster of CLUSTER_ENDPOINT instead, which is emptied before each file.
 */
export function useCluster(): TestCluster {
  return process.env.DSQL_TEST_CLUSTER === '1' ? useClusterOfEnvironment() : useLocalDsql();
}

function useLocalDsql(): TestCluster {
  let running: LocalDsql | undefined;
  const local = () => {
    if (running === undefined) throw new Error('The local DSQL runs inside tests and hooks only.');
    return running;
  };
  beforeAll(async () => {
    running = await startLocalDsql();
  });
  afterAll(async () => {
    await running?.stop();
  });
  return {
    get local() {
      return local();
    },
    get connection() {
      const { host, port } = local();
      return { host, port, ...dsql(local()) };
    },
    get orm() {
      const { host, port } = local();
      return { host, port, dsql: dsql(local()) };
    },
  };
}

function useClusterOfEnvironment(): TestCluster {
  const host = process.env.CLUSTER_ENDPOINT ?? '';
  beforeAll(async () => {
    const client = new DsqlClient({ host });
    await client.connect();
    await emptyDatabase(client);
    await client.end();
  });
  return {
    get local(): never {
      throw new Error('This test needs the local DSQL: name its file in jest.config.js.');
    },
    connection: { host },
    orm: { host, port: Number(process.env.PGPORT ?? 5432), dsql: {} },
  };
}

function dsql({ hostaddr, ca, credentials, region }: LocalDsql): Required<OrmPart> {
  return { hostaddr, ca, credentials, region };
}
