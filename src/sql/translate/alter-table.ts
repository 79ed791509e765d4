import type { AlterTableCmd, AlterTableStmt, ColumnDef, Constraint, Node } from 'libpg-query';
import { serialType } from '../facts/column-types';
import { asNode, strings, walk } from '../syntax/parse-tree';
import type { NodeBody } from '../syntax/parse-tree';
import { columnConstraints } from '../refusals';
import { fillInBatches } from './batches';
import type { WrittenTable } from './batches';
import { tableNameOf } from './catalog-facts';
import { afterType, isByteCollation, isUnboundedNumeric } from './columns';
import type { TranslationContext } from './context';
import { exclusionNote } from './create-table';
import type { Draft, Outcome } from './draft';
import { identityCacheEdits, sequenceCacheEdits } from './identity';
import { refuseKeylessTypes } from './key-types';
import { literal, quoted } from '../text/quoting';
import { defaultName, notNullCheckName } from './object-names';
import type { SourceText } from './source-text';
import { formattedType } from './type-names';

/**
 * The order in which PostgreSQL carries out the actions of one ALTER TABLE, which is not the order they are written in:
 * a statement for each action has to keep it.
 */
const enum Pass {
  Drop,
  AddColumn,
  Attributes,
  Fill,
  Index,
  Constraint,
  Validate,
}

/** A part of the translation: an action of ALTER TABLE, or a statement of its own. */
interface Step {
  readonly pass: Pass;
  /** An action as it was written; neighbours stay in one statement. */
  readonly kept?: string;
  readonly statement?: Draft;
  /** The comments around the action, which go before its first statement. */
  readonly comments?: string;
}

interface Altered extends WrittenTable {
  /** `ALTER TABLE IF EXISTS ONLY t`, as it is written. */
  readonly prefix: string;
  readonly source: SourceText;
  readonly context: TranslationContext;
  /** The constraints that the statement itself drops. */
  readonly dropped: ReadonlySet<string>;
}

/** One action, and the tokens that it is written with. */
interface Action {
  readonly command: AlterTableCmd;
  readonly from: number;
  readonly to: number;
}

/** Translates ALTER TABLE: what DSQL does at once stays as it is, the rest becomes statements of its own. */
export function alterTable(
  source: SourceText,
  { relation, cmds, objtype }: AlterTableStmt,
  isAsync: boolean,
  context: TranslationContext,
): Outcome {
  if (objtype !== 'OBJECT_TABLE' || isAsync) return [{ sql: source.text }];
  const nameAt = source.indexAt(source.at(relation?.location));
  let at = source.afterName(nameAt);
  while (/^[*)]$/.test(source.tokens[at]?.value ?? '')) at++;
  const parts = source.splitAtCommas(at, source.tokens.length);
  const commands = (cmds ?? []).flatMap((item) => asNode(item, 'AlterTableCmd') ?? []);
  const table: Altered = {
    source,
    context,
    written: source.cut(nameAt, source.afterName(nameAt)),
    name: tableNameOf(relation),
    prefix: source.cut(0, at),
    dropped: new Set(
      commands.flatMap(({ subtype, name }) => (subtype === 'AT_DropConstraint' ? (name ?? []) : [])),
    ),
  };

  const notes: string[] = [];
  const stepsOf: (readonly Step[])[] = commands.map(() => []);
  // PostgreSQL drops first, and so what is added may have the name of what is dropped.
  for (const drops of [true, false]) {
    commands.forEach((command, index) => {
      if (/^AT_Drop(?:Column|Constraint)$/.test(command.subtype ?? '') !== drops) return;
      const { from, to } = parts[index] ?? { from: at, to: at };
      stepsOf[index] = translateAction(table, { command, from, to }, notes);
    });
  }
  const steps = stepsOf.flatMap((each, index) => {
    const [first, ...others] = each;
    const { from, to } = parts[index] ?? { from: at, to: at };
    const comments = commentsAround(source, from, to);
    return first && comments !== '' ? [{ ...first, comments }, ...others] : each;
  });
  const isUnchanged =
    steps.length === parts.length &&
    steps.every(({ kept }, index) => kept === source.cut(parts[index]?.from ?? at, parts[index]?.to ?? at));
  if (isUnchanged) return [{ sql: source.text, notes }];
  return assemble(table, steps, notes);
}

