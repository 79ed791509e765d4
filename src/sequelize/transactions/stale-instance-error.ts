import { InstanceError } from 'sequelize';
import { staleInstanceMessage } from '../../occ';

/**
 * An instance was used whose memory may say something else than the database: it was changed in an attempt of a
 * transaction that failed.
 *
 * What it holds, as that it is no new record, or that nothing has changed since it was saved, would make a second save
 * leave out the write, or do a change twice. `reload()` makes it usable again.
 */
export class StaleInstanceError extends InstanceError {
  /**
   * @param model - the name of the instance's model
   * @param attemptError - what the attempt failed with. It is no `cause`, as nothing of this is over when that is retried
   */
  constructor(
    readonly model: string,
    readonly attemptError: unknown,
  ) {
    super(staleInstanceMessage(model, attemptError));
    this.name = 'StaleInstanceError';
  }
}

/** Whether `error` is a {@link StaleInstanceError}. */
export function isStaleInstanceError(error: unknown): error is StaleInstanceError {
  return error instanceof StaleInstanceError;
}
