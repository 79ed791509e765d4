import { rowsBefore } from '../../connection';
import { findInChain, isSchemaConflict, NotCommitted, sqlStateOf } from '../../occ';
import { literal, quoted } from '../../sql';
import type { ReadCatalogue } from '../number-keys';
import { ParsedInsert } from './parsed-insert';

type Row = Readonly<Record<string, unknown>>;

/** The identity column of a table. */
export interface IdentityColumn {
  /** The table, by the one name that the ORM has for it, however a statement writes it. */
  readonly table: string;
  readonly column: string;
}

/** Finds the identity column of a table; without a schema, of the one that names without a schema lead to. */
export type FindIdentityColumn = (table: {
  readonly tableName: string;
  readonly schema: string | undefined;
}) => IdentityColumn | undefined;

/** An INSERT, the identity column of its table, and the rows that get their values from it. */
interface KeyedInsert extends IdentityColumn {
  readonly insert: ParsedInsert;
  readonly rows: readonly number[];
}

const UNIQUE_VIOLATION = '23505';

/**
 * The keys that identity columns gave to attempts that failed, of a transaction or of an autocommit INSERT.
 *
 * The next attempt inserts under the same keys: none is left out, and what listeners and subscribers have made of one
 * stays true. Nobody else is ever given them, unless the identity column began anew meanwhile: after a conflict with a
 * change of the schema that is looked up, and where a key turns out to be taken, all are forgotten.
 */
export class ReusedIdentityKeys {
  readonly #find: FindIdentityColumn;
  /** By table, in the order in which rows are inserted. */
  readonly #keys = new Map<string, unknown[]>();
  /** How many rows of a table this attempt has inserted. */
  readonly #inserted = new Map<string, number>();
  /** What this attempt has inserted, as it was before it was given keys. */
  #sent: (readonly [sql: string, rows: readonly Row[]])[] = [];
  /** The tables whose identity columns may have begun anew. */
  readonly #inDoubt = new Set<string>();
  #schemaHasChanged = false;
  /** A row was refused that may have been so for the key that it was given. */
  #isRefused = false;

  /** @param find - asks the models of the application */
  constructor(find: FindIdentityColumn) {
    this.#find = find;
  }

  /**
   * Makes an attempt: what it inserts is inserted again, but for the first time.
   *
   * @throws NotCommitted when it failed by a key that had been given to an earlier one, and is to be made again
   */
  async attempt<T>(make: () => Promise<T>): Promise<T> {
    this.#beginAttempt();
    try {
      return await make();
    } catch (error) {
      this.#schemaHasChanged = isSchemaConflict(error);
      if (!this.#isRefused) throw error;
      this.#keys.clear();
      this.#sent = [];
      throw new NotCommitted({ cause: error });
    }
  }

  /**
   * Sends an INSERT of the attempt.
   *
   * @param send - sends the text that it is given; returns what the host has made of the answer, and the rows in it
   * @param read - reads the catalogue on the same connection
   */
  async insert<Answer extends { readonly rows: readonly Row[] }>(
    sql: string,
    send: (sql: string) => Promise<Answer>,
    read: ReadCatalogue,
  ): Promise<Answer> {
    const keyed = this.#keys.size === 0 ? undefined : this.#read(sql);
    if (keyed !== undefined && this.#inDoubt.has(keyed.table)) await this.#lookUp(keyed, read);
    const adapted = keyed === undefined ? sql : this.#adapt(sql, keyed);
    try {
      const answer = await send(adapted);
      this.#sent.push([sql, answer.rows]);
      return answer;
    } catch (error) {
      const failed = findInChain(error, (inner) => rowsBefore(inner) !== undefined);
      if (failed !== undefined) this.#sent.push([sql, rowsBefore(failed) ?? []]);
      if (adapted !== sql && sqlStateOf(error) === UNIQUE_VIOLATION) this.#isRefused = true;
      throw error;
    }
  }

  #beginAttempt(): void {
    this.#isRefused = false;
    this.#inserted.clear();
    for (const [sql, rows] of this.#sent.splice(0)) this.#learn(sql, rows);
    this.#inserted.clear();
    if (this.#schemaHasChanged) for (const table of this.#keys.keys()) this.#inDoubt.add(table);
  }

  /** Forgets the keys of a table if its identity column is behind them, and so is going to give them to others. */
  async #lookUp({ insert, table, column }: KeyedInsert, read: ReadCatalogue): Promise<void> {
    const path = insert.table.map(quoted).join('.');
    const { rows } = await read(
      `SELECT last_value::text AS last FROM pg_catalog.pg_sequences WHERE quote_ident(schemaname) || '.' || quote_ident(sequencename) = pg_get_serial_sequence(${literal(path)}, ${literal(column)})`,
    );
    const [{ last }] = [...(rows as readonly { readonly last: string | null }[]), { last: null }] as const;
    const isBehind = (key: unknown) => last === null || !isKey(key) || BigInt(last) < BigInt(String(key));
    if (this.#keys.get(table)?.some(isBehind) === true) this.#keys.delete(table);
    this.#inDoubt.delete(table);
  }

  #adapt(sql: string, keyed: KeyedInsert): string {
    const { insert, column, rows } = keyed;
    const keys = this.#take(keyed);
    const given = rows.flatMap((row, index): [number, string][] => {
      const key = keys[index];
      return isKey(key) ? [[row, String(key)]] : [];
    });
    return given.length === 0 ? sql : insert.withValues(column, new Map(given));
  }

  #learn(sql: string, returned: readonly Row[]): void {
    const keyed = returned.length === 0 ? undefined : this.#read(sql);
    if (keyed === undefined) return;
    const { insert, table, column, rows } = keyed;
    const first = this.#inserted.get(table) ?? 0;
    const known = this.#take(keyed);
    if (insert.rowCount !== returned.length || !insert.returns(column)) return;
    const keys = this.#keys.get(table) ?? [];
    this.#keys.set(table, keys);
    rows.forEach((row, index) => {
      keys[first + index] = returned[row]?.[column] ?? known[index];
    });
  }

  #take({ table, rows }: KeyedInsert): readonly unknown[] {
    const first = this.#inserted.get(table) ?? 0;
    this.#inserted.set(table, first + rows.length);
    return rows.map((_, index) => this.#keys.get(table)?.[first + index]);
  }

  #read(sql: string): KeyedInsert | undefined {
    const insert = ParsedInsert.read(sql);
    if (insert === undefined) return undefined;
    const [tableName = '', schema] = insert.table.toReversed();
    const identity = this.#find({ tableName, schema });
    return identity && { ...identity, insert, rows: insert.rowsWithout(identity.column) };
  }
}

function isKey(value: unknown): boolean {
  return /^-?\d+$/.test(String(value));
}
