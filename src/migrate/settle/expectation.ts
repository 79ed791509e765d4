import type { AlterTableCmd, Node } from 'libpg-query';
import {
  asNode,
  enumValuesOf,
  formattedType,
  literal,
  parseQuery,
  strings,
  tableNameOf,
  type CatalogColumn,
  type CatalogConstraint,
  type CatalogTable,
  type NodeBody,
  type Statement,
  type TableName,
  nameOfParts,
} from '../../sql';
import { isView, viewDefinition } from './view-definition';

/** Whether a statement has taken effect, by what the catalogue shows; `differs` says that it shows something else. */
export type Verdict = 'done' | 'not done' | { readonly differs: string };

/** What the catalogue shows of a statement that has taken effect. */
export type Expectation =
  /** It can be sent again in any case. */
  | 'repeatable'
  /** The catalogue does not tell. */
  | 'unknown'
  /** It is told by tables. */
  | {
      readonly tables: readonly TableName[];
      readonly judge: (tables: readonly CatalogTable[]) => Verdict;
    }
  /** It is told by what a query finds. */
  | { readonly asked: string; readonly judgeRows: (rows: readonly unknown[]) => Verdict }
  /** It is told by whether something is there. */
  | { readonly exists: string; readonly isDone: (isThere: boolean) => boolean };

type OfKind<Name extends Parameters<typeof asNode>[1]> = (tree: NodeBody<Name>) => Expectation;

const gone = (isThere: boolean) => !isThere;
const there = (isThere: boolean) => isThere;
const ifTrue = (isDone: boolean): Verdict => (isDone ? 'done' : 'not done');

/** Statements that do the same when they are sent again, and of which the catalogue tells too little. */
const REPEATABLE: ReadonlySet<string> = new Set([
  'GrantStmt',
  'GrantRoleStmt',
  'AwsIamGrantStmt',
  'AwsIamRevokeStmt',
  'AlterSeqStmt',
  'AlterOwnerStmt',
  'AlterRoleStmt',
  'AlterRoleSetStmt',
]);

/** What the catalogue shows of a statement that changes the schema when it has taken effect. */
export function expectationOf({ node, tree }: Statement): Expectation {
  if (REPEATABLE.has(node)) return 'repeatable';
  const find = BY_NODE[node];
  return find === undefined ? 'unknown' : find(tree as never);
}

const createTable: OfKind<'CreateStmt'> = ({ relation, tableElts = [], if_not_exists: ifNotExists }) => {
  const name = tableNameOf(relation);
  // Where another one is there, the statement does nothing.
  const differs = (what: string): Verdict => (ifNotExists === true ? 'not done' : { differs: what });
  const columns = tableElts.flatMap((element) => asNode(element, 'ColumnDef') ?? []);
  return ofTable(name, (table) => {
    if (table === undefined) return 'not done';
    const missing = columns.find(({ colname, typeName }) => {
      const column = table.columns.find((each) => each.name === colname);
      const type = formattedType(typeName);
      return column === undefined || (type !== undefined && type !== column.type);
    });
    if (missing !== undefined) {
      return differs(
        `There is a table "${name.name}", but its column "${missing.colname ?? ''}" is another one.`,
      );
    }
    return table.columns.length > columns.length && columns.length === tableElts.length
      ? differs(`There is a table "${name.name}", but it has more columns.`)
      : 'done';
  });
};

const createIndex: OfKind<'IndexStmt'> = ({ idxname, relation, unique = false, indexParams = [] }) => {
  if (idxname === undefined) return 'unknown';
  const keys = indexParams.map((param) => asNode(param, 'IndexElem')?.name ?? null);
  return ofTable(tableNameOf(relation), (table) => {
    const index = table?.indexes.find(({ name }) => name === idxname);
    // What a failed build has left is dropped, and one that is on its way is waited for, where it is sent again.
    if (index?.valid !== true) return 'not done';
    const isSame =
      index.unique === unique &&
      JSON.stringify(index.keys.map(({ column }) => column)) === JSON.stringify(keys);
    return isSame ? 'done' : { differs: `There is an index "${idxname}", but it is another one.` };
  });
};

