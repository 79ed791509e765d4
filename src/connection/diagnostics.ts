import { channel, type Channel } from 'node:diagnostics_channel';

/** What a message of a {@link connectionChannels} channel says. */
export interface ConnectionMessage {
  readonly host: string;
  readonly user: string;
}

/** What a message of the channels about endpoints says. */
export interface EndpointMessage extends ConnectionMessage {
  /** Why it was set aside: the code of the error, or else what it says. */
  readonly reason?: string;
  /** How long it was set aside, in milliseconds. */
  readonly backoffMs?: number;
}

/**
 * `node:diagnostics_channel` channels: each message is a {@link ConnectionMessage}.
 *
 * - `aurora-dsql-orm:token-signed`: a token was signed for a new connection
 * - `aurora-dsql-orm:connection-opened`: the cluster accepted a new connection
 * - `aurora-dsql-orm:endpoint-set-aside`: of several endpoints this one cannot be reached, and new connections go to the
 *   others; the message is an {@link EndpointMessage}, as is the next one
 * - `aurora-dsql-orm:endpoint-restored`: it has accepted a connection again
 */
export const connectionChannels: Readonly<
  Record<'tokenSigned' | 'connectionOpened' | 'endpointSetAside' | 'endpointRestored', Channel>
> = {
  tokenSigned: channel('aurora-dsql-orm:token-signed'),
  connectionOpened: channel('aurora-dsql-orm:connection-opened'),
  endpointSetAside: channel('aurora-dsql-orm:endpoint-set-aside'),
  endpointRestored: channel('aurora-dsql-orm:endpoint-restored'),
};
