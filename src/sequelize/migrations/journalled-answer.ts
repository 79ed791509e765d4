/** What of an answer of node-postgres is kept in the journal. */
export interface KeptAnswer {
  readonly command: string;
  readonly rowCount: number | null;
  readonly rows: readonly object[];
}

/** How a query of a migration is answered: it is sent and its answer noted, or it has the answer of an earlier run. */
export type JournalledAnswer =
  { readonly note: (answer: KeptAnswer) => void } | { readonly kept: KeptAnswer };

/** A connection of node-postgres, as Sequelize's query uses it. */
interface QueryConnection {
  query(...args: unknown[]): unknown;
}

type Callback = (error: Error | null, answer?: unknown) => void;

/** A connection that gives a kept answer, or tells of that which the real one gives. */
export function journalledConnection<Connection extends QueryConnection>(
  connection: Connection,
  answer: JournalledAnswer,
): { readonly connection: Connection; readonly noteAs: (result: unknown) => void } {
  if ('kept' in answer) {
    const query = (...args: unknown[]) => {
      (args.at(-1) as Callback)(null, { fields: [], ...answer.kept });
    };
    return { connection: { query } as unknown as Connection, noteAs: () => undefined };
  }
  let given: unknown;
  const query = (...args: unknown[]) => {
    const callback = args.at(-1) as Callback;
    return connection.query(...args.slice(0, -1), (error: Error | null, result?: unknown) => {
      given = result;
      callback(error, result);
    });
  };
  const watched = new Proxy(connection, {
    get: (target, key) => {
      if (key === 'query') return query;
      const value: unknown = Reflect.get(target, key);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
  return {
    connection: watched,
    noteAs: (result) => {
      const kept = keptOf(given);
      answer.note({ ...kept, rows: withNumbersOf(result, kept.rows) });
    },
  };
}

/** Keys are texts in the answer of the server, and numbers in the result: how is not told by the answer alone. */
function withNumbersOf(result: unknown, rows: readonly object[]): readonly object[] {
  const [first] = Array.isArray(result) ? (result as unknown[]) : [];
  const all: unknown = Array.isArray(first) ? first : result;
  if (!Array.isArray(all) || all.length !== rows.length) return rows;
  const given = all as readonly Record<string, unknown>[];
  return rows.map((row, at) => {
    const entries = Object.entries(row) as [string, unknown][];
    return Object.fromEntries(
      entries.map(([name, value]) => {
        const converted: unknown = given[at]?.[name];
        return [name, typeof value === 'string' && typeof converted === 'number' ? converted : value];
      }),
    );
  });
}

function keptOf(given: unknown): KeptAnswer {
  const { command, rowCount, rows } = ([given].flat().at(-1) ?? {}) as Partial<KeptAnswer>;
  return { command: command ?? '', rowCount: rowCount ?? null, rows: rows ?? [] };
}
