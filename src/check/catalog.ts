import type { AlterTableCmd, ColumnDef, Constraint, Node } from 'libpg-query';
import {
  asNode,
  columnConstraints,
  createdEnum,
  defaultName,
  formattedType,
  serialType,
  stringConstant,
  strings,
  tableNameOf,
  utf16Offsets,
  walk,
} from '../sql';
import type { CatalogFacts, EnumFacts, NodeBody, ParsedQuery, Statement, TableName } from '../sql';
import { LayeredMap } from './layered-map';
import type { Place, SqlText } from './sources/sql-text';

/** A table as the texts so far have made it. */
export interface Table extends TableName {
  /** Absent for a table whose columns no text names, such as CREATE TABLE … AS. */
  readonly columns?: readonly Column[];
  readonly primaryKey?: Key;
  readonly uniques: readonly Key[];
  readonly checks: readonly { readonly name: string }[];
  readonly foreignKeys: readonly ForeignKey[];
  readonly indexes: readonly Index[];
  readonly place: Place;
}

/** A column as it was declared for PostgreSQL. */
export interface Column {
  readonly name: string;
  /** As `format_type()` gives it; absent for types that are not PostgreSQL's own. */
  readonly type?: string;
  /** The enum type that it has. */
  readonly enum?: EnumFacts;
  readonly isArray: boolean;
  readonly notNull: boolean;
  /** What generates its values. */
  readonly sequence?: ColumnSequence;
  /** The function that gives its default: `now`, `gen_random_uuid`. */
  readonly defaultFunction?: string;
  readonly place: Place;
}

/** The sequence behind a column. */
export interface ColumnSequence {
  /** `serial` and `identity` come with the column; `named` is one that its default names. */
  readonly kind: 'serial' | 'identity' | 'named';
  readonly cache?: number;
  readonly start?: bigint;
  readonly increment?: bigint;
}

/** A primary key or a unique constraint. */
export interface Key {
  readonly name: string;
  readonly columns: readonly string[];
}

/** A foreign key. */
export interface ForeignKey extends Key {
  readonly references: TableName;
  /** Empty for the primary key of the table that it references. */
  readonly referencedColumns: readonly string[];
  readonly onDelete: string;
  readonly onUpdate: string;
  readonly place: Place;
}

/** An index. */
export interface Index {
  readonly name: string;
  readonly table: TableName;
  /** Its key, in order; `undefined` stands for an expression. */
  readonly columns: readonly (string | undefined)[];
  readonly isUnique: boolean;
  readonly isPartial: boolean;
}

interface Sequence extends TableName, Omit<ColumnSequence, 'kind'> {}

/**
 * What a database holds after the texts so far, on PostgreSQL: what a migration that asks for it is told, what
 * `translate` should know, and what is looked at when all is done.
 */
export class Catalog {
  readonly #tables: LayeredMap<Table>;
  readonly #indexes: LayeredMap<Index & TableName>;
  readonly #enums: LayeredMap<EnumFacts>;
  readonly #sequences: LayeredMap<Sequence>;
  readonly #views: LayeredMap<TableName>;

  constructor(below?: Catalog) {
    this.#tables = new LayeredMap(below ? below.#tables : undefined);
    this.#indexes = new LayeredMap(below ? below.#indexes : undefined);
    this.#enums = new LayeredMap(below ? below.#enums : undefined);
    this.#sequences = new LayeredMap(below ? below.#sequences : undefined);
    this.#views = new LayeredMap(below ? below.#views : undefined);
  }

  table(name: TableName): Table | undefined {
    return this.#tables.get(keyOf(name));
  }

