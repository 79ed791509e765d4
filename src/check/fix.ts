import { isUntilDone, markedUntilDone } from '../schema/for-check';
import { tokensOf } from '../sql';
import type { DsqlStatement, Statement, Translation } from '../sql';
import type { Judgement } from './judge';
import { firstWord } from './judge';
import type { RecordedText } from './recording/recording';
import { escapedFor } from './sources/source-literals';
import type { Quote } from './sources/source-literals';
import type { FoundText, SourceFile } from './sources/source-file';
import type { Range, SqlScript } from './sources/sql-script';

/** A replacement of a range of a file. */
export interface Edit extends Range {
  readonly text: string;
}

/** What is written into a file for a text, or why nothing is. */
export type Fix = { readonly edits: readonly Edit[] } | { readonly problem: string };

const WAIT =
  'aurora-dsql-orm: first wait until sys.jobs says that the job of the statement above is completed';

// --- scripts ----------------------------------------------------------------------------------------------------

/** What `--fix` does to each statement of a script; a statement that needs nothing has no entry. */
export function fixScript(
  script: SqlScript,
  text: string,
  judgement: Judgement,
): ReadonlyMap<Statement, Fix> {
  const { parsed, translation } = judgement;
  const fixes = new Map<Statement, Fix>();
  for (const group of groupsOf(parsed.statements, translation)) {
    const fix = fixGroup(group, script, text, translation);
    if (fix) for (const { statement } of group.members) fixes.set(statement, fix);
  }
  return fixes;
}

interface Member {
  readonly statement: Statement;
  /** Its comments included. */
  readonly range: Range;
}

/** Neighbouring statements whose translations stand among each other, so that they can only be written together. */
interface Group {
  readonly members: readonly Member[];
  readonly made: readonly DsqlStatement[];
}

function groupsOf(statements: readonly Statement[], { statements: made }: Translation): Group[] {
  const members = statements.map((statement): Member => {
    const { start, text } = statement;
    const inserted = statement.insertions.reduce((sum, { length }) => sum + length, 0);
    const written = text.slice(0, text.length - inserted);
    return {
      statement,
      range: {
        start: start + written.length - written.trimStart().length,
        end: start + written.trimEnd().length,
      },
    };
  });
  const indexOf = (statement: DsqlStatement) =>
    Math.max(
      0,
      members.findLastIndex(({ range }) => range.start <= statement.start),
    );
  const order = made.map(indexOf);
  const groups: Group[] = [];
  let first = 0;
  let from = 0;
  while (first < members.length) {
    let last = first;
    let to = from;
    while (to < order.length) {
      const laterNeedsEarlier = order.slice(to).some((index) => index <= last);
      if (!laterNeedsEarlier) break;
      last = Math.max(last, order[to] ?? 0);
      to++;
    }
    groups.push({ members: members.slice(first, last + 1), made: made.slice(from, to) });
    first = last + 1;
    from = to;
  }
  return groups;
}

function fixGroup(
  { members, made }: Group,
  { blanked, sql }: SqlScript,
  text: string,
  { refusals, partial }: Translation,
): Fix | undefined {
  const start = members[0]?.range.start ?? 0;
  const end = members.at(-1)?.range.end ?? start;
  const [only] = members;
  const isOne = members.length === 1 && only !== undefined;
  if (isOne && made.length === 1 && made[0]?.sql === text.slice(start, end)) return undefined;
  const isInside = (each: Range) => each.start < end && each.end > start;
  const rest = isOne ? partial.find(isInside) : undefined;
  if (!rest && refusals.some(isInside)) {
    return {
      problem: isOne
        ? 'DSQL has nothing that does the same.'
        : 'A statement that it belongs with is refused.',
    };
  }
  const inside = blanked.filter((range) => range.start >= start && range.end <= end);
  const word = isOne ? firstWord(sql, only.statement) : start;
  if (inside.some((range) => range.end > word)) return { problem: 'A command of psql stands inside of it.' };
  if (!rest && made.length === 0) return { edits: [removal(text, word, end)] };
  const kept = Math.max(start, ...inside.map((range) => range.end));
  const written = rest ? rest.sql : joinScript(made);
  const comments = sql.slice(start, kept);
  if (comments !== '' && !written.startsWith(comments)) {
    return { problem: 'A command of psql stands before it, among its comments.' };
  }
  return { edits: [{ start: kept, end, text: written.slice(comments.length).trimStart() }] };
}

/** Takes a statement out with its semicolon, and with its line if that is all there is. */
function removal(text: string, start: number, end: number): Edit {
  let after = end;
  const next = tokensOf(text, end).next();
  if (!next.done && next.value.value === ';') after = next.value.end;
  const line = text.lastIndexOf('\n', start - 1) + 1;
  const isWholeLine = text.slice(line, start).trim() === '' && /^[\t ]*(?:\r?\n|$)/.test(text.slice(after));
  if (!isWholeLine) return { start, end: after, text: '' };
  const newline = text.indexOf('\n', after);
  return { start: line, end: newline < 0 ? text.length : newline + 1, text: '' };
}

function joinScript(statements: readonly DsqlStatement[]): string {
  return statements
    .map((statement, index) => {
      const waits = needsJob(statements, index);
      return `${waits ? `-- ${WAIT}\n` : ''}${markedUntilDone(statement)}`;
    })
    .join(';\n');
}

