import { DsqlError } from '../../connection';

/**
 * An entity from outside the transaction's callback reached TypeORM with other values in a later attempt than in an
 * earlier one, although it had been put back in between. A change that builds on the entity's own value, as
 * `account.balance += 10`, would have been done twice; so nothing was written.
 */
export class StaleEntityError extends DsqlError {
  override readonly name = 'StaleEntityError';

  constructor(readonly entity: object) {
    const { name = 'Object' } = (entity.constructor as { name?: string } | undefined) ?? {};
    super(
      `The transaction conflicted and was run again, but the ${name} from outside its callback had other values than in the first attempt, so a change might be applied twice. Nothing was written. Load the entity inside the callback, or name it in the option \`restore\`.`,
    );
  }
}

/** Whether `error` is a {@link StaleEntityError}. */
export function isStaleEntityError(error: unknown): error is StaleEntityError {
  return error instanceof StaleEntityError;
}