  tables(): Table[] {
    return [...this.#tables.values()];
  }

  hasView(name: TableName): boolean {
    return this.#views.get(keyOf(name)) !== undefined;
  }

  enum(name: TableName): EnumFacts | undefined {
    return this.#enums.get(keyOf(name));
  }

  /** What is known of what a text is about. */
  factsFor(sql: string, { statements }: ParsedQuery): CatalogFacts {
    const tables = new Map<string, Table>();
    for (const { node, tree } of statements) {
      walk(node, tree as object, ({ name, body }) => {
        const table = name === 'RangeVar' ? this.table(tableNameOf(body)) : undefined;
        if (table) tables.set(keyOf(table), table);
        return true;
      });
    }
    return {
      tables: [...tables.values()].map(factsOf),
      enums: [...this.#enums.values()].filter(({ name }) => sql.includes(name)),
    };
  }

  /**
   * Follows what the statements of a text do.
   *
   * @param onApplied - looks at what is there after each
   */
  apply(
    text: SqlText,
    parsed: ParsedQuery,
    onApplied: (statement: Statement) => void = () => undefined,
  ): void {
    const utf16 = utf16Offsets(parsed.text);
    for (const statement of parsed.statements) {
      new StatementEffects(text, utf16, statement, this).apply();
      onApplied(statement);
    }
  }

  /** @internal */
  setTable(table: Table): void {
    this.#tables.set(keyOf(table), table);
  }

  /** @internal */
  changeTable(name: TableName, change: (table: Table) => Partial<Table>): void {
    const table = this.table(name);
    if (table) this.setTable({ ...table, ...change(table) });
  }

  /** @internal */
  dropTable(name: TableName): void {
    this.#tables.delete(keyOf(name));
    this.#views.delete(keyOf(name));
  }

  /** @internal */
  renameTable(from: TableName, to: TableName): void {
    const table = this.table(from);
    this.dropTable(from);
    if (!table) return;
    this.setTable({ ...table, ...to });
    for (const other of this.tables()) {
      if (!other.foreignKeys.some(({ references }) => keyOf(references) === keyOf(from))) continue;
      const foreignKeys = other.foreignKeys.map((key) =>
        keyOf(key.references) === keyOf(from) ? { ...key, references: to } : key,
      );
      this.setTable({ ...other, foreignKeys });
    }
  }

  /** @internal */
  addIndex(index: Index): void {
    const { schema } = index.table;
    this.#indexes.set(keyOf({ ...(schema !== undefined && { schema }), name: index.name }), index);
    this.changeTable(index.table, ({ indexes }) => ({ indexes: [...indexes, index] }));
  }

  /** @internal */
  dropIndex(name: TableName): void {
    const index = this.#indexes.get(keyOf(name));
    if (!index) return;
    this.#indexes.delete(keyOf(name));
    this.changeTable(index.table, ({ indexes }) => ({
      indexes: indexes.filter((each) => each.name !== name.name),
    }));
  }

  /** @internal */
  setEnum(facts: EnumFacts): void {
    this.#enums.set(keyOf(facts), facts);
  }

  /** @internal */
  dropEnum(name: TableName): void {
    this.#enums.delete(keyOf(name));
  }

  /** @internal */
  setSequence(sequence: Sequence): void {
    this.#sequences.set(keyOf(sequence), sequence);
  }

  /** @internal */
  sequence(name: TableName): Sequence | undefined {
    return this.#sequences.get(keyOf(name));
  }

  /** @internal */
  setView(name: TableName): void {
    this.#views.set(keyOf(name), name);
  }
}

/** Two names are one table when they are in one schema; what has none is in `public`. */
export function keyOf({ schema = 'public', name }: TableName): string {
  return `${schema}.${name}`;
}

function factsOf({ columns, primaryKey, uniques, checks, foreignKeys, ...table }: Table) {
  const { schema, name } = table;
  return {
    ...(schema !== undefined && { schema }),
    name,
    primaryKey: primaryKey?.columns ?? [],
    ...(primaryKey && { primaryKeyName: primaryKey.name }),
    ...(columns && {
      columns: columns.map(({ name: column, type, notNull, sequence }) => {
        const identity = sequence !== undefined && sequence.kind !== 'named';
        const dsqlType = identity ? 'bigint' : type;
        return { name: column, ...(dsqlType !== undefined && { type: dsqlType }), notNull, identity };
      }),
    }),
    constraints: [...(primaryKey ? [primaryKey] : []), ...uniques, ...checks, ...foreignKeys].map(
      (constraint) => constraint.name,
    ),
  };
}

// --- what statements do -----------------------------------------------------------------------------------------

const ACTIONS: Readonly<Record<string, string>> = {
  a: 'NO ACTION',
  r: 'RESTRICT',
  c: 'CASCADE',
  n: 'SET NULL',
  d: 'SET DEFAULT',
};

class StatementEffects {
  constructor(
    readonly text: SqlText,
    readonly utf16: (byteOffset: number) => number,
    readonly statement: Statement,
    readonly catalog: Catalog,
  ) {}

  apply(): void {
    const { node, tree } = this.statement;
    switch (node) {
      case 'CreateStmt':
        this.#createTable(tree as NodeBody<'CreateStmt'>);
        break;
      case 'CreateTableAsStmt':
        this.#createTableAs(tree as NodeBody<'CreateTableAsStmt'>);
        break;
      case 'AlterTableStmt':
        this.#alterTable(tree as NodeBody<'AlterTableStmt'>);
        break;
      case 'IndexStmt':
        this.#createIndex(tree as NodeBody<'IndexStmt'>);
        break;
      case 'DropStmt':
        this.#drop(tree as NodeBody<'DropStmt'>);
        break;
      case 'RenameStmt':
        this.#rename(tree as NodeBody<'RenameStmt'>);
        break;
      case 'AlterObjectSchemaStmt':
        this.#moveTable(tree as NodeBody<'AlterObjectSchemaStmt'>);
        break;
      case 'CreateEnumStmt':
      case 'DoStmt': {
        const facts = createdEnum(this.statement);
        if (facts && !this.catalog.enum(facts)) this.catalog.setEnum(facts);
        break;
      }
      case 'AlterEnumStmt':
        this.#alterEnum(tree as NodeBody<'AlterEnumStmt'>);
        break;
      case 'CreateSeqStmt': {
        const { sequence, options } = tree as NodeBody<'CreateSeqStmt'>;
        this.catalog.setSequence({ ...tableNameOf(sequence), ...sequenceOptions(options) });
        break;
      }
      case 'ViewStmt':
        this.catalog.setView(tableNameOf((tree as NodeBody<'ViewStmt'>).view));
        break;
    }
  }

  #moveTable({ relation, newschema }: NodeBody<'AlterObjectSchemaStmt'>): void {
    if (!relation || newschema === undefined) return;
    this.catalog.renameTable(tableNameOf(relation), { schema: newschema, name: relation.relname ?? '' });
  }

  #place(location: number | undefined, name: string): Place {
    const offset = location === undefined ? this.#start : this.utf16(location);
    return { text: this.text, offset, name };
  }

