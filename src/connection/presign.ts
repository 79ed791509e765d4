import type { SignatureV4 as Signer } from '@smithy/signature-v4';
import { Sha256 } from '../node';
import { systemTimeMs } from './real-time';

type Credentials = ConstructorParameters<typeof Signer>[0]['credentials'];

/** What a token is signed for, and with. */
export interface PresignOptions {
  readonly host: string;
  readonly region: string;
  readonly credentials: Credentials;
  /** How long it opens connections. */
  readonly tokenDurationSecs: number;
}

/** The IAM action that lets a role connect. */
export type TokenAction = 'DbConnect' | 'DbConnectAdmin';

/**
 * Makes what signs authentication tokens: a SigV4 presigned `GET https://<host>/?Action=…` without its `https://` (AWS user
 * guide, "Generating an authentication token in Aurora DSQL", 2026-09-15).
 *
 * The AWS SDK's own signer takes the time from `Date`, so that a cluster refuses the tokens of a process whose test has faked
 * that; this one takes the time of the system.
 */
export async function createPresigner({
  host,
  region,
  credentials,
  tokenDurationSecs,
}: PresignOptions): Promise<(action: TokenAction) => Promise<string>> {
  const { SignatureV4 } = await import('@smithy/signature-v4');
  const signer = new SignatureV4({ service: 'dsql', region, credentials, sha256: Sha256 });
  return async (action) => {
    const { query = {} } = await signer.presign(
      {
        method: 'GET',
        protocol: 'https:',
        hostname: host,
        path: '/',
        query: { Action: action },
        headers: { host },
      },
      { signingDate: new Date(systemTimeMs()), expiresIn: tokenDurationSecs },
    );
    const pairs = Object.entries(query as Readonly<Record<string, string>>).sort();
    return `${host}/?${pairs.map((pair) => pair.map(encodeURIComponent).join('=')).join('&')}`;
  };
}
