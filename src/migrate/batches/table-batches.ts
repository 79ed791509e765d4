import { isTooMuchAtOnce, partsOf, UnsupportedFeatureError } from '../../occ';
import { isOneOf, readTablesWhere } from '../../schema';
import {
  literal,
  MAX_TRANSACTION_ROWS,
  primaryKeyOf,
  quoted,
  quotedTable,
  tuple,
  type TableName,
} from '../../sql';
import type { RunInTransaction } from '../journal/journal';

/** Some rows of a table, which are changed in one transaction. */
export interface RowBatch {
  /**
   * A condition in SQL that holds for these rows and no others, by the key: it still does when their other columns are
   * changed.
   */
  readonly condition: string;
  /** How many they are. */
  readonly rows: number;
}

/** What is done to the rows of a table. */
export interface TableBatchesOptions {
  readonly table: TableName;
  readonly where: string | undefined;
  readonly batchRows: number;
  readonly work: (batch: RowBatch) => PromiseLike<unknown>;
}

/** How far a table has been gone through. */
export interface Checkpoint {
  /** The key of the last row, each column as a text. */
  readonly key: readonly string[];
  /** How many rows there were so far. */
  readonly rows: number;
  /** How many come next, at most. */
  readonly batchRows: number;
}

/** How many rows a batch may have: the notes about it are rows of the same transaction. */
export const MAX_BATCH_ROWS = MAX_TRANSACTION_ROWS - 10;

/** How much larger the next batch is than one that has passed, as long as it is smaller than asked for. */
const GROWTH = 1.05;

/** Where the batches of a table are carried out. */
export interface BatchesHost {
  /** Reads the catalogue. */
  readonly read: (sql: string) => Promise<readonly unknown[]>;
  /** Does something in a transaction, and again after a conflict. */
  readonly inTransaction: <T>(work: (run: RunInTransaction) => Promise<T>) => Promise<T>;
  /** Keeps in the transaction of a batch what it has reached. */
  readonly keep?: ((reached: Checkpoint, run: RunInTransaction) => Promise<void>) | undefined;
  /** Told of each batch that is committed. */
  readonly onBatch: (rows: number, totalRows: number) => void;
}

/**
 * Goes through the rows of a table in the order of its primary key, each batch in a transaction. One that is too much for
 * a transaction is done in smaller ones.
 */
export class TableBatches {
  /** What is gone through: which rows of which table. */
  readonly text: string;
  readonly #options: TableBatchesOptions;

  constructor(options: TableBatchesOptions) {
    this.#options = options;
    const { table, where } = options;
    this.text = `rows of ${quotedTable(table)}${where === undefined ? '' : ` WHERE ${where}`} in batches`;
  }

  get table(): TableName {
    return this.#options.table;
  }

  /**
   * Goes through what is left of the rows.
   *
   * @param from - how far earlier calls have come
   * @throws UnsupportedFeatureError when the table has no primary key, or is not there
   * @throws what the work throws, and what the server says of a single row that is too much for a transaction
   */
  async run(host: BatchesHost, from?: Checkpoint): Promise<void> {
    const key = await this.#key(host);
    let { batchRows } = from ?? this.#options;
    for (let last = from; ;) {
      const taken = Math.min(batchRows, this.#options.batchRows);
      let found: FoundRows | undefined;
      let reached: Checkpoint | undefined;
      try {
        reached = await host.inTransaction(async (run) => {
          found = await this.#find(key, last, taken, run);
          if (found === undefined) return undefined;
          await this.#options.work({ condition: found.condition, rows: found.rows });
          const grown = Math.min(this.#options.batchRows, Math.ceil(taken * GROWTH));
          const checkpoint = { key: found.last, rows: (last?.rows ?? 0) + found.rows, batchRows: grown };
          await host.keep?.(checkpoint, run);
          return checkpoint;
        });
      } catch (error) {
        if (found === undefined || !isTooMuchAtOnce(error)) throw error;
        if (found.rows === 1) throw tooLarge(error, found);
        batchRows = Math.max(1, Math.floor(found.rows / partsOf(error)));
        continue;
      }
      if (reached === undefined) return;
      ({ batchRows } = reached);
      host.onBatch(reached.rows - (last?.rows ?? 0), reached.rows);
      last = reached;
    }
  }

  async #key({ read }: BatchesHost): Promise<readonly string[]> {
    const { table } = this.#options;
    const [found] = await readTablesWhere(isOneOf([table]), read);
    const key = found === undefined ? [] : primaryKeyOf(found);
    if (key.length > 0) return key;
    throw new UnsupportedFeatureError(
      `inBatches of ${quotedTable(table)}, ${found === undefined ? 'which is not there' : 'which has no primary key'}`,
      'Its rows are gone through in the order of the primary key.',
    );
  }

  async #find(
    key: readonly string[],
    last: Checkpoint | undefined,
    count: number,
    run: RunInTransaction,
  ): Promise<FoundRows | undefined> {
    const { table, where } = this.#options;
    const columns = key.map(quoted);
    const isBehind = last && `${tuple(columns)} > ${tuple(last.key.map(literal))}`;
    const conditions = [isBehind, where && `(${where})`].filter((each) => each !== undefined && each !== '');
    const values = columns.map((column, at) => `${column}::text AS "key ${String(at)}"`).join(', ');
    const sql = `SELECT ${values} FROM ${quotedTable(table)}${conditions.length > 0 ? ` WHERE ${conditions.join(' AND ')}` : ''} ORDER BY ${columns.join(', ')} LIMIT ${String(count)}`;
    const rows = await run(sql, []);
    const keys = rows.map((row) => key.map((_, at) => String(row[`key ${String(at)}`])));
    const reached = keys.at(-1);
    if (reached === undefined) return undefined;
    const range = [isBehind, `${tuple(columns)} <= ${tuple(reached.map(literal))}`].filter(
      (each) => each !== undefined,
    );
    // Between them there may be rows that are none of these.
    const list = `${tuple(columns)} IN (${keys.map((each) => tuple(each.map(literal))).join(', ')})`;
    const condition = [...range, ...(where === undefined ? [] : [list])].join(' AND ');
    return { rows: keys.length, last: reached, condition: `(${condition})` };
  }
}

interface FoundRows {
  readonly rows: number;
  readonly last: readonly string[];
  readonly condition: string;
}

/** The error says of a transaction that it is too large; here that is one row. */
function tooLarge(error: unknown, { condition }: FoundRows): unknown {
  if (error instanceof Error) {
    error.message += ` It is one row, with what the work does to it, that is too much: ${condition}.`;
  }
  return error;
}
