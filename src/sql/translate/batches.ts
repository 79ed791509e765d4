import type { TableName } from '../syntax/statement';
import type { TranslationContext } from './context';
import type { Draft } from './draft';
import { quoted, tuple } from '../text/quoting';
import { primaryKeyOf } from '../catalogue/known-table';
import { MAX_TRANSACTION_ROWS } from '../facts/row-limit';

/** A table as the text writes it, and as it is called. */
export interface WrittenTable {
  readonly written: string;
  readonly name: TableName;
}

/** Deletes all rows of a table, a batch at a time. */
export function deleteInBatches(table: WrittenTable, context: TranslationContext): Draft {
  const key = knownKey(table, context);
  const sql =
    key.length > 0
      ? `DELETE FROM ${table.written} WHERE ${tuple(key.map(quoted))} IN (${batch(table, key)})`
      : `DELETE FROM ${table.written}`;
  return repeated(sql, table, key);
}

/**
 * Gives a column of existing rows its default, a batch at a time.
 *
 * @param column - As the text writes it.
 * @param neverNull - A condition without which the default may be NULL for ever; `undefined` when it cannot be.
 */
export function fillInBatches(
  table: WrittenTable,
  column: string,
  neverNull: string | undefined,
  context: TranslationContext,
): Draft {
  const key = knownKey(table, context);
  const unfilled = `${column} IS NULL${neverNull === undefined ? '' : ` AND ${neverNull}`}`;
  const rows = key.length > 0 ? `${tuple(key.map(quoted))} IN (${batch(table, key, unfilled)})` : unfilled;
  return repeated(`UPDATE ${table.written} SET ${column} = DEFAULT WHERE ${rows}`, table, key);
}

/** Sets a column to NULL in all rows, a batch at a time. */
export function unsetInBatches(table: WrittenTable, column: string, context: TranslationContext): Draft {
  const key = knownKey(table, context);
  const isSet = `${column} IS NOT NULL`;
  const rows = key.length > 0 ? `${tuple(key.map(quoted))} IN (${batch(table, key, isSet)})` : isSet;
  return repeated(`UPDATE ${table.written} SET ${column} = NULL WHERE ${rows}`, table, key);
}

function batch(table: WrittenTable, key: readonly string[], condition?: string): string {
  const where = condition === undefined ? '' : ` WHERE ${condition}`;
  return `SELECT ${key.map(quoted).join(', ')} FROM ${table.written}${where} LIMIT ${String(MAX_TRANSACTION_ROWS)}`;
}

function knownKey({ name }: WrittenTable, context: TranslationContext): readonly string[] {
  const table = context.catalogue.table(name);
  const key = table ? primaryKeyOf(table) : [];
  const isKnown = key.length > 0 || (table !== undefined && table.isPartial !== true);
  if (!isKnown) context.unknownKeys.set(JSON.stringify(name), name);
  return key;
}

function repeated(sql: string, { name, written }: WrittenTable, key: readonly string[]): Draft {
  return {
    sql,
    repeat: { maxRows: MAX_TRANSACTION_ROWS, table: name, key },
    notes:
      key.length > 0
        ? [
            `Run again and again until it touches no row: a transaction may change ${String(MAX_TRANSACTION_ROWS)} rows.`,
          ]
        : [
            `The key of ${written} is not known: this takes all rows at once, and fails when they are more than ` +
              `${String(MAX_TRANSACTION_ROWS)}.`,
          ],
  };
}
