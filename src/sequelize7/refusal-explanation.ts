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
  const { code, message } = error.cause as Error & { readonly code?: unknown };
  if (typeof code !== 'string') return;
  // A statement that cannot be explained has still failed, and that is what is to be reported.
  const explanation = await explainRefusal(sql, { code, message }).catch(() => undefined);
  if (explanation !== undefined) error.message = `${message}\n${explanation.text}`;
}
