import type { ColumnDef } from 'libpg-query';
import { resolveCapabilities } from '../facts/capabilities';
import type { CapabilityOverrides, ResolvedCapabilities } from '../facts/capabilities';
import { locatedRefusals, locationOf } from '../facts/located-refusals';
import { parseQuery } from '../syntax/parse';
import { asNode, strings, walk } from '../syntax/parse-tree';
import type { NodeBody } from '../syntax/parse-tree';
import { literal } from '../text/quoting';
import { isCacheAccepted, refusalOf, refusals } from '../refusals';
import type { ParsedQuery, Statement, TableName } from '../syntax/statement';
import { alterTable } from './alter-table';
import { isSameName, KnownCatalog, tableNameOf } from './catalog-facts';
import type { CatalogFacts } from './catalog-facts';
import type { OwnRefusal, Simplifications, TranslationContext } from './context';
import { createIndex } from './create-index';
import { columnsOf, createTable } from './create-table';
import type { Draft, Outcome } from './draft';
import type { SourceText } from './source-text';
import * as simple from './statements';
import { separateTransactions } from './transactions';
import type { Piece } from './transactions';
import type {
  DsqlStatement,
  DsqlStatementKind,
  OmittedStatement,
  Translation,
  TranslationRefusal,
} from './translation';
import { createdEnum, prepareText, sourceOf } from './whole-text';
import type { PreparedText } from './whole-text';

/** What {@link translate} may know and do; every field is optional. */
export interface TranslateOptions {
  /** What is known of the database; the text's own CREATE TABLE statements are known anyway. */
  readonly catalog?: CatalogFacts;
  /**
   * Overrides rows of the {@link capabilities} table by their ids: `{ 'drop-column': false }` refuses what uses it,
   * `{ 'set-not-null': true }` leaves as it is what would be refused or translated.
   */
  readonly capabilities?: CapabilityOverrides;
  /** What may be made less than the text asks for; nothing unless given. */
  readonly simplify?: Simplifications;
  /**
   * The CACHE of identity columns and sequences that have none that DSQL takes: 1, or 65,536 and above. With 1, values
   * come in order and inserts wait for each other; with more, many sessions insert at once and leave gaps.
   * @defaultValue 1
   */
  readonly identityCache?: number;
}

/**
 * Translates PostgreSQL's SQL to the statements with which Aurora DSQL does the same, or says what it cannot do.
 *
 * DSQL's own SQL comes back unchanged, and so does a translation that is translated again. The text is spliced, not
 * printed anew: comments, quoting and parameters stay as they are. Nothing is sent anywhere; the statements need
 * {@link loadParser} to have been awaited.
 *
 * One text is taken as a whole: its enum types, its tables and their keys are known to the statements after them, a
 * table moves before one whose foreign key needs it, and a transaction with several DDL statements is taken apart.
 *
 * @param sql - One statement or several.
 * @throws RangeError when an option has a value that makes no sense.
 * @throws Error when {@link loadParser} has not been awaited.
 */
export function translate(sql: string, options: TranslateOptions = {}): Translation {
  const { catalog, simplify = {}, identityCache = 1 } = options;
  if (!Number.isSafeInteger(identityCache) || !isCacheAccepted(identityCache)) {
    throw new RangeError(`identityCache is ${String(identityCache)}: DSQL takes 1, or 65,536 and above.`);
  }
  const capabilities = resolveCapabilities(options.capabilities);
  const text = prepareText(sql, catalog?.enums ?? [], capabilities.gained.has('add-constraint'));
  const report = new Report(sql, text);
  const { error } = text.parsed;
  if (error) {
    report.add({
      rule: 'syntax-error',
      what: 'a text that PostgreSQL cannot read',
      offset: offsetOfCharacter(text.sql, error.position ?? 1),
      end: sql.length,
      why: 'PostgreSQL reports a syntax error, and so does DSQL.',
      since: 'PostgreSQL 16 grammar',
      sqlstate: error.sqlstate,
      message: error.message,
    });
    return report.translation([], new Map());
  }

  const unknownKeys = new Map<string, TableName>();
  const context: TranslationContext = {
    catalog: new KnownCatalog(catalog),
    enums: catalog?.enums ?? [],
    identityCache,
    simplify,
    unknownKeys,
    isRefused: (rule) => !capabilities.gained.has(rule),
    refuse: (source, refusal) => {
      report.refuse(source, refusal);
    },
  };
  const domains = domainsOf(text.parsed);
  const pieces = inDependencyOrder(text.parsed.statements).map((statement): Piece => {
    const source = sourceOf(text.sql, statement);
    const before = report.refusals.length;
    const outcome = translateStatement(source, statement, text, context);
    if ('omitted' in outcome) {
      report.omit(source, outcome.omitted);
      return { source, statement, parts: [], isRefused: false };
    }
    const parts = check(source, statement, outcome, capabilities, text, report);
    refuseExtensionTypes(source, statement, domains, context);
    const isRefused = report.refusals.length > before;
    return { source, statement, parts: isRefused ? [] : parts, isRefused };
  });
  return report.translation(separateTransactions(pieces, context), unknownKeys);
}