const alterTable: OfKind<'AlterTableStmt'> = ({ relation, cmds = [] }) => {
  const commands = cmds.map((command) => asNode(command, 'AlterTableCmd') ?? {});
  const replaced = new Set(commands.flatMap((command) => replacedConstraint(command, commands) ?? []));
  // The place of what is replaced is taken by one of the same name, which tells.
  const telling = commands.filter(
    ({ subtype, name = '' }) => subtype !== 'AT_DropConstraint' || !replaced.has(name),
  );
  const expected = telling.map((command) => {
    const name = replacedConstraint(command, commands);
    return name === undefined ? alteration(command) : replacement(name, command);
  });
  if (expected.includes('unknown')) return 'unknown';
  const once = expected.filter((judge) => typeof judge === 'function');
  // What may have been true before tells nothing of what is done beside it.
  const judges = once.length > 0 ? once : judgesOfRepeatable(expected);
  if (judges === undefined) return 'repeatable';
  return ofTable(tableNameOf(relation), (table) => {
    if (table === undefined) return 'not done';
    const verdicts = judges.map((judge) => judge(table));
    const differing = verdicts.find((verdict) => typeof verdict === 'object');
    if (differing !== undefined) return differing;
    if (verdicts.every((verdict) => verdict === verdicts[0])) return verdicts[0] ?? 'not done';
    if (once.length === 0) return 'not done';
    return { differs: `A part of it is true of the table "${table.name}".` };
  });
};

/** The name of a constraint that a command adds in the place of one of the same name. */
function replacedConstraint(
  { subtype, def }: AlterTableCmd,
  commands: readonly AlterTableCmd[],
): string | undefined {
  const added = subtype === 'AT_AddConstraint' ? asNode(def, 'Constraint')?.conname : undefined;
  const isIt = ({ subtype: of, name }: AlterTableCmd) => of === 'AT_DropConstraint' && name === added;
  return commands.some(isIt) ? added : undefined;
}

/** The CHECK of an enum is known by its labels; any other constraint can be replaced again, and is known by its definition. */
function replacement(name: string, { def }: AlterTableCmd): Alteration {
  const wanted = asNode(def, 'Constraint') ?? {};
  const constraint = ({ constraints }: CatalogTable) => constraints.find((each) => each.name === name);
  const { kind, rexpr } = asNode(wanted.raw_expr, 'A_Expr') ?? {};
  const labels = asNode(rexpr, 'List')?.items?.map((item) => asNode(item, 'A_Const')?.sval?.sval);
  if (kind !== 'AEXPR_IN' || labels === undefined) {
    return { isTrue: (table) => isConstraint(constraint(table), wanted) };
  }
  return (table) => {
    const { definition = '' } = constraint(table) ?? {};
    return ifTrue(JSON.stringify(enumValuesOf(definition)) === JSON.stringify(labels));
  };
}

/** Whether a constraint is as a statement says, validated or not. */
function isConstraint(kept: CatalogConstraint | undefined, wanted: NodeBody<'Constraint'>): boolean {
  if (kept === undefined) return false;
  const [statement] = parseQuery(`ALTER TABLE t ADD CONSTRAINT c ${kept.definition}`).statements;
  const [command] = (statement?.tree as NodeBody<'AlterTableStmt'> | undefined)?.cmds ?? [];
  const found = asNode(asNode(command, 'AlterTableCmd')?.def, 'Constraint');
  const [is, asWanted] = [found, wanted].map((constraint) =>
    JSON.stringify(constraint, (key, value: unknown) => (NOT_COMPARED.test(key) ? undefined : value)),
  );
  if (wanted.pktable === undefined || kept.target === null) return is === asWanted;
  // The catalogue names the schema of another table only where it has to.
  const { schema, name } = tableNameOf(wanted.pktable);
  return is === asWanted && schema === kept.target.schema && name === kept.target.name;
}

const NOT_COMPARED = /^(?:(?:\w+_)?location|conname|skip_validation|initially_valid|pktable)$/;

type JudgeTable = (table: CatalogTable) => Verdict;

/** How it is told whether a command has taken effect; one that can be repeated may have been true before. */
type Alteration = JudgeTable | Repeatable | 'repeatable' | 'unknown';

/** A command that does the same when it is sent again, and what the table is like when it has been. */
interface Repeatable {
  readonly isTrue: (table: CatalogTable) => boolean;
}

/** @returns nothing where the table does not tell of one of them */
function judgesOfRepeatable(alterations: readonly Alteration[]): readonly JudgeTable[] | undefined {
  const judges = alterations.flatMap((each) =>
    typeof each === 'object' ? (table: CatalogTable) => ifTrue(each.isTrue(table)) : [],
  );
  return judges.length < alterations.length ? undefined : judges;
}

