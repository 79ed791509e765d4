import type { ResolvedConnection } from './options/resolved-connection';

/** Connections end at different times, so that a pool is not replaced all at once. */
const LIFETIME_JITTER = 0.1;

/** How long a new connection is used, in seconds: its `maxLifetimeSecs` less a random 0 to 10 %. */
export function lifetimeSecs({ maxLifetimeSecs }: ResolvedConnection): number {
  return maxLifetimeSecs * (1 - LIFETIME_JITTER * Math.random());
}
