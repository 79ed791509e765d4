import { Query } from 'typeorm/driver/Query.js';
import type { TranslationRefusal } from '../../sql';
import {
  loadParser,
  translate,
  type CatalogFacts,
  type DsqlStatement,
  type TranslateOptions,
} from '../../sql';
import { markedUntilDone, refusedStatement, type UnsupportedChange } from '../../schema';

/** A statement for Aurora DSQL, among those that TypeORM runs or writes into a migration. */
export class SchemaQuery extends Query {
  readonly statement: DsqlStatement;

  constructor(statement: DsqlStatement, parameters?: Query['parameters']) {
    super(markedUntilDone(statement), parameters);
    this.statement = statement;
  }
}

/** What only a copy of the table can do: see `rebuildTable` of `aurora-dsql-orm/migrate`. */
const BY_COPY: ReadonlySet<string> = new Set([
  'alter-column-type',
  'add-constraint',
  'drop-primary-key',
  'drop-primary-key-column',
  'add-column-with-constraint',
]);

/** An ALTER TABLE that is carried out by a copy of its table. Actions for one table make one of them. */
export class CopyQuery extends Query {
  /** `ALTER TABLE` and the table. */
  readonly table: string;

  constructor(sql: string) {
    super(sql);
    this.table = /^ALTER TABLE (?:"(?:[^"]|"")+"\.)*"(?:[^"]|"")+" /.exec(sql)?.[0] ?? '';
  }

  /** The actions of this one, and those of another one for the same table. */
  and({ query, table }: CopyQuery): CopyQuery {
    return new CopyQuery(`${this.query}, ${query.slice(table.length)}`);
  }
}

/** How TypeORM's SQL is translated: the catalogue as it is before, and what the options say. */
export type QueryTranslation = Omit<TranslateOptions, 'catalog'> & { readonly catalog: CatalogFacts };

/** The translation of TypeORM's statements, in order. */
export interface TranslatedQueries {
  readonly queries: readonly SchemaQuery[];
  /** What is done by a copy of a table. */
  readonly copies: readonly CopyQuery[];
  readonly unsupported: readonly UnsupportedChange[];
  /** Why statements were left out. */
  readonly omitted: readonly string[];
}

/**
 * Translates the statements of one change, taken as one text: a type is known to the table that uses it.
 *
 * @param queries - PostgreSQL's SQL, in the order in which it is run
 * @param mayCopy - whether tables may be copied
 */
export async function translateQueries(
  queries: readonly Query[],
  options: QueryTranslation,
  mayCopy: boolean,
): Promise<TranslatedQueries> {
  await loadParser();
  const text = joined(queries);
  const { statements, refusals, omitted } = translate(text.sql, options);
  const isByCopy = ({ rule }: TranslationRefusal) => mayCopy && BY_COPY.has(rule);
  const refused = refusals.filter(isByCopy).flatMap(({ start }) => text.queryAt(start) ?? []);
  const copied = [...new Set(refused)];
  return {
    queries: statements
      .filter(({ start }) => copied.every((query) => query !== text.queryAt(start)))
      .map((statement) => new SchemaQuery(statement, text.queryAt(statement.start)?.parameters)),
    copies: copied.map(({ query }) => new CopyQuery(query)),
    unsupported: refusals
      .filter((refusal) => !isByCopy(refusal))
      .map((refusal) => refusedStatement(text.queryAt(refusal.start)?.query ?? '', refusal)),
    omitted: omitted.map(({ why }) => why),
  };
}

/**
 * Translates the statements that undo a change. What cannot be undone stays as it is, with the reason before it, so that
 * undoing fails there and not now.
 *
 * @param queries - PostgreSQL's SQL, the last to be run first, as TypeORM keeps it
 * @param undone - the change: the catalogue of `options` is as it was before it
 * @param mayCopy - whether tables may be copied
 * @returns in the same order
 */
export async function translateDownQueries(
  queries: readonly Query[],
  undone: readonly Query[],
  options: QueryTranslation,
  mayCopy: boolean,
): Promise<readonly Query[]> {
  await loadParser();
  const inOrder = [...queries].reverse();
  // One text with the change: what it does to a table is known to what undoes it.
  const text = joined([...undone, ...inOrder]);
  const { statements, refusals } = translate(text.sql, options);
  const refused = new Map<Query, TranslationRefusal>();
  for (const refusal of refusals) {
    const query = text.queryAt(refusal.start);
    if (query !== undefined && !refused.has(query)) refused.set(query, refusal);
  }
  const placed = new Map<Query | undefined, Query[]>();
  for (const statement of statements) {
    const query = text.queryAt(statement.start);
    const made = placed.get(query) ?? [];
    placed.set(query, [...made, new SchemaQuery(statement, query?.parameters)]);
  }
  return inOrder
    .flatMap((query) => {
      const refusal = refused.get(query);
      if (refusal === undefined) return placed.get(query) ?? [];
      return mayCopy && BY_COPY.has(refusal.rule)
        ? [new CopyQuery(query.query)]
        : [withReason(query, refusal)];
    })
    .reverse();
}

/**
 * What undoes a copy, in TypeORM's order. It stays as it is written for PostgreSQL, and is planned when it is run: before the
 * copy the table is already as it will be then.
 */
export function undoneByCopy(queries: readonly Query[]): readonly Query[] {
  return queries.map((query) => {
    const copy = new CopyQuery(query.query);
    // A RENAME cannot be one of several actions.
    const isAction = copy.table !== '' && /^(?:ADD|ALTER|DROP) /.test(copy.query.slice(copy.table.length));
    return isAction ? copy : query;
  });
}

function withReason({ query, parameters }: Query, { why, instead }: TranslationRefusal): Query {
  const reason = (instead === undefined ? why : `${why} ${instead}`).replaceAll('*/', '* /');
  return new Query(`/* ${reason} */ ${query}`, parameters);
}

/** Statements as one text, in which each can be found again. */
function joined(queries: readonly Query[]): {
  readonly sql: string;
  readonly queryAt: (offset: number) => Query | undefined;
} {
  const starts: number[] = [];
  let sql = '';
  for (const { query } of queries) {
    starts.push(sql.length);
    // On a line of its own, so that a comment at the end of the statement does not hide it.
    sql += `${query}\n;\n`;
  }
  return { sql, queryAt: (offset) => queries[starts.findLastIndex((start) => start <= offset)] };
}
