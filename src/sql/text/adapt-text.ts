import type { ColumnDef } from 'libpg-query';
import { bodySources } from '../syntax/function-body';
import { asNode, optionNamed, strings, walk } from '../syntax/parse-tree';
import type { NodeBody } from '../syntax/parse-tree';
import { literal } from './quoting';
import { tokensOf } from './scan';
import type { SourceStatement } from '../syntax/source-statement';
import type { Insertion } from '../syntax/statement';

/** A statement's text for PostgreSQL 16, and what was put into it. */
export interface AdaptedText {
  readonly text: string;
  readonly insertions: readonly Insertion[];
}

/**
 * Gives the text with which PostgreSQL 16 does what DSQL would, spliced at the parser's locations:
 *
 * - a column declared `numeric` without a precision is `numeric(18,6)` (verified on a cluster, 2026-10-03);
 * - `disable_sync_create_index`, a parameter that only DSQL has, becomes `dsql.disable_sync_create_index` in `SET`,
 *   `RESET` and `SHOW`: PostgreSQL keeps any parameter whose name has a dot;
 * - the string that is the body of an SQL function is adapted like a text of its own;
 * - `NOWAIT` and `SKIP LOCKED` are blanked: on DSQL nothing waits, and no row is ever seen to be locked. That a cluster
 *   ignores them is an assumption; its grammar has them (AWS, 2026-08).
 */
export function adaptText(source: SourceStatement): AdaptedText {
  const { start } = source;
  if (source.node === 'CreateFunctionStmt') return adaptBody(source);
  const offsets = insertionPoints(source);
  let text = withoutWaitPolicies(source);
  const insertions: Insertion[] = [];
  let shift = 0;
  for (const { offset, insert } of offsets) {
    const at = offset - start + shift;
    text = text.slice(0, at) + insert + text.slice(at);
    insertions.push({ at, length: insert.length });
    shift += insert.length;
  }
  return { text, insertions };
}

/** A function's text, with the statements in its body adapted where they have to be. */
function adaptBody({ body, query, start, end, utf16 }: SourceStatement): AdaptedText {
  const text = query.slice(start, end);
  const create = body as NodeBody<'CreateFunctionStmt'>;
  const sources = bodySources(create);
  const adapted = (sources?.statements ?? []).map(adaptText);
  const isSame = adapted.every(({ text: inner }, index) => {
    const { start: from = 0, end: to = 0 } = sources?.statements[index] ?? {};
    return inner === sources?.text.slice(from, to);
  });
  const as = optionNamed(create.options, 'as');
  if (isSame || as?.location === undefined) return { text, insertions: [] };
  // AS, and then the string.
  const [, token] = tokensOf(query, utf16(as.location));
  if (token?.kind !== 'string') return { text, insertions: [] };
  const replaced = literal(adapted.map(({ text: inner }) => inner).join(';')).padEnd(token.end - token.start);
  const [from, to] = [token.start - start, token.end - start];
  return {
    text: text.slice(0, from) + replaced + text.slice(to),
    insertions: [{ at: to, length: replaced.length - (to - from) }],
  };
}

/** The statement's text, with the words that say what to do about rows that are locked replaced by spaces. */
function withoutWaitPolicies({ node, body, query, start, end }: SourceStatement): string {
  const text = query.slice(start, end);
  // A filter only, for the few statements that are worth a walk.
  if (!/nowait|skip\s+locked/i.test(text)) return text;
  const found = { policy: false };
  walk(node, body, ({ name, body: visited }) => {
    const { waitPolicy } = visited as NodeBody<'LockingClause'>;
    found.policy ||= name === 'LockingClause' && waitPolicy !== undefined && waitPolicy !== 'LockWaitBlock';
    return !found.policy;
  });
  return found.policy ? blankWaitPolicies(text) : text;
}

