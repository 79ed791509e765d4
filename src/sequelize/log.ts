import type { Sequelize } from 'sequelize';

/** What Sequelize's types leave out. */
interface Logging {
  log(message: string, options?: object): void;
}

/**
 * Tells something where the statements of an instance are told.
 *
 * @param options - of the call, where they say anything about logging
 */
export function log(sequelize: Sequelize, message: string, options: object = {}): void {
  const logging: unknown = Reflect.get(options, 'logging');
  const of = sequelize as unknown as Logging;
  if (logging === undefined) of.log(message);
  else of.log(message, { logging });
}