function translateStatement(
  source: SourceText,
  statement: Statement,
  text: PreparedText,
  context: TranslationContext,
): Outcome {
  // The node names what the tree is.
  const tree = statement.tree as never;
  const unchanged = [{ sql: source.text }];
  switch (statement.node) {
    case 'CreateStmt':
      return createTable(source, tree, context);
    case 'AlterTableStmt':
      return alterTable(source, tree, statement.async, context);
    case 'IndexStmt':
      return createIndex(source, tree, statement.async, context);
    case 'CreateSeqStmt':
      return simple.sequence(source, tree, 'create', context);
    case 'AlterSeqStmt':
      return simple.sequence(source, tree, 'alter', context);
    case 'TruncateStmt':
      return context.isRefused('statement-truncate') ? simple.truncate(source, tree, context) : unchanged;
    case 'CreateEnumStmt':
    case 'DoStmt':
      return createType(source, statement, text, context);
    case 'CreateExtensionStmt':
      return context.isRefused('statement-createextension')
        ? simple.createExtension(source, tree, context)
        : unchanged;
    case 'DropStmt':
      return simple.drop(source, tree, context);
    case 'CommentStmt':
      return simple.comment(source, tree);
    case 'VariableSetStmt':
      return statement.refusal ? simple.setVariable(source, tree, context) : unchanged;
    case 'SelectStmt':
      return simple.select(source, tree, context);
    case 'TransactionStmt':
      return statement.kind === 'begin' ? simple.begin(source, tree, context) : unchanged;
    case 'RenameStmt':
    case 'AlterObjectSchemaStmt':
      context.catalog.forget(tableNameOf((tree as NodeBody<'RenameStmt'>).relation));
      return unchanged;
    default:
      return unchanged;
  }
}

function createType(
  source: SourceText,
  statement: Statement,
  { usedEnums }: PreparedText,
  context: TranslationContext,
): Outcome {
  const created = createdEnum(statement);
  if (!created || !context.isRefused('create-enum')) return [{ sql: source.text }];
  const isKnown = [...usedEnums, ...context.enums].some((known) => isSameName(known, created));
  if (isKnown) return { omitted: `Columns of ${created.name} are text with a CHECK.` };
  const values = created.labels.map(literal).join(', ');
  context.refuse(source, {
    rule: 'create-enum',
    why: 'DSQL has no enum types, and the columns of this one are not in the text.',
    instead: `Declare its columns text CHECK (column IN (${values})), or make a domain with that CHECK.`,
  });
  return [];
}

/** The types that well-known extensions bring. */
const EXTENSION_TYPES = new Set(
  'citext hstore geometry geography raster vector halfvec sparsevec ltree lquery cube seg isbn ean13'.split(
    ' ',
  ),
);

