import {
  asNode,
  formattedType,
  literal,
  nameOfParts,
  objectParts,
  quoted,
  quotedTable,
  strings,
  tableNameOf,
  tablesNamed,
  walk,
  type NodeBody,
  type Statement,
  type TableName,
} from '../../sql';

/** Something that has to be there for a statement: without it PostgreSQL refuses the statement. */
export interface NeededObject {
  /** What it is, with its name, as a part of a sentence. */
  readonly what: string;
  readonly name: string;
  /** The table of which it is a part. */
  readonly table?: TableName;
  /** Whether PostgreSQL gives such a thing a name of its own where a statement gives none. */
  readonly isNamedByItself: boolean;
  /** Selects one row where it is there; nothing for what DSQL never has. */
  readonly query?: string;
  /** The SQLSTATE for its absence. */
  readonly code: string;
  /** What to write instead, as a sentence. */
  readonly instead: string;
}

const UNDEFINED_TABLE = '42P01';
const UNDEFINED_COLUMN = '42703';
const UNDEFINED_OBJECT = '42704';
const UNDEFINED_FUNCTION = '42883';
const UNDEFINED_SCHEMA = '3F000';

const CORRECT = 'Correct the name, or omit the statement.';

/** What has to be there for a statement, as far as it can be told; what it makes itself is not. */
export function neededBy(statement: Statement): readonly NeededObject[] {
  const { node, tree } = statement;
  switch (node) {
    case 'DropStmt':
      return droppedBy(tree as NodeBody<'DropStmt'>);
    case 'AlterTableStmt':
      return alteredBy(tree as NodeBody<'AlterTableStmt'>);
    case 'RenameStmt':
      return renamedBy(tree as NodeBody<'RenameStmt'>);
    case 'IndexStmt':
      return indexedBy(tree as NodeBody<'IndexStmt'>);
    case 'SelectStmt':
    case 'InsertStmt':
    case 'UpdateStmt':
    case 'DeleteStmt':
      return usedBy(statement);
    default:
      return [];
  }
}

/** Whose relations are always there. */
const OF_CATALOGUE = /^(?:pg_catalog|information_schema|sys)$/;

/** The tables and views that a statement on rows names; a query that it gives a name is none. */
function usedBy(statement: Statement): readonly NeededObject[] {
  const queries = new Set<string>();
  walk(statement.node, statement.tree as object, ({ name, body }) => {
    if (name === 'CommonTableExpr') queries.add((body as NodeBody<'CommonTableExpr'>).ctename ?? '');
    return true;
  });
  return tablesNamed({ statements: [statement], text: statement.text }).flatMap((table) => {
    const { schema, name } = table;
    const isKnown =
      schema === undefined ? queries.has(name) || name.startsWith('pg_') : OF_CATALOGUE.test(schema);
    return isKnown ? [] : [relation(table, 'table', CORRECT)];
  });
}

function indexedBy({
  relation: range,
  indexParams = [],
  indexIncludingParams = [],
}: NodeBody<'IndexStmt'>): readonly NeededObject[] {
  const table = tableNameOf(range);
  const names = [...indexParams, ...indexIncludingParams].flatMap(
    (key) => asNode(key, 'IndexElem')?.name ?? [],
  );
  return [relation(table, 'table', CORRECT), ...names.map((name) => column(table, name, CORRECT))];
}

const RELATIONS: Readonly<Record<string, string>> = {
  OBJECT_TABLE: 'table',
  OBJECT_VIEW: 'view',
  OBJECT_INDEX: 'index',
  OBJECT_SEQUENCE: 'sequence',
};

function droppedBy({
  removeType,
  missing_ok: mayBeMissing,
  objects = [],
}: NodeBody<'DropStmt'>): readonly NeededObject[] {
  if (mayBeMissing === true) return [];
  return objects.flatMap((object): readonly NeededObject[] => {
    const parts = objectParts(object);
    const kind = RELATIONS[removeType ?? ''];
    if (kind !== undefined) return [relation(nameOfParts(parts), kind, ifExists(kind))];
    switch (removeType) {
      case 'OBJECT_TRIGGER':
        return [trigger(parts.at(-1) ?? '', parts.at(-2) ?? '')];
      case 'OBJECT_SCHEMA':
        return [lookedUp('schema', parts.at(-1) ?? '', 'to_regnamespace', parts, UNDEFINED_SCHEMA)];
      case 'OBJECT_DOMAIN':
        return [lookedUp('domain', parts.at(-1) ?? '', 'to_regtype', parts, UNDEFINED_OBJECT)];
      case 'OBJECT_FUNCTION':
      case 'OBJECT_ROUTINE':
        return droppedFunction(asNode(object, 'ObjectWithArgs') ?? {}, ifExists('function'));
      default:
        return [];
    }
  });
}

const ifExists = (kind: string) => `Write DROP ${kind.toUpperCase()} IF EXISTS.`;

/** It is never there: DSQL has none (AWS user guide, "Unsupported PostgreSQL features", 2026-09-15). */
function trigger(name: string, table: string): NeededObject {
  return {
    what: `trigger "${name}" for table "${table}"`,
    name,
    isNamedByItself: false,
    code: UNDEFINED_OBJECT,
    instead: `${ifExists('trigger')} DSQL has no triggers.`,
  };
}

