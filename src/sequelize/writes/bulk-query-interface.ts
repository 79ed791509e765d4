import { Op, QueryTypes, type Sequelize } from 'sequelize';
import { PostgresQueryInterface } from 'sequelize/lib/dialects/postgres/query-interface';
import type PostgresQueryGenerator from 'sequelize/lib/dialects/postgres/query-generator';
import {
  ArrayInserts,
  expectOneTransaction,
  fitInTransaction,
  inBatches,
  isTooMuchAtOnce,
  NotCommitted,
} from '../../occ';
import { INDEX_ENTRY_COST_BYTES, MAX_TRANSACTION_ROWS, ROW_COST_BYTES } from '../../sql';
import type { ResolvedMapping } from '../../schema';
import { ambientTransaction } from '../transactions/cls';
import { DsqlTransaction } from '../transactions/dsql-transaction';
import { arrayInsert, type WrittenAttributes } from './array-insert';

/** The parts of a write's options that are looked at here. */
interface WriteOptions {
  readonly transaction?: unknown;
  readonly model?: KeyedModel | undefined;
  readonly updateOnDuplicate?: unknown;
  readonly ignoreDuplicates?: boolean | undefined;
  readonly limit?: number | null | undefined;
  readonly truncate?: boolean | undefined;
  readonly bind?: unknown;
  readonly replacements?: unknown;
  readonly searchPath?: unknown;
  readonly logging?: unknown;
  readonly benchmark?: boolean | undefined;
}

/** A model, with what its types leave out. */
interface KeyedModel {
  /** By the name of the attribute. */
  readonly primaryKeys: Readonly<Record<string, { readonly field: string }>>;
  readonly uniqueKeys: Readonly<Record<string, unknown>>;
  readonly _indexes: readonly unknown[];
  readonly autoIncrementAttribute?: string | null;
}

/** Of a pool of Sequelize's without other options (Sequelize 6.37). */
const DEFAULT_CONNECTIONS = 5;

type Row = Readonly<Record<string, unknown>>;
type InsertCall = [
  table: unknown,
  rows: readonly object[],
  options: WriteOptions,
  attributes: object | undefined,
];

/**
 * Sequelize's writes to many rows. A transaction may change 3,000 rows at most: where `dsql.batch` is set, a write to more
 * outside a transaction is carried out in several.
 */
export class BulkQueryInterface extends PostgresQueryInterface {
  readonly #sequelize: Sequelize;
  readonly #isInBatches: boolean;
  readonly #arrayInserts = new ArrayInserts();

  constructor(sequelize: Sequelize, queryGenerator: PostgresQueryGenerator, { batch }: ResolvedMapping) {
    super(sequelize, queryGenerator);
    this.#sequelize = sequelize;
    this.#isInBatches = batch;
  }

  /**
   * @throws UnsupportedFeatureError before anything is sent when there are more rows than a transaction may change, unless
   *   they may be written in batches
   * @throws BatchesError when some of the batches were written and one was not
   */
  override async bulkInsert(
    table: unknown,
    records: readonly object[],
    options: WriteOptions = {},
    attributes?: object,
  ): Promise<unknown> {
    const asValues = (rows: readonly object[]) => super.bulkInsert(table, rows, options, attributes);
    const insert = (rows: readonly object[]) => this.#insert([table, rows, options, attributes], asValues);
    if (!this.#mayBeSplit(options)) {
      expectOneTransaction({ rows: records });
      return insert(records);
    }
    const rowCostBytes = costOfRow(options.model);
    if (records.length <= MAX_TRANSACTION_ROWS && fitInTransaction(records, rowCostBytes)) {
      try {
        return await insert(records);
      } catch (error) {
        if (records.length < 2 || !isTooMuchAtOnce(error)) throw error;
      }
    }
    return joined(
      await inBatches(records, { concurrency: this.#parallelInserts(options) }, insert, rowCostBytes),
    );
  }

  /**
   * How many batches may be inserted at the same time, so that the next one is written down while the server is at work: half
   * of the connections, unless their order decides which numbers or which of two rows with the same key they get.
   */
  #parallelInserts({ model, updateOnDuplicate, ignoreDuplicates }: WriteOptions): number {
    const isOrdered =
      (model?.autoIncrementAttribute ?? updateOnDuplicate) != null || ignoreDuplicates === true;
    if (model === undefined || isOrdered) return 1;
    const { pool } = this.#sequelize.config;
    return Math.max(1, Math.floor((pool?.max ?? DEFAULT_CONNECTIONS) / 2));
  }

  /** Inserts rows as one array per column, or as VALUES where that cannot be. */
  async #insert(
    [table, rows, options, attributes]: InsertCall,
    asValues: (rows: readonly object[]) => Promise<unknown>,
  ): Promise<unknown> {
    const { model } = options;
    const transaction = this.#transactionOf(options);
    const isRepeatable = transaction instanceof DsqlTransaction && transaction.isRepeatable;
    const mayBeRefused = !transaction || isRepeatable;
    if (model === undefined || !this.#arrayInserts.mayTry(model, mayBeRefused)) return asValues(rows);
    const statement = arrayInsert(this.queryGenerator, [
      table,
      rows as readonly Row[],
      options,
      (attributes ?? {}) as WrittenAttributes,
    ]);
    if (statement === undefined) return asValues(rows);
    try {
      // Its types know of no `bind` beside `query`.
      const [result] = (await this.#sequelize.query(statement as unknown as string, {
        ...(options as object),
        type: QueryTypes.INSERT,
      })) as [unknown, unknown];
      this.#arrayInserts.accepted(model);
      return result;
    } catch (error) {
      if (!this.#arrayInserts.isRefusal(model, error)) throw error;
      if (!transaction) return asValues(rows);
      throw isRepeatable ? new NotCommitted({ cause: error }) : error;
    }
  }

