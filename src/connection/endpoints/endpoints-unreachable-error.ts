import { DsqlError } from '../errors';

/** One endpoint that could not be reached, and why. */
export interface EndpointFailure {
  readonly host: string;
  readonly port: number;
  readonly region: string;
  readonly error: unknown;
}

/** A connection could be opened at none of the endpoints, so nothing was sent to the cluster. */
export class EndpointsUnreachableError extends DsqlError {
  override readonly name = 'EndpointsUnreachableError';

  /** @param failures - of each endpoint the last one, the nearest endpoint first; its error is the `cause` */
  constructor(readonly failures: readonly EndpointFailure[]) {
    const each = failures.map(
      ({ host, port, region, error }) => `${host}:${port} in ${region} (${reasonOf(error)})`,
    );
    super(
      `No endpoint of the cluster can be reached: ${each.join(', ')}. Nothing was sent. Check the network of this machine and the state of the Regions, and try again.`,
      { cause: failures[0]?.error },
    );
  }
}

/** Whether `error` is an {@link EndpointsUnreachableError}. */
export function isEndpointsUnreachableError(error: unknown): error is EndpointsUnreachableError {
  return error instanceof EndpointsUnreachableError;
}

/** Why an endpoint could not be reached, in a few words: what Node.js or the server calls it, or else what was said. */
export function reasonOf(error: unknown): string {
  const { code, message } = (error ?? {}) as { readonly code?: unknown; readonly message?: unknown };
  return [code, message].find((each) => typeof each === 'string') ?? String(error);
}
