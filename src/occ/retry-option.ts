import { ConfigurationError } from '../connection';

/** What a conflict says, now and before (recorded from a cluster, 2026-09; AWS user guide until 2026-05). */
const CONFLICT_MESSAGES = [
  'change conflicts with another transaction (OC000)',
  'schema has been updated by another transaction (OC001)',
  'change conflicts with another transaction, please retry: (OC000)',
  'schema has been updated by another transaction, please retry: (OC001)',
  'mutation conflicts with another transaction, retry as needed',
];

/** What a statement fails with, as Sequelize's own error wants it. */
interface StatementFailure extends Error {
  readonly code: string;
  readonly sql: string;
  readonly parameters: object;
}

/**
 * Refuses an option of retry-as-promised where it would match a conflict: it repeats single statements.
 *
 * @param retry - the option
 * @param option - what it is called in the error
 * @param wrap - the error of the ORM that the server's error becomes
 * @throws ConfigurationError with the reason
 */
export function checkRetryOption(
  retry: unknown,
  option: string,
  wrap: (error: StatementFailure) => Error,
): void {
  if (typeof retry !== 'object' || retry === null) return;
  const { max, match } = retry as { readonly max?: unknown; readonly match?: unknown };
  if (typeof max !== 'number' || max <= 1) return;
  const patterns: readonly unknown[] = match === undefined ? [] : Array.isArray(match) ? match : [match];
  const conflicts = CONFLICT_MESSAGES.map((message) =>
    wrap(Object.assign(new Error(message), { code: '40001', sql: '', parameters: {} })),
  );
  const matchesAll = patterns.length === 0;
  if (matchesAll || patterns.some((pattern) => conflicts.some((conflict) => matches(pattern, conflict)))) {
    throw new ConfigurationError(
      option,
      `cannot be used like this: ${matchesAll ? 'without `match` it repeats every statement' : 'its `match` accepts conflicts'}. A repeated COMMIT finds no transaction and succeeds, so all writes would be lost silently. Conflicts are retried already, as whole transactions; see \`dsql.retry\`.`,
    );
  }
}

/** As retry-as-promised does it. */
function matches(pattern: unknown, error: Error): boolean {
  if (typeof pattern === 'function') {
    try {
      if (error instanceof (pattern as new () => unknown)) return true;
    } catch {
      // An arrow function: it is called.
      try {
        return Boolean((pattern as (asked: Error) => unknown)(error));
      } catch {
        return false;
      }
    }
  }
  if (pattern instanceof RegExp) {
    const fresh = new RegExp(pattern.source, pattern.flags.replace(/[gy]/g, ''));
    return fresh.test(error.message) || fresh.test(error.toString());
  }
  return pattern === error.message || pattern === error.toString();
}
