import type { Node } from 'libpg-query';
import { asNode, stringConstant, strings } from '../syntax/parse-tree';
import type { NodeBody } from '../syntax/parse-tree';
import { quoted } from '../text/quoting';
import { cacheSize, isCacheAccepted } from '../refusals';
import { rowLocksIn } from '../syntax/row-locks';
import { sessionParameterRefusal } from '../facts/session-parameters';
import { deleteInBatches } from './batches';
import { tableNameOf } from './catalog-facts';
import type { TranslationContext } from './context';
import type { Draft, Outcome } from './draft';
import { sequenceCacheEdits } from './identity';
import type { Edit, SourceText } from './source-text';

/** Gives CREATE SEQUENCE and ALTER SEQUENCE a CACHE that DSQL takes, and the one type that it has. */
export function sequence(
  source: SourceText,
  { options, sequence: name }: NodeBody<'CreateSeqStmt'> & NodeBody<'AlterSeqStmt'>,
  verb: 'create' | 'alter',
  context: TranslationContext,
): Outcome {
  const edits: Edit[] = [];
  const notes: string[] = [];
  const optionsAt = source.afterName(source.indexAt(source.at(name?.location)));
  const wantsCache =
    verb === 'create'
      ? context.isRefused('sequence-cache')
      : cacheSize(options) !== undefined &&
        !isCacheAccepted(cacheSize(options)) &&
        context.isRefused('alter-sequence-cache');
  if (wantsCache) {
    edits.push(
      ...sequenceCacheEdits(source, options, optionsAt, source.tokens.length, context.identityCache),
    );
  }
  const type = asNode(
    (options ?? []).map((option) => asNode(option, 'DefElem')).find((option) => option?.defname === 'as')
      ?.arg,
    'TypeName',
  );
  if (/^int[24]$/.test(strings(type?.names).at(-1) ?? '') && context.isRefused('sequence-type')) {
    const at = source.indexAt(source.at(type?.location));
    edits.push({
      start: source.tokens[at]?.start ?? source.end,
      end: source.endBefore(source.afterName(at)),
      text: 'bigint',
    });
    notes.push(`${source.cut(at, source.afterName(at))} becomes bigint: DSQL's sequences are.`);
  }
  return [{ sql: source.edited(edits), notes }];
}

/** Translates TRUNCATE to DELETE in batches. */
export function truncate(
  source: SourceText,
  { relations, restart_seqs: restarts, behavior }: NodeBody<'TruncateStmt'>,
  context: TranslationContext,
): Outcome {
  if (behavior === 'DROP_CASCADE') {
    context.refuse(source, {
      rule: 'statement-truncate',
      why: 'Which tables CASCADE empties is only known to the database.',
      instead: 'TRUNCATE the tables by name, those that reference others first, without CASCADE.',
    });
    return [];
  }
  const drafts: Draft[] = [];
  for (const relation of (relations ?? []).flatMap((item) => asNode(item, 'RangeVar') ?? [])) {
    const name = tableNameOf(relation);
    const written = source.nameAt(relation.location);
    const draft = deleteInBatches({ written, name }, context);
    drafts.push({
      ...draft,
      notes: [
        ...(draft.notes ?? []),
        'Where TRUNCATE fails because another table references this one, DELETE does what ON DELETE says.',
      ],
    });
    if (restarts !== true) continue;
    const columns = context.catalog.table(name)?.columns;
    if (!columns) {
      context.refuse(source, {
        rule: 'statement-truncate',
        why: `The identity columns of ${written} are not known.`,
        instead: 'TRUNCATE without RESTART IDENTITY, and ALTER TABLE … ALTER COLUMN … RESTART.',
      });
    }
    for (const { name: column, identity } of columns ?? []) {
      if (identity === true) {
        drafts.push({ sql: `ALTER TABLE ${written} ALTER COLUMN ${quoted(column)} RESTART` });
      }
    }
  }
  return withComments(source, drafts);
}

function withComments(source: SourceText, [first, ...others]: readonly Draft[]): readonly Draft[] {
  if (!first) return [];
  const comments = source.sql.slice(source.start, source.tokens[0]?.start ?? source.start);
  return [{ ...first, sql: comments + first.sql }, ...others];
}

/** The extensions whose use on DSQL needs no extension, with what is to be said of it. */
const NEEDLESS_EXTENSIONS: ReadonlyMap<string, string> = new Map([
  ['uuid-ossp', 'gen_random_uuid() is built in, and takes the place of uuid_generate_v4().'],
  ['pgcrypto', 'gen_random_uuid() is built in; digest(), crypt() and the like are not there.'],
  ['plpgsql', 'it is listed there already; functions are written in SQL.'],
]);

/** Leaves CREATE EXTENSION away where DSQL has what one wants of it anyway. */
export function createExtension(
  source: SourceText,
  { extname = '' }: NodeBody<'CreateExtensionStmt'>,
  context: TranslationContext,
): Outcome {
  const reason = NEEDLESS_EXTENSIONS.get(extname);
  if (reason !== undefined) return { omitted: `DSQL does without ${extname}: ${reason}` };
  context.refuse(source, {
    rule: 'statement-createextension',
    why: `DSQL has no extensions, and nothing else that does what ${extname} does.`,
    instead: EXTENSION_ADVICE.get(extname) ?? 'Do in the application what the extension did.',
  });
  return [];
}