  /** @throws BatchesError when some of the batches were written and one was not */
  override async bulkUpdate(
    table: unknown,
    values: object,
    where: object,
    options: WriteOptions = {},
    attributes?: object,
  ): Promise<unknown> {
    const { model } = options;
    return this.#write(table, where, options, model, (rows) =>
      super.bulkUpdate(table, values, rows, options, attributes),
    );
  }

  /** @throws BatchesError when some of the batches were written and one was not */
  override async bulkDelete(
    table: unknown,
    where: object | null | undefined,
    options: WriteOptions = {},
    model?: KeyedModel,
  ): Promise<unknown> {
    if (options.truncate === true) return super.bulkDelete(table, where, options, model);
    return this.#write(table, where ?? {}, options, model, (rows, limit) =>
      super.bulkDelete(table, rows, { ...options, ...limit }, model),
    );
  }

  /** Writes to all rows at once, or in batches if they are too many for that and it is allowed. */
  async #write(
    table: unknown,
    where: object,
    options: WriteOptions,
    model: KeyedModel | undefined,
    write: (where: object, limit?: { readonly limit: null }) => Promise<unknown>,
  ): Promise<unknown> {
    try {
      return await write(where);
    } catch (error) {
      const fields = Object.values(model?.primaryKeys ?? {}).map(({ field }) => field);
      if (!isTooMuchAtOnce(error) || !this.#mayBeSplit(options) || fields.length === 0) throw error;
      const { limit, logging, benchmark } = options;
      const keys = (await this.select(model, table, {
        attributes: fields,
        where,
        raw: true,
        transaction: null,
        ...(limit && { limit }),
        ...(logging !== undefined && { logging }),
        ...(benchmark !== undefined && { benchmark }),
      })) as readonly Row[];
      const results = await inBatches(keys, {}, (batch) =>
        write({ [Op.and]: [where, oneOf(batch, fields)] }, { limit: null }),
      );
      return joined(results);
    }
  }

  #mayBeSplit(options: WriteOptions): boolean {
    return this.#isInBatches && !this.#transactionOf(options);
  }

  #transactionOf({ transaction }: WriteOptions): unknown {
    return transaction === undefined ? ambientTransaction(this.#sequelize) : transaction;
  }
}

/** What a row of a model takes in a transaction besides its values: the row itself, and an entry in each index. */
function costOfRow(model: KeyedModel | undefined): number {
  const indexes = Object.keys(model?.uniqueKeys ?? {}).length + (model?._indexes ?? []).length;
  return ROW_COST_BYTES + indexes * INDEX_ENTRY_COST_BYTES;
}

function oneOf(keys: readonly Row[], fields: readonly string[]): object {
  const [field, ...others] = fields;
  if (field === undefined || others.length > 0) return { [Op.or]: keys };
  return { [field]: { [Op.in]: keys.map((key) => key[field]) } };
}

/** Rows, or how many there were. */
function joined(results: readonly unknown[]): unknown {
  if (results.every((result) => typeof result === 'number')) {
    return results.reduce((sum, count) => sum + count, 0);
  }
  return results.every((result) => Array.isArray(result)) ? results.flat() : results[0];
}