function assemble(table: Altered, steps: readonly Step[], notes: readonly string[]): Outcome {
  const { source } = table;
  if (steps.length === 0 && notes.length === 0) return [];
  if (steps.length === 0) return { omitted: notes.join(' ') };
  const sorted = steps.some(({ statement }) => statement)
    ? [...steps].sort((a, b) => a.pass - b.pass)
    : steps;
  const drafts: Draft[] = [];
  let kept: string[] = [];
  let comments = '';
  const flush = () => {
    if (kept.length === 0) return;
    drafts.push({ sql: `${comments}${table.prefix} ${kept.join(', ')}` });
    kept = [];
    comments = '';
  };
  for (const step of sorted) {
    if (step.kept !== undefined) {
      kept.push(step.kept);
      comments += step.comments ?? '';
    }
    if (!step.statement) continue;
    flush();
    drafts.push({ ...step.statement, sql: (step.comments ?? '') + step.statement.sql });
  }
  flush();
  const [first, ...others] = drafts;
  if (!first) return [];
  const before = source.sql.slice(source.start, source.tokens[0]?.start ?? source.start);
  return [{ ...first, sql: before + first.sql, notes: [...notes, ...(first.notes ?? [])] }, ...others];
}

/** The comments before and after the tokens of an action, each on lines of its own. */
function commentsAround(source: SourceText, from: number, to: number): string {
  const { tokens, sql } = source;
  const before = sql.slice(source.endBefore(from), tokens[from]?.start ?? source.end);
  const after = sql.slice(source.endBefore(to), tokens[to]?.start ?? source.end);
  return [before, after]
    .map((gap) => gap.trim())
    .filter((gap) => gap !== '')
    .map((gap) => `${gap}\n`)
    .join('');
}

/** Actions that change no row and no rule, only how PostgreSQL stores a table. */
const STORAGE_ACTIONS = new Set([
  'AT_SetStatistics',
  'AT_SetOptions',
  'AT_ResetOptions',
  'AT_SetCompression',
  'AT_ClusterOn',
  'AT_DropCluster',
  'AT_SetAccessMethod',
  'AT_SetLogged',
  'AT_SetUnLogged',
  'AT_DropOids',
  'AT_SetTableSpace',
  'AT_SetRelOptions',
  'AT_ResetRelOptions',
]);

function translateAction(table: Altered, action: Action, notes: string[]): readonly Step[] {
  const { source, context, name } = table;
  const { command, from, to } = action;
  const { subtype = 'AT_AddColumn', name: column = '' } = command;
  const written = source.cut(from, to);
  const keep = (pass: Pass): readonly Step[] => [{ pass, kept: written }];

  if (STORAGE_ACTIONS.has(subtype) && context.isRefused('alter-table-action')) {
    notes.push(`${written} is left away: DSQL stores tables in its own way.`);
    return [];
  }
  switch (subtype) {
    case 'AT_AddColumn':
      return addColumn(table, action, notes);
    case 'AT_AddConstraint':
      return addConstraint(table, action, notes);
    case 'AT_ValidateConstraint':
      if (!context.isRefused('validate-constraint-without-async')) return keep(Pass.Validate);
      return [validation(table, quoted(column))];
    case 'AT_SetNotNull':
      return setNotNull(table, action, notes);
    case 'AT_DropNotNull':
      return dropNotNull(table, action);
    case 'AT_AlterColumnType':
      return alterType(table, action, notes);
    case 'AT_AddIdentity': {
      const constraint = asNode(command.def, 'Constraint');
      if (!constraint || !context.isRefused('add-identity-cache')) return keep(Pass.Attributes);
      const edits = identityCacheEdits(source, constraint, context.identityCache);
      const start = source.tokens[from]?.start ?? source.start;
      return [{ pass: Pass.Attributes, kept: source.edited(edits, start, source.endBefore(to)) }];
    }
    case 'AT_DropColumn': {
      if (context.catalog.table(name)?.primaryKey?.includes(column) === true) {
        const at = source.tokens[from]?.start ?? source.start;
        context.refuse(source, { rule: 'drop-primary-key-column', at, parts: { column } });
      }
      context.catalog.setColumn(name, column, undefined);
      return keep(Pass.Drop);
    }
    case 'AT_DropConstraint':
      if (context.catalog.table(name)?.primaryKeyName === column) {
        const at = source.tokens[from]?.start ?? source.start;
        context.refuse(source, { rule: 'drop-primary-key', at });
      }
      context.catalog.dropConstraint(name, column);
      return keep(Pass.Drop);
    default:
      return keep(Pass.Attributes);
  }
}