  get #start(): number {
    const { start, text } = this.statement;
    return start + text.length - text.trimStart().length;
  }

  #createTable(tree: NodeBody<'CreateStmt'>): void {
    const { relation, tableElts = [], if_not_exists: mayExist } = tree;
    const name = tableNameOf(relation);
    if (mayExist === true && this.catalog.table(name)) return;
    const columns = tableElts.flatMap((element) => asNode(element, 'ColumnDef') ?? []);
    const isOpen = [tree.inhRelations, tree.ofTypename, tree.partbound].some(Boolean);
    this.catalog.setTable({
      ...name,
      ...(!isOpen && { columns: columns.map((column) => this.#column(column)) }),
      uniques: [],
      checks: [],
      foreignKeys: [],
      indexes: [],
      place: this.#place(relation?.location, name.name),
    });
    for (const column of columns) this.#columnConstraints(name, column);
    for (const element of tableElts) {
      const constraint = asNode(element, 'Constraint');
      if (constraint) this.#addConstraint(name, constraint, strings(constraint.keys));
    }
  }

  #createTableAs({ into, objtype }: NodeBody<'CreateTableAsStmt'>): void {
    const name = tableNameOf(into?.rel);
    if (objtype === 'OBJECT_MATVIEW') {
      this.catalog.setView(name);
      return;
    }
    const place = this.#place(into?.rel?.location, name.name);
    this.catalog.setTable({ ...name, uniques: [], checks: [], foreignKeys: [], indexes: [], place });
  }

  #column(column: ColumnDef): Column {
    const { colname: name = '', typeName, location } = column;
    const constraints = columnConstraints(column);
    const isPrimary = constraints.some(({ contype }) => contype === 'CONSTR_PRIMARY');
    const sequence = this.#sequenceOf(column);
    const type = sequence?.kind === 'serial' ? integerOf(serialType(typeName)) : formattedType(typeName);
    const [typed = '', schema] = [...strings(typeName?.names)].reverse();
    const enumFacts =
      type === undefined
        ? this.catalog.enum({ ...(schema !== undefined && { schema }), name: typed })
        : undefined;
    const defaultFunction = functionIn(
      constraints.find(({ contype }) => contype === 'CONSTR_DEFAULT')?.raw_expr,
    );
    return {
      name,
      ...(type !== undefined && { type }),
      ...(enumFacts && { enum: enumFacts }),
      isArray: typeName?.arrayBounds !== undefined,
      notNull:
        isPrimary ||
        (sequence !== undefined && sequence.kind !== 'named') ||
        constraints.some(({ contype }) => contype === 'CONSTR_NOTNULL'),
      ...(sequence && { sequence }),
      ...(defaultFunction !== undefined && { defaultFunction }),
      place: this.#place(location, name),
    };
  }

  #sequenceOf(column: ColumnDef): ColumnSequence | undefined {
    if (serialType(column.typeName) !== undefined) return { kind: 'serial' };
    const constraints = columnConstraints(column);
    const identity = constraints.find(({ contype }) => contype === 'CONSTR_IDENTITY');
    if (identity) return { kind: 'identity', ...sequenceOptions(identity.options) };
    return this.#namedSequence(constraints.find(({ contype }) => contype === 'CONSTR_DEFAULT')?.raw_expr);
  }

  /** The sequence in `nextval('name'::regclass)`. */
  #namedSequence(expression: Node | undefined): ColumnSequence | undefined {
    const call = asNode(expression, 'FuncCall');
    if (strings(call?.funcname).at(-1) !== 'nextval') return undefined;
    const written = stringConstant(call?.args?.[0]) ?? '';
    const [name = '', schema] = written.split('.').reverse().map(unquoted);
    const sequence = this.catalog.sequence({ ...(schema !== undefined && { schema }), name });
    const { cache, start, increment } = sequence ?? {};
    return {
      kind: 'named',
      ...(cache !== undefined && { cache }),
      ...(start !== undefined && { start }),
      ...(increment !== undefined && { increment }),
    };
  }

  #columnConstraints(table: TableName, column: ColumnDef): void {
    for (const constraint of columnConstraints(column)) {
      this.#addConstraint(table, constraint, [column.colname ?? '']);
    }
  }

  #addConstraint(table: TableName, constraint: Constraint, columns: readonly string[]): void {
    const { contype, conname, indexname } = constraint;
    const named = (label: string) => conname ?? defaultName(table.name, columns, label);
    switch (contype) {
      case 'CONSTR_PRIMARY': {
        const name = conname ?? defaultName(table.name, [], 'pkey');
        this.catalog.changeTable(table, ({ columns: known }) => ({
          primaryKey: { name, columns },
          ...(known && {
            columns: known.map((column) =>
              columns.includes(column.name) ? { ...column, notNull: true } : column,
            ),
          }),
        }));
        return;
      }
      case 'CONSTR_UNIQUE': {
        const index = this.catalog.table(table)?.indexes.find(({ name }) => name === indexname);
        const keys = index ? index.columns.flatMap((column) => column ?? []) : columns;
        const name = conname ?? indexname ?? named('key');
        this.catalog.changeTable(table, ({ uniques }) => ({
          uniques: [...uniques, { name, columns: keys }],
        }));
        return;
      }
      case 'CONSTR_CHECK': {
        const name = named('check');
        this.catalog.changeTable(table, ({ checks }) => ({ checks: [...checks, { name }] }));
        return;
      }
      case 'CONSTR_FOREIGN': {
        const keys = constraint.fk_attrs ? strings(constraint.fk_attrs) : columns;
        const key: ForeignKey = {
          name: conname ?? defaultName(table.name, keys, 'fkey'),
          columns: keys,
          references: tableNameOf(constraint.pktable),
          referencedColumns: strings(constraint.pk_attrs),
          onDelete: ACTIONS[constraint.fk_del_action ?? 'a'] ?? 'NO ACTION',
          onUpdate: ACTIONS[constraint.fk_upd_action ?? 'a'] ?? 'NO ACTION',
          place: this.#place(constraint.location, keys[0] ?? ''),
        };
        this.catalog.changeTable(table, ({ foreignKeys }) => ({ foreignKeys: [...foreignKeys, key] }));
        return;
      }
    }
  }

  #alterTable({ relation, cmds }: NodeBody<'AlterTableStmt'>): void {
    const table = tableNameOf(relation);
    for (const item of cmds ?? []) {
      const command = asNode(item, 'AlterTableCmd');
      if (command) this.#alterTableAction(table, command);
    }
  }

  #alterTableAction(table: TableName, { subtype, name = '', def }: AlterTableCmd): void {
    const column = asNode(def, 'ColumnDef');
    const constraint = asNode(def, 'Constraint');
    const changeColumn = (change: (column: Column) => Partial<Column>) => {
      this.catalog.changeTable(table, ({ columns }) => ({
        ...(columns && {
          columns: columns.map((each) => (each.name === name ? { ...each, ...change(each) } : each)),
        }),
      }));
    };
    switch (subtype) {
      case 'AT_AddColumn': {
        if (!column) return;
        const added = this.#column(column);
        this.catalog.changeTable(table, ({ columns }) => ({
          ...(columns && { columns: [...columns.filter((each) => each.name !== added.name), added] }),
        }));
        this.#columnConstraints(table, column);
        return;
      }
      case 'AT_DropColumn':
        this.#dropColumn(table, name);
        return;
      case 'AT_AddConstraint':
        if (constraint) this.#addConstraint(table, constraint, strings(constraint.keys));
        return;
      case 'AT_DropConstraint':
        this.catalog.changeTable(table, ({ primaryKey, uniques, checks, foreignKeys }) => ({
          ...(primaryKey?.name === name && { primaryKey: { ...primaryKey, columns: [] } }),
          uniques: uniques.filter((each) => each.name !== name),
          checks: checks.filter((each) => each.name !== name),
          foreignKeys: foreignKeys.filter((each) => each.name !== name),
        }));
        return;
      case 'AT_AlterColumnType': {
        const type = formattedType(column?.typeName);
        changeColumn(({ name: of, notNull, isArray, sequence, place }) => ({
          name: of,
          notNull,
          isArray: column?.typeName?.arrayBounds !== undefined || (type === undefined && isArray),
          ...(type !== undefined && { type }),
          ...(sequence && { sequence }),
          place,
        }));
        return;
      }
      case 'AT_SetNotNull':
      case 'AT_DropNotNull':
        changeColumn(() => ({ notNull: subtype === 'AT_SetNotNull' }));
        return;
      case 'AT_ColumnDefault': {
        const sequence = this.#namedSequence(def);
        if (sequence) changeColumn(() => ({ sequence }));
        return;
      }
      case 'AT_AddIdentity': {
        const sequence = { kind: 'identity' as const, ...sequenceOptions(constraint?.options) };
        changeColumn(() => ({ sequence, notNull: true }));
        return;
      }
    }
  }

  #dropColumn(table: TableName, name: string): void {
    const isWithout = ({ columns }: { readonly columns: readonly (string | undefined)[] }) =>
      !columns.includes(name);
    this.catalog.changeTable(table, ({ columns, uniques, foreignKeys, indexes }) => ({
      ...(columns && { columns: columns.filter((each) => each.name !== name) }),
      uniques: uniques.filter(isWithout),
      foreignKeys: foreignKeys.filter(isWithout),
      indexes: indexes.filter(isWithout),
    }));
  }

  #createIndex(index: NodeBody<'IndexStmt'>): void {
    const table = tableNameOf(index.relation);
    const elements = (index.indexParams ?? []).map((item) => asNode(item, 'IndexElem'));
    const columns = elements.map((element) => element?.name);
    const name =
      index.idxname ??
      defaultName(
        table.name,
        columns.map((column) => column ?? 'expr'),
        'idx',
      );
    this.catalog.addIndex({
      name,
      table,
      columns,
      isUnique: index.unique === true,
      isPartial: index.whereClause !== undefined,
    });
  }

  #drop({ removeType, objects }: NodeBody<'DropStmt'>): void {
    for (const object of objects ?? []) {
      const parts = strings(asNode(object, 'List')?.items ?? asNode(object, 'TypeName')?.names ?? [object]);
      const [name = '', schema] = [...parts].reverse();
      const named = { ...(schema !== undefined && { schema }), name };
      if (removeType === 'OBJECT_INDEX') this.catalog.dropIndex(named);
      else if (removeType === 'OBJECT_TYPE') this.catalog.dropEnum(named);
      else if (removeType === 'OBJECT_TABLE' || removeType === 'OBJECT_VIEW') this.catalog.dropTable(named);
      else if (removeType === 'OBJECT_SCHEMA') {
        for (const table of this.catalog.tables()) if (table.schema === name) this.catalog.dropTable(table);
      }
    }
  }

  #rename({ renameType, relation, subname, newname, object }: NodeBody<'RenameStmt'>): void {
    if (newname === undefined) return;
    const table = tableNameOf(relation);
    const swap = (name: string) => (name === subname ? newname : name);
    const inKey = <K extends Key>(key: K): K => ({ ...key, columns: key.columns.map(swap) });
    switch (renameType) {
      case 'OBJECT_TABLE':
        this.catalog.renameTable(table, { ...table, name: newname });
        return;
      case 'OBJECT_COLUMN':
        this.catalog.changeTable(table, ({ columns, primaryKey, uniques, foreignKeys, indexes }) => ({
          ...(columns && { columns: columns.map((each) => ({ ...each, name: swap(each.name) })) }),
          ...(primaryKey && { primaryKey: inKey(primaryKey) }),
          uniques: uniques.map(inKey),
          foreignKeys: foreignKeys.map(inKey),
          indexes: indexes.map((index) => ({
            ...index,
            columns: index.columns.map((column) => column && swap(column)),
          })),
        }));
        return;
      case 'OBJECT_TABCONSTRAINT':
        this.catalog.changeTable(table, ({ primaryKey, uniques, checks, foreignKeys }) => ({
          ...(primaryKey && { primaryKey: { ...primaryKey, name: swap(primaryKey.name) } }),
          uniques: uniques.map((each) => ({ ...each, name: swap(each.name) })),
          checks: checks.map((each) => ({ ...each, name: swap(each.name) })),
          foreignKeys: foreignKeys.map((each) => ({ ...each, name: swap(each.name) })),
        }));
        return;
      case 'OBJECT_TYPE': {
        const [name = '', schema] = [...strings(asNode(object, 'List')?.items)].reverse();
        const known = this.catalog.enum({ ...(schema !== undefined && { schema }), name });
        if (!known) return;
        this.catalog.dropEnum(known);
        this.catalog.setEnum({ ...known, name: newname });
        return;
      }
    }
  }

  #alterEnum({ typeName, newVal, oldVal }: NodeBody<'AlterEnumStmt'>): void {
    const [name = '', schema] = [...strings(typeName)].reverse();
    const known = this.catalog.enum({ ...(schema !== undefined && { schema }), name });
    if (!known || newVal === undefined) return;
    const labels =
      oldVal === undefined
        ? [...known.labels.filter((label) => label !== newVal), newVal]
        : known.labels.map((label) => (label === oldVal ? newVal : label));
    this.catalog.setEnum({ ...known, labels });
  }
}

