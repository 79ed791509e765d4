import { Query, type FieldDef, type QueryResult } from 'pg';

/** The parts of node-postgres' connection that a description writes to. */
interface WireConnection {
  readonly stream: { cork?(): void; uncork?(): void };
  parse(statement: { text: string; name: string; types: unknown[] }): void;
  describe(target: { type: 'S'; name: string }): void;
  sync(): void;
}

type Callback = (error: Error | null | undefined, result: QueryResult) => void;

const BaseQuery = Query as unknown as new (
  text: string,
  values: undefined,
  callback: Callback,
) => { submit(connection: WireConnection): Error | null };

/** Has a statement described, as node-postgres can have it sent; it is not run. */
export class Description extends BaseQuery {
  readonly #text: string;

  /** @param done - is told the columns that the statement would give, none if it gives no rows */
  constructor(text: string, done: (error: Error | null | undefined, fields: readonly FieldDef[]) => void) {
    super(text, undefined, (error, result) => {
      done(error, error ? [] : result.fields);
    });
    this.#text = text;
  }

  override submit(connection: WireConnection): null {
    const { stream } = connection;
    stream.cork?.();
    try {
      connection.parse({ text: this.#text, name: '', types: [] });
      connection.describe({ type: 'S', name: '' });
      connection.sync();
    } finally {
      stream.uncork?.();
    }
    return null;
  }
}
