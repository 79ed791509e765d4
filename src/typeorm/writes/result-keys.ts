import type { ObjectLiteral } from 'typeorm';
import { fieldsOf, type DsqlClient } from '../../connection';
import type { ReadCatalogue, ReusedIdentityKeys } from '../../schema';
import { summarizeText } from '../../sql';
import type { DsqlDriverParts } from '../dsql-driver-parts';
import type { Statement } from '../statement';

type Fields = NonNullable<ReturnType<typeof fieldsOf>>;

/** The keys in the statements of one query runner and in their results. */
export class ResultKeys {
  readonly #driver: DsqlDriverParts;
  readonly #client: () => DsqlClient | undefined;
  readonly #readCatalogue: ReadCatalogue;

  /** @param client - the connection of the query runner, while it has one */
  constructor(driver: DsqlDriverParts, client: () => DsqlClient | undefined) {
    this.#driver = driver;
    this.#client = client;
    this.#readCatalogue = (sql) => driver.catalogue.read(sql, client());
  }

  /**
   * Sends a statement; an INSERT with the keys that an earlier attempt was given.
   *
   * @param send - sends the statement that it is given, once
   */
  send(
    statement: Statement,
    keys: ReusedIdentityKeys | undefined,
    send: (statement: Statement) => Promise<unknown>,
  ): Promise<unknown> {
    return keys === undefined || summarizeText(statement[0]).firstWord !== 'INSERT'
      ? send(statement)
      : this.#insert(statement, keys, send);
  }

  async #insert(
    [text, ...rest]: Statement,
    keys: ReusedIdentityKeys,
    send: (statement: Statement) => Promise<unknown>,
  ): Promise<unknown> {
    const sendText = async (sql: string) => {
      const answer = await send([sql, ...rest]);
      return { result: answer, rows: rowsOf(answer)?.[0] ?? [] };
    };
    const { result } = await keys.insert(text, sendText, this.#readCatalogue);
    return result;
  }

  /**
   * Makes numbers of the keys in a result. The statement is done, so nothing that goes wrong here may look like a failure of
   * it: the keys stay texts then.
   *
   * @returns nothing where nothing is to be waited for
   */
  giveAsNumbers(result: unknown, sql: string): Promise<void> | undefined {
    const [rows, fields] = rowsOf(result) ?? [];
    if (rows === undefined || fields === undefined) return undefined;
    return this.#driver.numberKeys.convert(rows, fields, this.#readCatalogue, sql)?.catch(() => undefined);
  }

  /** The names of the keys among the columns of a query that is not run yet: nothing can be asked while it is read. */
  async namesIn(sql: string): Promise<readonly string[]> {
    const fields = (await this.#client()?.describe(sql)) ?? [];
    return this.#driver.numberKeys.namesOf(fields, this.#readCatalogue, sql).catch(() => []);
  }
}

/** The rows in what the host makes of a result, and where their columns come from. */
function rowsOf(result: unknown): [rows: ObjectLiteral[], fields: Fields] | undefined {
  if (typeof result !== 'object' || result === null) return undefined;
  const { records, 0: first } = result as { readonly records?: unknown; readonly 0?: unknown };
  for (const rows of [result, records, first]) {
    const fields = fieldsOf(rows);
    if (fields !== undefined) return [rows as ObjectLiteral[], fields];
  }
  return undefined;
}
