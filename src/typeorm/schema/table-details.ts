import type { EntityMetadata, Table, TableColumn } from 'typeorm';
import type { ColumnMetadata } from 'typeorm/metadata/ColumnMetadata.js';
import type { SchemaSession } from '../../schema';
import { defaultName, literal } from '../../sql';
import { isEnum } from './column-change';
import { hasIdentityValues, isNumber } from '../writes/identity-keys';

/** What the catalogue says of a table beyond what TypeORM reads of it. */
export interface TableDetails {
  readonly constraints: readonly ConstraintDetails[];
  readonly indexes: readonly IndexDetails[];
}

interface ConstraintDetails {
  readonly name: string;
  readonly type: 'c' | 'f' | 'p' | 'u';
  readonly isValidated: boolean;
  /** The only column that it is about, if there is just one. */
  readonly column: string | undefined;
  /** The condition of a CHECK, as PostgreSQL prints it. */
  readonly condition: string | undefined;
}

interface IndexDetails {
  readonly name: string;
  /** The columns by which it is ordered, without those that it only includes. */
  readonly keys: readonly string[];
  /** Whether its build has failed, or was given up. */
  readonly isBroken: boolean;
}

/** A table by its schema and name. */
export interface TablePath {
  readonly schema: string;
  readonly name: string;
}

/** A CHECK that stands for an enum type. */
export interface EnumCheck {
  readonly name: string;
  readonly labels: readonly string[];
  /** Of the column. */
  readonly type: 'text' | 'character varying';
}

const CONSTRAINTS = `SELECT c.conname AS name, c.contype::text AS type, c.convalidated AS is_validated, n.nspname AS schema,
    t.relname AS table, CASE WHEN cardinality(c.conkey) = 1 THEN a.attname END AS column,
    pg_get_expr(c.conbin, c.conrelid) AS condition
  FROM pg_catalog.pg_constraint c JOIN pg_catalog.pg_class t ON t.oid = c.conrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
  LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
  WHERE c.contype IN ('c', 'f', 'p', 'u')`;

const INDEXES = `SELECT i.relname AS name, n.nspname AS schema, t.relname AS table, a.attname AS key,
    NOT x.indisvalid AND NOT EXISTS (SELECT FROM sys.jobs j
      WHERE j.object_id = i.oid AND j.job_type = 'INDEX_BUILD' AND j.status IN ('submitted', 'processing')) AS is_broken
  FROM pg_catalog.pg_index x JOIN pg_catalog.pg_class t ON t.oid = x.indrelid
  JOIN pg_catalog.pg_class i ON i.oid = x.indexrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = t.relnamespace
  JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid
    AND a.attnum = ANY ((x.indkey::int2[])[0:x.indnkeyatts - 1])
  WHERE NOT x.indisprimary`;

const ORDER = ' ORDER BY i.relname, array_position((x.indkey::int2[])[0:x.indnkeyatts - 1], a.attnum)';

/**
 * Reads what TypeORM does not read of tables.
 *
 * @returns the details by {@link pathKey}; nothing for a table without constraints and indexes
 */
export async function readTableDetails(
  session: SchemaSession,
  tables: readonly TablePath[],
): Promise<ReadonlyMap<string, TableDetails>> {
  const wanted = tables.map(({ schema, name }) => `(${literal(schema)}, ${literal(name)})`).join(', ');
  const condition = ` AND (n.nspname, t.relname) IN (${wanted})`;
  const constraints = await session.query(CONSTRAINTS + condition);
  const indexes = await session.query(INDEXES + condition + ORDER);
  const details = new Map<string, { constraints: ConstraintDetails[]; indexes: IndexDetails[] }>();
  const of = (row: Readonly<Record<string, unknown>>) => {
    const key = pathKey({ schema: String(row.schema), name: String(row.table) });
    const known = details.get(key) ?? { constraints: [], indexes: [] };
    details.set(key, known);
    return known;
  };
  for (const row of constraints.rows) {
    of(row).constraints.push({
      name: String(row.name),
      type: row.type as ConstraintDetails['type'],
      isValidated: row.is_validated === true,
      column: (row.column as string | null) ?? undefined,
      condition: (row.condition as string | null) ?? undefined,
    });
  }
  for (const row of indexes.rows) {
    const known = of(row).indexes;
    const name = String(row.name);
    const keys = known.find((index) => index.name === name)?.keys ?? [];
    const others = known.filter((index) => index.name !== name);
    const index = { name, keys: [...keys, String(row.key)], isBroken: row.is_broken === true };
    known.splice(0, known.length, ...others, index);
  }
  return details;
}

/** One name for a table in every map. */
export function pathKey({ schema, name }: TablePath): string {
  return JSON.stringify([schema, name]);
}

/** The CHECK by which a column is NOT NULL that was created without it: there is no SET NOT NULL. */
export function notNullCheckOf(details: TableDetails, column: string): ConstraintDetails | undefined {
  return details.constraints.find(
    ({ type, column: only, condition = '' }) =>
      type === 'c' && only === column && IS_NOT_NULL.test(condition),
  );
}

const NAME = '(?:"(?:[^"]|"")+"|[a-z_][a-z0-9_$]*)';
const IS_NOT_NULL = new RegExp(`^\\(${NAME} IS NOT NULL\\)$`);
const TEXT = "'(?:[^']|'')*'::(?:text|character varying)";
const TEXTS = `ARRAY\\[(${TEXT}(?:, ${TEXT})*)\\]`;
/** `a IN ('b', 'c')` and `a IN ('b')`, of a text and of a character varying. */
const IS_ONE_OF = new RegExp(
  `^\\((?:${NAME}|\\(${NAME}\\)::text) = ` +
    `(?:ANY \\(${TEXTS}\\)|ANY \\(\\(${TEXTS}\\)::text\\[\\]\\)|(${TEXT}))\\)$`,
  's',
);

