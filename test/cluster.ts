import { startLocalDsql, type LocalDsql } from 'aurora-dsql-orm/local';
import type { ConnectionOptions } from 'aurora-dsql-orm';

/** How the tests of one file reach a cluster of their own. */
export interface TestCluster {
  readonly local: LocalDsql;
  /** For `DsqlClient` and `DsqlPool`. */
  readonly connection: ConnectionOptions & { readonly host: string };
  /** For the ORMs, which take host and port among their own options. */
  readonly orm: { readonly host: string; readonly port: number; readonly dsql: OrmPart };
}

type OrmPart = Required<Pick<ConnectionOptions, 'hostaddr' | 'ca' | 'credentials' | 'region'>>;

/** Starts a local DSQL for the tests of one file, and stops it after them. */
export function useCluster(): TestCluster {
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

function dsql({ hostaddr, ca, credentials, region }: LocalDsql): OrmPart {
  return { hostaddr, ca, credentials, region };
}