/** A statement of its own with one action. */
function alteration(table: Altered, action: string, pass: Pass, notes: readonly string[] = []): Step {
  return { pass, statement: { sql: `${table.prefix} ${action}`, notes } };
}

function validation(table: Altered, constraint: string): Step {
  return {
    pass: Pass.Validate,
    statement: { sql: `ALTER TABLE ASYNC ${table.written} VALIDATE CONSTRAINT ${constraint}` },
  };
}

/** Adds a constraint that DSQL checks for new rows at once, and for the others in a job. */
function notValidConstraint(
  table: Altered,
  { name, written, definition }: { name: string; written: string; definition: string },
  isRepeatable: boolean,
): Step[] {
  table.context.catalog.addConstraint(table.name, name);
  const drop = isRepeatable ? `DROP CONSTRAINT IF EXISTS ${written}, ` : '';
  return [
    alteration(table, `${drop}ADD CONSTRAINT ${written} ${definition} NOT VALID`, Pass.Constraint),
    validation(table, written),
  ];
}

// --- ADD CONSTRAINT -------------------------------------------------------------------------------------------

function addConstraint(table: Altered, { command, from, to }: Action, notes: string[]): readonly Step[] {
  const { source, context } = table;
  const constraint = asNode(command.def, 'Constraint') ?? {};
  const { contype, indexname, skip_validation: notValid } = constraint;
  const at = source.tokens[from]?.start ?? source.start;
  const keep: Step[] = [{ pass: Pass.Constraint, kept: source.cut(from, to) }];
  if (!context.isRefused('add-constraint')) return keep;
  switch (contype) {
    case 'CONSTR_CHECK':
    case 'CONSTR_FOREIGN': {
      if (notValid === true) return keep;
      const named = nameOf(table, constraint);
      return notValidConstraint(
        table,
        { ...named, definition: source.cut(definitionAt(source, from + 1), to) },
        false,
      );
    }
    case 'CONSTR_UNIQUE':
      if (indexname !== undefined) return keep;
      if (constraint.deferrable === true || constraint.initdeferred === true) {
        context.refuse(source, { rule: 'deferrable-key', at });
        return [];
      }
      refuseKeylessTypes(
        source,
        context,
        table.name,
        strings(constraint.keys).map((key) => ({ name: key })),
        at,
      );
      return uniqueConstraint(table, constraint, uniqueColumns(source, from, to), false);
    case 'CONSTR_PRIMARY':
      context.refuse(source, {
        rule: 'add-constraint',
        at,
        why: 'A table of DSQL is stored by its primary key, so the key cannot be added or changed later.',
        instead: 'Put PRIMARY KEY into CREATE TABLE; for a table with rows, create another one and copy.',
      });
      return [];
    case 'CONSTR_EXCLUSION':
      if (context.simplify.exclusions === true) notes.push(exclusionNote(source.cut(from, to)));
      else context.refuse(source, { rule: 'exclusion-constraint', at });
      return [];
    default:
      return keep;
  }
}

/** The index of the first token after `CONSTRAINT name`, if that stands at `from`. */
function definitionAt(source: SourceText, from: number): number {
  return source.tokens[from]?.value === 'CONSTRAINT' ? from + 2 : from;
}

/** The name of a constraint and how to write it: as in the text, or the one that PostgreSQL would choose. */
function nameOf(
  { source, context, name: table }: Altered,
  constraint: Constraint,
  column?: string,
): { readonly name: string; readonly written: string } {
  const { conname, contype, location } = constraint;
  if (conname !== undefined) {
    const at = source.indexAt(source.at(location));
    return { name: conname, written: source.cut(at + 1, at + 2) };
  }
  const isTaken = (name: string) => context.catalog.hasConstraint(table, name);
  const name = defaultName(
    table.name,
    namedColumns(constraint, column),
    LABELS[contype ?? ''] ?? '',
    isTaken,
  );
  return { name, written: quoted(name) };
}