/** The CHECK that stands for the enum type of a column. */
export function enumCheckOf(details: TableDetails, column: string): EnumCheck | undefined {
  for (const { type, name, column: only, condition } of details.constraints) {
    if (type !== 'c' || only !== column || condition === undefined) continue;
    const found = IS_ONE_OF.exec(condition);
    if (found === null) continue;
    const values = found.slice(1).join('');
    const labels = [...values.matchAll(/'((?:[^']|'')*)'::/gs)].map(([, label = '']) =>
      label.replaceAll("''", "'"),
    );
    return { name, labels, type: values.endsWith('::text') ? 'text' : 'character varying' };
  }
  return undefined;
}

/** The names of the constraints that an entity wants and that not all rows were found to keep to. */
export function unvalidatedConstraints(details: TableDetails, metadata: EntityMetadata): readonly string[] {
  const named = [...metadata.checks, ...metadata.foreignKeys];
  return details.constraints
    .filter(({ isValidated, name, column, condition = '' }) => {
      if (isValidated) return false;
      if (named.some((wanted) => wanted.name === name)) return true;
      const wanted = column === undefined ? undefined : metadata.findColumnWithDatabaseName(column);
      if (column === undefined || wanted === undefined) return false;
      if (IS_NOT_NULL.test(condition)) return !wanted.isNullable;
      const labels = (wanted.enum ?? []).map(String);
      const check = enumCheckOf(details, column);
      return check?.name === name && JSON.stringify(check.labels) === JSON.stringify(labels);
    })
    .map(({ name }) => name);
}

/**
 * Makes of a table as TypeORM has read it what it would have read on PostgreSQL: NOT NULL, enums, and indexes without
 * the columns that they only include.
 *
 * @param table - changed
 * @param metadata - of the entity that is kept in the table, if there is one
 */
export function completeTable(
  table: Table,
  details: TableDetails,
  metadata: EntityMetadata | undefined,
): void {
  const hidden = new Set<string>();
  const tableName = table.name.slice(table.name.lastIndexOf('.') + 1);
  for (const column of table.columns) {
    const notNull = notNullCheckOf(details, column.name);
    if (notNull !== undefined && !isOwnCheck(metadata, notNull.name)) {
      column.isNullable = false;
      hidden.add(notNull.name);
    }
    // What PostgreSQL keeps as serial: the host renames its sequence with the table, and finds the strategy it knows.
    if (column.generatedIdentity === 'BY DEFAULT' && !wantsIdentity(metadata, column.name)) {
      column.generationStrategy = 'increment';
    }
    completeInteger(column, metadata?.findColumnWithDatabaseName(column.name));
    // A default of 1.5 is compared as '1.5', as the host does it with whole numbers.
    if (/^-?\d+\.\d+$/.test(String(column.default))) column.default = `'${String(column.default)}'`;
    const check = enumCheckOf(details, column.name);
    if (completeEnum(tableName, column, check, metadata) && check !== undefined) hidden.add(check.name);
  }
  table.checks = table.checks.filter(({ name }) => name === undefined || !hidden.has(name));
  for (const index of table.indices) {
    const known = details.indexes.find(({ name }) => name === index.name);
    if (known === undefined) continue;
    // An index without columns is never the one that an entity wants, so a broken one is dropped and built anew.
    index.columnNames = known.isBroken ? [] : [...known.keys];
    // The 0.3 line knows no types of indexes. Aurora DSQL calls its only one `btree_index`.
    if ((index as { type?: string }).type === 'btree_index') index.type = 'btree';
  }
}

/** Whether the entity itself says `identity` and not `increment`. */
function wantsIdentity(metadata: EntityMetadata | undefined, column: string): boolean {
  // The host's type leaves the value out.
  const strategy: string | undefined = metadata?.findColumnWithDatabaseName(column)?.generationStrategy;
  return strategy === 'identity';
}

/** Whether the entity itself asks for a CHECK of that name. */
function isOwnCheck(metadata: EntityMetadata | undefined, name: string): boolean {
  return metadata?.checks.some((check) => check.name === name) === true;
}

/** A wider integer than the entity asks for keeps its values as well, and so does a narrower one that counts up. */
function completeInteger(column: TableColumn, wanted: ColumnMetadata | undefined): void {
  if (wanted === undefined || !isNumber(wanted)) return;
  if (hasIdentityValues(wanted)) {
    if (/^(?:integer|smallint)$/.test(column.type)) column.type = 'bigint';
  } else if (column.type === 'bigint') {
    column.type = /^(?:int2|smallint)$/.test(String(wanted.type)) ? 'smallint' : 'integer';
  }
}

/** @returns whether the column is one of an enum type to TypeORM */
function completeEnum(
  tableName: string,
  column: TableColumn,
  check: EnumCheck | undefined,
  metadata: EntityMetadata | undefined,
): boolean {
  if (check === undefined || isOwnCheck(metadata, check.name)) return false;
  const wanted = metadata?.findColumnWithDatabaseName(column.name);
  // Where the entity does not say that it is an enum, it is one by the name that its CHECK was given.
  const own = defaultName(tableName, [column.name], 'check');
  if (wanted !== undefined && !isEnum(wanted) && check.name.replace(/\d*$/, '') !== own) return false;
  column.type = 'enum';
  column.length = '';
  column.enum = [...check.labels];
  // There is no type whose name could be read.
  if (wanted?.enumName !== undefined) column.enumName = wanted.enumName;
  return true;
}
