import type { ColumnDef, FuncCall, InsertStmt, TypeName } from 'libpg-query';
import {
  asNode,
  createdEnum,
  insteadOfType,
  isExtensionType,
  locatedRefusals,
  offsetOfCharacter,
  parseQuery,
  refusals as refusalTable,
  refusalOf,
  strings,
  tokensOf,
  translate,
  utf16Offsets,
  walk,
} from '../sql';
import type {
  EnumFacts,
  NodeBody,
  ParsedQuery,
  RefusalRule,
  Statement,
  TranslateOptions,
  Translation,
  TranslationRefusal,
} from '../sql';
import type { Catalog } from './catalogue/catalog';
import { applyText } from './catalogue/statement-effects';
import { doneByRunner, type RunnerFacts } from './done-by-runner';
import type { Problem } from './finding';
import { exceededLimits } from './schema-limits';
import { typeChangeByOrm } from './type-changes';
import type { SqlText } from './sources/sql-text';
import type { TransactionWatch } from './recording/transaction-watch';

/** What was found out about one text. */
export interface Judgement {
  readonly parsed: ParsedQuery;
  readonly translation: Translation;
  readonly problems: readonly Problem[];
}

/** What a text meets when it is sent. */
export interface Surroundings {
  readonly catalog: Catalog;
  /** The transaction that it is sent in, and what came before in it. */
  readonly transaction: TransactionWatch;
  readonly options: Omit<TranslateOptions, 'catalog'>;
  /** The rows that a COPY brings, by the offset of its first word. */
  readonly copiedRows?: ReadonlyMap<number, number>;
  /** Enum types that the texts around this one create. */
  readonly enums?: readonly EnumFacts[];
}

/** Says what DSQL answers to a text, and what would do the same there. The catalogue learns what the text does. */
export function judge(text: SqlText, surroundings: Surroundings): Judgement {
  const { catalog, options, enums = [] } = surroundings;
  const parsed = parseQuery(text.sql);
  const facts = catalog.factsFor(text.sql, parsed);
  const known = [...(facts.enums ?? []), ...enums.filter(({ name }) => text.sql.includes(name))];
  const translation = translate(text.sql, { ...options, catalog: { ...facts, enums: known } });
  const problems: Problem[] = [];
  if (parsed.error) {
    problems.push(...syntaxErrors(text, parsed, translation));
  } else {
    const created = parsed.statements.flatMap((statement) => createdEnum(statement) ?? []);
    const statements = new StatementJudge(text, parsed, translation, [...known, ...created]);
    for (const statement of parsed.statements) {
      const found = statements.judge(statement);
      problems.push(...found.flatMap((problem) => asSentBy(text, problem, statement, { catalog, options })));
    }
    problems.push(...watchTransaction(text, parsed, translation, surroundings));
  }
  if (options.arrays === 'jsonb') catalog.followArrays(parsed.statements);
  applyText(catalog, text, parsed, (statement) => {
    const place = { text, offset: firstWord(parsed.text, statement), name: '' };
    problems.push(...exceededLimits(catalog, statement, place));
  });
  return { parsed, translation, problems };
}

/** What there is to say of a problem, by what the entry point does that the text goes through. */
function asSentBy(text: SqlText, problem: Problem, statement: Statement, facts: RunnerFacts): Problem[] {
  if (text.author === 'orm') return typeChangeByOrm(problem, statement, facts.catalog);
  return text.isTranslated ? doneByRunner(problem, statement, facts) : [problem];
}

