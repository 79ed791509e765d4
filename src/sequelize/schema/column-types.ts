import { DataTypes, type Model, type ModelStatic, type Sequelize } from 'sequelize';
import { UnsupportedFeatureError } from '../../occ';
import { hasTextForm, insteadOfType, roundingNote } from '../../sql';
import { log } from '../log';

/** A column as Sequelize describes it, once its data type is an object. */
export interface ColumnAttribute {
  readonly type?: unknown;
  readonly field?: string | undefined;
  readonly allowNull?: boolean | undefined;
  readonly autoIncrement?: boolean | undefined;
  readonly defaultValue?: unknown;
  readonly unique?: unknown;
  readonly primaryKey?: boolean | undefined;
  readonly comment?: string | undefined;
  readonly values?: readonly string[] | undefined;
  /** `null` says, as nothing does, that there is no foreign key. */
  readonly references?: ColumnReference | null | undefined;
  readonly onDelete?: string | undefined;
  readonly onUpdate?: string | undefined;
  /** In a model. */
  readonly Model?: ModelStatic<Model> | undefined;
  readonly fieldName?: string | undefined;
}

/** What a foreign key refers to. */
export interface ColumnReference {
  readonly model?: ReferencedTable | undefined;
  readonly key?: string | undefined;
  readonly deferrable?: { toString(generator: unknown): string } | undefined;
}

/** A table as `references` names it: by its name, with its schema, or as a model. */
export type ReferencedTable =
  string | { readonly tableName: string; readonly schema?: string } | ModelStatic<Model>;

type DataTypeName = keyof typeof DataTypes;

/** The data types that a column of Aurora DSQL cannot have (AWS user guide, data types, 2026-09-15). */
const REFUSED: readonly DataTypeName[] = [
  'ARRAY',
  'RANGE',
  'HSTORE',
  'CITEXT',
  'TSVECTOR',
  'GEOMETRY',
  'GEOGRAPHY',
  'INET',
  'CIDR',
  'MACADDR',
];

const INSTEAD_OF_ARRAY = "Use DataTypes.JSONB, or `dsql: { arrays: 'jsonb' }` to keep all arrays as jsonb.";

/** What `numeric` without a precision is on Aurora DSQL (verified on a cluster, 2026-10-03); on PostgreSQL it has no limit. */
const DEFAULT_DECIMAL = 'DECIMAL(18,6)';

/** Whether a data type is one of Sequelize's, by the name it has in `DataTypes`. */
export function isOfType(type: unknown, name: DataTypeName): boolean {
  return type instanceof (DataTypes[name] as unknown as new () => object);
}

/** Whether the values of a data type are whole numbers in JavaScript. */
export function isWholeNumber(type: unknown): boolean {
  // SMALLINT, MEDIUMINT and TINYINT are INTEGERs to Sequelize; so is BIGINT, whose values are texts.
  return isOfType(type, 'INTEGER') && !isOfType(type, 'BIGINT');
}

/** The values of an enum. */
export function enumValues({ type, values }: ColumnAttribute): readonly string[] | undefined {
  if (!isOfType(type, 'ENUM')) return undefined;
  const known = values ?? (type as { readonly values?: readonly string[] }).values ?? [];
  if (known.length === 0) throw new Error("Values for ENUM haven't been defined.");
  return known;
}

