import { DatabaseError } from 'sequelize';
import { explainRefusal } from '../sql';

const inBatchesInstead =
  'With dsql: { batch: true } bulkCreate, update and destroy are carried out in batches where they stand outside a transaction; inBatches() does it for your own.';

/** What Sequelize can do about what only it knows the words for. */
const inSequelize: Readonly<Record<string, string>> = {
  'row-limit': inBatchesInstead,
  'size-limit': inBatchesInstead,
  'locking-strength': 'Or let dsql: { simplify: { rowLocks: true } } take FOR UPDATE instead.',
};

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