const EXTENSION_ADVICE: ReadonlyMap<string, string> = new Map([
  ['citext', 'Declare text, and make a unique index on lower(column).'],
  ['hstore', 'Declare jsonb.'],
  ['pg_trgm', 'Search outside the database, or with LIKE.'],
  ['unaccent', 'Store the text without accents in a column of its own.'],
  ['btree_gist', 'Check in the transaction that writes what the exclusion constraint checked.'],
  ['postgis', 'Store coordinates in numbers, or shapes in jsonb.'],
  ['vector', 'Keep vectors in a store that is made for them.'],
]);

/** Leaves DROP away for what DSQL cannot have, if the text itself expects that it may not be there. */
export function drop(
  source: SourceText,
  { removeType, missing_ok: mayBeMissing, concurrent, objects }: NodeBody<'DropStmt'>,
  context: TranslationContext,
): Outcome {
  if (concurrent === true && context.isRefused('drop-index-concurrently')) {
    const at = source.tokens.findIndex(({ value }) => value === 'CONCURRENTLY');
    return [{ sql: source.edited([source.removal(at, at + 1)]) }];
  }
  if (removeType === 'OBJECT_TABLE') {
    for (const object of objects ?? []) {
      const names = strings(asNode(object, 'List')?.items);
      const [name = '', schema] = [...names].reverse();
      context.catalog.forget({ ...(schema !== undefined && { schema }), name });
    }
  }
  const kind = removeType?.replace('OBJECT_', '') ?? '';
  const isNeedless =
    (removeType === 'OBJECT_EXTENSION' &&
      (objects ?? []).every((object) => NEEDLESS_EXTENSIONS.has(asNode(object, 'String')?.sval ?? ''))) ||
    // A type is gone with the CHECK that took its place; one that is a domain is dropped as one.
    removeType === 'OBJECT_TYPE' ||
    (mayBeMissing === true && ABSENT_OBJECTS.has(kind));
  if (!isNeedless || !context.isRefused('drop-object')) return [{ sql: source.text }];
  return {
    omitted:
      removeType === 'OBJECT_TYPE'
        ? 'DSQL has no types of its users but domains, which DROP DOMAIN drops.'
        : 'There is no such thing on DSQL.',
  };
}

const ABSENT_OBJECTS = new Set(
  'MATVIEW EXTENSION AGGREGATE POLICY PROCEDURE RULE OPERATOR COLLATION CAST PUBLICATION FOREIGN_TABLE'.split(
    ' ',
  ),
);

/** Leaves COMMENT ON EXTENSION away for the extensions that are left away. */
export function comment(source: SourceText, { objtype, object }: NodeBody<'CommentStmt'>): Outcome {
  const extension = objtype === 'OBJECT_EXTENSION' ? asNode(object, 'String')?.sval : undefined;
  return extension !== undefined && NEEDLESS_EXTENSIONS.has(extension)
    ? { omitted: `DSQL does without ${extension}.` }
    : [{ sql: source.text }];
}

// --- sessions and transactions --------------------------------------------------------------------------------

/** Levels that DSQL's own, REPEATABLE READ, is not weaker than. */
const WEAKER_LEVELS = new Set(['repeatable read', 'read committed', 'read uncommitted']);

function isolationLevel(modes: readonly Node[] | undefined): string | undefined {
  for (const mode of modes ?? []) {
    const element = asNode(mode, 'DefElem');
    if (element?.defname === 'transaction_isolation') return stringConstant(element.arg)?.toLowerCase();
  }
  return undefined;
}

/** Leaves the isolation level of BEGIN away where DSQL's own is not weaker. */
export function begin(
  source: SourceText,
  { options }: NodeBody<'TransactionStmt'>,
  context: TranslationContext,
): Outcome {
  const level = isolationLevel(options);
  if (level === undefined || level === 'repeatable read' || !context.isRefused('begin-isolation-level')) {
    return [{ sql: source.text }];
  }
  if (!WEAKER_LEVELS.has(level)) {
    refuseSerializable(source, 'begin-isolation-level', context);
    return [];
  }
  const { tokens } = source;
  const at = tokens.findIndex(({ value }) => value === 'ISOLATION');
  const end = at + 3 + (tokens[at + 2]?.value === 'READ' ? 1 : 0);
  const isFirst = tokens[at - 1]?.value !== ',';
  const removal =
    tokens[end]?.value === ',' ? source.removal(at, end + 1) : source.removal(isFirst ? at : at - 1, end);
  return [{ sql: source.edited([removal]), notes: [stronger(level)] }];
}

function stronger(level: string): string {
  return `${level.toUpperCase()} is left away: every transaction of DSQL is REPEATABLE READ, which gives more.`;
}

