import { QueryFailedError } from 'typeorm';
import { refusalAdvice } from '../schema';
import { explainRefusal } from '../sql';

const inTypeOrm = refusalAdvice("TypeORM's own writes");

/**
 * Adds to the message of a refusal by the server why Aurora DSQL refuses it and what to do instead. Nothing else of the
 * error changes.
 *
 * @param sql - what was sent, where the error is the driver's and not one of TypeORM's, which say it themselves
 * @returns the same error
 */
export async function withExplanation<E>(error: E, sql?: string): Promise<E> {
  const [sent, refusal] =
    error instanceof QueryFailedError ? [error.query, error.driverError as Error] : [sql, error];
  if (sent === undefined || !(error instanceof Error) || !(refusal instanceof Error)) return error;
  const explanation = await explainRefusal(sent, refusal, inTypeOrm);
  if (explanation !== undefined) appendToMessage(error, explanation.text);
  return error;
}

/** Adds a line to what an error says, in its stack too, which is what is printed. */
export function appendToMessage(error: Error, line: string): void {
  // A stack that nobody has read yet would have the new message in it already.
  const { message, stack } = error;
  error.message = `${message}\n${line}`;
  if (stack !== undefined) error.stack = stack.replace(message, () => error.message);
}
