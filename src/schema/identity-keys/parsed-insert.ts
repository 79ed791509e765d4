import { nameOf, quoted, tokensOf, type Token } from '../../sql';

type Tokens = readonly Token[];

/** Items between parentheses, or up to the end. */
interface List {
  /** Where the first item would begin. */
  readonly start: number;
  readonly items: readonly Tokens[];
}

interface Parts {
  readonly table: readonly string[];
  /** Nothing for DEFAULT VALUES. */
  readonly columns: List | undefined;
  readonly isOverriding: boolean;
  /** VALUES, or DEFAULT VALUES. */
  readonly values: { readonly start: number; readonly end: number };
  readonly rows: readonly List[];
  readonly returned: readonly Tokens[];
}

/** An INSERT that names its columns and lists its rows, or asks for DEFAULT VALUES, as its text has it. */
export class ParsedInsert {
  readonly #sql: string;
  readonly #parts: Parts;
  readonly #columns: readonly string[];

  private constructor(sql: string, parts: Parts) {
    this.#sql = sql;
    this.#parts = parts;
    this.#columns = (parts.columns?.items ?? []).map(([token]) => nameOf(sql, token));
  }

  /**
   * Reads a text.
   *
   * @returns nothing for any other statement. Where rows come from a query, and with ON CONFLICT, it is not known which
   *   of them is inserted as which
   */
  static read(sql: string): ParsedInsert | undefined {
    const parts = readParts(sql);
    return parts === undefined ? undefined : new ParsedInsert(sql, parts);
  }

  /** The name of the table, behind the names of what it is in. */
  get table(): readonly string[] {
    return this.#parts.table;
  }

  get rowCount(): number {
    return this.#parts.columns === undefined ? 1 : this.#parts.rows.length;
  }

  /** The rows, by their numbers, in which the database makes the value of a column. */
  rowsWithout(column: string): readonly number[] {
    const at = this.#columns.indexOf(column);
    const rows = Array.from({ length: this.rowCount }, (_, index) => index);
    return at < 0 ? rows : rows.filter((index) => isDefault(this.#parts.rows[index]?.items[at]));
  }

  /** Whether it returns a column under its name, and nothing else under that. */
  returns(column: string): boolean {
    const mentions = (item: Tokens) =>
      item.some((token) => token.value === '*' || nameOf(this.#sql, token) === column);
    const [item, ...others] = this.#parts.returned.filter(mentions);
    return item !== undefined && others.length === 0 && isPath(item);
  }

  /**
   * The text with given values for a column, in rows in which the database would make them. An identity column that is
   * GENERATED ALWAYS takes them with OVERRIDING SYSTEM VALUE (AWS user guide, CREATE TABLE, 2026-09-15); for others that
   * changes nothing.
   *
   * @param given - by the number of the row
   */
  withValues(column: string, given: ReadonlyMap<number, string>): string {
    const { columns, isOverriding, values, rows } = this.#parts;
    const edits: (readonly [start: number, end: number, text: string])[] = [];
    const put = (start: number, text: string, end = start) => edits.push([start, end, text]);
    const at = this.#columns.indexOf(column);
    const overriding = 'OVERRIDING SYSTEM VALUE';
    if (columns === undefined) {
      put(
        values.start,
        `(${quoted(column)}) ${overriding} VALUES (${given.get(0) ?? 'DEFAULT'})`,
        values.end,
      );
    } else {
      if (at < 0) put(columns.start, `${quoted(column)}, `);
      if (!isOverriding) put(values.start, `${overriding} `);
    }
    rows.forEach(({ start, items }, index) => {
      const value = given.get(index);
      const [written] = items[at] ?? [];
      if (at < 0) put(start, `${value ?? 'DEFAULT'}, `);
      else if (value !== undefined && written !== undefined) put(written.start, value, written.end);
    });
    return edits.reduceRight(
      (sql, [start, end, text]) => sql.slice(0, start) + text + sql.slice(end),
      this.#sql,
    );
  }
}

function readParts(sql: string): Parts | undefined {
  const tokens = [...tokensOf(sql)];
  let at = 0;
  const skip = (...words: string[]) => {
    const isThere = words.every((word, index) => tokens[at + index]?.value === word);
    if (isThere) at += words.length;
    return isThere;
  };
  /** Up to the parenthesis that closes it, or to the end of the statement. */
  const list = (): List => {
    const start = tokens[at - 1]?.end ?? 0;
    const items: Token[][] = [[]];
    for (let depth = 0; at < tokens.length; at++) {
      const token = tokens[at];
      if (token === undefined || token.value === ';') break;
      if ('(['.includes(token.value)) depth++;
      if (')]'.includes(token.value)) depth--;
      if (depth < 0) break;
      if (token.value === ',' && depth === 0) items.push([]);
      else items.at(-1)?.push(token);
    }
    return { start, items };
  };

  if (!skip('INSERT', 'INTO')) return undefined;
  const table: string[] = [];
  do table.push(nameOf(sql, tokens[at++]));
  while (skip('.'));
  if (skip('AS')) at++;
  let columns: List | undefined;
  if (skip('(')) {
    columns = list();
    skip(')');
  }
  const isOverriding = skip('OVERRIDING', 'SYSTEM', 'VALUE');
  const { start = sql.length } = tokens[at] ?? {};
  const rows: List[] = [];
  if (columns === undefined) {
    if (isOverriding || !skip('DEFAULT', 'VALUES')) return undefined;
  } else {
    if (!skip('VALUES')) return undefined;
    do {
      if (!skip('(')) return undefined;
      rows.push(list());
      skip(')');
    } while (skip(','));
  }
  const values = { start, end: tokens[at - 1]?.end ?? sql.length };
  const returned = skip('RETURNING') ? list().items : [];
  skip(';');
  // What else may come behind the rows changes which of them are inserted.
  return at < tokens.length ? undefined : { table, columns, isOverriding, values, rows, returned };
}

function isDefault(value: Tokens | undefined): boolean {
  return value?.length === 1 && value[0]?.value === 'DEFAULT';
}

/** Whether an item is a column, or all columns, of the table and no expression. */
function isPath(item: Tokens): boolean {
  return item.every(({ kind, value }, index) =>
    index % 2 === 1 ? value === '.' : value === '*' || kind === 'word' || kind === 'quoted',
  );
}
