import { DsqlError } from '../../connection';
import { summarizeText } from '../../sql';

/**
 * Why a text is not sent in a transaction of an ORM: it would end that past the ORM. What came behind it would commit
 * itself, and after a conflict all of it would be done again.
 *
 * @returns nothing for a text that ends no transaction
 */
export function refusalToEndWith(text: string): DsqlError | undefined {
  const { statements, verb, controlsTransaction, mayCommit } = summarizeText(text);
  const isEnd = verb === 'commit' || verb === 'rollback' || mayCommit;
  if (!isEnd && !(controlsTransaction && statements > 1)) return undefined;
  return new DsqlError(
    'A statement was not sent, because it would have ended the transaction that it was sent in. Let the callback return to commit, and throw to roll back; a transaction that you began is ended with its own commit and rollback.',
  );
}
