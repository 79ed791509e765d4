import { channel, type Channel } from 'node:diagnostics_channel';

/** What a message of a {@link connectionChannels} channel says. */
export interface ConnectionMessage {
  readonly host: string;
  readonly user: string;
}

/**
 * `node:diagnostics_channel` channels: each message is a {@link ConnectionMessage}.
 *
 * - `aurora-dsql-orm:token-signed`: a token was signed for a new connection
 * - `aurora-dsql-orm:connection-opened`: the cluster accepted a new connection
 */
export const connectionChannels: Readonly<Record<'tokenSigned' | 'connectionOpened', Channel>> = {
  tokenSigned: channel('aurora-dsql-orm:token-signed'),
  connectionOpened: channel('aurora-dsql-orm:connection-opened'),
};
