/** The properties under which node-postgres, TypeORM, Sequelize and plain JavaScript keep the error that they wrap. */
const WRAPPED_IN = ['cause', 'driverError', 'parent', 'original'] as const;

/** Wrappers nest a few deep; a chain longer than this is a loop. */
const MAX_DEPTH = 16;

/**
 * The SQLSTATE that the server reported, however deep a host wrapped it.
 *
 * @returns nothing for an error that did not come from a server, such as a lost connection (`ECONNRESET`)
 */
export function sqlStateOf(error: unknown): string | undefined {
  return serverError(error)?.code;
}

/**
 * Whether the server reported that the transaction lost against another one and left no trace: SQLSTATE 40001, with
 * `(OC000)` for data and `(OC001)` for the schema. The wording is never looked at: it has changed (recorded from a
 * cluster, 2026-09; AWS user guide, concurrency control, 2026-09-15).
 */
export function isOccConflict(error: unknown): boolean {
  return sqlStateOf(error) === '40001';
}

/** Whether the conflict is about the schema, `(OC001)`: a session's catalogue takes a moment to catch up. */
export function isSchemaConflict(error: unknown): boolean {
  const found = serverError(error);
  return found?.code === '40001' && found.message.includes('(OC001)');
}

interface ServerError {
  readonly code: string;
  readonly message: string;
}

function serverError(error: unknown): ServerError | undefined {
  let current: unknown = error;
  for (let depth = 0; depth < MAX_DEPTH && typeof current === 'object' && current !== null; depth++) {
    const { code, message, severity } = current as Partial<Record<'code' | 'message' | 'severity', unknown>>;
    // The severity tells a server's report from Node.js' own codes, some of which are five capital letters too (EPIPE).
    if (typeof code === 'string' && typeof severity === 'string') {
      return { code, message: typeof message === 'string' ? message : '' };
    }
    const wrapper = current as Partial<Record<(typeof WRAPPED_IN)[number], unknown>>;
    current = WRAPPED_IN.map((property) => wrapper[property]).find((inner) => inner !== undefined);
  }
  return undefined;
}
