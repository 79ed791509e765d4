import type { AlterEnumStmt, AlterTableCmd } from 'libpg-query';
import {
  asNode,
  createdEnum,
  enumCheckName,
  formattedType,
  isArrayType,
  isBuiltinType,
  isCastOf,
  isEnumCheckOf,
  quoted,
  statementOf,
  strings,
  walk,
  type CatalogColumn,
  type CatalogTable,
  type DsqlStatement,
  type EnumFacts,
  type NodeBody,
  type Statement,
  type TableName,
  nameOfParts,
} from '../../sql';
import type { ReadTables } from '../catalogue/read-tables';
import { ArrayColumns } from './array-columns';
import { withEnums } from './enums/catalogue-with-enums';
import { alterTable, checkOf, columnsOf, freeName, relabelled, relabelledRows } from './enums/enum-columns';
import { unsupportedChanges } from './unsupported-change';

/** What is done in the place of a statement about a type. */
export interface TypeChange {
  readonly statements: readonly DsqlStatement[];
  readonly notes: readonly string[];
}

const NOTHING: TypeChange = { statements: [], notes: [] };

/** What became of an enum type: its labels, or none when it was dropped. */
export type EnumChange = TableName & { readonly labels?: readonly string[] | undefined };

/**
 * The enum types of a history of migrations. Aurora DSQL has none: their columns are text with a CHECK.
 *
 * What the statements of this process say of a type is remembered. Of a type that an earlier process has made, the labels
 * are those of the CHECK of a column; the name of the CHECK tells which type it stands for. Those of a type that no column
 * has are what the earlier process has noted.
 */
export class EnumTypes {
  /** The columns of arrays of the same history. */
  readonly arrays: ArrayColumns;
  #known: readonly EnumFacts[];
  /** What earlier processes have noted. */
  #noted: readonly EnumFacts[] = [];
  #changes: readonly EnumChange[] = [];

  constructor(arrays = new ArrayColumns(), known: readonly EnumFacts[] = []) {
    this.arrays = arrays;
    this.#known = known;
  }

