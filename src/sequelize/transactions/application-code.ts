import type { Sequelize } from 'sequelize';

/** The hooks that run while a statement is sent, its connection included. */
const HOOKS = [
  'beforeQuery',
  'afterQuery',
  'beforePoolAcquire',
  'afterPoolAcquire',
  'beforeConnect',
  'afterConnect',
] as const;

/**
 * Whether code of the application is told of a statement: a hook, or a function that logs, but for that of the console.
 *
 * @param options - of the statement, where they say anything about logging
 */
export function tellsOfStatements(sequelize: Sequelize, options: { readonly logging?: unknown }): boolean {
  const { logging = (sequelize as unknown as { readonly options: typeof options }).options.logging } =
    options;
  const isOwnLogger = typeof logging === 'function' && logging !== console.log;
  return isOwnLogger || HOOKS.some((name) => sequelize.hasHook(name));
}
