import { types, type FieldDef } from 'pg';
import type { DataSource } from 'typeorm';
import { isNumberKey } from './identity-keys';

/** Reads the catalogue, past the host's log. */
export type ReadCatalogue = (sql: string) => Promise<{ readonly rows: readonly unknown[] }>;

type Row = Record<string, unknown>;

/** A bigint column of a table. */
interface BigintColumn {
  readonly tableID: number;
  readonly columnID: number;
  readonly schema: string;
  readonly tableName: string;
  readonly name: string;
  readonly isIdentity: boolean;
}

const INT8: number = types.builtins.INT8;

const BIGINT_COLUMNS = `SELECT a.attrelid AS "tableID", a.attnum AS "columnID", n.nspname AS schema, c.relname AS "tableName",
    a.attname AS name, a.attidentity <> '' AS "isIdentity"
  FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE a.atttypid = ${INT8} AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind = 'r' AND n.nspname !~ '^(pg_|sys$)'`;

/**
 * The keys in raw results, as the numbers that they are on PostgreSQL.
 *
 * A key that counts up is an integer there and a bigint here, of which node-postgres makes a text. The server says of a
 * column of a result which column of which table it is, so that other bigint columns stay the texts that they are on
 * PostgreSQL, too.
 */
export class NumberKeys {
  readonly #dataSource: DataSource;
  /** Whether a bigint column is a key, by its table and its number there. */
  readonly #isKnownKey = new Map<string, boolean>();

  constructor(dataSource: DataSource) {
    this.#dataSource = dataSource;
  }

  /**
   * Makes numbers of the keys in rows. The catalogue is read once for all tables, and again for a column that is new.
   *
   * @param rows - changed in place
   */
  async convert(rows: readonly Row[], fields: readonly FieldDef[], read: ReadCatalogue): Promise<void> {
    const texts = fields.filter(
      ({ name, dataTypeID, tableID }) =>
        dataTypeID === INT8 && tableID !== 0 && rows.some((row) => typeof row[name] === 'string'),
    );
    if (texts.some((field) => !this.#isKnownKey.has(idOf(field)))) await this.#learn(texts, read);
    for (const { name } of texts.filter((field) => this.#isKnownKey.get(idOf(field)) === true)) {
      for (const row of rows) {
        const value = Number(row[name]);
        if (typeof row[name] === 'string' && Number.isSafeInteger(value)) row[name] = value;
      }
    }
  }

  async #learn(fields: readonly FieldDef[], read: ReadCatalogue): Promise<void> {
    const found = (await read(BIGINT_COLUMNS)).rows as readonly BigintColumn[];
    for (const field of fields) this.#isKnownKey.set(idOf(field), false);
    for (const column of found) this.#isKnownKey.set(idOf(column), this.#isKey(column));
  }

  /** What an entity says of a column; without one, identity columns are keys. */
  #isKey({ schema, tableName, name, isIdentity }: BigintColumn): boolean {
    const { driver, entityMetadatas } = this.#dataSource;
    const ofTable = entityMetadatas.filter((metadata) => {
      const parsed = driver.parseTableName(metadata);
      return parsed.tableName === tableName && (parsed.schema ?? driver.schema ?? 'public') === schema;
    });
    const columns = ofTable.flatMap((metadata) => metadata.findColumnWithDatabaseName(name) ?? []);
    return columns.length === 0 ? isIdentity : columns.some(isNumberKey);
  }
}

function idOf({ tableID, columnID }: Pick<FieldDef, 'tableID' | 'columnID'>): string {
  return `${tableID}.${columnID}`;
}
