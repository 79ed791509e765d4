import { DatabaseError } from 'sequelize';
import { checkRetryOption as checkRetryOptionOf } from '../../occ';

/**
 * Refuses Sequelize's `retry` option where it would match a conflict.
 *
 * @param retry - the option
 * @param option - what it is called in the error
 * @throws ConfigurationError with the reason
 */
export function checkRetryOption(retry: unknown, option = 'retry'): void {
  checkRetryOptionOf(retry, option, (error) => new DatabaseError(error));
}
