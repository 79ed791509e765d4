import type { Statement } from '../../../sql';
import type { Message } from '../../wire/message-buffer';
import { rowDescription } from '../../wire/server-messages';
import { keptSetting } from '../reported-settings';

/**
 * An asynchronous statement returns a row where PostgreSQL, which builds at once, returns none; and a setting that
 * PostgreSQL keeps for us under another name is shown under its own.
 */
export function describedAs(message: Message, statement: Statement | undefined, binary: boolean): Buffer {
  const format = binary ? 1 : 0;
  if (message.type === 'n' && statement?.async) return rowDescription([{ name: 'job_id', format }]);
  const shown = message.type === 'T' && statement ? keptSetting(statement) : undefined;
  return shown === undefined ? message.bytes : rowDescription([{ name: shown, format }]);
}
