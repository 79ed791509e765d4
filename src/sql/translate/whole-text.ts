import type { ColumnDef, CreateEnumStmt, FuncCall, TypeName } from 'libpg-query';
import { parseQuery } from '../syntax/parse';
import { utf16Offsets } from '../syntax/read-sources';
import { asNode, strings, walk } from '../syntax/parse-tree';
import type { NodeBody } from '../syntax/parse-tree';
import { literal, quoted } from '../text/quoting';
import { tokensOf } from '../text/scan';
import type { ParsedQuery, Statement, TableName } from '../syntax/statement';
import { isSameName, tableNameOf } from './catalog-facts';
import type { EnumFacts } from './catalog-facts';
import { afterType } from './columns';
import { defaultName, enumCheckName } from './object-names';
import { applyEdits, offsetBefore, SourceText } from './source-text';
import type { Edit } from './source-text';

/** A text in which what concerns all of its statements is translated: names of functions and of enum types. */
export interface PreparedText {
  readonly sql: string;
  readonly parsed: ParsedQuery;
  /** The enum types that the text uses: their columns have become text with a CHECK. */
  readonly usedEnums: ReadonlySet<EnumFacts>;
  /** The statements that went into others, as ranges of the source. */
  readonly merged: readonly { readonly start: number; readonly end: number }[];
  /** Where an offset of `sql` was in the source. */
  offsetInSource(offset: number): number;
}

/**
 * Reads a text, and replaces in it:
 * - a schema before the name of a new index, which neither PostgreSQL nor DSQL takes;
 * - `uuid_generate_v4()` by `gen_random_uuid()`;
 * - the enum types that the text creates, or that are known, by `text` with a CHECK;
 * - a primary key that is added to a table of the text by one in its CREATE TABLE, as `pg_dump` needs it.
 *
 * @param keepsKeys - Whether primary keys can be added, and so stay where they are.
 */
export function prepareText(
  source: string,
  knownEnums: readonly EnumFacts[],
  keepsKeys: boolean,
): PreparedText {
  let sql = source;
  let parsed = parseQuery(sql);
  const rounds: (readonly Edit[])[] = [];
  const apply = (edits: readonly Edit[]) => {
    if (edits.length === 0) return;
    sql = applyEdits(sql, edits);
    parsed = parseQuery(sql);
    rounds.unshift(edits);
  };

  if (parsed.error) apply(indexSchemaEdits(sql));
  if (/uuid_generate_v4/i.test(sql)) apply(uuidEdits(sql, parsed));
  const created = /\benum\b/i.test(sql) ? createdEnums(parsed) : [];
  const enums = [...knownEnums, ...created];
  const usedEnums = new Set<EnumFacts>();
  if (enums.length > 0) apply(enumEdits(sql, parsed, enums, usedEnums));
  const offsetInSource = (offset: number) => rounds.reduce((at, edits) => offsetBefore(edits, at), offset);
  const keys = keepsKeys || !/\bprimary\b/i.test(sql) ? [] : addedKeys(sql, parsed);
  const merged = keys.map(({ removal }) => ({
    start: offsetInSource(removal.start),
    end: offsetInSource(removal.end),
  }));
  apply(keys.flatMap(({ insertion, removal }) => [insertion, removal]));
  return { sql, parsed, usedEnums, merged, offsetInSource };
}

/** The ranges of a text's statements; what follows the last one, and white space, is not in them. */
export function sourceOf(sql: string, statement: Statement): SourceText {
  const inserted = statement.insertions.reduce((sum, { length }) => sum + length, 0);
  const end = statement.start + statement.text.length - inserted;
  const text = sql.slice(statement.start, end);
  const start = statement.start + text.length - text.trimStart().length;
  return new SourceText(sql, start, statement.start + text.trimEnd().length, utf16Offsets(sql));
}

// ---------------------------------------------------------------------------------------------------------------