/** What PostgreSQL cannot read either; a translation may know what was meant. */
function syntaxErrors(text: SqlText, { error }: ParsedQuery, translation: Translation): Problem[] {
  const refused = translation.refusals.find(({ rule }) => rule === 'syntax-error');
  const offset = refused?.start ?? offsetOfCharacter(text.sql, error?.position ?? 1);
  return [
    {
      rule: 'syntax-error',
      severity: 'error',
      place: { text, offset, name: '' },
      sqlstate: '42601',
      message: error?.message ?? 'syntax error',
      why: 'PostgreSQL reports a syntax error, and so does DSQL.',
      ...(!refused && { replacement: translation.statements.map(({ sql }) => sql) }),
    },
    ...(refused ? [] : translation.refusals.map((refusal) => refusedBy(text, refusal))),
  ];
}

function refusedBy(text: SqlText, refusal: TranslationRefusal, name = ''): Problem {
  const { rule, sqlstate, message, why, since, instead, start } = refusal;
  return {
    rule,
    severity: 'error',
    place: { text, offset: start, name },
    sqlstate,
    message,
    why,
    since,
    instead: instead ?? OMIT,
  };
}

/** What to do where nothing on DSQL does the same, and no rule knows better. */
const OMIT = 'Omit it, or do it in the application.';

const rules = new Map<string, RefusalRule>(refusalTable.map((rule) => [rule.id, rule]));

/** Where a statement's first word stands, behind its comments. */
export function firstWord(sql: string, { start }: Pick<Statement, 'start'>): number {
  const token = tokensOf(sql, start).next();
  return token.done ? start : token.value.start;
}

// --- statements -------------------------------------------------------------------------------------------------

class StatementJudge {
  readonly #utf16: (byteOffset: number) => number;

  constructor(
    readonly text: SqlText,
    readonly parsed: ParsedQuery,
    readonly translation: Translation,
    readonly enums: readonly EnumFacts[],
  ) {
    this.#utf16 = utf16Offsets(parsed.text);
  }