/** Whether a statement takes over, or checks, what a job before it has made. */
function needsJob(statements: readonly DsqlStatement[], index: number): boolean {
  const { kind: before } = statements[index - 1] ?? { kind: 'dml' };
  return before === 'job' && /\bUSING\s+INDEX\b/i.test(statements[index]?.sql ?? '');
}

// --- literals ---------------------------------------------------------------------------------------------------

/** What `--fix` does to the literals of a text that a migration has sent. */
export function fixLiteral(text: RecordedText): Fix {
  const { found, judgement, isSentByRunner } = text;
  const { statements, refusals, partial } = judgement.translation;
  const [rest] = judgement.parsed.statements.length === 1 ? partial : [];
  if (!rest && refusals.length > 0) return { problem: 'DSQL has nothing that does the same.' };
  if (!found) return { problem: 'Its text is put together by the program: no literal holds it.' };
  if (statements.some(({ kind }) => kind === 'transaction')) {
    return { problem: 'It begins or ends a transaction.' };
  }
  const texts = rest ? [rest.sql] : joinedWrites(statements);
  if (!isSentByRunner && texts.some(isUntilDone)) {
    return { problem: 'It becomes a write that has to be run again until it touches no row.' };
  }
  if (!isSentByRunner && statements.some((_, index) => needsJob(statements, index))) {
    return { problem: 'It becomes statements between which a job has to be waited for.' };
  }
  const { source } = found;
  const literals = source.findAll(text.sql);
  const edits: Edit[] = [];
  for (const each of literals) {
    const edit = editOf(each, source, texts, { ...text, isOnly: literals.length === 1 });
    if ('problem' in edit) return edit;
    edits.push(edit);
  }
  return { edits };
}

/** What becomes of one literal. */
function editOf(
  { literal, isWhole }: FoundText,
  source: SourceFile,
  texts: readonly string[],
  { hasParameters, isOnly }: Pick<RecordedText, 'hasParameters'> & { readonly isOnly: boolean },
): Edit | { readonly problem: string } {
  const { quote } = literal;
  if (!quote || !isWhole) return { problem: 'Its literal has parts that the program computes.' };
  const call = callAround(source.text, literal);
  // Another literal of the same text may be for something else than a query.
  if (!call && !isOnly) return { problem: 'Several literals have this text.' };
  const [only, ...others] = texts;
  if (only !== undefined && others.length === 0) {
    return { start: literal.start, end: literal.end, text: written(only, quote) };
  }
  if (!call) return { problem: 'It becomes several statements, and does not stand in a call of its own.' };
  if (hasParameters) return { problem: 'It becomes several statements, and has parameters.' };
  if (only === undefined) return removal(source.text, call.start, call.end);
  const calls = texts.map((sql) => call.before + written(sql, quote) + call.after);
  return { start: call.start, end: call.end, text: calls.join(`\n${call.indent}`) };
}

function written(sql: string, quote: Quote): string {
  // A line break in a template is one; in another literal it would be written as an escape, which nobody reads.
  const text = quote === '`' ? sql : sql.replace(/\s*\n\s*/g, ' ');
  return quote + escapedFor(quote, text) + quote;
}

/** Each DDL statement needs a call of its own; writes that were one transaction stay one. */
function joinedWrites(statements: readonly DsqlStatement[]): string[] {
  const texts: string[] = [];
  let isOpen = false;
  for (const statement of statements) {
    const sql = markedUntilDone(statement);
    const isWrite = statement.kind === 'dml' && !isUntilDone(sql);
    if (isWrite && isOpen) texts.push(`${texts.pop() ?? ''};\n${sql}`);
    else texts.push(sql);
    isOpen = isWrite;
  }
  return texts;
}

interface CallText extends Range {
  readonly before: string;
  readonly after: string;
  readonly indent: string;
}

/** How far from its literal a call is looked for, in UTF-16 units: all of a file would be looked through for each. */
const CALL_LENGTH = 500;

/** The statement `await someone.query('…', options);` that a literal stands in, alone in its lines. */
function callAround(source: string, literal: Range): CallText | undefined {
  const before = /(?:^|\n)([\t ]*)(await\s+[\w$.\s]+\(\s*)$/.exec(
    source.slice(Math.max(0, literal.start - CALL_LENGTH), literal.start),
  );
  const after = /^\s*(?:,\s*(?:\{[^{}()]*\}|[\w.]+)?\s*)?\)[\t ]*;?(?=[\t ]*(?:\r?\n|\/\/|$))/.exec(
    source.slice(literal.end, literal.end + CALL_LENGTH),
  );
  if (!before?.[2] || !after) return undefined;
  return {
    start: literal.start - before[2].length,
    end: literal.end + after[0].length,
    before: before[2],
    after: after[0],
    indent: before[1] ?? '',
  };
}

/** Applies edits; of two for one range the second is the same. */
export function applyEdits(text: string, edits: readonly Edit[]): string {
  let edited = '';
  let from = 0;
  for (const edit of [...edits].sort((a, b) => a.start - b.start || a.end - b.end)) {
    if (edit.start < from) continue;
    edited += text.slice(from, edit.start) + edit.text;
    from = edit.end;
  }
  return edited + text.slice(from);
}