/** The name of a type in SQL, in small letters and without its length: of an object of Sequelize's, or as it was written. */
export function typeNameOf(type: unknown): string {
  return String(type)
    .replace(/\([^]*/, '')
    .trim()
    .toLowerCase();
}

/**
 * The type of a column as SQL, without what else is said of it.
 *
 * @param column - for the error
 * @param keepsTexts - whether a column of a type that has a text form is kept as text
 * @throws UnsupportedFeatureError for a type that Aurora DSQL cannot store
 */
export function sqlType(
  { type, autoIncrement }: ColumnAttribute,
  column: string,
  keepsTexts: boolean,
): string {
  const refused = REFUSED.find((name) => isOfType(type, name));
  if (refused !== undefined) {
    const sqlName = typeNameOf(type);
    if (keepsTexts && hasTextForm(sqlName)) return 'TEXT';
    const instead = refused === 'ARRAY' ? INSTEAD_OF_ARRAY : insteadOfType(sqlName);
    throw new UnsupportedFeatureError(`columns of type ${refused}: ${column}`, instead);
  }
  if (autoIncrement === true) return 'BIGINT';
  if (isOfType(type, 'ENUM')) return 'TEXT';
  const written = String(type);
  return written === 'DECIMAL' ? DEFAULT_DECIMAL : written;
}

const warned = new WeakMap<Sequelize, Set<string>>();

/** Says of each column once that its values are rounded, which they are not on PostgreSQL. */
export function warnOfRounding(
  sequelize: Sequelize,
  table: string,
  attributes: Readonly<Record<string, ColumnAttribute>>,
  options: object,
): void {
  const known = warned.get(sequelize) ?? new Set();
  warned.set(sequelize, known);
  for (const [name, { type, field = name }] of Object.entries(attributes)) {
    const column = `${table}.${field}`;
    if (!isOfType(type, 'DECIMAL') || String(type) !== 'DECIMAL' || known.has(column)) continue;
    known.add(column);
    log(sequelize, `Warning: ${roundingNote(column)}`, options);
  }
}

/**
 * Whether a column holds the values of a column with autoIncrement, and so is bigint as that one is on Aurora DSQL.
 *
 * A column follows what it references, however many tables away, and what an association without constraints says that
 * it references.
 */
export function followsIdentity(sequelize: Sequelize, attribute: ColumnAttribute): boolean {
  const seen = new Set<ColumnAttribute>();
  const follows = (column: ColumnAttribute | undefined): boolean => {
    if (column === undefined || seen.has(column)) return false;
    seen.add(column);
    return column.autoIncrement === true || targetsOf(sequelize, column).some(follows);
  };
  return targetsOf(sequelize, attribute).some(follows);
}

function targetsOf(sequelize: Sequelize, attribute: ColumnAttribute): (ColumnAttribute | undefined)[] {
  const { references, Model: model, fieldName } = attribute;
  if (references?.model !== undefined) {
    const target = modelOf(sequelize, references.model);
    const { fieldRawAttributesMap: columns } = (target ?? {}) as Partial<WithColumns>;
    return [columns?.[references.key ?? 'id']];
  }
  return model === undefined
    ? []
    : modelsOf(sequelize).flatMap((source) =>
        Object.values(source.associations).flatMap((association) =>
          associatedColumn(association as unknown as Association, model, fieldName),
        ),
      );
}

/** The column that an association makes another one refer to, if that other one is `name` of `model`. */
function associatedColumn(
  association: Association,
  model: ModelStatic<Model>,
  name: string | undefined,
): (ColumnAttribute | undefined)[] {
  const { associationType, source, target, foreignKey, targetKey, sourceKey } = association;
  if (foreignKey !== name) return [];
  if (associationType === 'BelongsTo') return source === model ? [target.rawAttributes[targetKey ?? '']] : [];
  if (associationType === 'HasMany' || associationType === 'HasOne') {
    return target === model ? [source.rawAttributes[sourceKey ?? '']] : [];
  }
  return [];
}

interface Association {
  readonly associationType: string;
  readonly source: { readonly rawAttributes: Readonly<Record<string, ColumnAttribute>> };
  readonly target: { readonly rawAttributes: Readonly<Record<string, ColumnAttribute>> };
  readonly foreignKey: string;
  readonly targetKey?: string;
  readonly sourceKey?: string;
}

interface WithColumns {
  readonly fieldRawAttributesMap: Readonly<Record<string, ColumnAttribute | undefined>>;
}

/** The model of a table, if there is one. */
export function modelOf(sequelize: Sequelize, table: ReferencedTable): ModelStatic<Model> | undefined {
  return modelsOf(sequelize).find((model) => {
    const name = model.getTableName();
    if (model === table) return true;
    if (typeof table === 'string') return model.tableName === table;
    const schema = typeof name === 'string' ? undefined : name.schema;
    return model.tableName === table.tableName && (schema ?? 'public') === (schemaOf(table) ?? 'public');
  });
}

function schemaOf(table: Exclude<ReferencedTable, string>): string | undefined {
  return 'schema' in table && typeof table.schema === 'string' ? table.schema : undefined;
}

function modelsOf(sequelize: Sequelize): readonly ModelStatic<Model>[] {
  return (sequelize as unknown as { readonly modelManager: { readonly models: ModelStatic<Model>[] } })
    .modelManager.models;
}

/**
 * An attribute without the `USING` that may follow its type, as `changeColumn` is told on PostgreSQL how to convert values
 * (`'JSON USING CAST("a" AS JSON)'`).
 */
export function withoutConversion(attribute: ColumnAttribute): ColumnAttribute {
  const { type } = attribute as { readonly type?: unknown };
  if (typeof type !== 'string') return attribute;
  return {
    ...attribute,
    type: type.replace(/\s+USING\s[\s\S]*$/i, ''),
  };
}