function refuseSerializable(source: SourceText, rule: string, context: TranslationContext): void {
  context.refuse(source, {
    rule,
    parts: { level: 'SERIALIZABLE' },
    why: 'DSQL has snapshot isolation only: two transactions may each read what the other one writes.',
    instead: 'Read with FOR UPDATE what must not change, and leave the level away.',
  });
}

/** Parameters of which DSQL's fixed value is as good to the statements after them, whatever is set. */
const NEEDLESS_PARAMETERS = new Set(
  (
    'client_min_messages statement_timeout lock_timeout idle_in_transaction_session_timeout transaction_timeout ' +
    'synchronize_seqscans check_function_bodies xmloption row_security default_table_access_method ' +
    'default_tablespace default_toast_compression escape_string_warning backslash_quote default_with_oids ' +
    'work_mem maintenance_work_mem synchronous_commit log_statement log_min_duration_statement ' +
    'standard_conforming_strings transaction_isolation default_transaction_isolation'
  ).split(' '),
);

/** Leaves SET away where DSQL refuses it and nothing depends on it. */
export function setVariable(
  source: SourceText,
  { kind, name = '', args, is_local: isLocal }: NodeBody<'VariableSetStmt'>,
  context: TranslationContext,
): Outcome {
  if (kind === 'VAR_SET_MULTI') return setTransaction(source, args, context);
  const scope = isLocal === true ? 'local' : 'session';
  const parameter = name.toLowerCase();
  const isAccepted = sessionParameterRefusal(parameter, scope) === undefined || kind === 'VAR_RESET_ALL';
  if (isAccepted || !context.isRefused('session-parameter') || !NEEDLESS_PARAMETERS.has(parameter)) {
    return [{ sql: source.text }];
  }
  const value = (stringConstant(args?.[0]) ?? '').toLowerCase();
  if (parameter.endsWith('isolation') && value === 'serializable') {
    refuseSerializable(source, 'set-isolation-level', context);
    return [];
  }
  if (parameter === 'standard_conforming_strings' && !/^(?:on|true|yes|1|)$/.test(value)) {
    return [{ sql: source.text }];
  }
  return { omitted: `DSQL fixes ${parameter}; nothing that follows depends on it.` };
}

function setTransaction(
  source: SourceText,
  modes: readonly Node[] | undefined,
  context: TranslationContext,
): Outcome {
  if (!context.isRefused('set-transaction')) return [{ sql: source.text }];
  const level = isolationLevel(modes);
  if (level === 'serializable') {
    refuseSerializable(source, 'set-isolation-level', context);
    return [];
  }
  const others = (modes ?? []).filter((mode) => {
    const element = asNode(mode, 'DefElem');
    const readWrite =
      element?.defname === 'transaction_read_only' && isZero(asNode(element.arg, 'A_Const')?.ival ?? {});
    return element?.defname !== 'transaction_isolation' && !readWrite;
  });
  if (others.length > 0) return [{ sql: source.text }];
  return { omitted: level === undefined ? 'READ WRITE is what every transaction is.' : stronger(level) };
}

function isZero({ ival = 0 }: { readonly ival?: number }): boolean {
  return ival === 0;
}

/** Turns `SELECT set_config('search_path', '…', false)`, alone, into SET, and strengthens row locks if allowed. */
export function select(
  source: SourceText,
  { targetList, fromClause, lockingClause }: NodeBody<'SelectStmt'>,
  context: TranslationContext,
): Outcome {
  if (lockingClause && context.simplify.rowLocks === true) return strengthenLocks(source, context);
  const [target, more] = targetList ?? [];
  const call = asNode(asNode(target, 'ResTarget')?.val, 'FuncCall');
  if (more !== undefined || fromClause || strings(call?.funcname).at(-1) !== 'set_config') {
    return [{ sql: source.text }];
  }
  const [name, value, local] = call?.args ?? [];
  const parameter = stringConstant(name)?.toLowerCase();
  const setting = stringConstant(value);
  const isSession = asNode(local, 'A_Const')?.boolval?.boolval !== true;
  if (parameter === undefined || setting === undefined || !isSession || !context.isRefused('set-config')) {
    return [{ sql: source.text }];
  }
  if (parameter !== 'search_path') {
    return NEEDLESS_PARAMETERS.has(parameter)
      ? { omitted: `DSQL fixes ${parameter}; nothing that follows depends on it.` }
      : [{ sql: source.text }];
  }
  const path = setting.trim() === '' ? "''" : setting;
  const set = `SET search_path = ${path}`;
  return withComments(source, [
    { sql: set, notes: ['set_config answered with the value; SET answers nothing.'] },
  ]);
}

function strengthenLocks(source: SourceText, { isRefused }: TranslationContext): Outcome {
  const missing = isRefused('locking-strength')
    ? rowLocksIn(source.tokens).filter(({ strength }) => strength === 'SHARE' || strength === 'NO KEY UPDATE')
    : [];
  const edits = missing.map(({ start, end }): Edit => ({ start, end, text: 'FOR UPDATE' }));
  const notes = edits.length > 0 ? ['FOR UPDATE conflicts with more than the lock that was asked for.'] : [];
  return [{ sql: source.edited(edits), notes }];
}