/** Finds `CREATE INDEX schema.name ON`; the index is made in the schema of its table all the same. */
function indexSchemaEdits(sql: string): Edit[] {
  const edits: Edit[] = [];
  const tokens = [...tokensOf(sql)];
  tokens.forEach(({ value, kind }, index) => {
    if (value !== 'INDEX' || kind !== 'word') return;
    const before = tokens[index - 1]?.value;
    if (before !== 'CREATE' && !(before === 'UNIQUE' && tokens[index - 2]?.value === 'CREATE')) return;
    let at = index + 1;
    while (/^(?:ASYNC|CONCURRENTLY|IF|NOT|EXISTS)$/.test(tokens[at]?.value ?? '')) at++;
    const schema = tokens[at];
    const name = tokens[at + 2];
    if (schema && name && tokens[at + 1]?.value === '.') {
      edits.push({ start: schema.start, end: name.start, text: '' });
    }
  });
  return edits;
}

function uuidEdits(sql: string, parsed: ParsedQuery): Edit[] {
  const edits: Edit[] = [];
  for (const statement of parsed.statements) {
    const source = sourceOf(sql, statement);
    walk(statement.node, statement.tree as object, ({ name, body }) => {
      const call = body as FuncCall;
      if (name === 'FuncCall' && strings(call.funcname).at(-1) === 'uuid_generate_v4') {
        const from = source.indexAt(source.at(call.location));
        const end = source.endBefore(source.afterName(from));
        edits.push({ start: source.at(call.location), end, text: 'gen_random_uuid' });
      }
      return true;
    });
  }
  return edits;
}

// --- primary keys ---------------------------------------------------------------------------------------------

interface AddedKey {
  /** The key, in CREATE TABLE. */
  readonly insertion: Edit;
  /** The ALTER TABLE that added it. */
  readonly removal: Edit;
}

/** Finds `ALTER TABLE t ADD PRIMARY KEY`, alone, of a table that the text has created before. */
function addedKeys(sql: string, { statements }: ParsedQuery): AddedKey[] {
  const keys: AddedKey[] = [];
  let created: { readonly name: TableName; readonly end: number }[] = [];
  for (const statement of statements) {
    const { node, tree } = statement;
    if (node === 'CreateStmt') {
      const table = tree as NodeBody<'CreateStmt'>;
      const end = endOfColumns(sql, statement);
      if (end !== undefined) created.push({ name: tableNameOf(table.relation), end });
    }
    // After these, a name may be that of another table.
    if (/^(?:Drop|Rename|AlterObjectSchema)Stmt$/.test(node)) created = [];
    if (node !== 'AlterTableStmt') continue;
    const { relation, cmds } = tree as NodeBody<'AlterTableStmt'>;
    const [command, more] = cmds ?? [];
    const action = asNode(command, 'AlterTableCmd');
    const constraint = action?.subtype === 'AT_AddConstraint' ? asNode(action.def, 'Constraint') : undefined;
    const table = created.find(({ name }) => isSameName(name, tableNameOf(relation)));
    if (constraint?.contype !== 'CONSTR_PRIMARY' || constraint.indexname !== undefined || more || !table)
      continue;
    const source = sourceOf(sql, statement);
    const from = source.indexAt(source.at(constraint.location));
    const definition = source.cut(from, source.tokens.length);
    keys.push({
      insertion: { start: table.end, end: table.end, text: `, ${definition}` },
      removal: { start: source.tokens[0]?.start ?? source.start, end: source.end, text: '' },
    });
    created = created.filter((each) => each !== table);
  }
  return keys;
}

/** Where the list of columns of a new table ends that has none of the clauses by which it could have a key already. */
function endOfColumns(sql: string, statement: Statement): number | undefined {
  const {
    relation,
    tableElts,
    if_not_exists: mayExist,
    inhRelations,
  } = statement.tree as NodeBody<'CreateStmt'>;
  if (mayExist === true || inhRelations || !tableElts?.length) return undefined;
  const found = { key: false };
  walk(statement.node, statement.tree as object, ({ name, body }) => {
    found.key ||= name === 'TableLikeClause' || (body as NodeBody<'Constraint'>).contype === 'CONSTR_PRIMARY';
    return !found.key;
  });
  if (found.key) return undefined;
  const source = sourceOf(sql, statement);
  const open = source.afterName(source.indexAt(source.at(relation?.location)));
  return source.tokens[open]?.value === '(' ? source.endBefore(source.afterGroup(open) - 1) : undefined;
}

// --- enums ----------------------------------------------------------------------------------------------------

