import type { ColumnDef, CreateEnumStmt, TypeName } from 'libpg-query';
import { parseQuery } from '../../syntax/parse';
import { asNode, optionNamed, strings, walk } from '../../syntax/parse-tree';
import type { NodeBody } from '../../syntax/parse-tree';
import type { Statement } from '../../syntax/statement';
import { literal, quoted } from '../../text/quoting';
import { lastNamed, nameOfParts, tableNameOf } from '../../catalogue/catalog-facts';
import type { EnumFacts } from '../../catalogue/catalog-facts';
import { defaultName, enumCheckName } from '../columns/default-names';
import { afterType } from '../columns/type-names';
import { applyEdits } from './edits';
import type { Edit } from './edits';
import { parseText } from './parsed-text';
import type { ParsedText } from './parsed-text';
import type { StatementText } from './statement-text';

/** The enum type that a statement creates: CREATE TYPE, or the block with which Sequelize creates one if there is none. */
export function createdEnum(statement: Statement): EnumFacts | undefined {
  if (statement.node === 'CreateEnumStmt') return enumFacts(statement.tree as CreateEnumStmt);
  if (statement.node !== 'DoStmt') return undefined;
  const create = CREATE_UNLESS_THERE.exec(blockOf(statement))?.[1];
  const [inner, ...others] = create === undefined ? [] : parseQuery(create).statements;
  return inner?.node === 'CreateEnumStmt' && others.length === 0
    ? enumFacts(inner.tree as CreateEnumStmt)
    : undefined;
}

/** The text of the block of a DO statement. */
export function blockOf({ tree }: Statement): string {
  const { args } = tree as NodeBody<'DoStmt'>;
  return asNode(optionNamed(args, 'as')?.arg, 'String')?.sval ?? '';
}

const CREATE_UNLESS_THERE =
  /^\s*BEGIN\s+(CREATE\s+TYPE\s[^;]*);\s*EXCEPTION\s+WHEN\s+duplicate_object\s+THEN\s+null;\s*END;?\s*$/i;

function enumFacts({ typeName, vals }: CreateEnumStmt): EnumFacts {
  return { ...nameOfParts(strings(typeName)), labels: strings(vals) };
}

/** The enum types that a text creates. */
export function createdEnums({ sql, parsed }: ParsedText): readonly EnumFacts[] {
  if (!/\benum\b/i.test(sql)) return [];
  return parsed.statements.flatMap((statement) => createdEnum(statement) ?? []);
}

/** The enum type among the known ones that a type's name means. */
export function enumNamed(type: TypeName, enums: readonly EnumFacts[]): EnumFacts | undefined {
  return lastNamed(nameOfParts(strings(type.names)), enums);
}

/** Statements that name a type itself, not the type of a value. */
const ABOUT_TYPES = new Set(['DropStmt', 'CommentStmt', 'RenameStmt', 'GrantStmt', 'AlterOwnerStmt']);

/** A cast between types is as one of the texts that take their place. */
function isAboutTypes({ node, tree }: Statement): boolean {
  return ABOUT_TYPES.has(node) && (tree as NodeBody<'DropStmt'>).removeType !== 'OBJECT_CAST';
}

/** What becomes of the enum types of a text. */
export interface EnumEdits {
  readonly edits: readonly Edit[];
  /** The types among those given that the text uses. */
  readonly used: readonly EnumFacts[];
}

/**
 * Replaces enum types by `text`, with a CHECK where they are the type of a column.
 *
 * @param isOther - whether something else is done about the type, and the column that it is of
 */
export function enumEdits(
  { statements }: ParsedText,
  enums: readonly EnumFacts[],
  isOther: (type: TypeName, column: ColumnDef | undefined) => boolean,
): EnumEdits {
  const edits: Edit[] = [];
  if (enums.length === 0) return { edits, used: [] };
  const used = new Set<EnumFacts>();
  for (const source of statements) {
    if (isAboutTypes(source.statement)) continue;
    for (const { type, column, isChange } of typesIn(source.statement)) {
      const known = enumNamed(type, enums);
      // Changing a column's type stays a change of type, which is refused.
      if (!known || isChange) continue;
      used.add(known);
      if (isOther(type, column)) continue;
      edits.push(replacement(source, type, known, column));
    }
  }
  return { edits, used: [...used] };
}

/** A type in a statement, and the column of which it is the type, if it is one of a new column. */
interface UsedType {
  readonly type: TypeName;
  readonly column: ColumnDef | undefined;
  /** Whether a column of another type gets this one. */
  readonly isChange: boolean;
}

function typesIn({ node, tree }: Statement): UsedType[] {
  const types: UsedType[] = [];
  const columns = new Map<TypeName, ColumnDef>();
  const changed = new Set<TypeName>();
  walk(node, tree as object, ({ name, body, parent }) => {
    const isColumn = parent?.name === 'CreateStmt' || parent?.name === 'AlterTableCmd';
    if (name === 'ColumnDef' && isColumn) {
      const column = body as ColumnDef;
      const isChange = (parent.body as { subtype?: string }).subtype === 'AT_AlterColumnType';
      if (column.typeName && isChange) changed.add(column.typeName);
      else if (column.typeName) columns.set(column.typeName, column);
    }
    const type = body as TypeName;
    if (name === 'TypeName' && type.location !== undefined) {
      types.push({ type, column: columns.get(type), isChange: changed.has(type) });
    }
    return true;
  });
  return types;
}

/** A text in which `text` takes the place of enum types, also where a column gets one of them. */
export function withEnumsAsText(sql: string, enums: readonly EnumFacts[]): string {
  const edits = parseText(sql).statements.flatMap((source) =>
    typesIn(source.statement).flatMap(({ type }) => {
      const known = enumNamed(type, enums);
      return known === undefined ? [] : [replacement(source, type, known, undefined)];
    }),
  );
  return applyEdits(sql, edits);
}

function replacement(
  source: StatementText,
  type: TypeName,
  known: EnumFacts,
  column: ColumnDef | undefined,
): Edit {
  const from = source.indexAt(source.at(type.location));
  const isCheckable = column !== undefined && !type.arrayBounds;
  const check = isCheckable ? ` ${checkOf(source.statement, column, source.cut(from - 1, from), known)}` : '';
  return {
    start: source.at(type.location),
    end: source.endBefore(afterType(source, from, type)),
    text: `text${check}`,
  };
}

function checkOf(
  statement: Statement,
  { colname = '' }: ColumnDef,
  written: string,
  type: EnumFacts,
): string {
  return `${namedCheck(statement, colname, type)}CHECK (${written} IN (${type.labels.map(literal).join(', ')}))`;
}

/** `CONSTRAINT name ` before the CHECK of a column of an enum type, or of an array of it; nothing where it gets that name anyway. */
export function namedCheck({ tree }: Statement, column: string, type: EnumFacts): string {
  const { name: table } = tableNameOf((tree as NodeBody<'CreateStmt'>).relation);
  const name = enumCheckName(type.name, table, column);
  return name === defaultName(table, [column], 'check') ? '' : `CONSTRAINT ${quoted(name)} `;
}
