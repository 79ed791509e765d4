import { quoted } from '../sql';
import type { ResolvedConnection } from './options/resolved-connection';
import { refusalIn } from './refused-connection';

/** What to do about a certificate that is that of another host. */
export const OTHER_CERTIFICATE =
  'The address belongs to another cluster: check the host, and hostaddr or PGHOSTADDR. For a local DSQL omit the host, so that it comes from its environment.';

/** What to do about a certificate whose authority is not known. */
export const UNKNOWN_AUTHORITY =
  'Check what ends TLS on the way. To trust another authority, as that of a local DSQL, give its certificate in PGSSLROOTCERT or dsql.ca, and NODE_EXTRA_CA_CERTS for a proxy.';

/** What to do about a host that has no address. */
export const NO_ADDRESS =
  'Check the endpoint (aws dsql get-cluster) and the resolver of this machine. The name of a local DSQL has none: give its address in PGHOSTADDR.';

/** By the codes of Node.js and OpenSSL. */
const BY_CODE: Readonly<Record<string, string>> = {
  ENOTFOUND: NO_ADDRESS,
  ERR_TLS_CERT_ALTNAME_INVALID: OTHER_CERTIFICATE,
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_AUTHORITY,
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
};

/** What a connection was to be. */
type Tried = Pick<ResolvedConnection, 'host' | 'user' | 'endpoints'>;

/** AWS, observed on a cluster, 2026-10-01. */
const UNKNOWN_ROLE = /^(?:IAM )?role .* does not exist/i;

/**
 * What to do about a connection that could not be opened.
 *
 * @param error - what the server, or Node.js, said
 * @param user - the database role that was to be logged in as
 * @returns nothing for an error that says so itself, or whose reason is not known
 */
export function connectionAdvice(
  error: Error & { readonly code?: unknown },
  user: string,
): string | undefined {
  const { code, message } = error;
  switch (refusalIn(error)) {
    case 'stale token':
      return 'Set the clock of this machine: the token was dated wrong.';
    case 'busy':
      return 'A cluster takes 100 new connections a second and 10,000 in all: use a pool, and a smaller one.';
    case 'asleep':
      return 'The cluster is waking up: try again in a minute.';
    case 'denied':
      return rightsOf(user);
    default:
      if (UNKNOWN_ROLE.test(message)) return rightsOf(user);
      return typeof code === 'string' ? BY_CODE[code] : undefined;
  }
}

function rightsOf(user: string): string {
  if (user === 'admin') {
    return 'The identity needs the permission dsql:DbConnectAdmin on this cluster, its keys must be those of this account, and the clock of this machine must be right.';
  }
  const role = quoted(user);
  return `The identity needs dsql:DbConnect on this cluster, and the role must know it. As admin: CREATE ROLE ${role} WITH LOGIN; AWS IAM GRANT ${role} TO 'arn:aws:iam::<account>:role/<role>'; aws sts get-caller-identity shows the ARN.`;
}

/**
 * Says in the message of an error, which is what an ORM shows of it, what was tried and what to do next.
 *
 * @param error - new: nobody has seen it
 * @param tried - what the connection was to be
 * @returns the same error
 */
export function withAdvice(error: Error, { host, user, endpoints }: Tried): Error {
  const advice = connectionAdvice(error, user);
  if (advice === undefined) return error;
  const { message, stack, hint } = error as Error & { readonly hint?: unknown };
  // Of several endpoints it may have been any.
  const where = endpoints === undefined ? ` at ${host}` : '';
  const reason = typeof hint === 'string' ? `: ${hint}` : '';
  error.message = `${message} (${user}${where})${reason}. ${advice}`;
  // It begins with the message.
  if (stack !== undefined) error.stack = stack.replace(message, () => error.message);
  return error;
}
