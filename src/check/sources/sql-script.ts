import { tokensOf } from '../../sql';
import type { Token } from '../../sql';

/** A range of a text. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/** A script for psql, read as psql reads it. */
export interface SqlScript {
  /** The script with everything blanked that is not SQL: offsets stay as they are. */
  readonly sql: string;
  /** What was blanked: `\connect` and the like, and the rows of COPY. */
  readonly blanked: readonly Range[];
  /** How many rows each COPY brings, by the offset of its first word. */
  readonly copiedRows: ReadonlyMap<number, number>;
}

/** Separates SQL from psql's own commands and from the rows that follow `COPY … FROM stdin`, as pg_dump writes them. */
export function readScript(text: string): SqlScript {
  // Psql passes over the mark that some editors begin a file with.
  const blanked: Range[] = text.startsWith('\uFEFF') ? [{ start: 0, end: 1 }] : [];
  const copiedRows = new Map<number, number>();
  if (/^[\t ]*\\/m.test(text)) {
    let statement: Token[] = [];
    for (let from = 0; ;) {
      const next = nextRestart(text, from, statement);
      if (!next) break;
      if (next.blank.end > next.blank.start) blanked.push(next.blank);
      if (next.rows) copiedRows.set(next.rows.start, next.rows.count);
      statement = next.statement;
      from = next.blank.end;
    }
  }
  return { sql: blank(text, blanked), blanked, copiedRows };
}

interface Restart {
  readonly blank: Range;
  readonly rows?: { readonly start: number; readonly count: number };
  /** The tokens of the statement that goes on. */
  readonly statement: Token[];
}

/** Reads on to what is not SQL. */
function nextRestart(text: string, from: number, begun: readonly Token[]): Restart | undefined {
  let statement = [...begun];
  for (const token of tokensOf(text, from)) {
    if (token.value === '\\' && isFirstOfLine(text, token.start)) {
      return { blank: { start: token.start, end: endOfLine(text, token.start) }, statement };
    }
    if (token.value !== ';') {
      // An INSERT may have very many tokens, and only COPY is looked at.
      if (statement.length < 200) statement.push(token);
      continue;
    }
    const [first] = statement;
    if (first?.value === 'COPY' && /\bFROM STDIN\b/.test(statement.map(({ value }) => value).join(' '))) {
      const data = { start: endOfLine(text, token.end), end: endOfData(text, token.end) };
      const lines = text.slice(data.start, data.end).split('\n').length - 2;
      return { blank: data, rows: { start: first.start, count: Math.max(0, lines) }, statement: [] };
    }
    statement = [];
  }
  return undefined;
}

function isFirstOfLine(text: string, at: number): boolean {
  return text.slice(text.lastIndexOf('\n', at - 1) + 1, at).trim() === '';
}

function endOfLine(text: string, at: number): number {
  const newline = text.indexOf('\n', at);
  return newline < 0 ? text.length : newline;
}

/** Where the rows end, the line `\.` included. */
function endOfData(text: string, from: number): number {
  const end = /^\\\.\r?$/gm;
  end.lastIndex = from;
  const match = end.exec(text);
  return match ? match.index + match[0].length : text.length;
}

function blank(text: string, ranges: readonly Range[]): string {
  let sql = '';
  let from = 0;
  for (const { start, end } of ranges) {
    sql += text.slice(from, start) + text.slice(start, end).replace(/[^\n]/g, ' ');
    from = end;
  }
  return sql + text.slice(from);
}
