import { refusalIn } from '../refused-connection';
import { isServerError } from '../transactions/outcome';

/** What Node.js says of a network that does not lead to a server. */
const NETWORK: ReadonlySet<string> = new Set([
  'EAI_AGAIN',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTDOWN',
  'EHOSTUNREACH',
  'ENETDOWN',
  'ENETUNREACH',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
]);

/** That a server is going down, crashed or starts (PostgreSQL), or is unavailable (AWS user guide, troubleshooting, 2026-09-08). */
const SERVER_IS_AWAY = /^(?:08(?!P01)|57P0[123]|XX000)/;

/** What node-postgres says, without a code, of a connection that ended or did not open in time. */
const WITHOUT_CODE = /^(?:Connection terminated|timeout expired$)/;

/**
 * Whether an attempt to connect ended with an error that says that the endpoint cannot be reached, so that another one may be
 * tried. A login that was answered with no is not one, nor a cluster that is busy or waking up, nor a wrong certificate.
 *
 * @param error - what `connect` ended with: nothing of the caller's was sent
 */
export function isUnreachable(error: unknown): boolean {
  if (refusalIn(error) !== undefined) return false;
  if (isServerError(error)) return SERVER_IS_AWAY.test(error.code);
  // A test runner has an `Error` of its own, which those of Node.js are not instances of.
  const { code, message } = (error ?? {}) as { readonly code?: unknown; readonly message?: unknown };
  if (typeof code === 'string') return NETWORK.has(code);
  return typeof message === 'string' && WITHOUT_CODE.test(message);
}
