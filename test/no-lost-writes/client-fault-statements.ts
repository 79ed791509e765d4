import type { Scope } from './client-fault-hosts';
import type { Style } from './client-fault-programs';

/** What a statement writes. */
export interface Written {
  readonly ids: readonly number[];
  readonly send: () => Promise<unknown>;
  readonly isUnread?: boolean;
}

/** Where a statement is run. */
interface StatementSite {
  readonly scope: Scope;
  readonly table: string;
  readonly newIds: (count: number) => number[];
}

/**
 * Makes a statement that writes rows with new ids, if any.
 *
 * @param config - what node-postgres is to be told beside it
 */
export function styledStatement(
  { scope, table, newIds }: StatementSite,
  style: Style,
  config: object | undefined,
): Written {
  const insert = `INSERT INTO ${table} (id) VALUES ($1)`;
  const insertOf = (id: number) => insert.replace('$1', String(id));
  const raw = (query: object) => () =>
    scope.withClient((client) => client.query({ ...config, ...query } as unknown as string));
  const plain = (text: string, values?: unknown[]) =>
    config === undefined ? () => scope.query(text, values) : raw({ text, values });
  if (style === 'read') return { ids: [], send: plain(`SELECT count(*) FROM ${table}`) };
  if (style === 'a row that all want') {
    return { ids: [], send: plain(`UPDATE ${table}_hot SET n = n + 1 WHERE id = 1`) };
  }
  const ids = newIds(style === 'two in one text' ? 2 : 1);
  const [id = 0, second = 0] = ids;
  switch (style) {
    case 'parameters':
      return { ids, send: plain(insert, [id]) };
    case 'literals':
      return { ids, send: plain(insertOf(id)) };
    case 'comment before the verb':
      return { ids, send: plain(`/* tag */ ${insert}`, [id]) };
    case 'two in one text':
      return { ids, send: plain(`${insertOf(id)}; ${insertOf(second)}`) };
    case 'stream':
      return { ids, send: () => scope.stream(`${insert} RETURNING id`, [id]) };
    case 'named':
      return { ids, send: raw({ name: 'write', text: insert, values: [id] }) };
    case 'values that are no array':
      return { ids, send: raw({ text: insert, values: 1 }) };
    case 'a value that cannot be serialised':
      return { ids, send: raw({ text: insert, values: [circular()] }) };
    case 'a name for two texts':
      return { ids, send: raw({ name: 'write', text: `${insert} RETURNING id`, values: [id] }) };
    case 'a named statement that the server refuses':
      return { ids, send: raw({ name: 'refused', text: `${insert}, (nothing)`, values: [id] }) };
    case 'an answer that cannot be read':
      return { ids, isUnread: true, send: raw({ text: `${insert} RETURNING id`, values: [id], types }) };
    case 'a duplicate key':
      return { ids, send: plain(`${insert}, (0)`, [id]) };
    case 'wrong SQL':
      return { ids, send: plain(`${insert}, (nothing)`, [id]) };
  }
}

/** Parsers of what nobody can read. */
const types = {
  getTypeParser: () => () => {
    throw new Error('unreadable');
  },
};

function circular(): object {
  const value: Record<string, unknown> = {};
  value.self = value;
  return value;
}
