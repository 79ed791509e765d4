import { tokensOf, type Token } from './scan';

/** What a statement does to the transaction around it. */
export type TransactionVerb = 'begin' | 'commit' | 'rollback';

/** What the words of a query string tell without the parser: comments, strings and quoted names are no words. */
export interface TextSummary {
  /** How many statements the text has. */
  readonly statements: number;
  /** What the only statement of the text does to the transaction; a text with several statements has none. */
  readonly verb: TransactionVerb | undefined;
  /** Whether a statement of the text begins or ends a transaction. */
  readonly controlsTransaction: boolean;
  /** Whether a statement of the text may commit a transaction. */
  readonly mayCommit: boolean;
  /** Of each statement of the text in turn, whether it may commit a transaction. */
  readonly commits: readonly boolean[];
  /**
   * Whether the text changes nothing that outlives its session, so that nothing is lost with its answer. A function that a
   * SELECT calls is taken to write nothing: its name does not tell.
   */
  readonly onlyReads: boolean;
  /** Whether a statement of the text is DDL: it cannot be in one transaction with a row (recorded from a cluster, 2026-09). */
  readonly changesSchema: boolean;
  /** Whether a statement of the text writes rows: INSERT, UPDATE, DELETE or MERGE, in front or in a WITH. */
  readonly writesRows: boolean;
  /** The first word of the text, in upper case; empty where it has none. */
  readonly firstWord: string;
}

/** Longer texts are rare, and are not the same twice: bulk INSERTs. Together the cached ones stay below 8 MB. */
const LONGEST_CACHED = 4096;
const CACHED_TEXTS = 1000;
/** Least recently used first: a Map iterates in the order of insertion. */
const cache = new Map<string, TextSummary>();
/** What was asked last: each statement is asked about several times on its way. */
let last: { readonly text: string; readonly summary: TextSummary } | undefined;

/** Reads a query string once, with the package's only tokenizer. */
export function summarizeText(text: string): TextSummary {
  if (text.length > LONGEST_CACHED) return summarize(text);
  if (text === last?.text) return last.summary;
  const summary = cachedSummary(text);
  last = { text, summary };
  return summary;
}

function cachedSummary(text: string): TextSummary {
  let summary = cache.get(text);
  if (summary === undefined) {
    summary = summarize(text);
    if (cache.size >= CACHED_TEXTS) cache.delete(cache.keys().next().value ?? '');
  } else {
    cache.delete(text);
  }
  cache.set(text, summary);
  return summary;
}

function summarize(text: string): TextSummary {
  const statements = text.includes(';') ? [...statementsOf(text)] : [readStatement(tokensOf(text))];
  const present = statements.filter((statement) => statement !== undefined);
  const [first] = present;
  const commits = present.map(({ word }) => word === 'COMMIT' || word === 'END');
  return Object.freeze({
    statements: present.length,
    verb: present.length === 1 ? first?.verb : undefined,
    controlsTransaction: present.some(({ word }) => CONTROL.has(word)),
    mayCommit: commits.includes(true),
    commits,
    onlyReads: present.every(({ onlyReads }) => onlyReads),
    changesSchema: present.some(({ word }) => DDL.has(word)),
    writesRows: present.some(({ writesRows }) => writesRows),
    firstWord: first?.word ?? '',
  });
}

interface StatementSummary {
  readonly word: string;
  readonly verb: TransactionVerb | undefined;
  readonly onlyReads: boolean;
  readonly writesRows: boolean;
}

function* statementsOf(text: string): Generator<StatementSummary | undefined> {
  const tokens = tokensOf(text);
  const end = { isReached: false };
  function* untilSemicolon(): Generator<Token> {
    for (;;) {
      const next = tokens.next();
      end.isReached = next.done === true;
      if (next.done === true || next.value.value === ';') return;
      yield next.value;
    }
  }
  while (!end.isReached) yield readStatement(untilSemicolon(), true);
}

