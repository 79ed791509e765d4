import { resolveCapabilities } from '../facts/capabilities';
import type { CapabilityOverrides, ResolvedCapabilities } from '../facts/capabilities';
import { isCacheAccepted } from '../refusals';
import type { NodeName } from '../syntax/parse-tree';
import { literal } from '../text/quoting';
import { alterTable } from './alter-table/alter-table';
import { isSameName, tableNameOf } from '../catalogue/catalog-facts';
import type { CatalogFacts } from '../catalogue/catalog-facts';
import type { Simplifications, TranslationContext } from './context';
import type { Outcome } from './draft';
import { KnownCatalogue } from './known-catalogue';
import { Report } from './report';
import { refuseExtensionTypes, review } from './review';
import { Rewrite } from './rewrite';
import { createCast } from './statements/casts';
import { createIndex } from './statements/create-index';
import { createTable } from './statements/create-table';
import { drop, dropDatabase } from './statements/drop';
import { comment, createExtension } from './statements/extensions';
import { maintain, vacuum } from './statements/maintenance';
import { select } from './statements/select';
import { alterSequence, createSequence } from './statements/sequence';
import { begin, setVariable } from './statements/session';
import { truncate } from './statements/truncate';
import { inDependencyOrder } from './table-order';
import { createdEnum } from './text/enums';
import { prepareText } from './text/prepare-text';
import type { PreparedText } from './text/prepare-text';
import type { StatementText } from './text/statement-text';
import { keepsTypesAsText } from './text/types-as-text';
import { separateTransactions } from './transactions';
import type { Piece } from './transactions';
import type { Translation } from './translation';

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
  /**
   * `'jsonb'` keeps columns of arrays as jsonb; otherwise they are refused.
   * @defaultValue `'refuse'`
   */
  readonly arrays?: 'refuse' | 'jsonb';
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
  const text = prepareText(sql, catalog?.enums ?? [], {
    keepsKeys: capabilities.gained.has('add-constraint'),
    keepsChangedTypes: capabilities.gained.has('alter-column-type'),
    arrays: options.arrays === 'jsonb' ? (catalog?.arrays ?? []) : undefined,
    hasTypesAsText: keepsTypesAsText(simplify, capabilities),
  });
  const report = new Report(sql, text);
  const context: TranslationContext = {
    catalogue: new KnownCatalogue(catalog),
    enums: text.usedEnums.concat(catalog?.enums ?? []),
    domains: text.domains,
    identityCache,
    simplify,
    unknownKeys: new Map(),
    isRefused: (rule) => !capabilities.gained.has(rule),
    refuse: (source, refusal) => {
      report.refuse(source, refusal);
    },
  };
  if (text.parsed.error) report.refuseSyntax(text.parsed.error);
  const pieces = inDependencyOrder(text.statements).map((source) =>
    translateStatement(source, text, context, capabilities, report),
  );
  return report.translation(separateTransactions(pieces, context), context.unknownKeys);
}

function translateStatement(
  source: StatementText,
  text: PreparedText,
  context: TranslationContext,
  capabilities: ResolvedCapabilities,
  report: Report,
): Piece {
  const rewrite = new Rewrite(source, context);
  const before = report.refusals.length;
  const index = text.statements.indexOf(source);
  for (const note of text.keptAsText[index] ?? []) rewrite.note(note);
  const translator = TRANSLATORS[source.statement.node as NodeName];
  const outcome = translator?.(rewrite as never) ?? rewrite.unchanged();
  if ('omitted' in outcome) {
    report.omit(source, outcome.omitted);
    return { source, parts: [], isRefused: false };
  }
  const parts = review(rewrite, outcome, text, capabilities, report);
  refuseExtensionTypes(rewrite);
  refuseArrays(rewrite, text.unwritable[index], text.generated[index]);
  const isRefused = report.refusals.length > before;
  if (isRefused && source.statement.node === 'CreateStmt') {
    for (const { sql } of outcome) report.keepPartial(source, sql);
  }
  return { source, parts: isRefused ? [] : parts, isRefused };
}

/** What is translated, by PostgreSQL's names of statements; all others stay as they are. */
const TRANSLATORS: { readonly [Name in NodeName]?: (rewrite: Rewrite<Name>) => Outcome } = {
  AlterObjectSchemaStmt: forgetTable,
  AlterSeqStmt: alterSequence,
  AlterTableStmt: alterTable,
  CheckPointStmt: maintain,
  ClusterStmt: maintain,
  CommentStmt: comment,
  CreateCastStmt: createCast,
  CreateEnumStmt: createType,
  CreateExtensionStmt: createExtension,
  CreateSeqStmt: createSequence,
  CreateStmt: createTable,
  DoStmt: createType,
  DropdbStmt: dropDatabase,
  DropStmt: drop,
  IndexStmt: createIndex,
  ReindexStmt: maintain,
  RenameStmt: rename,
  SelectStmt: select,
  TransactionStmt: begin,
  TruncateStmt: truncate,
  VacuumStmt: vacuum,
  VariableSetStmt: setVariable,
};

/** What an array can and JSON cannot. */
function refuseArrays(
  rewrite: Rewrite,
  unwritable: readonly string[] = [],
  generated: readonly string[] = [],
): void {
  for (const column of generated) {
    rewrite.refuse({
      rule: 'column-type',
      why: `${column} is jsonb here, because arrays are kept so, and what makes JSON of an array is not immutable: it cannot be generated.`,
      instead: 'Compute the array in a view or in queries, or write it with the row.',
    });
  }
  for (const column of new Set(unwritable)) {
    rewrite.refuse({
      rule: 'column-type',
      why: `${column} is jsonb here, because arrays are kept so: no member of it can be set by its number, and a CHECK or an index takes no array of it.`,
      instead: `Write all of the array, and ask the JSON: jsonb_array_length(${column}), ${column} ? 'member', ${column} @> '["member"]'.`,
    });
  }
}

/** A table that gets another schema is not followed. */
function forgetTable(rewrite: Rewrite<'AlterObjectSchemaStmt'>): Outcome {
  rewrite.catalogue.forget(tableNameOf(rewrite.tree.relation));
  return rewrite.unchanged();
}

function rename(rewrite: Rewrite<'RenameStmt'>): Outcome {
  const { catalogue, tree } = rewrite;
  const { renameType, relation, subname = '', newname = '' } = tree;
  const table = tableNameOf(relation);
  if (renameType === 'OBJECT_TABLE') catalogue.rename(table, newname);
  else if (renameType === 'OBJECT_COLUMN') catalogue.renameColumn(table, subname, newname);
  else if (renameType === 'OBJECT_TABCONSTRAINT') catalogue.renameConstraint(table, subname, newname);
  return rewrite.unchanged();
}

function createType(rewrite: Rewrite<'CreateEnumStmt'> | Rewrite<'DoStmt'>): Outcome {
  const created = createdEnum(rewrite.source.statement);
  if (!created || !rewrite.isRefused('create-enum')) return rewrite.unchanged();
  if (rewrite.context.enums.some((known) => isSameName(known, created))) {
    return { omitted: `Columns of ${created.name} are text with a CHECK.` };
  }
  const values = created.labels.map(literal).join(', ');
  rewrite.refuse({
    rule: 'create-enum',
    why: 'DSQL has no enum types, and the columns of this one are not in the text.',
    instead: `Declare its columns text CHECK (column IN (${values})), or make a domain with that CHECK.`,
  });
  return [];
}
