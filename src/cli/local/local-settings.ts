import type { LocalDsql } from '../../local';

/** What the arguments of `local` say about the local DSQL. */
export interface LocalSettings {
  readonly port: number | undefined;
  readonly region: string | undefined;
  readonly otherRegions: readonly string[];
  readonly jobDurationMs: number | undefined;
  readonly latencyMs: number;
  readonly staleCatalogues: boolean;
  readonly cancelRequests: boolean;
}

/**
 * Starts the local DSQL as the arguments say.
 *
 * @throws RangeError for a setting that cannot be
 */
export async function startAsSet({ latencyMs, ...options }: LocalSettings): Promise<LocalDsql> {
  const { startLocalDsql } = await import('../../local'); // not needed to say what is wrong with an argument
  const local = await startLocalDsql(options);
  if (latencyMs > 0) local.faults.addLatency(latencyMs);
  return local;
}
