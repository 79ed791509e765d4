import type { Refusal } from '../syntax/statement';

/**
 * The session parameters that DSQL lets a client set (AWS user guide, "Session parameters", 2026-09-15).
 * Names are compared without regard to case, as PostgreSQL does.
 */
export const SESSION_PARAMETERS: ReadonlySet<string> = new Set([
  'application_name',
  'client_encoding',
  'datestyle',
  'disable_sync_create_index',
  'dsql.enable_batched_nestloop',
  'enable_bitmapscan',
  'enable_hashjoin',
  'enable_indexonlyscan',
  'enable_indexscan',
  'enable_material',
  'enable_mergejoin',
  'enable_nestloop',
  'enable_seqscan',
  'extra_float_digits',
  'intervalstyle',
  'search_path',
  'timezone',
]);

/** What to do about a parameter that DSQL lets nobody set. */
export const PARAMETER_ADVICE =
  'Leave the parameter at its default; DSQL fixes it. Omit one of your own (app.user), which triggers and policies would read: DSQL has none.';

/**
 * Where a parameter is named:
 * - `session`: `SET`, `SET SESSION`, `RESET`, `set_config(name, value, false)`;
 * - `local`: `SET LOCAL`, `set_config(name, value, true)`;
 * - `startup`: the startup message and `-c` of its `options`.
 */
export type ParameterScope = 'session' | 'local' | 'startup';

/**
 * What DSQL answers to an attempt to set this parameter, or `undefined` when it lets it be set.
 *
 * `user`, `database` and `options` of a startup message are the protocol's own and not parameters: do not ask for
 * them. `role` may only be set with `SET LOCAL`; `amzn-cluster-id` only at startup (AWS user guide, PrivateLink,
 * 2026-09). In a startup message the refusal ends the connection, as FATAL.
 *
 * @param name - The parameter, in any case.
 * @param scope - Where it is named.
 */
export function sessionParameterRefusal(
  name: string,
  scope: ParameterScope = 'session',
): Refusal | undefined {
  const parameter = name.toLowerCase();
  if (SESSION_PARAMETERS.has(parameter)) return undefined;
  if (parameter === 'role' && scope === 'local') return undefined;
  if (parameter === 'amzn-cluster-id' && scope === 'startup') return undefined;
  return {
    sqlstate: '0A000',
    message: `setting configuration parameter "${name}" not supported`,
    rule: 'session-parameter',
    hint:
      parameter === 'role'
        ? 'Use SET LOCAL role inside a transaction block.'
        : `Leave "${name}" at its default; DSQL fixes it.`,
  };
}
