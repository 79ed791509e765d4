import type { DsqlSignerConfig } from '@aws-sdk/dsql-signer';
import { connectionChannels, type ConnectionMessage } from './diagnostics';
import { TokenSigningError, type TokenSigningReason } from './errors';
import { createPresigner } from './presign';
import { systemTimeMs } from './real-time';

/** AWS credentials, or a function that gives them. */
export type Credentials = NonNullable<DsqlSignerConfig['credentials']>;

type Identity = Exclude<Credentials, (...args: never[]) => unknown>;

/** What a token is signed for, and with. */
export interface TokenSignerOptions {
  /** The cluster's endpoint; it is part of what is signed. */
  readonly host: string;
  /** The cluster's region. */
  readonly region: string;
  /** The database role: `admin` signs the action DbConnectAdmin, every other role DbConnect. */
  readonly user: string;
  /** How long a token opens connections, in seconds, 1 to 604,800. A connection outlives its token. */
  readonly tokenDurationSecs: number;
  /** The named profile of the shared AWS configuration files. */
  readonly profile?: string | undefined;
  /** Credentials to use instead of the default chain. */
  readonly credentials?: Credentials | undefined;
}

/** Signs one authentication token; for one physical connection. */
export type TokenSigner = () => Promise<string>;

/** The SDK's own margin: credentials that end within it are fetched anew. */
const REFRESH_MARGIN_MS = 5 * 60_000;

/**
 * Makes a function that signs authentication tokens for one role of one cluster.
 *
 * Signing is local: only the credentials may need the network, and they are resolved once, by one resolution at a
 * time, and again when they are about to expire. Credentials and tokens live in the closure alone.
 *
 * @returns the signer; it rejects with {@link TokenSigningError}
 */
export function createTokenSigner(options: TokenSignerOptions): TokenSigner {
  return signerWith(credentialProvider(options.credentials, options.profile), options);
}

/**
 * Makes what makes a signer, as {@link createTokenSigner} does, for each endpoint of a cluster: they sign for different Regions,
 * with the same credentials, which are resolved once for all.
 */
export function createTokenSigners(
  options: Omit<TokenSignerOptions, 'host' | 'region'>,
): (endpoint: Pick<TokenSignerOptions, 'host' | 'region'>) => TokenSigner {
  const provide = credentialProvider(options.credentials, options.profile);
  return ({ host, region }) => signerWith(provide, { ...options, host, region });
}

function signerWith(
  provide: () => Promise<Identity>,
  { host, region, user, tokenDurationSecs, profile, credentials }: TokenSignerOptions,
): TokenSigner {
  const subject = () => ({ user, host, profile: credentials ? undefined : (profile ?? namedProfile()) });
  let presigner: ReturnType<typeof createPresigner> | undefined;

  return async () => {
    try {
      presigner ??= createPresigner({ host, region, credentials: provide, tokenDurationSecs });
      const { expiration } = await provide();
      if (expiration !== undefined && expiration.getTime() <= systemTimeMs()) {
        throw new TokenSigningError('expired-credentials', subject());
      }
      const presign = await presigner;
      const token = await presign(user === 'admin' ? 'DbConnectAdmin' : 'DbConnect');
      connectionChannels.tokenSigned.publish({ host, user } satisfies ConnectionMessage);
      return token;
    } catch (error) {
      if (error instanceof TokenSigningError) throw error;
      throw new TokenSigningError(reasonOf(error), subject(), { cause: error });
    }
  };
}

/** Shares one resolution between all that wait for it, and keeps what it gave until it is about to expire. */
function credentialProvider(
  credentials: Credentials | undefined,
  profile: string | undefined,
): () => Promise<Identity> {
  let source: Promise<Credentials> | undefined;
  let resolved: Identity | undefined;
  let pending: Promise<Identity> | undefined;

  const resolve = async () => {
    try {
      source ??= credentials ? Promise.resolve(credentials) : defaultCredentials(profile);
      const given = await source;
      resolved = typeof given === 'function' ? await given() : given;
      return resolved;
    } finally {
      pending = undefined;
    }
  };

  return async () => {
    if (resolved && !isAboutToExpire(resolved)) return resolved;
    pending ??= resolve();
    return pending;
  };
}

function isAboutToExpire({ expiration }: Identity): boolean {
  return expiration !== undefined && expiration.getTime() - systemTimeMs() < REFRESH_MARGIN_MS;
}

/** The default chain; it reads AWS_PROFILE by itself where no profile is given. */
async function defaultCredentials(profile: string | undefined): Promise<Credentials> {
  const { defaultProvider } = await import('@aws-sdk/credential-provider-node');
  return defaultProvider(profile === undefined ? {} : { profile });
}

/** The profile that the default chain reads. */
function namedProfile(): string | undefined {
  const { AWS_PROFILE: profile = '' } = process.env;
  return profile === '' ? undefined : profile;
}

function reasonOf(error: unknown): TokenSigningReason {
  if (!(error instanceof Error)) return 'unknown';
  if (/expired/i.test(error.name) || /\bexpired\b/i.test(error.message)) return 'expired-credentials';
  return error.name === 'CredentialsProviderError' ? 'no-credentials' : 'unknown';
}
