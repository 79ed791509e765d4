import { QueryTypes } from '@sequelize/core';
import type { QueryResult } from 'pg';
import { UnsupportedFeatureError } from '../occ';
import { SchemaRunner, type ResolvedMapping } from '../schema';
import {
  loadParser,
  translate,
  type DsqlStatement,
  type TableFacts,
  type TableName,
  type Translation,
} from '../sql';
import type { StatementOptions } from './statement';

/** Sends a statement: again after a conflict, where it stands alone. */
type Send = (sql: string, options: StatementOptions) => Promise<unknown>;

/** What changes the schema, and what Aurora DSQL has not in its place. */
const SCHEMA_STATEMENT = /^(?:\s|--[^\n]*\n|\/\*[^]*?\*\/)*(?:CREATE|ALTER|DROP|COMMENT|TRUNCATE)\b/i;

/**
 * Carries out the changes of the schema that Sequelize asks for in the SQL of PostgreSQL: with the statements with which
 * Aurora DSQL does the same. Jobs are waited for.
 */
export class SchemaChanges {
  readonly #mapping: ResolvedMapping;
  readonly #send: Send;

  constructor(mapping: ResolvedMapping, send: Send) {
    this.#mapping = mapping;
    this.#send = send;
  }

  /** Whether a text is for {@link run}. */
  concerns(sql: string, { bind }: StatementOptions): boolean {
    return bind === undefined && SCHEMA_STATEMENT.test(sql);
  }

  /**
   * @returns what Sequelize answers to the last statement
   * @throws UnsupportedFeatureError before anything is sent, when Aurora DSQL has nothing that does the same
   * @throws SchemaJobError when an index could not be built, or rows violate a constraint
   */
  async run(sql: string, { transaction, ...options }: StatementOptions): Promise<unknown> {
    await loadParser();
    const { statements } = await this.#translate(sql, options);
    if (transaction) {
      const [only] = statements;
      if (statements.length !== 1 || only?.kind !== 'ddl') throw needsItsOwnTransactions(sql);
      return this.#send(only.sql, { ...options, transaction });
    }
    let answer: unknown = [[], undefined];
    const runner = new SchemaRunner(
      {
        query: async (text) => {
          answer = await this.#send(text, alone(options));
          const [rows, { rowCount }] = answer as [Record<string, unknown>[], QueryResult];
          return { rows, rowCount: rowCount ?? 0 };
        },
      },
      { onProgress: this.#mapping.onSchemaProgress },
    );
    await runner.run(statements);
    await runner.settle();
    return answer;
  }

  async #translate(sql: string, options: StatementOptions): Promise<Translation> {
    const { identityCache, simplify, capabilities } = this.#mapping;
    const settings = { identityCache, simplify, ...(capabilities && { capabilities }) };
    const facts = new Map<string, TableFacts>();
    for (;;) {
      const translation = translate(sql, { ...settings, catalog: { tables: [...facts.values()] } });
      const unknown = translation.unknownKeys.filter((table) => !facts.has(JSON.stringify(table)));
      if (unknown.length === 0) return expectComplete(sql, translation);
      for (const table of unknown) facts.set(JSON.stringify(table), await this.#factsOf(table, options));
    }
  }

  async #factsOf({ schema, name }: TableName, { logging }: StatementOptions): Promise<TableFacts> {
    const inSchema = schema === undefined ? 'pg_table_is_visible(c.oid)' : `n.nspname = ${literal(schema)}`;
    const [rows] = (await this.#send(
      `SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS not_null, a.attidentity <> '' AS identity, coalesce(array_position(i.indkey::int2[], a.attnum), -1) AS place, i.indnkeyatts AS key_columns FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary WHERE c.relkind = 'r' AND c.relname = ${literal(name)} AND ${inSchema}`,
      alone({ ...(logging !== undefined && { logging }) }),
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

/** Each of the statements is a transaction of its own. */
function alone(options: StatementOptions): StatementOptions {
  return { ...options, transaction: null, raw: true, type: QueryTypes.RAW };
}

interface ColumnRow {
  readonly name: string;
  readonly type: string;
  readonly not_null: boolean;
  readonly identity: boolean;
  readonly place: number;
  readonly key_columns: number | null;
}

function expectComplete(sql: string, translation: Translation): Translation {
  const [refusal] = translation.refusals;
  if (refusal === undefined) return translation;
  // PostgreSQL's own words for it are better, and Sequelize's error for those.
  if (refusal.rule === 'syntax-error') return { ...translation, statements: [asItIs(sql)] };
  throw new UnsupportedFeatureError(
    refusal.what,
    `${refusal.why}${refusal.instead === undefined ? '' : ` ${refusal.instead}`} (${refusal.message})`,
  );
}

function asItIs(sql: string): DsqlStatement {
  return { sql, kind: 'ddl', notes: [], start: 0, end: sql.length };
}

function needsItsOwnTransactions(sql: string): UnsupportedFeatureError {
  const beginning = sql.trim().replace(/\s+/g, ' ').slice(0, 60);
  return new UnsupportedFeatureError(
    `"${beginning}" inside a transaction`,
    'It takes several transactions, or a job that begins after the commit. Run it outside, with `transaction: null` where the transaction is found by itself.',
  );
}

function literal(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
