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
 * be looked at because something before it fails is omitted.
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
  const token = await examineToken(connection);
  yield token;
  let isReached = true;
  for await (const finding of examineNetwork(connection)) {
    yield finding;
    isReached &&= finding.status !== 'failure';
  }
  if (isReached && token.status !== 'failure') yield* examineDatabase(connection, options);
}

function examineOptions(given: ConnectionOptions, { host, region }: ResolvedConnection): Finding {
  const sources = optionSources(given);
  const said = sources.map(({ option, value, source }) => `${option} ${value} (${source})`);
  const isRegionSaid = sources.some(({ option, value }) => option === 'region' && value === region);
  return ok('options', [...said, ...(isRegionSaid ? [] : [`region ${region} (${host})`])].join(', '));
}

async function* examineDatabase(
  connection: ResolvedConnection,
  { probesCapabilities }: ExaminationOptions,
): AsyncGenerator<Finding> {
  const { examineClock, examineRights, examineVersion, logIn } = await import('./session'); // needs pg
  const { client, finding } = await logIn(connection);
  yield finding;
  if (client === undefined) return;
  try {
    yield await examineClock(client);
    yield await examineVersion(client);
    yield await examineRights(client);
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