function lookedUp(
  kind: string,
  name: string,
  lookUp: 'to_regnamespace' | 'to_regtype',
  parts: readonly string[],
  code: string,
): NeededObject {
  return {
    what: `${kind} "${name}"`,
    name,
    isNamedByItself: false,
    query: `SELECT 1 WHERE ${lookUp}(${literal(parts.map(quoted).join('.'))}) IS NOT NULL`,
    code,
    instead: ifExists(kind),
  };
}

function droppedFunction(
  { objname, objargs = [], args_unspecified: isNameAlone }: NodeBody<'ObjectWithArgs'>,
  instead: string,
): readonly NeededObject[] {
  const { schema, name } = nameOfParts(strings(objname));
  const types = objargs.map((type) => formattedType(asNode(type, 'TypeName')));
  const isKnown = types.every((type) => type !== undefined);
  if (!isKnown && isNameAlone !== true) return [];
  const written = quotedTable({ schema, name });
  const signature = `${written}(${types.join(', ')})`;
  return [
    {
      what: isNameAlone === true ? `function named "${name}", or not only one` : `function ${signature}`,
      name,
      isNamedByItself: false,
      query:
        isNameAlone === true
          ? `SELECT 1 WHERE to_regproc(${literal(written)}) IS NOT NULL`
          : `SELECT 1 WHERE to_regprocedure(${literal(signature)}) IS NOT NULL`,
      code: UNDEFINED_FUNCTION,
      instead,
    },
  ];
}

/** What an action of an ALTER TABLE is about. */
const ABOUT: Readonly<Record<string, 'column' | 'constraint'>> = {
  AT_AlterColumnType: 'column',
  AT_ColumnDefault: 'column',
  AT_SetNotNull: 'column',
  AT_DropNotNull: 'column',
  AT_AddIdentity: 'column',
  AT_SetIdentity: 'column',
  AT_DropIdentity: 'column',
  AT_DropColumn: 'column',
  AT_DropConstraint: 'constraint',
  AT_ValidateConstraint: 'constraint',
};

function alteredBy({
  relation: range,
  objtype,
  missing_ok: mayBeMissing,
  cmds = [],
}: NodeBody<'AlterTableStmt'>): readonly NeededObject[] {
  const kind = RELATIONS[objtype ?? ''];
  if (kind === undefined) return [];
  const table = tableNameOf(range);
  const commands = cmds.flatMap((item) => asNode(item, 'AlterTableCmd') ?? []);
  const made = new Set(
    commands.flatMap(
      ({ def }) => asNode(def, 'ColumnDef')?.colname ?? asNode(def, 'Constraint')?.conname ?? [],
    ),
  );
  const parts = commands.flatMap(
    ({ subtype = '', name = '', missing_ok: mayLack }): readonly NeededObject[] => {
      const about = kind === 'table' || kind === 'view' ? ABOUT[subtype] : undefined;
      if (about === undefined || mayLack === true || made.has(name)) return [];
      const isDropped = subtype === 'AT_DropColumn' || subtype === 'AT_DropConstraint';
      const instead = isDropped ? `Write DROP ${about.toUpperCase()} IF EXISTS.` : CORRECT;
      return [about === 'column' ? column(table, name, instead) : constraint(table, name, instead)];
    },
  );
  if (mayBeMissing === true) return [];
  const owner = relation(table, kind, `Write ALTER ${kind.toUpperCase()} IF EXISTS.`);
  return [owner, ...parts];
}

function renamedBy({
  renameType,
  relationType,
  relation: range,
  subname = '',
  missing_ok: mayBeMissing,
}: NodeBody<'RenameStmt'>): readonly NeededObject[] {
  if (mayBeMissing === true || range === undefined) return [];
  const table = tableNameOf(range);
  const kind = RELATIONS[renameType ?? ''] ?? RELATIONS[relationType ?? ''] ?? 'table';
  const owner = relation(table, kind, `Write ALTER ${kind.toUpperCase()} IF EXISTS.`);
  if (RELATIONS[renameType ?? ''] !== undefined) return [owner];
  if (renameType === 'OBJECT_COLUMN') return [owner, column(table, subname, CORRECT)];
  return renameType === 'OBJECT_TABCONSTRAINT' ? [owner, constraint(table, subname, CORRECT)] : [];
}

function relation(table: TableName, kind: string, instead: string): NeededObject {
  return {
    what: `${kind} "${table.name}"`,
    name: table.name,
    isNamedByItself: kind === 'index' || kind === 'sequence',
    query: `SELECT 1 WHERE to_regclass(${literal(quotedTable(table))}) IS NOT NULL`,
    code: kind === 'index' ? UNDEFINED_OBJECT : UNDEFINED_TABLE,
    instead,
  };
}

function column(table: TableName, name: string, instead: string): NeededObject {
  return {
    what: `column "${name}" of "${table.name}"`,
    name,
    table,
    isNamedByItself: false,
    query: `SELECT 1 FROM pg_catalog.pg_attribute WHERE attrelid = to_regclass(${literal(quotedTable(table))}) AND attname = ${literal(name)} AND NOT attisdropped`,
    code: UNDEFINED_COLUMN,
    instead,
  };
}

function constraint(table: TableName, name: string, instead: string): NeededObject {
  return {
    what: `constraint "${name}" of "${table.name}"`,
    name,
    table,
    isNamedByItself: true,
    query: `SELECT 1 FROM pg_catalog.pg_constraint WHERE conrelid = to_regclass(${literal(quotedTable(table))}) AND conname = ${literal(name)}`,
    code: UNDEFINED_OBJECT,
    instead,
  };
}