const LABELS: Readonly<Record<string, string>> = {
  CONSTR_CHECK: 'check',
  CONSTR_FOREIGN: 'fkey',
  CONSTR_UNIQUE: 'key',
};

/** The columns that PostgreSQL names a constraint after. */
function namedColumns(constraint: Constraint, column: string | undefined): readonly string[] {
  switch (constraint.contype) {
    case 'CONSTR_FOREIGN':
      return column !== undefined ? [column] : strings(constraint.fk_attrs);
    case 'CONSTR_UNIQUE':
      return column !== undefined ? [column] : strings(constraint.keys);
    default: {
      // A CHECK is named after its column only if it has just one.
      const columns = new Set<string>();
      walk('Constraint', constraint, ({ name, body }) => {
        if (name === 'ColumnRef') {
          const last = strings((body as NodeBody<'ColumnRef'>).fields).at(-1);
          if (last !== undefined) columns.add(last);
        }
        return true;
      });
      return columns.size === 1 ? [...columns] : [];
    }
  }
}

interface UniqueColumns {
  /** `(a, b) INCLUDE (c) NULLS NOT DISTINCT`, in the order in which CREATE INDEX wants it. */
  readonly definition: string;
}

/** Reads `UNIQUE NULLS NOT DISTINCT (a) INCLUDE (b)` from its tokens. */
function uniqueColumns(source: SourceText, from: number, to: number): UniqueColumns {
  let at = definitionAt(source, from + 1) + 1;
  let nulls = '';
  while (at < to && source.tokens[at]?.value !== '(') {
    nulls += ` ${source.cut(at, at + 1)}`;
    at++;
  }
  const after = source.afterGroup(at);
  const hasInclude = source.tokens[after]?.value === 'INCLUDE';
  const include = hasInclude ? ` ${source.cut(after, source.afterGroup(after + 1))}` : '';
  return { definition: source.cut(at, after) + include + nulls };
}

function uniqueConstraint(
  table: Altered,
  constraint: Constraint,
  { definition }: UniqueColumns,
  isRepeatable: boolean,
  column?: string,
): Step[] {
  const { name, written } = nameOf(table, constraint, column);
  table.context.catalog.addConstraint(table.name, name);
  return [
    ...(isRepeatable ? [alteration(table, `DROP CONSTRAINT IF EXISTS ${written}`, Pass.Fill)] : []),
    {
      pass: Pass.Index,
      statement: { sql: `CREATE UNIQUE INDEX ASYNC ${written} ON ${table.written} ${definition}` },
    },
    alteration(table, `ADD CONSTRAINT ${written} UNIQUE USING INDEX ${written}`, Pass.Constraint),
  ];
}

// --- NOT NULL and types ---------------------------------------------------------------------------------------

/** The index of the column's name in `ALTER [COLUMN] name …`. */
function columnAt(source: SourceText, from: number): number {
  return source.tokens[from + 1]?.value === 'COLUMN' ? from + 2 : from + 1;
}

function notNullCheck(table: Altered, column: string, written: string, isRepeatable: boolean): Step[] {
  const { catalog } = table.context;
  const check = notNullCheckName(table.name.name, column);
  const steps = notValidConstraint(
    table,
    { name: check, written: quoted(check), definition: `CHECK (${written} IS NOT NULL)` },
    isRepeatable,
  );
  const known = catalog.column(table.name, column);
  if (known) catalog.setColumn(table.name, column, { ...known, notNullCheck: check });
  return steps;
}

function setNotNull(table: Altered, { command, from, to }: Action, notes: string[]): readonly Step[] {
  const { source, context, name } = table;
  const { name: column = '' } = command;
  if (!context.isRefused('set-not-null')) return [{ pass: Pass.Attributes, kept: source.cut(from, to) }];
  const known = context.catalog.column(name, column);
  if (known?.notNull === true || known?.notNullCheck !== undefined) {
    notes.push(`${column} is NOT NULL already.`);
    return [];
  }
  const at = columnAt(source, from);
  return notNullCheck(table, column, source.cut(at, at + 1), false);
}