/** The enum type that a statement creates: CREATE TYPE, or the block with which Sequelize creates one if there is none. */
export function createdEnum(statement: Statement): EnumFacts | undefined {
  if (statement.node === 'CreateEnumStmt') return enumFacts(statement.tree as CreateEnumStmt);
  if (statement.node !== 'DoStmt') return undefined;
  const { args } = statement.tree as NodeBody<'DoStmt'>;
  const body = (args ?? []).map((arg) => asNode(arg, 'DefElem')).find((arg) => arg?.defname === 'as')?.arg;
  const block = asNode(body, 'String')?.sval ?? '';
  const create = CREATE_UNLESS_THERE.exec(block)?.[1];
  const [inner, ...others] = create === undefined ? [] : parseQuery(create).statements;
  return inner?.node === 'CreateEnumStmt' && others.length === 0
    ? enumFacts(inner.tree as CreateEnumStmt)
    : undefined;
}

const CREATE_UNLESS_THERE =
  /^\s*BEGIN\s+(CREATE\s+TYPE\s[^;]*);\s*EXCEPTION\s+WHEN\s+duplicate_object\s+THEN\s+null;\s*END;?\s*$/i;

function enumFacts({ typeName, vals }: CreateEnumStmt): EnumFacts {
  const [name = '', schema] = [...strings(typeName)].reverse();
  return { ...(schema !== undefined && { schema }), name, labels: strings(vals) };
}

function createdEnums({ statements }: ParsedQuery): EnumFacts[] {
  return statements.flatMap((statement) => createdEnum(statement) ?? []);
}

/** The enum type among the known ones that a type's name means. */
function enumNamed(type: TypeName | undefined, enums: readonly EnumFacts[]): EnumFacts | undefined {
  const [name = '', schema] = [...strings(type?.names)].reverse();
  return enums.find((known) => isSameName(known, { ...(schema !== undefined && { schema }), name }));
}

/** Statements that name a type itself, not the type of a value. */
const ABOUT_TYPES = new Set(['DropStmt', 'CommentStmt', 'RenameStmt', 'GrantStmt', 'AlterOwnerStmt']);

function enumEdits(
  sql: string,
  parsed: ParsedQuery,
  enums: readonly EnumFacts[],
  used: Set<EnumFacts>,
): Edit[] {
  const edits: Edit[] = [];
  for (const statement of parsed.statements) {
    if (ABOUT_TYPES.has(statement.node)) continue;
    const source = sourceOf(sql, statement);
    const columns = new Map<TypeName, ColumnDef>();
    const changed = new Set<TypeName>();
    walk(statement.node, statement.tree as object, ({ name, body, parent }) => {
      const isColumn = parent?.name === 'CreateStmt' || parent?.name === 'AlterTableCmd';
      if (name === 'ColumnDef' && isColumn) {
        const column = body as ColumnDef;
        const isChange = (parent.body as { subtype?: string }).subtype === 'AT_AlterColumnType';
        // Changing a column's type stays a change of type, which is refused.
        if (column.typeName && isChange) changed.add(column.typeName);
        else if (column.typeName) columns.set(column.typeName, column);
      }
      if (name !== 'TypeName') return true;
      const type = body as TypeName;
      const known = enumNamed(type, enums);
      if (!known || type.location === undefined || changed.has(type)) return true;
      used.add(known);
      const from = source.indexAt(source.at(type.location));
      const to = afterType(source, from, type);
      const column = type.arrayBounds ? undefined : columns.get(type);
      const check = column ? ` ${checkOf(statement, column, source.cut(from - 1, from), known)}` : '';
      edits.push({ start: source.at(type.location), end: source.endBefore(to), text: `text${check}` });
      return true;
    });
  }
  return edits;
}

function checkOf(
  { tree }: Statement,
  { colname = '' }: ColumnDef,
  written: string,
  { name: type, labels }: EnumFacts,
): string {
  const { name: table } = tableNameOf((tree as NodeBody<'CreateStmt'>).relation);
  const name = enumCheckName(type, table, colname);
  // The name that it gets anyway.
  const named = name === defaultName(table, [colname], 'check') ? '' : `CONSTRAINT ${quoted(name)} `;
  return `${named}CHECK (${written} IN (${labels.map(literal).join(', ')}))`;
}
