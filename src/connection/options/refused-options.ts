import { ConfigurationError } from '../errors';
import { similarName } from './similar-name';

/** Options of other packages that have no meaning on Aurora DSQL, and for each what to do instead. */
export type RefusedOptions = Readonly<Record<string, string>>;

const alwaysVerified = 'TLS with full verification is always on; `ca` adds a trust root.';
const refusedAtStartUp =
  'Aurora DSQL refuses it as a start-up parameter, so the connection would fail. A transaction ends after 5 minutes by itself; bound a single call in your own code.';

/**
 * What to do instead of giving a password.
 *
 * @param prefix - what is written before the names of this package's options, such as `dsql.`
 */
export function tokenInstead(prefix = ''): string {
  return `A token is signed for each connection instead; see \`${prefix}credentials\` and \`${prefix}profile\`.`;
}

/** What people who come from node-postgres, TypeORM or Sequelize write. */
const refusedOptions: RefusedOptions = {
  password: tokenInstead(),
  ssl: alwaysVerified,
  sslmode: alwaysVerified,
  sslrootcert: 'Give the certificates in `ca`, or the file in PGSSLROOTCERT.',
  sslnegotiation: 'It is called `sslNegotiation`.',
  application_name: 'Set `ormPrefix`; the rest of the name tells the cluster which library connects.',
  username: 'It is called `user`.',
  options: 'Set `schema` for the search_path; send other settings with SET on the connection.',
  statement_timeout: refusedAtStartUp,
  lock_timeout: `${refusedAtStartUp} Nothing waits for a lock on Aurora DSQL.`,
  idle_in_transaction_session_timeout: refusedAtStartUp,
  idle_session_timeout: refusedAtStartUp,
  default_transaction_isolation: 'Every transaction on Aurora DSQL is REPEATABLE READ.',
  default_transaction_read_only: 'Send BEGIN READ ONLY where you want it.',
  client_min_messages: refusedAtStartUp,
};

/**
 * The error for an option that this package does not have.
 *
 * @param option - how the user wrote it
 * @param names - of the options that there are
 */
export function unknownOption(option: string, names: Iterable<string> = []): ConfigurationError {
  const name = option.slice(option.lastIndexOf('.') + 1);
  const instead = Object.hasOwn(refusedOptions, name) ? refusedOptions[name] : undefined;
  if (instead !== undefined) return refusedOption(option, instead);
  const similar = similarName(name, names);
  const what = similar === undefined ? 'remove it or check its spelling.' : `did you mean \`${similar}\`?`;
  return new ConfigurationError(option, `is not an option of this package; ${what}`);
}

/**
 * The error for an option that has no meaning on Aurora DSQL.
 *
 * @param option - how the user wrote it
 * @param instead - what to do instead
 */
export function refusedOption(option: string, instead: string): ConfigurationError {
  return new ConfigurationError(option, `cannot be used. ${instead}`);
}