  /** What is known now, for a plan that is not carried out. */
  copy(): EnumTypes {
    const copy = new EnumTypes(this.arrays.copy(), this.#known);
    copy.#noted = this.#noted;
    return copy;
  }

  /** Takes up what earlier processes have noted; of a type that this one made another may have changed the labels since. */
  takeUp(noted: readonly EnumFacts[]): void {
    this.#noted = noted;
    this.#known = noted.reduce(without, this.#known);
  }

  /** A migration begins: what becomes of types from here on is to be noted with it. */
  begin(): void {
    this.#changes = [];
    this.arrays.begin();
  }

  /** What has become of types since {@link EnumTypes.begin}, the last of each. */
  get changes(): readonly EnumChange[] {
    return this.#changes;
  }

  /** The enum types that statements name, as far as they are known. */
  async namedIn(statements: readonly Statement[], read: ReadTables): Promise<readonly EnumFacts[]> {
    const named = new Map<string, TableName>();
    for (const { node, tree } of statements) {
      walk(node, tree as object, ({ name, body }) => {
        const type = body as NodeBody<'TypeName'>;
        if (name === 'TypeName' && type.names !== undefined && !isBuiltinType(type)) {
          const path = strings(type.names);
          named.set(JSON.stringify(path), nameOfParts(path));
        }
        return true;
      });
    }
    const found: EnumFacts[] = [];
    for (const type of named.values()) {
      const facts = await this.#factsOf(type, read);
      if (facts !== undefined) found.push(facts);
    }
    return found;
  }

  /**
   * A query that finds in `pg_type` and `pg_enum` the enum types that it names, as on PostgreSQL.
   *
   * @param query - one SELECT
   */
  async asked(query: string, read: ReadTables): Promise<string> {
    if (!/\b(?:pg_type|pg_enum|regtype)\b/i.test(query)) return query;
    const names = new Set([...query.matchAll(/'(?:\w+\.)?"?(\w+)"?'/g)].map(([, name = '']) => name));
    const types: EnumFacts[] = [];
    for (const name of names) {
      const facts = await this.#factsOf({ name }, read);
      if (facts !== undefined) types.push(facts);
    }
    return types.length === 0 ? query : withEnums(query, types);
  }

  /**
   * What is done in the place of a statement that makes, changes or drops a type.
   *
   * @returns nothing for every other statement
   * @throws UnsupportedFeatureError for a type whose labels cannot be known
   */
  async plan(statement: Statement, read: ReadTables): Promise<TypeChange | undefined> {
    const created = createdEnum(statement);
    if (created !== undefined) {
      this.#remember(created);
      return { ...NOTHING, notes: [`Columns of ${created.name} are text with a CHECK.`] };
    }
    switch (statement.node) {
      case 'AlterEnumStmt': {
        const change = statement.tree as AlterEnumStmt;
        return change.oldVal === undefined ? this.#addLabel(change, read) : this.#renameLabel(change, read);
      }
      case 'RenameStmt': {
        const { renameType, object, newname = '' } = statement.tree as NodeBody<'RenameStmt'>;
        if (renameType !== 'OBJECT_TYPE') return undefined;
        return this.#rename(nameOfParts(strings(asNode(object, 'List')?.items)), newname, read);
      }
      case 'DropStmt':
        return this.#drop(statement.tree as NodeBody<'DropStmt'>, read);
      default:
        return undefined;
    }
  }

  /**
   * What makes a text a column of an enum type, or jsonb one of arrays of it, gives it another one, or makes it a plain one.
   *
   * @param action - an ALTER COLUMN … TYPE
   * @returns nothing where it is about something else, or rewrites values
   */
  async planColumn(
    table: CatalogTable,
    column: CatalogColumn,
    { def }: AlterTableCmd,
    read: ReadTables,
  ): Promise<TypeChange | undefined> {
    const { typeName, raw_default: using } = asNode(def, 'ColumnDef') ?? {};
    if (typeName === undefined) return undefined;
    const { name: columnName } = column;
    const isText = column.type === 'text' || column.baseType === 'character varying';
    const isArray = column.type === 'jsonb' && isArrayType(typeName);
    if (!(isArray || (isText && !isArrayType(typeName))) || !isCastOf(columnName, using)) return undefined;
    const check = checkOf(table, column);
    if (isBuiltinType({ ...typeName, arrayBounds: undefined })) {
      const outgrown = isArray ? this.outgrown(table, columnName, typeName) : undefined;
      if (outgrown !== undefined) {
        return {
          ...NOTHING,
          statements: [statementOf(alterTable(table, `DROP CONSTRAINT ${quoted(outgrown)}`))],
        };
      }
      if (isArray) return undefined;
      const stays = /^(?:text|character varying)$/.test(formattedType(typeName) ?? '');
      // A text needs no USING to become a text, so it was an enum.
      const wasEnum = using !== undefined || /^enum_|_enum\d*$/.test(check?.name ?? '');
      if (!stays || check === undefined || !wasEnum) return undefined;
      return {
        ...NOTHING,
        statements: [statementOf(alterTable(table, `DROP CONSTRAINT ${quoted(check.name)}`))],
      };
    }
    const type = await this.#factsOf(nameOfParts(strings(typeName.names)), read);
    if (type === undefined) return undefined;
    if (check !== undefined && isEnumCheckOf(type.name, table.name, columnName, check.name)) {
      if (isSameList(check.values, type.labels)) return NOTHING;
    }
    return { ...NOTHING, statements: relabelled(type.name, { table, column, check }, type.labels) };
  }

  /** The name of the CHECK that a column has because it was one of an enum type, which another type has no use for. */
  outgrown(table: CatalogTable, column: string, type: NodeBody<'TypeName'> | undefined): string | undefined {
    const known = table.columns.find(({ name }) => name === column);
    const check = known && checkOf(table, known);
    if (check === undefined || type === undefined || !isBuiltinType(type)) return undefined;
    const isKnown = [...this.#known, ...this.#noted].some((each) =>
      isEnumCheckOf(each.name, table.name, column, check.name),
    );
    return isKnown || /^enum_|_enum\d*$/.test(check.name) ? check.name : undefined;
  }

  #remember(type: EnumFacts): void {
    this.#known = [...without(this.#known, type), type];
    this.#changes = [...without(this.#changes, type), type];
  }

