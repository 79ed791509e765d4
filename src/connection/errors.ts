/** The base of every error that this package itself raises. */
export class DsqlError extends Error {
  override readonly name: string = 'DsqlError';
}

/** Whether `error` was raised by this package and not by the database, the driver or an ORM. */
export function isDsqlError(error: unknown): error is DsqlError {
  return error instanceof DsqlError;
}

/** An option, a connection string or the environment asks for something that cannot be. Raised before anything is sent. */
export class ConfigurationError extends DsqlError {
  override readonly name = 'ConfigurationError';

  /**
   * @param option - the option as the user wrote it, for example `region` or `dsql.hostaddr`
   * @param problem - what is wrong with it and what to do, as the rest of a sentence that starts with the option's name
   */
  constructor(
    readonly option: string,
    problem: string,
    options?: { readonly cause?: unknown },
  ) {
    super(`${option}: ${problem}`, options);
  }
}

/** Whether `error` is a {@link ConfigurationError}. */
export function isConfigurationError(error: unknown): error is ConfigurationError {
  return error instanceof ConfigurationError;
}

/** Why a token could not be signed. */
export type TokenSigningReason = 'no-credentials' | 'expired-credentials' | 'unknown';

const signingHints: Record<TokenSigningReason, string> = {
  'no-credentials':
    'No AWS credentials were found. Set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, run on a role, or pass `credentials`.',
  'expired-credentials':
    'The AWS credentials have expired. Sign in again (for example `aws sso login`), or pass a provider that refreshes them; if they are fresh, check the clock of this machine.',
  unknown: 'Check the AWS credentials, the profile and the clock of this machine; the cause says more.',
};

/** What a token was to be signed for, and with. */
interface SigningSubject {
  readonly user: string;
  readonly host: string;
  /** The profile that was to give the credentials, by an option or by AWS_PROFILE. */
  readonly profile?: string | undefined;
}

function signingHint(reason: TokenSigningReason, profile: string | undefined): string {
  return reason === 'no-credentials' && profile !== undefined
    ? `The profile gave no AWS credentials. Check its name (\`aws configure list-profiles\`); if it uses SSO, sign in (\`aws sso login --profile ${profile}\`).`
    : signingHints[reason];
}

/** No authentication token could be made for a new connection, so nothing was sent to the cluster. */
export class TokenSigningError extends DsqlError {
  override readonly name = 'TokenSigningError';
  /** What a person can do about it. */
  readonly hint: string;

  constructor(
    readonly reason: TokenSigningReason,
    { user, host, profile }: SigningSubject,
    options?: { readonly cause?: unknown },
  ) {
    const hint = signingHint(reason, profile);
    const using = profile === undefined ? '' : ` with the profile "${profile}"`;
    super(`No authentication token could be signed for user "${user}" of ${host}${using}. ${hint}`, options);
    this.hint = hint;
  }
}

/** Whether `error` is a {@link TokenSigningError}. */
export function isTokenSigningError(error: unknown): error is TokenSigningError {
  return error instanceof TokenSigningError;
}
