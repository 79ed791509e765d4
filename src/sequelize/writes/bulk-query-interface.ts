import { Op, type Sequelize } from 'sequelize';
import { PostgresQueryInterface } from 'sequelize/lib/dialects/postgres/query-interface';
import type PostgresQueryGenerator from 'sequelize/lib/dialects/postgres/query-generator';
import { inBatches, MAX_TRANSACTION_ROWS, sqlStateOf, tooManyRows } from '../../occ';
import type { ResolvedMapping } from '../../schema';
import { ambientTransaction } from '../transactions/cls';

/** The parts of a write's options that are looked at here. */
interface WriteOptions {
  readonly transaction?: unknown;
  readonly model?: KeyedModel | undefined;
  readonly limit?: number | null | undefined;
  readonly truncate?: boolean | undefined;
  readonly logging?: unknown;
  readonly benchmark?: boolean | undefined;
}

/** A model, with what its types leave out. */
interface KeyedModel {
  /** By the name of the attribute. */
  readonly primaryKeys: Readonly<Record<string, { readonly field: string }>>;
}

type Key = Readonly<Record<string, unknown>>;

/** SQLSTATE of a transaction that has reached one of its limits: nothing of it was done. */
const LIMIT_EXCEEDED = '54000';

/**
 * Sequelize's writes to many rows. A transaction may change 3,000 rows at most: where `dsql.batch` is set, a write to more
 * outside a transaction is carried out in several.
 */
export class BulkQueryInterface extends PostgresQueryInterface {
  readonly #sequelize: Sequelize;
  readonly #isInBatches: boolean;

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
    const insert = (rows: readonly object[]) => super.bulkInsert(table, rows, options, attributes);
    if (records.length <= MAX_TRANSACTION_ROWS) return insert(records);
    if (!this.#isInBatches || this.#isInTransaction(options)) throw tooManyRows(records.length);
    return joined(await inBatches(records, {}, insert));
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
      const mayBeSplit = this.#isInBatches && !this.#isInTransaction(options);
      const fields = Object.values(model?.primaryKeys ?? {}).map(({ field }) => field);
      if (sqlStateOf(error) !== LIMIT_EXCEEDED || !mayBeSplit || fields.length === 0) throw error;
      const { limit, logging, benchmark } = options;
      const keys = (await this.select(model, table, {
        attributes: fields,
        where,
        raw: true,
        transaction: null,
        ...(limit && { limit }),
        ...(logging !== undefined && { logging }),
        ...(benchmark !== undefined && { benchmark }),
      })) as readonly Key[];
      const results = await inBatches(keys, {}, (batch) =>
        write({ [Op.and]: [where, oneOf(batch, fields)] }, { limit: null }),
      );
      return joined(results);
    }
  }

  #isInTransaction({ transaction }: WriteOptions): boolean {
    return Boolean(transaction === undefined ? ambientTransaction(this.#sequelize) : transaction);
  }
}

function oneOf(keys: readonly Key[], fields: readonly string[]): object {
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