function dropNotNull(table: Altered, { command, from, to }: Action): readonly Step[] {
  const { source, context, name } = table;
  const { name: column = '' } = command;
  const written = source.cut(from, to);
  const facts = context.catalog.table(name);
  const known = context.catalog.column(name, column);
  const check = known?.notNullCheck ?? notNullCheckName(name.name, column);
  const isPresent = known?.notNullCheck !== undefined || facts?.constraints?.includes(check) !== false;
  if (known) context.catalog.setColumn(name, column, { ...known, notNull: false });
  context.catalog.dropConstraint(name, check);
  if (!isPresent || table.dropped.has(check)) return [{ pass: Pass.Attributes, kept: written }];
  return [{ pass: Pass.Attributes, kept: `${written}, DROP CONSTRAINT IF EXISTS ${quoted(check)}` }];
}

function alterType(table: Altered, { command, from, to }: Action, notes: string[]): readonly Step[] {
  const { source, context, name } = table;
  const { name: column = '', def } = command;
  if (!context.isRefused('alter-column-type')) return [{ pass: Pass.Attributes, kept: source.cut(from, to) }];
  const definition = asNode(def, 'ColumnDef');
  const known = context.catalog.column(name, column);
  const wanted = formattedType(definition?.typeName);
  const sameCollation = !definition?.collClause || isByteCollation(definition.collClause.collname);
  const sameValue = isCastOf(column, definition?.raw_default);
  if (wanted !== undefined && known?.type === wanted && sameCollation && sameValue) {
    notes.push(`${column} is ${wanted} already.`);
    return [];
  }
  context.refuse(source, {
    rule: 'alter-column-type',
    at: source.tokens[from]?.start ?? source.start,
    parts: { action: 'ALTER COLUMN ... SET DATA TYPE' },
  });
  return [];
}

/** Whether a USING is absent, or only the column itself, cast to the type. */
function isCastOf(column: string, using: Node | undefined): boolean {
  if (!using) return true;
  const cast = asNode(using, 'TypeCast');
  if (cast) return isCastOf(column, cast.arg);
  return strings(asNode(using, 'ColumnRef')?.fields).at(-1) === column;
}

// --- ADD COLUMN -----------------------------------------------------------------------------------------------

/** A clause after a column's type: its tokens, and the node. */
interface Clause {
  readonly constraint: Constraint | undefined;
  readonly from: number;
  readonly to: number;
}

function clausesOf(source: SourceText, column: ColumnDef, to: number): Clause[] {
  const starts: { constraint: Constraint | undefined; from: number }[] = [];
  for (const constraint of columnConstraints(column)) {
    starts.push({ constraint, from: source.indexAt(source.at(constraint.location)) });
  }
  if (column.collClause) {
    starts.push({ constraint: undefined, from: source.indexAt(source.at(column.collClause.location)) });
  }
  starts.sort((a, b) => a.from - b.from);
  // What follows a REFERENCES and only says when it is checked belongs to it.
  const clauses: Clause[] = [];
  starts.forEach(({ constraint, from }, index) => {
    const clause = { constraint, from, to: starts[index + 1]?.from ?? to };
    const previous = clauses.at(-1);
    if (previous && constraint?.contype?.startsWith('CONSTR_ATTR_') === true) {
      clauses[clauses.length - 1] = { ...previous, to: clause.to };
    } else clauses.push(clause);
  });
  return clauses;
}