const CONTROL: ReadonlySet<string> = new Set(['BEGIN', 'START', 'COMMIT', 'END', 'ROLLBACK', 'ABORT']);
/** GRANT and REVOKE count as DDL (AWS, 2026-10-01). */
const DDL: ReadonlySet<string> = new Set('CREATE ALTER DROP TRUNCATE COMMENT GRANT REVOKE'.split(' '));
const DML: ReadonlySet<string> = new Set(['INSERT', 'UPDATE', 'DELETE', 'MERGE']);

/** What leaves nothing behind; with its session, what it has set is gone, too. */
const READS: ReadonlySet<string> = new Set(
  'SELECT SHOW VALUES TABLE SET RESET DISCARD DEALLOCATE DECLARE FETCH CLOSE LISTEN UNLISTEN'.split(' '),
);

/**
 * @param tokens - of one statement
 * @param isFollowed - whether more tokens follow in the same text, which have to be reached
 */
function readStatement(tokens: Generator<Token>, isFollowed = false): StatementSummary | undefined {
  const first = firstWordOf(tokens);
  if (first === undefined) return undefined;
  const { value: word } = first;
  const verb = CONTROL.has(word) ? verbOf(word, tokens) : undefined;
  const writesInWith = word === 'WITH' && hasDml(tokens);
  const writesExplained = word === 'EXPLAIN' && isRun(tokens);
  const exports = word === 'COPY' && isExport(tokens);
  if (isFollowed) while (tokens.next().done !== true);
  return {
    word,
    verb,
    onlyReads:
      READS.has(word) ||
      exports ||
      (word === 'WITH' && !writesInWith) ||
      (word === 'EXPLAIN' && !writesExplained),
    writesRows: DML.has(word) || writesInWith,
  };
}

/** `(SELECT …)` begins with a parenthesis. */
function firstWordOf(tokens: Generator<Token>): Token | undefined {
  for (;;) {
    const next = tokens.next();
    if (next.done === true) return undefined;
    if (next.value.value !== '(') return next.value;
  }
}

/** `COMMIT AND CHAIN`, `ROLLBACK TO`, `COMMIT PREPARED` and the like have none: they do not just end a transaction. */
function verbOf(word: string, tokens: Generator<Token>): TransactionVerb | undefined {
  const rest = Array.from(tokens, ({ value }) => value).join(' ');
  switch (word) {
    case 'BEGIN':
      return 'begin';
    case 'START':
      return rest.startsWith('TRANSACTION') ? 'begin' : undefined;
    default:
      if (!/^(?:(?:WORK|TRANSACTION) ?)?(?:AND NO CHAIN)?$/.test(rest)) return undefined;
      return word === 'COMMIT' || word === 'END' ? 'commit' : 'rollback';
  }
}

/** Whether a WITH writes: `FOR UPDATE` and `FOR NO KEY UPDATE` only lock. */
function hasDml(tokens: Generator<Token>): boolean {
  let before = '';
  for (const { kind, value } of tokens) {
    if (kind === 'word' && DML.has(value) && before !== 'FOR' && before !== 'KEY') return true;
    before = value;
  }
  return false;
}

/** Whether an EXPLAIN runs a statement that writes. */
function isRun(tokens: Generator<Token>): boolean {
  let isAnalyzed = false;
  for (const { kind, value } of tokens) {
    if (kind !== 'word') continue;
    isAnalyzed ||= value === 'ANALYZE';
    if (isAnalyzed && (DML.has(value) || value === 'CREATE' || value === 'EXECUTE')) return true;
  }
  return false;
}

/** Whether a COPY reads the table: `COPY t TO …`, and not `COPY t FROM …`. */
function isExport(tokens: Generator<Token>): boolean {
  let depth = 0;
  for (const { value } of tokens) {
    if (value === '(') depth++;
    else if (value === ')') depth--;
    else if (depth === 0 && (value === 'TO' || value === 'FROM')) return value === 'TO';
  }
  return false;
}
