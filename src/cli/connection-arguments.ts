import type { ConnectionOptions } from '../connection/without-driver';

/** The options of every command that connects. */
export const connectionArguments = {
  host: { type: 'string' },
  region: { type: 'string' },
  user: { type: 'string' },
  profile: { type: 'string' },
} as const;

/** What `--help` says of {@link connectionArguments}. */
export const connectionUsage = `  --host NAME      the cluster's endpoint or id (default: CLUSTER_ENDPOINT)
  --region NAME    its AWS Region (default: that of the endpoint)
  --user NAME      the database role (default: CLUSTER_USER, or admin)
  --profile NAME   a profile of the AWS configuration files (default: AWS_PROFILE)
`;

/** The options of a connection that the arguments say. */
export function connectionOf(
  values: Readonly<Partial<Record<keyof typeof connectionArguments, string | undefined>>>,
): ConnectionOptions {
  const { host, region, user, profile } = values;
  return { host, region, user, profile };
}