  judge(statement: Statement): Problem[] {
    const { text } = this;
    const start = statement.start;
    const end = start + statement.text.length;
    const isOfStatement = ({ start: at }: { readonly start: number }) => at >= start && at < end;
    const refused = this.translation.refusals.filter(isOfStatement);
    const named = (offset: number) => this.#columnAt(statement, offset);
    const problems: Problem[] = refused.map((refusal) => refusedBy(text, refusal, named(refusal.start)));
    if (text.author === 'orm') {
      if (refused.length === 0) problems.push(...this.#simplified(statement));
    } else {
      const hasRest = this.translation.partial.some(isOfStatement) && !this.#hasEnumArray(statement);
      const sent = this.translation.statements.filter(isOfStatement);
      // What is sent as it is replaces nothing.
      const isChanged = sent.length !== 1 || sent[0]?.sql !== text.sql.slice(sent[0]?.start, sent[0]?.end);
      const replacement = refused.length === 0 && isChanged ? sent.map(({ sql }) => sql) : undefined;
      for (const problem of this.#asSent(statement)) {
        const isKnown = refused.some(
          ({ rule, start: at }) =>
            rule === problem.rule && (at === problem.place.offset || !isColumnRule(rule)),
        );
        if (isKnown) continue;
        const isOfPart = hasRest && !refused.some(({ rule }) => rule === problem.rule);
        problems.push({ ...problem, ...(isOfPart && ofPart(text)), ...replacedBy(text, replacement) });
      }
      // The clauses of an index are one decision; DSQL names the first that it meets.
      if (statement.node === 'IndexStmt') problems.splice(Math.max(1, refused.length));
    }
    problems.push(...this.#numericColumns(statement));
    return problems;
  }

  /** What an index of an ORM asks for and does not get, because it changes no result. */
  #simplified(statement: Statement): Problem[] {
    if (statement.node !== 'IndexStmt') return [];
    const asked = this.#asSent(statement).find(({ rule }) => SIMPLIFIED.has(rule));
    if (!asked) return [];
    const sent = this.translation.statements.find(({ start }) => start === statement.start);
    const omitted = this.translation.omitted.find(({ start }) => start === statement.start);
    const instead = [...(sent?.notes ?? []), omitted?.why ?? ''].join(' ').trim();
    return [
      { ...asked, severity: 'note', instead: instead === '' ? 'The index is built without it.' : instead },
    ];
  }

  /** What DSQL answers to a statement that is sent as it is. */
  #asSent(statement: Statement): Problem[] {
    const problems: Problem[] = [];
    for (const { refusal, offset } of locatedRefusals(statement, this.parsed.text)) {
      const row = rules.get(refusal.rule);
      const at = offset ?? firstWord(this.parsed.text, statement);
      problems.push({
        rule: refusal.rule,
        severity: 'error',
        place: { text: this.text, offset: at, name: this.#columnAt(statement, at) },
        sqlstate: refusal.sqlstate,
        message: refusal.message,
        why: `DSQL refuses ${row?.what ?? 'it'}.`,
        ...(row && { since: `${row.source}, ${row.date}` }),
        instead: refusal.hint ?? OMIT,
      });
    }
    if (problems.some(({ rule }) => rule.startsWith('statement-'))) return problems;
    return [...problems, ...this.#absentThings(statement, problems)];
  }

  /** Types and functions that are not there, because nothing on DSQL can make them. */
  #absentThings(statement: Statement, known: readonly Problem[]): Problem[] {
    const { node, tree } = statement;
    const problems: Problem[] = [];
    const add = (
      rule: string,
      location: number,
      sqlstate: string,
      message: string,
      why: string,
      instead?: string,
    ) => {
      const offset = this.#utf16(location);
      const name = this.#columnAt(statement, offset);
      const place = { text: this.text, offset, name };
      problems.push({
        rule,
        severity: 'error',
        place,
        sqlstate,
        message,
        why,
        ...(instead !== undefined && { instead }),
      });
    };
    const changesType = known.some(({ rule }) => rule === 'alter-column-type');
    walk(node, tree as object, ({ name, body }) => {
      if (name === 'FuncCall') {
        const { funcname, location } = body as FuncCall;
        const called = strings(funcname).at(-1) ?? '';
        const instead = EXTENSION_FUNCTIONS.get(called);
        if (instead !== undefined && location !== undefined) {
          const message = `function ${called}(${called.startsWith('uuid_') ? '' : 'unknown'}) does not exist`;
          add('extension-function', location, '42883', message, BY_EXTENSION, instead);
        }
      } else if (name === 'TypeName' && !changesType && node !== 'DropStmt') {
        const type = body as TypeName;
        const typed = strings(type.names).at(-1);
        const isOfKnownColumn = problems.some(
          ({ rule, place }) =>
            rule === 'enum-type' &&
            place.name !== '' &&
            place.name === this.#columnAt(statement, this.#utf16(type.location ?? 0)),
        );
        if (this.#isEnum(type) && !isOfKnownColumn && type.location !== undefined) {
          const message = `type "${typed ?? ''}" does not exist`;
          const why = 'It is an enum type, and DSQL has none.';
          add('enum-type', type.location, '42704', message, why, 'text with CHECK (column IN (…)).');
        } else if (typed !== undefined && type.location !== undefined && this.#isOfExtension(typed)) {
          const message = `type "${typed}" does not exist`;
          add('extension-type', type.location, '42704', message, BY_EXTENSION, insteadOfType(typed));
        }
      }
      return true;
    });
    return problems;
  }

  /** Whether a type is one of an extension, and no domain of the text. */
  #isOfExtension(type: string): boolean {
    const isDomain = ({ node, tree }: Statement) =>
      node === 'CreateDomainStmt' &&
      strings((tree as NodeBody<'CreateDomainStmt'>).domainname).at(-1) === type;
    return isExtensionType(type) && !this.parsed.statements.some(isDomain);
  }

