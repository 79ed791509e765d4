import type { DsqlClient } from '../../connection';
import {
  optionSources,
  resolveConnection,
  type ConnectionOptions,
  type ResolvedConnection,
} from '../../connection/without-driver';
import { failure, ok, type Finding } from './finding';
import { messageOf } from '../error-message';
import { examineNetwork } from './network';
import { examineToken } from './token';

/** What is looked at. */
export interface ExaminationOptions {
  readonly connection: ConnectionOptions;
  /** Whether the cluster is asked what it can do. */
  readonly probesCapabilities: boolean;
}

/**
 * Looks at everything between this machine and its tables, from near to far, and tells of each as it is found. What cannot
 * be looked at because something before it fails is omitted. Of several endpoints each is looked at, and the database once.
 */
export async function* examine(options: ExaminationOptions): AsyncGenerator<Finding> {
  let connection: ResolvedConnection;
  try {
    connection = resolveConnection(options.connection);
  } catch (error) {
    yield failure(
      'options',
      messageOf(error),
      'The options are in the documents of this package; CLUSTER_ENDPOINT names the cluster.',
    );
    return;
  }
  yield examineOptions(options.connection, connection);
  const endpoints = connection.endpoints?.connections ?? [connection];
  let client: DsqlClient | undefined;
  for (const endpoint of endpoints) {
    const of = endpoints.length > 1 ? { endpoint: endpoint.host } : {};
    const opened = yield* examineEndpoint({ ...endpoint, endpoints: undefined }, of);
    // They are one database.
    if (client === undefined) client = opened;
    else await opened?.end();
  }
  if (client !== undefined) yield* examineDatabase(client, options);
}

function examineOptions(given: ConnectionOptions, connection: ResolvedConnection): Finding {
  const sources = optionSources(given);
  const said = sources.map(({ option, value, source }) => `${option} ${value} (${source})`);
  if (connection.endpoints !== undefined) return ok('options', said.join(', '));
  const { host, region } = connection;
  const isRegionSaid = sources.some(({ option, value }) => option === 'region' && value === region);
  return ok('options', [...said, ...(isRegionSaid ? [] : [`region ${region} (${host})`])].join(', '));
}

/** Looks at the way to one endpoint, and returns a connection to it, where there is one. */
async function* examineEndpoint(
  connection: ResolvedConnection,
  of: { readonly endpoint?: string },
): AsyncGenerator<Finding, DsqlClient | undefined> {
  const token = await examineToken(connection);
  yield { ...token, ...of };
  let isReached = token.status !== 'failure';
  for await (const finding of examineNetwork(connection)) {
    yield { ...finding, ...of };
    isReached &&= finding.status !== 'failure';
  }
  if (!isReached) return undefined;
  const { logIn } = await import('./session'); // needs pg
  const { client, finding } = await logIn(connection);
  yield { ...finding, ...of };
  return client;
}

async function* examineDatabase(
  client: DsqlClient,
  { probesCapabilities }: ExaminationOptions,
): AsyncGenerator<Finding> {
  const { examineClock, examineVersion } = await import('./session');
  const { examineRights, examineTablePrivileges } = await import('./rights');
  try {
    yield await examineClock(client);
    yield await examineVersion(client);
    yield await examineRights(client);
    yield await examineTablePrivileges(client);
    const { examineCapabilities } = await import('./capability-probes');
    if (probesCapabilities) yield await examineCapabilities(client);
    const { examineSchema } = await import('./schema-health');
    yield* examineSchema(client);
  } catch (error) {
    yield failure(
      'database',
      `a statement failed: ${messageOf(error)}`,
      'Run it again; if it stays, the message says what is wrong.',
    );
  } finally {
    await client.end();
  }
}