function addColumn(table: Altered, { command, from, to }: Action, notes: string[]): readonly Step[] {
  const { source, context, name: tableName } = table;
  const column = asNode(command.def, 'ColumnDef') ?? {};
  const { colname = '', typeName } = column;
  const serial = context.isRefused('serial') ? serialType(typeName) : undefined;
  const clauses = clausesOf(source, column, to);
  const identity = clauses.find(({ constraint }) => constraint?.contype === 'CONSTR_IDENTITY');
  const isRepeatable = command.missing_ok === true;
  const at = source.tokens[from]?.start ?? source.start;
  if (isRepeatable && context.catalog.column(tableName, colname)) {
    notes.push(`${colname} exists already.`);
    return [];
  }
  if (isUnboundedNumeric(typeName)) {
    notes.push(`${colname} is numeric without a precision: on DSQL that is numeric(18,6), which rounds.`);
  }
  remember(table, column);
  const isBare = clauses.every(({ constraint }) => constraint === undefined);
  if (
    !context.isRefused('add-column-with-constraint') ||
    (isBare && !column.collClause && serial === undefined)
  ) {
    return [{ pass: Pass.AddColumn, kept: source.cut(from, to) }];
  }

  const typeAt = source.indexAt(source.at(typeName?.location));
  const written = source.cut(typeAt - 1, typeAt);
  // Up to the type, the type, and what may follow it before the first clause: STORAGE, COMPRESSION.
  const bareEnd = clauses[0]?.from ?? to;
  let bare = source.cut(from, bareEnd);
  if (serial !== undefined || identity) {
    bare =
      `${source.cut(from, typeAt)} bigint ${source.cut(typeEnd(source, typeAt, typeName), bareEnd)}`.trim();
  }
  const added: AddedColumn = { colname, type: formattedType(typeName), written, at, isRepeatable };
  const steps: Step[] = [];
  for (const clause of clauses) {
    if (clause.constraint) {
      steps.push(...addedClause(table, added, clause.constraint, clause));
    } else if (isByteCollation(column.collClause?.collname) || context.simplify.collation === true) {
      notes.push(`The collation of ${colname} is left away: a column of DSQL sorts by bytes.`);
    } else bare += ` ${source.cut(clause.from, clause.to)}`;
  }
  if (serial !== undefined || identity) {
    steps.push(...sequenceDefault(table, added, identity));
  }
  const needsNotNull =
    serial !== undefined ||
    clauses.some(({ constraint }) => /^CONSTR_(?:NOTNULL|IDENTITY)$/.test(constraint?.contype ?? ''));
  if (needsNotNull) steps.push(...notNullCheck(table, colname, written, isRepeatable));
  if (isRepeatable && steps.length > 0) {
    notes.push(`What follows runs even if ${colname} exists already, and may run again.`);
  }
  return steps.length === 0
    ? [{ pass: Pass.AddColumn, kept: bare }]
    : [alteration(table, bare, Pass.AddColumn), ...steps];
}

function typeEnd(source: SourceText, typeAt: number, typeName: ColumnDef['typeName']): number {
  return typeName ? afterType(source, typeAt, typeName) : typeAt;
}

function remember({ context, name }: Altered, column: ColumnDef): void {
  const type = formattedType(column.typeName);
  const { colname = '' } = column;
  context.catalog.setColumn(name, colname, {
    name: colname,
    notNull: false,
    ...(type !== undefined && { type }),
  });
}

interface AddedColumn {
  readonly colname: string;
  readonly type: string | undefined;
  readonly written: string;
  /** Where the action begins. */
  readonly at: number;
  readonly isRepeatable: boolean;
}

function addedClause(
  table: Altered,
  { colname, type, written, at, isRepeatable }: AddedColumn,
  constraint: Constraint,
  clause: Clause,
): readonly Step[] {
  const { source, context } = table;
  const definition = source.cut(definitionAt(source, clause.from), clause.to);
  switch (constraint.contype) {
    case 'CONSTR_DEFAULT': {
      const value = source.cut(definitionAt(source, clause.from) + 1, clause.to);
      return defaultValue(table, written, value, constraint);
    }
    case 'CONSTR_CHECK':
    case 'CONSTR_FOREIGN': {
      const named = nameOf(table, constraint, colname);
      const whole =
        constraint.contype === 'CONSTR_FOREIGN' ? `FOREIGN KEY (${written}) ${definition}` : definition;
      return notValidConstraint(table, { ...named, definition: whole }, isRepeatable);
    }
    case 'CONSTR_UNIQUE': {
      const isDeferrable = / DEFERRABLE| INITIALLY DEFERRED/i.test(` ${definition}`);
      if (isDeferrable && !/ NOT DEFERRABLE/i.test(` ${definition}`)) {
        context.refuse(source, { rule: 'deferrable-key-column', at });
        return [];
      }
      refuseKeylessTypes(source, context, table.name, [{ name: colname, type }], at);
      const nulls = constraint.nulls_not_distinct === true ? ' NULLS NOT DISTINCT' : '';
      return uniqueConstraint(
        table,
        constraint,
        { definition: `(${written})${nulls}` },
        isRepeatable,
        colname,
      );
    }
    case 'CONSTR_PRIMARY':
      context.refuse(source, {
        rule: 'add-column-with-constraint',
        at,
        why: 'A table of DSQL is stored by its primary key, so the key cannot be added or changed later.',
        instead: 'Put PRIMARY KEY into CREATE TABLE; for a table with rows, create another one and copy.',
      });
      return [];
    case 'CONSTR_GENERATED':
      context.refuse(source, {
        rule: 'add-column-with-constraint',
        at,
        why: 'DSQL has generated columns only in CREATE TABLE.',
        instead:
          'Compute the value in a view or in queries, or create another table with the column and copy.',
      });
      return [];
    default:
      return [];
  }
}