  #isEnum({ names }: TypeName): boolean {
    const [typed, schema] = [...strings(names)].reverse();
    return this.enums.some(
      (each) => each.name === typed && (schema === undefined || (each.schema ?? 'public') === schema),
    );
  }

  /** Whether a column is an array of an enum type: without the type nobody would know the labels. */
  #hasEnumArray(statement: Statement): boolean {
    return this.#columnsOf(statement).some(
      ({ typeName }) => typeName?.arrayBounds !== undefined && this.#isEnum(typeName),
    );
  }

  #numericColumns(statement: Statement): Problem[] {
    return this.#columnsOf(statement).flatMap((column): Problem[] => {
      const { typeName, colname = '', location } = column;
      const isUnbounded =
        strings(typeName?.names).at(-1) === 'numeric' && !typeName?.typmods && !typeName?.arrayBounds;
      if (!isUnbounded) return [];
      return [
        {
          rule: 'unbounded-numeric',
          severity: 'warning',
          place: { text: this.text, offset: this.#utf16(location ?? 0), name: colname },
          message: `${colname} is numeric without a precision`,
          why: 'On DSQL that is numeric(18,6): values are rounded to six digits behind the point.',
          since: 'verified on a cluster, 2026-10-03',
          instead: 'Say how many digits there are: numeric(38,10).',
        },
      ];
    });
  }

  /** The name of the column whose definition an offset stands in, or that an index or a foreign key begins with. */
  #columnAt(statement: Statement, offset: number): string {
    const { node, tree } = statement;
    if (node === 'CreateEnumStmt' || node === 'DoStmt') return createdEnum(statement)?.name ?? '';
    if (node === 'IndexStmt') {
      return asNode((tree as NodeBody<'IndexStmt'>).indexParams?.[0], 'IndexElem')?.name ?? '';
    }
    if (node === 'AlterTableStmt') {
      const command = asNode((tree as NodeBody<'AlterTableStmt'>).cmds?.[0], 'AlterTableCmd');
      const constraint = asNode(command?.def, 'Constraint');
      if (constraint) return strings(constraint.fk_attrs ?? constraint.keys)[0] ?? '';
    }
    const before = this.#columnsOf(statement).filter(({ location }) => this.#utf16(location ?? 0) <= offset);
    return before.at(-1)?.colname ?? '';
  }

  #columnsOf({ node, tree }: Statement): ColumnDef[] {
    if (node === 'CreateStmt') {
      return ((tree as NodeBody<'CreateStmt'>).tableElts ?? []).flatMap(
        (element) => asNode(element, 'ColumnDef') ?? [],
      );
    }
    if (node !== 'AlterTableStmt') return [];
    return ((tree as NodeBody<'AlterTableStmt'>).cmds ?? []).flatMap((item) => {
      const command = asNode(item, 'AlterTableCmd');
      const column = command?.subtype === 'AT_AddColumn' ? asNode(command.def, 'ColumnDef') : undefined;
      return column ?? [];
    });
  }
}

/** A problem for which there is a replacement is none where the entry point sends that. */
function replacedBy(text: SqlText, replacement: readonly string[] | undefined): Partial<Problem> {
  return replacement === undefined ? {} : { replacement, ...(text.isTranslated && { severity: 'note' }) };
}

/** What would be translated if nothing else in its statement were refused. */
function ofPart(text: SqlText): Partial<Problem> {
  return { isOfPart: true, ...(text.isTranslated && { severity: 'note', instead: WITH_REST }) };
}

const WITH_REST = 'It is translated as soon as nothing else in its statement is refused.';

/** What indexes ask for that only makes queries faster. */
const SIMPLIFIED: ReadonlySet<string> = new Set([
  'index-access-method',
  'index-clause',
  'index-key-columns',
  'index-operator-class',
  'index-sort-order',
  'key-type',
]);

/** Rules that may find several columns of one statement. */
function isColumnRule(rule: string): boolean {
  return rules.get(rule)?.what.includes('column') === true || /^(?:serial|enum-type)$/.test(rule);
}

