import type { AlterTableCmd } from 'libpg-query';
import {
  asNode,
  enumValuesOf,
  formattedType,
  literal,
  strings,
  tableNameOf,
  type CatalogTable,
  type NodeBody,
  type Statement,
  type TableName,
  nameOfParts,
} from '../../sql';

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
  /** It is told by whether something is there. */
  | { readonly exists: string; readonly isDone: (isThere: boolean) => boolean };

type OfKind<Name extends Parameters<typeof asNode>[1]> = (tree: NodeBody<Name>) => Expectation;

const gone = (isThere: boolean) => !isThere;
const there = (isThere: boolean) => isThere;
const ifTrue = (isDone: boolean): Verdict => (isDone ? 'done' : 'not done');

/** Statements that do the same when they are sent again. */
const REPEATABLE: ReadonlySet<string> = new Set([
  'CommentStmt',
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
  const expected = commands.map((command) => {
    // Its place is taken by one of the same name, which tells.
    if (command.subtype === 'AT_DropConstraint' && replaced.has(command.name ?? '')) return 'repeatable';
    const name = replacedConstraint(command, commands);
    return name === undefined ? alteration(command) : replacement(name, command);
  });
  if (expected.includes('unknown')) return 'unknown';
  const judges = expected.filter((judge) => typeof judge === 'function');
  if (judges.length === 0) return 'repeatable';
  return ofTable(tableNameOf(relation), (table) => {
    if (table === undefined) return 'not done';
    const verdicts = judges.map((judge) => judge(table));
    const differing = verdicts.find((verdict) => typeof verdict === 'object');
    if (differing !== undefined) return differing;
    if (verdicts.every((verdict) => verdict === verdicts[0])) return verdicts[0] ?? 'not done';
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

/** The CHECK of an enum is known by its labels; any other constraint can be replaced again. */
function replacement(name: string, { def }: AlterTableCmd): JudgeTable | 'repeatable' {
  const { kind, rexpr } = asNode(asNode(def, 'Constraint')?.raw_expr, 'A_Expr') ?? {};
  const labels = asNode(rexpr, 'List')?.items?.map((item) => asNode(item, 'A_Const')?.sval?.sval);
  if (kind !== 'AEXPR_IN' || labels === undefined) return 'repeatable';
  return ({ constraints }) => {
    const { definition = '' } = constraints.find((each) => each.name === name) ?? {};
    return ifTrue(JSON.stringify(enumValuesOf(definition)) === JSON.stringify(labels));
  };
}

type JudgeTable = (table: CatalogTable) => Verdict;

function alteration(command: AlterTableCmd): JudgeTable | 'repeatable' | 'unknown' {
  const { subtype, name = '', def, missing_ok: missingOk } = command;
  const column = (table: CatalogTable) => table.columns.find((each) => each.name === name);
  const constraint = (table: CatalogTable, of: string) => table.constraints.find((each) => each.name === of);
  switch (subtype) {
    case 'AT_AddColumn':
      return missingOk === true ? 'repeatable' : addedColumn(asNode(def, 'ColumnDef') ?? {});
    case 'AT_DropColumn':
      return missingOk === true ? 'repeatable' : (table) => ifTrue(column(table) === undefined);
    case 'AT_AddConstraint': {
      const { conname } = asNode(def, 'Constraint') ?? {};
      return conname === undefined ? 'unknown' : (table) => ifTrue(constraint(table, conname) !== undefined);
    }
    case 'AT_DropConstraint':
      return missingOk === true ? 'repeatable' : (table) => ifTrue(constraint(table, name) === undefined);
    case 'AT_ValidateConstraint':
      return (table) => ifTrue(constraint(table, name)?.validated === true);
    case 'AT_AddIdentity':
      return (table) => ifTrue(column(table)?.identity === true);
    case 'AT_DropIdentity':
      return (table) => ifTrue(column(table)?.identity === false);
    case 'AT_ColumnDefault':
    case 'AT_DropNotNull':
    case 'AT_SetNotNull':
    case 'AT_SetIdentity':
    case 'AT_ChangeOwner':
      return 'repeatable';
    default:
      return 'unknown';
  }
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

const BY_NODE: Readonly<Record<string, (tree: never) => Expectation>> = {
  CreateStmt: createTable,
  IndexStmt: createIndex,
  AlterTableStmt: alterTable,
  RenameStmt: rename,
  DropStmt: drop,
  ViewStmt: ({ view, replace }: NodeBody<'ViewStmt'>) =>
    replace === true ? 'repeatable' : { exists: relationExists(tableNameOf(view), 'v'), isDone: there },
  CreateSeqStmt: ({ sequence, if_not_exists: ifNotExists }: NodeBody<'CreateSeqStmt'>) =>
    ifNotExists === true
      ? 'repeatable'
      : { exists: relationExists(tableNameOf(sequence), 'S'), isDone: there },
  CreateSchemaStmt: ({ schemaname = '', if_not_exists: ifNotExists }: NodeBody<'CreateSchemaStmt'>) =>
    ifNotExists === true ? 'repeatable' : { exists: schemaExists(schemaname), isDone: there },
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

function relationExists({ schema, name }: TableName, kind: 'r' | 'v' | 'i' | 'S'): string {
  const namespace = schema === undefined ? 'current_schema()' : literal(schema);
  return `SELECT 1 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind = ${literal(kind)} AND c.relname = ${literal(name)} AND n.nspname = ${namespace}`;
}

function schemaExists(name: string): string {
  return `SELECT 1 FROM pg_catalog.pg_namespace WHERE nspname = ${literal(name)}`;
}
