import { DatabaseError } from 'sequelize';
import { refusalAdvice } from '../schema';
import { explainRefusal } from '../sql';

const inSequelize = refusalAdvice('bulkCreate, update and destroy');

/**
 * Adds to the message of a refusal by the server why Aurora DSQL refuses it and what to do instead. Its class, and the
 * server's own error within it, stay as they are.
 *
 * @param sql - what was sent
 */
export async function addExplanation(error: unknown, sql: string): Promise<void> {
  if (!(error instanceof DatabaseError)) return;
  const explanation = await explainRefusal(sql, error.original, inSequelize);
  if (explanation !== undefined) error.message = `${error.original.message}\n${explanation.text}`;
}
