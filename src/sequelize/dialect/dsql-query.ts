import { EmptyResultError, QueryTypes, UniqueConstraintError, type Model, type Transaction } from 'sequelize';
import PostgresQuery from 'sequelize/lib/dialects/postgres/query';
import { fieldsOf, type DsqlClient } from '../../connection';
import { commitProgressOf } from '../transactions/commit-transaction';
import { journalledConnection, type JournalledAnswer } from '../migrations/journalled-answer';
import { DsqlTransaction } from '../transactions/dsql-transaction';
import type { CatalogueReader, NumberKeys, ReadCatalogue } from '../../schema';
import { summarizeText } from '../../sql';
import type { StatementOptions } from '../statement';
import { findDuplicateKey } from '../writes/duplicate-key';
import { insertedRows } from '../writes/inserted-keys';
import { addExplanation } from '../refusal-explanation';
import { readModelValues, type ReaderOf, type ReadModel } from '../reads/model-values';

/** The parts of the dialect that a query uses. */
interface KeyReader {
  readonly numberKeys: NumberKeys;
  readonly readerOf: ReaderOf;
  readonly catalogue: CatalogueReader;
}

/** Sequelize's PostgreSQL query, on Aurora DSQL. */
export class DsqlQuery extends PostgresQuery {
  /** Where the columns of a result come from that no model tells. */
  #fields: ReturnType<typeof fieldsOf>;

  override async run(sql: string, parameters?: unknown[]): Promise<unknown> {
    const { exception, transaction, journalled } = this.options as {
      readonly exception?: boolean;
      readonly transaction?: unknown;
      readonly journalled?: JournalledAnswer;
    };
    const commitProgress = commitProgressOf(sql, transaction);
    const watched = journalled && journalledConnection(this.connection, journalled);
    // Sequelize's types say that it is never replaced.
    if (watched !== undefined) Object.assign(this, { connection: watched.connection });
    if (commitProgress !== undefined) commitProgress.state = 'sent';
    try {
      const isAnswered = journalled !== undefined && 'kept' in journalled;
      const result = await (isAnswered ? super.run(sql, parameters) : this.#send(sql, parameters));
      if (commitProgress !== undefined) commitProgress.state = 'done';
      if (!this.model) await this.#readRaw(result);
      else this.#readReturned(result);
      watched?.noteAs(result);
      return result;
    } catch (error) {
      // The INSERT of `findOrCreate` skipped a row that was there already.
      if (exception === true && error instanceof EmptyResultError) {
        throw await this.#duplicate(sql);
      }
      await addExplanation(error, sql);
      throw error;
    }
  }

  /** Sends a statement; an INSERT with the keys that an earlier attempt was given. */
  async #send(sql: string, parameters?: unknown[]): Promise<unknown> {
    const { instance, reusedKeys, transaction } = this.options as StatementOptions;
    const keys = transaction instanceof DsqlTransaction ? transaction.reusedKeys : reusedKeys;
    if (keys === undefined || summarizeText(sql).firstWord !== 'INSERT') return super.run(sql, parameters);
    const send = async (text: string) => {
      const result = await super.run(text, parameters);
      return { result, rows: insertedRows(result, instance) };
    };
    return (await keys.insert(sql, send, this.#readCatalogue)).result;
  }

  /** Reads the catalogue on the connection of the query. */
  readonly #readCatalogue: ReadCatalogue = (sql) => {
    const { catalogue } = this.sequelize.dialect as KeyReader;
    return catalogue.read(sql, this.connection as unknown as DsqlClient);
  };

  /** The error of a duplicate, as the server would have reported it. */
  async #duplicate(sql: string): Promise<Error> {
    const { instance, transaction } = this.options as {
      readonly instance?: Model;
      readonly transaction?: Transaction;
    };
    const key = instance && (await findDuplicateKey(instance, transaction));
    const message = 'The row is there already.';
    if (key === undefined) return new UniqueConstraintError({ message, fields: {}, errors: [] });
    const detail = `Key (${key.fields.join(', ')})=(${key.values.join(', ')}) already exists.`;
    return this.formatError({ code: '23505', message, detail, sql });
  }

  /**
   * The host logs a statement behind sending it. What `logging` throws is thrown when the statement was answered: nobody would
   * wait for the answer any more, so that a conflict ended the process, and the next statement met a busy connection.
   */
  protected override _logQuery(...call: Parameters<PostgresQuery['_logQuery']>): () => void {
    try {
      return super._logQuery(...call);
    } catch (error) {
      return () => {
        throw error;
      };
    }
  }

  protected override handleSelectQuery(rows: Record<string, unknown>[]): unknown {
    this.#fields = fieldsOf(rows);
    readModelValues(rows, this.options, this.#readerOf);
    return super.handleSelectQuery(rows);
  }

  /** The statement is done, so nothing that goes wrong here may look like a failure of it: the keys stay texts. */
  async #readRaw(result: unknown): Promise<void> {
    const { numberKeys } = this.sequelize.dialect as KeyReader;
    const [first] = Array.isArray(result) ? (result as unknown[]) : [];
    const fields = this.#fields ?? fieldsOf(first);
    const rows = [this.#fields === undefined ? first : result].flat().filter(isRow);
    if (fields === undefined || rows.length === 0) return;
    await numberKeys.convert(rows, fields, this.#readCatalogue)?.catch(() => undefined);
  }

  get #readerOf(): ReaderOf {
    return (this.sequelize.dialect as KeyReader).readerOf;
  }

  /**
   * What an INSERT or UPDATE has returned goes into the instance, or is handed on as rows. The statement is done, so that
   * values stay texts where they cannot be read.
   */
  #readReturned(result: unknown): void {
    const model = this.model as ReadModel | undefined;
    const { instance, type } = this.options as { readonly instance?: Model; readonly type?: string };
    const readerOf: ReaderOf = (of) => {
      const read = this.#readerOf(of);
      return read && orText(read);
    };
    if (instance) {
      readModelValues([instance.dataValues as Row], { model }, readerOf, (name) => this.#isReturned(name));
    } else if (type !== undefined && RETURNING.has(type) && Array.isArray(result)) {
      readModelValues([result[0] as Row | Row[] | undefined].flat().filter(isRow), { model }, readerOf);
    }
  }

  /** Whether the database has returned an attribute; what it has not is as the application has set it. */
  #isReturned(name: string): boolean {
    const { returning } = this.options;
    if (!Array.isArray(returning)) return returning === true;
    const field = (this.model as ReadModel).getAttributes()[name]?.field;
    return returning.includes(name) || returning.includes(field);
  }
}

/** The same reader, but for what it throws. */
function orText(read: (text: string) => unknown): (text: string) => unknown {
  return (text) => {
    try {
      return read(text);
    } catch {
      return text;
    }
  };
}

type Row = Record<string, unknown>;

/** The types of queries that hand on the rows that a statement has returned. */
const RETURNING: ReadonlySet<string> = new Set([QueryTypes.INSERT, QueryTypes.UPDATE]);

function isRow(value: unknown): value is Row {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}
