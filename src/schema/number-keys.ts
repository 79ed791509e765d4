import { types, type FieldDef } from 'pg';
import { keyExpressions, type NamedColumn } from './key-expressions';

/** Reads the catalogue, past the host's log. */
export type ReadCatalogue = (sql: string) => Promise<{ readonly rows: readonly unknown[] }>;

type Row = Record<string, unknown>;

/** A bigint column of a table, as the catalogue describes it. */
export interface BigintColumn {
  readonly tableID: number;
  readonly columnID: number;
  readonly schema: string;
  /** Whether names without a schema lead to its schema. */
  readonly isInCurrentSchema: boolean;
  readonly tableName: string;
  readonly name: string;
  readonly isIdentity: boolean;
  /** It is a foreign key to an identity column. */
  readonly refersToIdentity: boolean;
}

const INT8: number = types.builtins.INT8;

const BIGINT_COLUMNS = `SELECT a.attrelid AS "tableID", a.attnum AS "columnID", n.nspname AS schema,
    n.nspname = current_schema() AS "isInCurrentSchema", c.relname AS "tableName",
    a.attname AS name, a.attidentity <> '' AS "isIdentity",
    EXISTS (SELECT FROM pg_catalog.pg_constraint f JOIN pg_catalog.pg_attribute t ON t.attrelid = f.confrelid
      WHERE f.conrelid = a.attrelid AND f.contype = 'f' AND a.attnum = ANY (f.conkey)
      AND t.attnum = ANY (f.confkey) AND t.attidentity <> '') AS "refersToIdentity"
  FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE a.atttypid = ${INT8} AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind = 'r' AND n.nspname !~ '^(pg_|sys$)'`;

/**
 * The keys in raw results, as the numbers that they are on PostgreSQL.
 *
 * A key that counts up is an integer there and a bigint here, of which node-postgres makes a text. The server says of a
 * column of a result which column of which table it is, so that other bigint columns stay the texts that they are on
 * PostgreSQL, too. What {@link keyExpressions} are made of is read from the text of the query.
 */
export class NumberKeys {
  readonly #isKey: (column: BigintColumn) => boolean;
  /** Whether a bigint column is a key, by its table and its number there. */
  readonly #isKnownKey = new Map<string, boolean>();
  /** The same by the names of table and column, in one schema or several; nothing for others than bigint columns. */
  readonly #areKeysByName = new Map<string, Map<string, boolean>>();

  /** Reads that are under way: who asks meanwhile waits for the same answer. */
  #learning: Promise<void> | undefined;

  /** @param isKey - whether a column is a number to the application; asked once for each */
  constructor(isKey: (column: BigintColumn) => boolean) {
    this.#isKey = isKey;
  }

  /**
   * Makes numbers of the keys in rows. The catalogue is read once for all tables, and again for a column that is new.
   *
   * @param rows - changed in place
   * @param sql - what gave them
   * @returns nothing where no column has the type of such keys, so that nothing is to be waited for
   */
  convert(
    rows: readonly Row[],
    fields: readonly FieldDef[],
    read: ReadCatalogue,
    sql?: string,
  ): Promise<void> | undefined {
    const mayHoldKeys = fields.some(({ dataTypeID }) => dataTypeID === INT8);
    return mayHoldKeys ? this.#convert(rows, fields, read, sql) : undefined;
  }

  async #convert(
    rows: readonly Row[],
    fields: readonly FieldDef[],
    read: ReadCatalogue,
    sql: string | undefined,
  ): Promise<void> {
    const isGiven = ({ name }: FieldDef) => rows.some((row) => typeof row[name] === 'string');
    const names = await this.namesOf(fields, read, sql, isGiven);
    for (const row of rows) asNumbers(row, names);
  }

  /**
   * The names of the keys among the columns of a result; see {@link convert}.
   *
   * @param isAsked - which of the columns matter
   */
  async namesOf(
    fields: readonly FieldDef[],
    read: ReadCatalogue,
    sql?: string,
    isAsked: (field: FieldDef) => boolean = () => true,
  ): Promise<readonly string[]> {
    const texts = fields.filter((field) => field.dataTypeID === INT8 && isAsked(field));
    const columns = texts.filter(({ tableID }) => tableID !== 0);
    const expressions = sql === undefined || columns.length === texts.length ? [] : keyExpressions(sql);
    const columnsOf = (field: FieldDef) =>
      field.tableID === 0 && expressions.length === fields.length
        ? expressions[fields.indexOf(field)]
        : undefined;
    const named = texts.flatMap((field) => columnsOf(field) ?? []);
    const isNew = () =>
      columns.some((field) => !this.#isKnownKey.has(idOf(field))) ||
      named.some((column) => !this.#areKeysByName.has(nameOf(column)));
    if (isNew()) await this.#learning?.catch(() => undefined);
    if (isNew()) {
      this.#learning = this.#learn(columns, named, read).finally(() => {
        this.#learning = undefined;
      });
      await this.#learning;
    }
    return texts
      .filter(
        (field) =>
          this.#isKnownKey.get(idOf(field)) ?? columnsOf(field)?.every((column) => this.#isKeyByName(column)),
      )
      .map(({ name }) => name);
  }

  /** Without a schema it is not known which table of that name it is, so all have to be alike. */
  #isKeyByName(column: NamedColumn): boolean {
    const { schema } = column;
    const bySchema = this.#areKeysByName.get(nameOf(column));
    const answers = schema === undefined ? [...(bySchema?.values() ?? [])] : [bySchema?.get(schema)];
    return answers.length > 0 && answers.every((answer) => answer === true);
  }

  async #learn(
    fields: readonly FieldDef[],
    named: readonly NamedColumn[],
    read: ReadCatalogue,
  ): Promise<void> {
    const found = (await read(BIGINT_COLUMNS)).rows as readonly BigintColumn[];
    for (const field of fields) this.#isKnownKey.set(idOf(field), false);
    const byName = new Map<string, Map<string, boolean>>(named.map((column) => [nameOf(column), new Map()]));
    for (const column of found) {
      const isKey = this.#isKey(column);
      this.#isKnownKey.set(idOf(column), isKey);
      const name = nameOf({ table: column.tableName, column: column.name });
      byName.set(name, (byName.get(name) ?? new Map<string, boolean>()).set(column.schema, isKey));
    }
    for (const [name, bySchema] of byName) this.#areKeysByName.set(name, bySchema);
  }
}

function nameOf({ table, column }: Pick<NamedColumn, 'table' | 'column'>): string {
  return JSON.stringify([table, column]);
}

function idOf({ tableID, columnID }: Pick<FieldDef, 'tableID' | 'columnID'>): string {
  return `${tableID}.${columnID}`;
}

/**
 * Makes numbers of bigint values of a row, as far as JavaScript can hold them.
 *
 * @param row - changed in place
 */
export function asNumbers(row: Row, names: readonly string[]): void {
  for (const name of names) {
    const value = Number(row[name]);
    if (typeof row[name] === 'string' && Number.isSafeInteger(value)) row[name] = value;
  }
}