function alteration(command: AlterTableCmd): Alteration {
  const { subtype, name = '', def, missing_ok: missingOk } = command;
  const column = (table: CatalogTable) => table.columns.find((each) => each.name === name);
  const constraint = (table: CatalogTable, of: string) => table.constraints.find((each) => each.name === of);
  const repeatable = missingOk === true;
  switch (subtype) {
    case 'AT_AddColumn': {
      const added = asNode(def, 'ColumnDef') ?? {};
      const isThere = ({ columns }: CatalogTable) => columns.some((each) => each.name === added.colname);
      return repeatable ? { isTrue: isThere } : addedColumn(added);
    }
    case 'AT_DropColumn':
      return told(repeatable, (table) => column(table) === undefined);
    case 'AT_AddConstraint': {
      const { conname } = asNode(def, 'Constraint') ?? {};
      return conname === undefined
        ? 'unknown'
        : told(false, (table) => constraint(table, conname) !== undefined);
    }
    case 'AT_DropConstraint':
      return told(repeatable, (table) => constraint(table, name) === undefined);
    case 'AT_ValidateConstraint':
      return told(false, (table) => constraint(table, name)?.validated === true);
    case 'AT_AddIdentity':
      return told(false, (table) => column(table)?.identity === true);
    case 'AT_DropIdentity':
      return told(false, (table) => column(table)?.identity === false);
    case 'AT_ColumnDefault':
      return { isTrue: (table) => isDefault(column(table), def) };
    case 'AT_DropNotNull':
      return { isTrue: (table) => column(table)?.notNull === false };
    case 'AT_SetNotNull':
      return { isTrue: (table) => column(table)?.notNull === true };
    case 'AT_SetIdentity':
    case 'AT_ChangeOwner':
      return 'repeatable';
    default:
      return 'unknown';
  }
}

function told(isRepeatable: boolean, isTrue: (table: CatalogTable) => boolean): JudgeTable | Repeatable {
  return isRepeatable ? { isTrue } : (table) => ifTrue(isTrue(table));
}

/** Whether a column has a default, or none where none is given. */
function isDefault(column: CatalogColumn | undefined, expression: Node | undefined): boolean {
  if (column === undefined) return false;
  const isNone = expression === undefined || asNode(expression, 'A_Const')?.isnull === true;
  if (isNone || column.default === null) return isNone && column.default === null;
  const [kept] = parseQuery(`SELECT ${column.default}`).statements;
  const [target] = (kept?.tree as NodeBody<'SelectStmt'> | undefined)?.targetList ?? [];
  return compared(asNode(target, 'ResTarget')?.val) === compared(expression);
}

/** An expression without its places, and a constant without its type: PostgreSQL keeps it as one of the column's. */
function compared(expression: Node | undefined): string {
  const constant = asNode(expression, 'A_Const') ?? asNode(asNode(expression, 'TypeCast')?.arg, 'A_Const');
  const { ival, fval, sval } = constant ?? {};
  if (ival !== undefined) return `constant ${String(ival.ival ?? 0)}`;
  const text = fval?.fval ?? sval?.sval;
  if (text !== undefined) return `constant ${text}`;
  return JSON.stringify(expression, (key, value: unknown) =>
    /^(?:location|\w+_location)$/.test(key) ? undefined : value,
  );
}

function addedColumn({ colname, typeName }: NodeBody<'ColumnDef'>): JudgeTable {
  return (table) => {
    const column = table.columns.find(({ name }) => name === colname);
    if (column === undefined) return 'not done';
    const type = formattedType(typeName);
    return type === undefined || type === column.type
      ? 'done'
      : { differs: `There is a column "${column.name}", but it is ${column.type}.` };
  };
}

const rename: OfKind<'RenameStmt'> = ({ renameType, relation, subname = '', newname = '' }) => {
  const from = tableNameOf(relation);
  switch (renameType) {
    case 'OBJECT_TABLE':
    case 'OBJECT_VIEW': {
      const to = { ...from, name: newname };
      return {
        tables: [from, to],
        judge: (tables) =>
          renamed(
            tables.map(({ name }) => name),
            from.name,
            newname,
          ),
      };
    }
    case 'OBJECT_COLUMN':
      return ofTable(from, (table) =>
        renamed(table?.columns.map(({ name }) => name) ?? [], subname, newname),
      );
    case 'OBJECT_TABCONSTRAINT':
      return ofTable(from, (table) =>
        renamed(table?.constraints.map(({ name }) => name) ?? [], subname, newname),
      );
    case 'OBJECT_INDEX':
      return { exists: relationExists({ ...from, name: newname }, 'i'), isDone: there };
    case 'OBJECT_SEQUENCE':
      return { exists: relationExists({ ...from, name: newname }, 'S'), isDone: there };
    default:
      return 'unknown';
  }
};

function renamed(names: readonly string[], from: string, to: string): Verdict {
  if (names.includes(from) === names.includes(to)) {
    return { differs: `Of "${from}" and "${to}" there are ${names.includes(to) ? 'both' : 'none'}.` };
  }
  return ifTrue(names.includes(to));
}

