import { bodyStatements, isExecuted, parseQuery, refusalOf, strings, walk } from '../../sql';
import type { NodeBody, Refusal, Statement } from '../../sql';
import type { CatalogueReader } from '../concurrency/catalogue/catalogue-reader';
import { BackendError } from '../session/backend-link';

/** What a name stands for: a function, a view, a table that is written, a domain. */
type Kind = 'function' | 'relation' | 'table' | 'type';

/** Something that a statement can name and that has statements executed then. */
interface Use {
  readonly kind: Kind;
  readonly name: string;
  readonly statements: readonly Statement[];
}

/** The statements that write, by what is named to have them executed. */
type Writes = ReadonlyMap<string, readonly Statement[]>;

const NONE: Writes = new Map();
const LOCK_NOT_AVAILABLE = '55P03';

/**
 * What statements do by way of the SQL functions that they call, also those in views, defaults and checks: so the limits
 * and rules of a transaction hold inside of functions. Names are compared without their schemas and arguments.
 */
export class CalledFunctions {
  readonly #reader: CatalogueReader;
  /** Nothing is there before somebody makes a function. */
  #uses: readonly Use[] = [];
  /** Definitions have changed since they were read. */
  #isOld = false;
  #loading: Promise<void> | undefined;
  #writes = NONE;
  #resolved = new WeakMap<Statement, Statement>();

  constructor(reader: CatalogueReader) {
    this.#reader = reader;
  }

  /**
   * The definitions of something have changed.
   *
   * @param functions - whether functions were among it
   */
  forget(functions: boolean): void {
    // Without functions that write, nothing else matters.
    if (functions || this.#writes.size > 0) this.#isOld = true;
  }

  /**
   * A statement as what it does, the functions that it calls included.
   *
   * @param created - the CREATE FUNCTIONs of its own transaction, which nobody else sees
   */
  resolve(statement: Statement, created: readonly Statement[]): Statement | Promise<Statement> {
    if (this.#isOld || this.#loading) return this.#loaded().then(() => this.#resolve(statement, created));
    return this.#resolve(statement, created);
  }

  #resolve(statement: Statement, created: readonly Statement[]): Statement {
    const writes = created.length > 0 ? writesOf([...this.#uses, ...created.map(functionUse)]) : this.#writes;
    if (writes.size === 0 || !mayCall(statement)) return statement;
    const known = created.length > 0 ? undefined : this.#resolved.get(statement);
    if (known) return known;
    const resolved = withCalls(statement, writes);
    if (created.length === 0) this.#resolved.set(statement, resolved);
    return resolved;
  }

  /** Reads what is old, after what is being read: that may have begun before the last change. */
  #loaded(): Promise<void> {
    const loading = (this.#loading ?? Promise.resolve())
      .then(() => (this.#isOld ? this.#load() : undefined))
      .finally(() => {
        if (this.#loading === loading) this.#loading = undefined;
      });
    this.#loading = loading;
    return loading;
  }

  async #load(): Promise<void> {
    let rows: readonly (string | null)[][];
    this.#isOld = false;
    try {
      rows = await this.#reader.query('SELECT kind, name, text FROM pg_dsql_local.function_uses()');
    } catch (error) {
      this.#isOld = true;
      // The change of a session that is busy is in the way, maybe of the one that asks: what was read before holds.
      if (error instanceof BackendError && error.sqlstate === LOCK_NOT_AVAILABLE) return;
      throw error;
    }
    this.#uses = rows.map(([kind, name, text]) => {
      const { statements } = parseQuery(text ?? '');
      const [statement] = statements;
      if (kind === 'function' && statement) return functionUse(statement);
      return { kind: kind as Kind, name: name ?? '', statements };
    });
    this.#writes = writesOf(this.#uses);
    this.#resolved = new WeakMap();
  }
}

function functionUse(create: Statement): Use {
  const { funcname } = create.tree as NodeBody<'CreateFunctionStmt'>;
  return { kind: 'function', name: strings(funcname).at(-1) ?? '', statements: bodyStatements(create) };
}

/** What is defined is not executed, and what is only explained is not either. */
function mayCall({ node, tree, kind }: Statement): boolean {
  return /^(?:read|write|copy|call)$/.test(kind) && isExecuted(node, tree as object);
}

function writesOf(uses: readonly Use[]): Writes {
  const byName = new Map<string, Use[]>();
  for (const use of uses) {
    const key = keyOf(use.kind, use.name);
    byName.set(key, [...(byName.get(key) ?? []), use]);
  }
  const writes = new Map<string, readonly Statement[]>();
  for (const key of byName.keys()) {
    const found: Statement[] = [];
    const seen = new Set([key]);
    // A Set goes on with what is added meanwhile.
    for (const named of seen) {
      for (const statement of byName.get(named)?.flatMap(({ statements }) => statements) ?? []) {
        if (statement.kind === 'write' || statement.kind === 'ddl') found.push(statement);
        if (statement.kind === 'ddl') continue;
        for (const name of namesIn(statement)) if (byName.has(name)) seen.add(name);
      }
    }
    if (found.length > 0) writes.set(key, found);
  }
  return writes;
}

function withCalls(statement: Statement, writes: Writes): Statement {
  const calls = [...new Set([...namesIn(statement)].flatMap((name) => writes.get(name) ?? []))];
  if (calls.length === 0) return statement;
  const { locking: ownLocking, ...rest } = statement;
  const definitions = calls.filter(({ kind }) => kind === 'ddl').length;
  const onlyLocks = statement.kind !== 'write' || ownLocking !== undefined;
  const locking = onlyLocks && calls.every((called) => called.locking) ? (ownLocking ?? 'update') : undefined;
  const refusal = statement.refusal ?? refusalOfCalls(statement, calls, definitions);
  return {
    ...rest,
    kind: definitions > 0 ? 'ddl' : statement.kind === 'copy' ? 'copy' : 'write',
    targets: [...statement.targets, ...calls.flatMap(({ targets }) => targets)],
    calls,
    ...(locking && { locking }),
    ...(refusal && { refusal }),
  };
}

/** What one statement may do by way of functions is what a transaction may do. */
function refusalOfCalls(
  { kind }: Statement,
  calls: readonly Statement[],
  definitions: number,
): Refusal | undefined {
  if (definitions === 0) return undefined;
  const writes = kind === 'write' || kind === 'copy' || definitions < calls.length;
  if (writes) return refusalOf('ddl-and-dml');
  return definitions > 1 ? refusalOf('multiple-ddl') : undefined;
}

function keyOf(kind: Kind, name: string): string {
  return `${kind} ${name}`;
}

/** The functions, relations and types that a statement names. */
function namesIn({ node, tree, targets }: Statement): ReadonlySet<string> {
  const names = new Set(targets.map(({ name }) => keyOf('table', name)));
  walk(node, tree as object, ({ name, body }) => {
    switch (name) {
      case 'FuncCall':
        names.add(keyOf('function', strings((body as NodeBody<'FuncCall'>).funcname).at(-1) ?? ''));
        break;
      case 'RangeVar':
        names.add(keyOf('relation', (body as NodeBody<'RangeVar'>).relname ?? ''));
        break;
      case 'TypeName':
        names.add(keyOf('type', strings((body as NodeBody<'TypeName'>).names).at(-1) ?? ''));
    }
    return true;
  });
  return names;
}
