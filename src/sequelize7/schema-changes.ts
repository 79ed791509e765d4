import { DatabaseError, ForeignKeyConstraintError, QueryTypes, UniqueConstraintError } from '@sequelize/core';
import type { Transaction } from '@sequelize/core';
import type { QueryResult } from 'pg';
import {
  isOneOf,
  mayChangeSchema,
  onlyStatement,
  planChange,
  readTablesWhere,
  reportJobs,
  SchemaRunner,
  type CatalogTable,
  type JobViolation,
  type ResolvedMapping,
  type SchemaJobError,
} from '../schema';
import type { TableName } from '../sql';
import { DsqlTransaction } from './dsql-transaction';
import type { StatementOptions } from './statement';

/** Sends a statement as it is: again after a conflict, where it stands alone. */
type Send = (sql: string, options: StatementOptions) => Promise<unknown>;

/**
 * Carries out what changes the schema, written for PostgreSQL: Sequelize's own statements, and those of its users.
 *
 * A user's text that is Aurora DSQL's own SQL already is sent as it is, and so is one that Aurora DSQL refuses: it says so
 * itself. Of every other one each statement is a transaction of its own, and asynchronous jobs are waited for.
 */
export class SchemaChanges {
  readonly #mapping: ResolvedMapping;
  readonly #send: Send;

  constructor(mapping: ResolvedMapping, send: Send) {
    this.#mapping = mapping;
    this.#send = send;
  }

  /** Whether a text is for {@link run}. */
  concern(sql: string, { bind }: StatementOptions): boolean {
    return bind === undefined && mayChangeSchema(sql);
  }

  /**
   * Carries out a text of one or several statements.
   *
   * @param author - who has written it
   * @returns what Sequelize returns for a text that is sent as it is, and an empty result for every other
   * @throws UnsupportedFeatureError before anything is sent, for a text of Sequelize that asks for what Aurora DSQL has
   *   not, and for what cannot be done in the transaction that it is to be done in
   * @throws DatabaseError with a `SchemaJobError` as `cause`, when an asynchronous job failed: rows are in the way of a
   *   unique index (then it is a UniqueConstraintError), of a foreign key (ForeignKeyConstraintError) or of a CHECK
   */
  async run(sql: string, options: StatementOptions, author: 'ORM' | 'user'): Promise<unknown> {
    const statements = await planChange(sql, author, this.#mapping, (tables) =>
      this.#readTables(tables, options),
    );
    const { transaction } = options;
    if (statements === 'as it is') {
      if (transaction instanceof DsqlTransaction) transaction.noteSchemaChange();
      return this.#send(sql, options);
    }
    const runner = this.#runner(options);
    if (!transaction) {
      await reportJobs(async () => {
        await runner.run(statements);
        await runner.settle();
      }, hostError);
      return [[], undefined];
    }
    const only = onlyStatement(
      statements,
      'Pass `transaction: null`: each change of the schema is a transaction of its own.',
    );
    if (only === undefined) return [[], undefined];
    if (transaction instanceof DsqlTransaction) transaction.noteSchemaChange();
    const answer = (await this.#send(only.sql, { ...options, raw: true, type: QueryTypes.RAW })) as Answer;
    if (only.kind === 'job' || only.kind === 'validate') settleAfter(transaction, runner, only.sql, answer);
    return answer;
  }

  #runner(options: StatementOptions): SchemaRunner {
    const query = async (text: string) => {
      // What looks how far a job is would fill the log.
      const isLook = text.startsWith('SELECT ');
      const [rows, { rowCount }] = (await this.#send(
        text,
        alone(isLook ? { ...options, logging: false } : options),
      )) as Answer;
      return { rows, rowCount: rowCount ?? 0 };
    };
    return new SchemaRunner({ query }, { onProgress: this.#mapping.onSchemaProgress });
  }

  async #readTables(
    tables: readonly TableName[],
    options: StatementOptions,
  ): Promise<readonly CatalogTable[]> {
    if (tables.length === 0) return [];
    return readTablesWhere(isOneOf(tables), async (sql) => {
      const sent = { ...options, raw: true, type: QueryTypes.RAW, logging: false } as const;
      const [rows] = (await this.#send(sql, sent)) as Answer;
      return rows;
    });
  }
}

/** What Sequelize makes of a statement of type RAW. */
type Answer = [Record<string, unknown>[], QueryResult];

/** Each of the statements is a transaction of its own. */
function alone(options: StatementOptions): StatementOptions {
  return { ...options, transaction: null, raw: true, type: QueryTypes.RAW };
}

/** A job begins when the transaction that has started it is committed. */
function settleAfter(transaction: Transaction, runner: SchemaRunner, sql: string, [rows]: Answer): void {
  runner.takeOn(sql, rows);
  transaction.afterCommit(() => reportJobs(() => runner.settle(), hostError));
}

/** A job that failed, as Sequelize's users know it from PostgreSQL. */
function hostError(error: SchemaJobError, violation: JobViolation): Error {
  const { message, job } = error;
  const cause = Object.assign(error, { sql: job.sql, parameters: {} });
  switch (violation) {
    case 'unique':
      return new UniqueConstraintError({ message, cause, fields: {} });
    case 'foreign key':
      return new ForeignKeyConstraintError({ message, cause });
    case 'other':
      return new DatabaseError(cause);
  }
}
