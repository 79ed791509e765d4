import type { DataSource } from 'typeorm';
import { tokensOf } from '../sql';
import { hasIdentityValues } from './identity-keys';

type Row = Readonly<Record<string, unknown>>;

/** An INSERT that names its rows, as TypeORM writes it. */
interface WrittenInsert {
  /** As it is written. */
  readonly table: string;
  readonly columns: readonly string[];
  /** Where the columns and each of the rows begin; nothing for DEFAULT VALUES. */
  readonly lists: readonly number[];
  readonly rows: number;
  /** Where the columns are to stand if there are none. */
  readonly defaultValues: readonly [start: number, end: number] | undefined;
}

/**
 * The keys that identity columns gave to a transaction that failed.
 *
 * The next attempt inserts under the same keys: none is left out, and what listeners and subscribers have made of one
 * stays true. Nobody else is ever given them.
 */
export class AllottedKeys {
  readonly #dataSource: DataSource;
  /** By table, in the order in which rows are inserted. */
  readonly #keys = new Map<string, unknown[]>();
  /** How many rows of a table this attempt has inserted. */
  readonly #inserted = new Map<string, number>();
  #sent: (readonly [sql: string, rows: readonly Row[]])[] = [];
  #isFirst = true;

  constructor(dataSource: DataSource) {
    this.#dataSource = dataSource;
  }

  /** What is inserted from now on is inserted again, but for the first time. */
  beginAttempt(): void {
    if (this.#sent.length > 0) this.#isFirst = false;
    this.#inserted.clear();
    for (const [sql, rows] of this.#sent.splice(0)) this.#learn(sql, rows);
    this.#inserted.clear();
  }

  /** The statement to send in the place of an INSERT. */
  adapt(sql: string): string {
    const insert = this.#isFirst ? undefined : readInsert(sql);
    const column = insert === undefined ? undefined : this.#keyOf(insert);
    if (insert === undefined || column === undefined) return sql;
    const keys = this.#take(insert).map((key) => (/^\d+$/.test(String(key)) ? String(key) : 'DEFAULT'));
    if (keys.every((key) => key === 'DEFAULT')) return sql;
    const { defaultValues, lists } = insert;
    if (defaultValues !== undefined) {
      const [start, end] = defaultValues;
      return `${sql.slice(0, start)}(${column}) VALUES (${keys.join()})${sql.slice(end)}`;
    }
    const added = [column, ...keys];
    return [0, ...lists]
      .map((start, index) => {
        const text = sql.slice(start, lists[index]);
        return index < added.length ? `${text}${added[index] ?? ''}, ` : text;
      })
      .join('');
  }

  /** Notes what an INSERT, as it was before {@link adapt}, has returned. */
  note(sql: string, rows: readonly Row[]): void {
    if (rows.length > 0) this.#sent.push([sql, rows]);
  }

  #learn(sql: string, rows: readonly Row[]): void {
    const insert = readInsert(sql);
    const column = insert === undefined ? undefined : this.#keyOf(insert);
    if (insert === undefined || column === undefined || insert.rows !== rows.length) return;
    const keys = this.#keys.get(insert.table) ?? [];
    this.#keys.set(insert.table, keys);
    const first = this.#inserted.get(insert.table) ?? 0;
    this.#take(insert);
    rows.forEach((row, index) => {
      keys[first + index] = row[unquoted(column)] ?? keys[first + index];
    });
  }

  #take({ table, rows }: WrittenInsert): unknown[] {
    const first = this.#inserted.get(table) ?? 0;
    this.#inserted.set(table, first + rows);
    return Array.from({ length: rows }, (_, index) => this.#keys.get(table)?.[first + index]);
  }

  /** The identity column of a table, in quotes, unless it has been given a value or takes none. */
  #keyOf({ table, columns }: WrittenInsert): string | undefined {
    const { driver, entityMetadatas } = this.#dataSource;
    const escape = (name: string) => driver.escape(name);
    const metadata = entityMetadatas.find(
      ({ tablePath }) => tablePath.split('.').map(escape).join('.') === table,
    );
    const key = metadata?.columns.find(
      (column) =>
        column.referencedColumn === undefined &&
        hasIdentityValues(column) &&
        column.generatedIdentity !== 'ALWAYS',
    );
    const name = key === undefined ? undefined : escape(key.databaseName);
    return name === undefined || columns.includes(name) ? undefined : name;
  }
}

function readInsert(sql: string): WrittenInsert | undefined {
  const tokens = [...tokensOf(sql)];
  const word = (index: number) => tokens[index]?.value;
  if (word(0) !== 'INSERT' || word(1) !== 'INTO') return undefined;
  if (tokens.some(({ kind, value }) => kind === 'word' && value === 'CONFLICT')) return undefined;
  let at = 3;
  while (word(at) === '.') at += 2;
  const table = sql.slice(tokens[2]?.start, tokens[at - 1]?.end);
  if (word(at) === 'AS') at += 2;
  if (word(at) === 'DEFAULT' && word(at + 1) === 'VALUES') {
    const defaultValues = [tokens[at]?.start ?? 0, tokens[at + 1]?.end ?? 0] as const;
    return { table, columns: [], lists: [], rows: 1, defaultValues };
  }
  if (word(at) !== '(') return undefined;
  const lists = [tokens[at]?.end ?? 0];
  const columns: string[] = [];
  for (at++; at < tokens.length && word(at) !== ')'; at++) columns.push(word(at) ?? '');
  if (word(++at) !== 'VALUES') return undefined;
  for (at++; word(at) === '('; at++) {
    lists.push(tokens[at]?.end ?? 0);
    for (let depth = 1; depth > 0 && at < tokens.length;) {
      at++;
      if (word(at) === '(') depth++;
      if (word(at) === ')') depth--;
    }
    if (word(at + 1) !== ',') break;
    at++;
  }
  return { table, columns, lists, rows: lists.length - 1, defaultValues: undefined };
}

function unquoted(name: string): string {
  return name.slice(1, -1).replaceAll('""', '"');
}
