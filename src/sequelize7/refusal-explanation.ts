import { DatabaseError } from '@sequelize/core';
import { explainRefusal } from '../sql';

/**
 * Adds to the message of a refusal by the server why Aurora DSQL refuses it and what to do instead. Its class, and the
 * server's own error within it, stay as they are.
 *
 * @param sql - what was sent
 */
export async function addExplanation(error: unknown, sql: string): Promise<void> {
  if (!(error instanceof DatabaseError)) return;
  const { cause } = error;
  const explanation = await explainRefusal(sql, cause);
  if (explanation !== undefined) error.message = `${cause.message}\n${explanation.text}`;
}
