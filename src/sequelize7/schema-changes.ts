import { DatabaseError, ForeignKeyConstraintError, QueryTypes, UniqueConstraintError } from '@sequelize/core';
import type { Transaction } from '@sequelize/core';
import type { QueryResult } from 'pg';
import { UnsupportedFeatureError } from '../occ';
import {
  isSchemaJobError,
  refusedStatement,
  SchemaRunner,
  unsupportedChanges,
  type ResolvedMapping,
  type SchemaJobError,
} from '../schema';
import { loadParser, translate, type TableFacts, type TableName, type Translation } from '../sql';
import type { StatementOptions } from './statement';

/** Sends a statement as it is: again after a conflict, where it stands alone. */
type Send = (sql: string, options: StatementOptions) => Promise<unknown>;

/** A statement that may have to be translated, behind comments or not. */
const CHANGE = /^(?:\s|--[^\n]*\n|\/\*[^]*?\*\/)*(?:CREATE|ALTER|DROP|TRUNCATE|COMMENT|DO)\b/i;

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
    return bind === undefined && CHANGE.test(sql);
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
  async run(sql: string, options: StatementOptions, author: 'Sequelize' | 'user'): Promise<unknown> {
    await loadParser();
    const { statements, refusals } = await this.#translate(sql, options);
    const [first, ...others] = statements;
    const isUnchanged = others.length === 0 && first?.sql === sql.trim().replace(/;\s*$/, '');
    // PostgreSQL's own words are better for what it cannot read.
    const isUnreadable = refusals.some(({ rule }) => rule === 'syntax-error');
    if (isUnreadable || (author === 'user' && (isUnchanged || refusals.length > 0))) {
      return this.#send(sql, options);
    }
    if (refusals.length > 0) {
      throw unsupportedChanges(refusals.map((refusal) => refusedStatement(sql, refusal)));
    }
    const { transaction } = options;
    const runner = this.#runner(options);
    if (!transaction) {
      await reported(async () => {
        await runner.run(statements);
        await runner.settle();
      });
      return [[], undefined];
    }
    if (first === undefined) return [[], undefined];
    if (others.length > 0 || first.kind === 'dml') {
      throw new UnsupportedFeatureError(
        `in one transaction what takes several: ${statements.map((statement) => statement.sql).join('; ')}`,
        'Pass `transaction: null`: each change of the schema is a transaction of its own.',
      );
    }
    const answer = (await this.#send(first.sql, { ...options, raw: true, type: QueryTypes.RAW })) as Answer;
    if (first.kind === 'job' || first.kind === 'validate')
      settleAfter(transaction, runner, first.sql, answer);
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

  async #translate(sql: string, options: StatementOptions): Promise<Translation> {
    const { identityCache, simplify, capabilities } = this.#mapping;
    const settings = { identityCache, simplify, ...(capabilities && { capabilities }) };
    const facts = new Map<string, TableFacts>();
    for (;;) {
      const translation = translate(sql, { ...settings, catalog: { tables: [...facts.values()] } });
      const unknown = translation.unknownKeys.filter((table) => !facts.has(JSON.stringify(table)));
      if (unknown.length === 0) return translation;
      for (const table of unknown) facts.set(JSON.stringify(table), await this.#factsOf(table, options));
    }
  }

  async #factsOf({ schema, name }: TableName, options: StatementOptions): Promise<TableFacts> {
    const inSchema = schema === undefined ? 'pg_table_is_visible(c.oid)' : `n.nspname = ${literal(schema)}`;
    const [rows] = (await this.#send(
      `SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS not_null, a.attidentity <> '' AS identity, coalesce(array_position(i.indkey::int2[], a.attnum), -1) AS place, i.indnkeyatts AS key_columns FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary WHERE c.relkind = 'r' AND c.relname = ${literal(name)} AND ${inSchema}`,
      { ...options, raw: true, type: QueryTypes.RAW, logging: false },
    )) as [ColumnRow[], unknown];
    return {
      ...(schema !== undefined && { schema }),
      name,
      // The places of indkey begin with 0, and those behind the key are of columns that it only carries along.
      primaryKey: rows
        .filter(({ place, key_columns: keyColumns }) => place >= 0 && place < (keyColumns ?? 0))
        .sort((one, other) => one.place - other.place)
        .map(({ name: column }) => column),
      columns: rows.map(({ name: column, type, not_null: notNull, identity }) => ({
        name: column,
        type,
        notNull,
        identity,
      })),
    };
  }
}

/** What Sequelize makes of a statement of type RAW. */
type Answer = [Record<string, unknown>[], QueryResult];

interface ColumnRow {
  readonly name: string;
  readonly type: string;
  readonly not_null: boolean;
  readonly identity: boolean;
  readonly place: number;
  readonly key_columns: number | null;
}

/** Each of the statements is a transaction of its own. */
function alone(options: StatementOptions): StatementOptions {
  return { ...options, transaction: null, raw: true, type: QueryTypes.RAW };
}

/** A job begins when the transaction that has started it is committed. */
function settleAfter(transaction: Transaction, runner: SchemaRunner, sql: string, [rows]: Answer): void {
  runner.takeOn(sql, rows);
  transaction.afterCommit(() => reported(() => runner.settle()));
}

/** Runs `work`; a job that failed becomes the error that Sequelize's users know from PostgreSQL. */
async function reported(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (error) {
    throw isSchemaJobError(error) ? hostError(error) : error;
  }
}

function hostError(error: SchemaJobError): Error {
  const { sql, details } = error.job;
  const { message } = error;
  const cause = Object.assign(error, { sql, parameters: {} });
  if (/^\s*CREATE UNIQUE INDEX/i.test(sql)) return new UniqueConstraintError({ message, cause, fields: {} });
  if (/foreign key/i.test(details)) return new ForeignKeyConstraintError({ message, cause });
  return new DatabaseError(cause);
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