/** Expressions that are never NULL, so that a back-fill comes to an end by itself. */
const NEVER_NULL =
  /^(?:now|gen_random_uuid|nextval|clock_timestamp|transaction_timestamp|statement_timestamp)$/;

function defaultValue(
  table: Altered,
  column: string,
  value: string,
  { raw_expr: expression }: Constraint,
): readonly Step[] {
  const set = alteration(table, `ALTER COLUMN ${column} SET DEFAULT ${value}`, Pass.Attributes);
  const constant = asNode(expression, 'A_Const') ?? asNode(asNode(expression, 'TypeCast')?.arg, 'A_Const');
  if (constant?.isnull === true) return [set];
  const call = strings(asNode(expression, 'FuncCall')?.funcname).at(-1) ?? '';
  const isNeverNull =
    constant !== undefined || NEVER_NULL.test(call) || asNode(expression, 'SQLValueFunction') !== undefined;
  const guard = isNeverNull ? undefined : `(${value}) IS NOT NULL`;
  return [set, { pass: Pass.Fill, statement: fillInBatches(table, column, guard, table.context) }];
}

/** An identity cannot be added to a table, but a sequence that gives the column its default can. */
function sequenceDefault(
  table: Altered,
  { colname, written, at, isRepeatable }: AddedColumn,
  identity: Clause | undefined,
): readonly Step[] {
  const { source, context, name } = table;
  if (identity?.constraint?.generated_when === 'a') {
    context.refuse(source, {
      rule: 'add-column-with-constraint',
      at,
      why: 'DSQL adds an identity only to a column that was created NOT NULL.',
      instead:
        'GENERATED BY DEFAULT, which becomes a sequence; or create another table with the column and copy.',
    });
    return [];
  }
  const sequence = quoted(defaultName(name.name, [colname], 'seq'));
  const dot = table.written.lastIndexOf('.');
  const schema = name.schema === undefined ? '' : table.written.slice(0, dot + 1);
  const qualified = schema + sequence;
  const ifNotExists = isRepeatable ? 'IF NOT EXISTS ' : '';
  const options = identityOptions(table, identity);
  return [
    {
      pass: Pass.AddColumn,
      statement: {
        sql: `CREATE SEQUENCE ${ifNotExists}${qualified} ${options} OWNED BY ${table.written}.${written}`,
        notes: [`${colname} takes its values from a sequence: DSQL adds no identity to a table.`],
      },
    },
    alteration(table, `ALTER COLUMN ${written} SET DEFAULT nextval(${literal(qualified)})`, Pass.Attributes),
    { pass: Pass.Fill, statement: fillInBatches(table, written, undefined, context) },
  ];
}

function identityOptions({ source, context }: Altered, identity: Clause | undefined): string {
  const options = identity?.constraint?.options;
  if (!identity || !options) return `CACHE ${String(context.identityCache)}`;
  let open = identity.from;
  while (open < identity.to && source.tokens[open]?.value !== '(') open++;
  const close = source.afterGroup(open) - 1;
  const edits = sequenceCacheEdits(source, options, open + 1, close, context.identityCache);
  return source.edited(edits, source.tokens[open + 1]?.start ?? source.start, source.endBefore(close));
}