function refuseExtensionTypes(
  source: SourceText,
  { node, tree }: Statement,
  domains: ReadonlySet<string>,
  context: TranslationContext,
): void {
  const columns: ColumnDef[] = [];
  if (node === 'CreateStmt') columns.push(...columnsOf(tree as NodeBody<'CreateStmt'>));
  if (node === 'AlterTableStmt') {
    for (const command of (tree as NodeBody<'AlterTableStmt'>).cmds ?? []) {
      const column = asNode(asNode(command, 'AlterTableCmd')?.def, 'ColumnDef');
      if (column) columns.push(column);
    }
  }
  for (const { typeName } of columns) {
    const type = strings(typeName?.names).at(-1) ?? '';
    if (!EXTENSION_TYPES.has(type) || domains.has(type) || !context.isRefused('extension-type')) continue;
    context.refuse(source, { rule: 'extension-type', at: source.at(typeName?.location), parts: { type } });
  }
}

function domainsOf({ statements }: ParsedQuery): Set<string> {
  return new Set(
    statements.flatMap(({ node, tree }) =>
      node === 'CreateDomainStmt'
        ? (strings((tree as NodeBody<'CreateDomainStmt'>).domainname).at(-1) ?? [])
        : [],
    ),
  );
}

// --- reading again what was written ---------------------------------------------------------------------------

/** Reads the statements that a translation has made, and refuses what DSQL would refuse of them. */
function check(
  source: SourceText,
  statement: Statement,
  drafts: readonly Draft[],
  capabilities: ResolvedCapabilities,
  text: PreparedText,
  report: Report,
): Piece['parts'] {
  const known = new Set(report.refusalsOf(source).map(({ rule }) => rule));
  return drafts.flatMap((draft) => {
    const isUnchanged = draft.sql === source.text;
    const read = isUnchanged ? { statements: [statement], text: text.parsed.text } : parseQuery(draft.sql);
    const [made] = read.statements;
    if (!made) throw new Error(`This translation cannot be read: ${draft.sql}`);
    const found = made.refusal ? locatedRefusals(made, read.text, capabilities.gained) : [];
    for (const { refusal } of found) {
      if (known.has(refusal.rule)) continue;
      const original = isUnchanged
        ? found
        : locatedRefusals(statement, text.parsed.text, capabilities.gained);
      const at =
        original.find((each) => each.refusal.message === refusal.message)?.offset ??
        source.tokens[0]?.start ??
        source.start;
      report.refuse(source, { rule: refusal.rule, at, message: refusal.message });
    }
    for (const { id, node } of capabilities.lost.size > 0 ? capabilities.usedBy(made) : []) {
      report.lack(source, id, isUnchanged ? locationOf(node, read.text) : undefined);
    }
    return [{ draft, statement: made, kind: kindOf(made) }];
  });
}

function kindOf({ kind, node, async }: Statement): DsqlStatementKind {
  switch (kind) {
    case 'ddl':
      if (node === 'IndexStmt') return 'job';
      return async ? 'validate' : 'ddl';
    case 'begin':
    case 'commit':
    case 'rollback':
      return 'transaction';
    case 'session':
      return 'session';
    default:
      return 'dml';
  }
}

// --- the order of tables --------------------------------------------------------------------------------------

/** Statements that a CREATE TABLE may move over: they neither make what it needs nor drop what it makes. */
const MOVED_OVER = new Set([
  'CreateStmt',
  'IndexStmt',
  'CommentStmt',
  'AlterTableStmt',
  'InsertStmt',
  'GrantStmt',
]);

/** Moves the tables that foreign keys of CREATE TABLE refer to before the tables that have them. */
function inDependencyOrder(statements: readonly Statement[]): readonly Statement[] {
  if (statements.filter(({ node }) => node === 'CreateStmt').length < 2) return statements;
  const ordered: Statement[] = [];
  const placed = new Set<Statement>();
  const place = (statement: Statement, index: number) => {
    if (placed.has(statement)) return;
    placed.add(statement);
    for (const target of referencedTables(statement)) {
      const at = statements.findIndex(
        ({ node, tree }, position) =>
          position > index && node === 'CreateStmt' && isSameName(createdTable(tree), target),
      );
      const created = statements[at];
      if (!created || isSameName(createdTable(created.tree), createdTable(statement.tree))) continue;
      if (statements.slice(index, at).every(({ node }) => MOVED_OVER.has(node))) place(created, at);
    }
    ordered.push(statement);
  };
  statements.forEach(place);
  return ordered;
}

function createdTable(tree: unknown): TableName {
  return tableNameOf((tree as NodeBody<'CreateStmt'>).relation);
}