const drop: OfKind<'DropStmt'> = ({ removeType, objects = [], missing_ok: missingOk }) => {
  const otherwise = missingOk === true ? 'repeatable' : 'unknown';
  const [object, ...others] = objects;
  if (others.length > 0) return otherwise;
  const names = strings(asNode(object, 'List')?.items ?? (object === undefined ? [] : [object]));
  const relation = nameOfParts(names);
  const { name } = relation;
  switch (removeType) {
    case 'OBJECT_TABLE':
      return { exists: relationExists(relation, 'r'), isDone: gone };
    case 'OBJECT_VIEW':
      return { exists: relationExists(relation, 'v'), isDone: gone };
    case 'OBJECT_INDEX':
      return { exists: relationExists(relation, 'i'), isDone: gone };
    case 'OBJECT_SEQUENCE':
      return { exists: relationExists(relation, 'S'), isDone: gone };
    case 'OBJECT_SCHEMA':
      return { exists: schemaExists(name), isDone: gone };
    default:
      return otherwise;
  }
};

/** The kinds of relations that have comments, by the letters of `pg_class`. */
const COMMENTED: Readonly<Partial<Record<string, RelationKind>>> = {
  OBJECT_TABLE: 'r',
  OBJECT_VIEW: 'v',
  OBJECT_INDEX: 'i',
  OBJECT_SEQUENCE: 'S',
};

/** A comment is told by its text; none is as an empty one. */
const comment: OfKind<'CommentStmt'> = ({ objtype = '', object, comment: text = '' }) => {
  const names = strings(asNode(object, 'List')?.items);
  const isColumn = objtype === 'OBJECT_COLUMN';
  const relation = nameOfParts(isColumn ? names.slice(0, -1) : names);
  const kind = COMMENTED[objtype];
  if (kind === undefined && !isColumn) return 'repeatable';
  const place = isColumn
    ? `(SELECT attnum FROM pg_catalog.pg_attribute WHERE attrelid = c.oid AND attname = ${literal(names.at(-1) ?? '')} AND NOT attisdropped)`
    : '0';
  const described = `(SELECT d.description FROM pg_catalog.pg_description d WHERE d.objoid = c.oid AND d.classoid = 'pg_catalog.pg_class'::regclass AND d.objsubid = place.number)`;
  return {
    exists: `${relationExists(relation, kind, `CROSS JOIN LATERAL (SELECT ${place} AS number) place`)} AND place.number IS NOT NULL AND coalesce(${described}, '') = ${literal(text)}`,
    isDone: there,
  };
};

const BY_NODE: Readonly<Record<string, (tree: never) => Expectation>> = {
  CreateStmt: createTable,
  IndexStmt: createIndex,
  AlterTableStmt: alterTable,
  CommentStmt: comment,
  RenameStmt: rename,
  DropStmt: drop,
  ViewStmt: (tree: NodeBody<'ViewStmt'>) =>
    tree.replace === true
      ? { asked: viewDefinition(tree), judgeRows: (rows) => ifTrue(isView(tree, rows)) }
      : { exists: relationExists(tableNameOf(tree.view), 'v'), isDone: there },
  // Where another one is there, IF NOT EXISTS does nothing.
  CreateSeqStmt: ({ sequence }: NodeBody<'CreateSeqStmt'>) => ({
    exists: relationExists(tableNameOf(sequence), 'S'),
    isDone: there,
  }),
  CreateSchemaStmt: ({ schemaname = '' }: NodeBody<'CreateSchemaStmt'>) => ({
    exists: schemaExists(schemaname),
    isDone: there,
  }),
  CreateFunctionStmt: ({ replace }: NodeBody<'CreateFunctionStmt'>) =>
    replace === true ? 'repeatable' : 'unknown',
  CreateRoleStmt: ({ role = '' }: NodeBody<'CreateRoleStmt'>) => ({
    exists: `SELECT 1 FROM pg_catalog.pg_roles WHERE rolname = ${literal(role)}`,
    isDone: there,
  }),
};

function ofTable(name: TableName, judge: (table: CatalogTable | undefined) => Verdict): Expectation {
  return { tables: [name], judge: ([table]) => judge(table) };
}

type RelationKind = 'r' | 'v' | 'i' | 'S';

/**
 * @param kind - any if omitted
 * @param join - what else is looked at
 */
function relationExists({ schema, name }: TableName, kind?: RelationKind, join = ''): string {
  const namespace = schema === undefined ? 'current_schema()' : literal(schema);
  const ofKind = kind === undefined ? '' : ` AND c.relkind = ${literal(kind)}`;
  return `SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace ${join} WHERE c.relname = ${literal(name)} AND n.nspname = ${namespace}${ofKind}`;
}

function schemaExists(name: string): string {
  return `SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = ${literal(name)}`;
}