function blankWaitPolicies(text: string): string {
  const tokens = [...tokensOf(text)];
  const isWord = (index: number, word: string) =>
    tokens[index]?.kind === 'word' && tokens[index].value === word;
  let blanked = text;
  for (let at = 0; at < tokens.length; at++) {
    if (!isWord(at, 'FOR')) continue;
    let next = isWord(at + 1, 'NO') ? at + 4 : isWord(at + 1, 'KEY') ? at + 3 : at + 2;
    if (!isWord(next - 1, 'UPDATE') && !isWord(next - 1, 'SHARE')) continue;
    if (isWord(next, 'OF')) {
      // Names, with dots inside and commas between them.
      next += 2;
      while (tokens[next]?.value === '.' || tokens[next]?.value === ',') next += 2;
    }
    const words = isWord(next, 'NOWAIT') ? 1 : isWord(next, 'SKIP') && isWord(next + 1, 'LOCKED') ? 2 : 0;
    for (const { start, end } of tokens.slice(next, next + words)) {
      blanked = blanked.slice(0, start) + ' '.repeat(end - start) + blanked.slice(end);
    }
  }
  return blanked;
}

interface InsertionPoint {
  /** UTF-16 offset in the query. */
  readonly offset: number;
  readonly insert: string;
}

function insertionPoints(source: SourceStatement): InsertionPoint[] {
  switch (source.node) {
    case 'CreateStmt':
      return unboundedNumerics(
        source,
        (source.body as NodeBody<'CreateStmt'>).tableElts?.map(columnOf) ?? [],
      );
    case 'CreateSchemaStmt': {
      const elements = (source.body as NodeBody<'CreateSchemaStmt'>).schemaElts ?? [];
      const columns = elements.flatMap(
        (element) => asNode(element, 'CreateStmt')?.tableElts?.map(columnOf) ?? [],
      );
      return unboundedNumerics(source, columns);
    }
    case 'AlterTableStmt': {
      const commands = (source.body as NodeBody<'AlterTableStmt'>).cmds ?? [];
      const columns = commands.map((item) => {
        const command = asNode(item, 'AlterTableCmd');
        return command?.subtype === 'AT_AddColumn' ? columnOf(command.def) : undefined;
      });
      return unboundedNumerics(source, columns);
    }
    case 'VariableSetStmt':
    case 'VariableShowStmt':
      return dsqlParameter(source);
    default:
      return [];
  }
}

function columnOf(element: Parameters<typeof asNode>[0]): ColumnDef | undefined {
  return asNode(element, 'ColumnDef');
}

function unboundedNumerics(
  { query, utf16 }: SourceStatement,
  columns: readonly (ColumnDef | undefined)[],
): InsertionPoint[] {
  return columns.flatMap((column) => {
    const type = column?.typeName;
    if (type?.location === undefined || type.typmods || type.arrayBounds || type.setof) return [];
    const names = strings(type.names);
    if (names.at(-1) !== 'numeric' || (names.length > 1 && names[0] !== 'pg_catalog')) return [];
    return [{ offset: endOfName(query, utf16(type.location)), insert: '(18,6)' }];
  });
}

/** Where a possibly qualified name that begins at `from` ends. */
function endOfName(query: string, from: number): number {
  let end = from;
  let expectsName = true;
  for (const token of tokensOf(query, from)) {
    if (expectsName) end = token.end;
    else if (token.value !== '.') break;
    expectsName = !expectsName;
  }
  return end;
}

function dsqlParameter({ body, query, start, end }: SourceStatement): InsertionPoint[] {
  const { name } = body as NodeBody<'VariableSetStmt'>;
  if (name?.toLowerCase() !== 'disable_sync_create_index') return [];
  for (const token of tokensOf(query, start)) {
    if (token.start >= end) break;
    // `"disable_sync_create_index"` is rare enough to leave to PostgreSQL, which does not know it.
    if (token.value === 'DISABLE_SYNC_CREATE_INDEX') return [{ offset: token.start, insert: 'dsql.' }];
  }
  return [];
}