const BY_EXTENSION = 'An extension brings it.';

/** Functions of well-known extensions, with what to do instead. */
const EXTENSION_FUNCTIONS: ReadonlyMap<string, string> = new Map([
  ['uuid_generate_v4', 'gen_random_uuid().'],
  ['uuid_generate_v1', 'gen_random_uuid().'],
  ['uuid_generate_v1mc', 'gen_random_uuid().'],
  ['crypt', 'Hash in the application.'],
  ['gen_salt', 'Hash in the application.'],
  ['digest', 'sha256() is built in.'],
  ['hmac', 'Compute it in the application.'],
  ['pgp_sym_encrypt', 'Encrypt in the application.'],
  ['pgp_sym_decrypt', 'Decrypt in the application.'],
  ['similarity', 'Search outside the database, or with LIKE.'],
  ['unaccent', 'Store the text without accents in a column of its own.'],
]);

// --- transactions -----------------------------------------------------------------------------------------------

/** The rows that an INSERT … VALUES names. */
export function rowsOf({ node, tree }: Statement): number {
  if (node !== 'InsertStmt') return 0;
  return asNode((tree as InsertStmt).selectStmt, 'SelectStmt')?.valuesLists?.length ?? 0;
}

function watchTransaction(
  text: SqlText,
  { statements, text: query }: ParsedQuery,
  translation: Translation,
  { transaction, copiedRows }: Surroundings,
): Problem[] {
  const problems: Problem[] = [];
  const isWhole = text.isOneQuery && statements.length > 1 && !transaction.isOpen;
  if (isWhole) transaction.begin();
  statements.forEach((statement, index) => {
    const offset = firstWord(query, statement);
    const isOmitted = translation.omitted.some(({ start }) => start === offset || start === statement.start);
    const found = transaction.note(isOmitted ? 'other' : statement.kind, {
      rows: rowsOf(statement) + (copiedRows?.get(offset) ?? 0),
    });
    if (!found) return;
    const refusal = refusalOf(found);
    const row = rules.get(found);
    const replacement =
      text.author === 'person' && found !== 'row-limit' && !transaction.isOutside
        ? takenApart(statements, index, translation)
        : undefined;
    problems.push({
      rule: found,
      severity: 'error',
      place: { text, offset, name: '' },
      sqlstate: refusal.sqlstate,
      message: refusal.message,
      why: `DSQL refuses ${row?.what ?? 'it'}.`,
      ...(row && { since: `${row.source}, ${row.date}` }),
      ...(refusal.hint !== undefined && { instead: refusal.hint }),
      ...replacedBy(text, replacement),
      ...(found !== 'row-limit' && transaction.isSplit && SPLIT),
    });
  });
  if (isWhole) transaction.end();
  return problems;
}

/** What `createDsqlSequelize` does with a transaction that changes the schema. */
const SPLIT: Partial<Problem> = {
  severity: 'note',
  instead:
    'The instance commits each change of the schema by itself, and the rows between two of them: after an error, what was done stays.',
};

/** What becomes of the transaction that a statement stands in, when the text holds all of it and nothing is refused. */
function takenApart(
  statements: readonly Statement[],
  index: number,
  { statements: made, refusals }: Translation,
): string[] | undefined {
  const begin = statements.slice(0, index).findLastIndex(({ kind }) => kind === 'begin');
  const end = statements.findIndex(
    ({ kind }, at) => at > index && (kind === 'commit' || kind === 'rollback'),
  );
  if (begin >= 0 && end < 0) return undefined;
  const from = statements[Math.max(begin, 0)]?.start ?? 0;
  const to = statements[end < 0 ? statements.length : end + 1]?.start ?? Infinity;
  const isInside = ({ start }: { readonly start: number }) => start >= from && start < to;
  return refusals.some(isInside) ? undefined : made.filter(isInside).map(({ sql }) => sql);
}
