import type { BackendLink } from '../session/backend-link';
import type { Message } from '../wire/message-buffer';
import { readRawDataRow, readRowDescription } from '../wire/server-messages';
import type { ResultColumn } from '../wire/server-messages';
import type { LoggedStatement, Rerun } from './logged-statement';

/**
 * Puts the numbers back that an INSERT had taken from a sequence and told its client, after it was executed again and
 * has taken others: in the rows that it inserted, they are replaced by those that were told.
 *
 * @returns whether the answer is then what the client was told
 * @throws BackendError
 */
export async function restoreGeneratedKeys(
  link: BackendLink,
  { answer: told = [] }: LoggedStatement,
  { messages: again, description }: Rerun,
): Promise<boolean> {
  if (!description || told.length !== again.length) return false;
  const columns = readRowDescription(description.body);
  const changes: Change[] = [];
  for (const [index, message] of told.entries()) {
    const change = changeOf(message, again[index], columns);
    if (!change) return false;
    if (change.columns.length > 0) changes.push(change);
  }
  for (const { columns: changed, from, to } of changes) {
    const [row] = await link.hidden('SELECT pg_dsql_local.restore_generated($1, $2, $3, $4)', [
      String(changed[0]?.table),
      `{${changed.map(({ number }) => number).join()}}`,
      `{${from.join()}}`,
      `{${to.join()}}`,
    ]);
    if (row?.[0] !== 't') return false;
  }
  return true;
}

interface Change {
  readonly columns: readonly ResultColumn[];
  readonly from: readonly string[];
  readonly to: readonly string[];
}

/** How a message differs, if it does so in integers of one table's columns alone. */
function changeOf(
  told: Message,
  again: Message | undefined,
  columns: readonly ResultColumn[],
): Change | undefined {
  if (told.type !== again?.type) return undefined;
  if (told.type !== 'D')
    return told.bytes.equals(again.bytes) ? { columns: [], from: [], to: [] } : undefined;
  const values = readRawDataRow(told.body);
  const others = readRawDataRow(again.body);
  const changed: ResultColumn[] = [];
  const from: string[] = [];
  const to: string[] = [];
  for (const [index, column] of columns.entries()) {
    const value = values[index];
    const other = others[index];
    if (!value || !other) {
      if (value !== other) return undefined;
    } else if (!value.equals(other)) {
      const before = integer(other, column.format);
      const after = integer(value, column.format);
      const table = changed[0]?.table ?? column.table;
      if (before === undefined || after === undefined || column.table === 0 || column.table !== table)
        return undefined;
      changed.push(column);
      from.push(before);
      to.push(after);
    }
  }
  return { columns: changed, from, to };
}

function integer(value: Buffer, format: number): string | undefined {
  if (format === 0) return /^-?\d+$/.exec(value.toString('latin1'))?.[0];
  switch (value.length) {
    case 2:
      return String(value.readInt16BE());
    case 4:
      return String(value.readInt32BE());
    case 8:
      return String(value.readBigInt64BE());
    default:
      return undefined;
  }
}