function referencedTables({ node, tree }: Statement): TableName[] {
  if (node !== 'CreateStmt') return [];
  const tables: TableName[] = [];
  walk(node, tree as object, ({ name, body }) => {
    const { pktable } = body as NodeBody<'Constraint'>;
    if (name === 'Constraint' && pktable) tables.push(tableNameOf(pktable));
    return true;
  });
  return tables;
}

// --- the report -----------------------------------------------------------------------------------------------

/** Collects what a translation has to say, with places in the source. */
class Report {
  readonly refusals: TranslationRefusal[] = [];
  readonly #omitted: OmittedStatement[] = [];
  readonly #source: string;
  readonly #text: PreparedText;

  constructor(source: string, text: PreparedText) {
    this.#source = source;
    this.#text = text;
  }

  /** What was refused of a statement so far. */
  refusalsOf(source: SourceText): readonly TranslationRefusal[] {
    const { start, end } = this.#range(source);
    return this.refusals.filter((refusal) => refusal.start >= start && refusal.end <= end);
  }

  omit(source: SourceText, why: string): void {
    this.#omitted.push({ ...this.#range(source), why });
  }

  refuse(source: SourceText, { message, ...refusal }: OwnRefusal & { readonly message?: string }): void {
    const row = refusals.find(({ id }) => id === refusal.rule);
    if (!row) throw new RangeError(`There is no refusal rule "${refusal.rule}".`);
    const instead = refusal.instead ?? row.instead;
    this.add({
      rule: row.id,
      what: row.what,
      offset: refusal.at ?? source.tokens[0]?.start ?? source.start,
      end: this.#text.offsetInSource(source.end),
      why: refusal.why ?? `DSQL refuses ${row.what}.`,
      since: `${row.source}, ${row.date}`,
      ...(instead !== undefined && { instead }),
      sqlstate: row.sqlstate,
      message: message ?? refusalOf(row.id, refusal.parts).message,
    });
  }

  /** Refuses what an option says that DSQL cannot do. */
  lack(source: SourceText, capability: string, offset: number | undefined): void {
    this.add({
      rule: capability,
      what: capability,
      offset: offset ?? source.tokens[0]?.start ?? source.start,
      end: this.#text.offsetInSource(source.end),
      why: `The option capabilities says that there is no "${capability}".`,
      since: 'the option capabilities',
      sqlstate: '0A000',
      message: `${capability} not supported`,
    });
  }

  add({
    offset,
    ...refusal
  }: Omit<TranslationRefusal, 'start' | 'line' | 'column'> & { readonly offset: number }): void {
    const start = this.#text.offsetInSource(offset);
    const before = this.#source.slice(0, start);
    const line = before.split('\n').length;
    const column = start - before.lastIndexOf('\n');
    const isKnown = this.refusals.some(
      (known) => known.rule === refusal.rule && known.start === start && known.message === refusal.message,
    );
    if (!isKnown) this.refusals.push({ ...refusal, start, line, column });
  }

  translation(pieces: readonly Piece[], unknownKeys: ReadonlyMap<string, TableName>): Translation {
    const statements = pieces.flatMap(({ source, parts }) =>
      parts.map(({ draft, kind }): DsqlStatement => ({
        sql: draft.sql,
        kind,
        notes: draft.notes ?? [],
        ...(draft.repeat && { repeat: draft.repeat }),
        ...this.#range(source),
      })),
    );
    return {
      statements,
      refusals: this.refusals,
      omitted: [
        ...this.#omitted,
        ...this.#text.merged.map((range) => ({ ...range, why: 'Its primary key went into CREATE TABLE.' })),
      ].sort((a, b) => a.start - b.start),
      unknownKeys: [...unknownKeys.values()],
    };
  }

  #range({ start, end }: SourceText): { readonly start: number; readonly end: number } {
    return { start: this.#text.offsetInSource(start), end: this.#text.offsetInSource(end) };
  }
}

/** The offset of a 1-based position that counts characters, not UTF-16 units. */
function offsetOfCharacter(sql: string, position: number): number {
  return Array.from(sql)
    .slice(0, position - 1)
    .join('').length;
}