  #forget({ schema, name }: TableName): void {
    const type = { ...(schema !== undefined && { schema }), name };
    this.#known = without(this.#known, type);
    this.#noted = without(this.#noted, type);
    this.#changes = [...without(this.#changes, type), type];
  }

  async #factsOf(type: TableName, read: ReadTables): Promise<EnumFacts | undefined> {
    const known = this.#known.find((each) => isSameType(each, type));
    if (known !== undefined) return known;
    const [first] = await columnsOf(type, read);
    if (first !== undefined) return { ...type, labels: first.check.values };
    return this.#noted.find((each) => isSameType(each, type));
  }

  async #expect(type: TableName, read: ReadTables): Promise<EnumFacts> {
    const facts = await this.#factsOf(type, read);
    if (facts !== undefined) return facts;
    throw unsupportedChanges([
      {
        what: `a change of the type ${type.name}`,
        why: 'Enum types are text with a CHECK here; no column has a CHECK of this one, and no migration has noted it, so its labels are not known.',
        instead: 'Write the CREATE TYPE with all its labels into this migration, before this statement.',
      },
    ]);
  }

  async #addLabel(
    { typeName, newVal: label = '', newValNeighbor: neighbour, newValIsAfter: isAfter }: AlterEnumStmt,
    read: ReadTables,
  ): Promise<TypeChange> {
    const type = await this.#expect(nameOfParts(strings(typeName)), read);
    const add = (labels: readonly string[]) => {
      if (labels.includes(label)) return labels;
      const at = neighbour === undefined ? -1 : labels.indexOf(neighbour);
      return at < 0 ? [...labels, label] : labels.toSpliced(isAfter === true ? at + 1 : at, 0, label);
    };
    this.#remember({ ...type, labels: add(type.labels) });
    const columns = await columnsOf(type, read);
    return {
      ...NOTHING,
      statements: columns
        .filter(({ check }) => !check.values.includes(label))
        .flatMap((each) => relabelled(type.name, each, add(each.check.values))),
    };
  }

  async #renameLabel(
    { typeName, oldVal: from = '', newVal: to = '' }: AlterEnumStmt,
    read: ReadTables,
  ): Promise<TypeChange> {
    const type = await this.#expect(nameOfParts(strings(typeName)), read);
    const rename = (labels: readonly string[]) => labels.map((label) => (label === from ? to : label));
    this.#remember({ ...type, labels: rename(type.labels) });
    const columns = await columnsOf(type, read);
    return {
      ...NOTHING,
      statements: columns
        .filter(({ check }) => check.values.includes(from))
        .flatMap((each) => relabelledRows(type.name, each, from, to)),
    };
  }

  /** The CHECKs are renamed, too: by their names the columns of the type are found. */
  async #rename(type: TableName, newName: string, read: ReadTables): Promise<TypeChange> {
    const renamed = { ...type, name: newName };
    const isDone = (await this.#factsOf(type, read)) === undefined && (await this.#factsOf(renamed, read));
    if (isDone) return { ...NOTHING, notes: [`${type.name} was renamed already.`] };
    const { labels } = await this.#expect(type, read);
    const columns = await columnsOf(type, read);
    this.#forget(type);
    this.#remember({ ...renamed, labels });
    const statements = columns.flatMap(({ table, column, check }) => {
      const name = freeName(table, enumCheckName(newName, table.name, column.name));
      if (isEnumCheckOf(newName, table.name, column.name, check.name)) return [];
      return [statementOf(alterTable(table, `RENAME CONSTRAINT ${quoted(check.name)} TO ${quoted(name)}`))];
    });
    return { ...NOTHING, statements };
  }

  async #drop(
    { removeType, objects = [], behavior }: NodeBody<'DropStmt'>,
    read: ReadTables,
  ): Promise<TypeChange | undefined> {
    if (removeType !== 'OBJECT_TYPE') return undefined;
    for (const object of objects) {
      const type = nameOfParts(strings(asNode(object, 'TypeName')?.names));
      const [used] = behavior === 'DROP_CASCADE' ? await columnsOf(type, read) : [];
      if (used !== undefined) {
        throw unsupportedChanges([
          {
            what: `DROP TYPE ${type.name} CASCADE`,
            why: `On PostgreSQL it drops the column ${used.column.name} of ${used.table.name}, which is text with a CHECK here.`,
            instead: 'Drop the columns of the type by ALTER TABLE … DROP COLUMN before.',
          },
        ]);
      }
      this.#forget(type);
    }
    return { ...NOTHING, notes: ['The labels of an enum are in the CHECKs of its columns.'] };
  }
}

function without<Type extends TableName>(types: readonly Type[], type: TableName): readonly Type[] {
  return types.filter((each) => !isSameType(each, type));
}

function isSameType(one: TableName, other: TableName): boolean {
  return one.name === other.name && (one.schema ?? 'public') === (other.schema ?? 'public');
}

function isSameList(one: readonly string[], other: readonly string[]): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