function integerOf(serial: string | undefined): string {
  if (serial === 'bigserial' || serial === 'serial8') return 'bigint';
  return serial === 'smallserial' || serial === 'serial2' ? 'smallint' : 'integer';
}

function functionIn(expression: Node | undefined): string | undefined {
  const call = asNode(asNode(expression, 'TypeCast')?.arg ?? expression, 'FuncCall');
  if (call) return strings(call.funcname).at(-1);
  return asNode(expression, 'SQLValueFunction') ? 'now' : undefined;
}

function sequenceOptions(options: readonly Node[] | undefined): Omit<ColumnSequence, 'kind'> {
  const value = (name: string): bigint | undefined => {
    for (const option of options ?? []) {
      const element = asNode(option, 'DefElem');
      if (element?.defname !== name) continue;
      const integer = asNode(element.arg, 'Integer');
      if (integer) return BigInt(integer.ival ?? 0);
      const float = asNode(element.arg, 'Float')?.fval;
      if (float !== undefined && /^-?\d+$/.test(float)) return BigInt(float);
    }
    return undefined;
  };
  const cache = value('cache');
  const start = value('start');
  const increment = value('increment');
  return {
    ...(cache !== undefined && { cache: Number(cache) }),
    ...(start !== undefined && { start }),
    ...(increment !== undefined && { increment }),
  };
}

function unquoted(name: string): string {
  return name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name.toLowerCase();
}
