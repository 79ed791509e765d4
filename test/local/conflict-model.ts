/** Where a step is taken: in one of three sessions. */
export type SessionNumber = 0 | 1 | 2;

/** What happens to the children of a parent that is deleted. */
export type DeleteAction = 'no action' | 'cascade' | 'set null';

/** One thing that a session does. Parents have the keys `id` and `u` and a value `v`; children refer to a parent's `id`. */
export type Operation =
  | { readonly op: 'begin' | 'commit' | 'rollback' | 'read' }
  | { readonly op: 'update' | 'delete' | 'for update' | 'for key share'; readonly id: number }
  | { readonly op: 'insert' | 'upsert'; readonly id: number; readonly u: number }
  | { readonly op: 'change key'; readonly id: number; readonly u: number }
  | {
      readonly op: 'insert child' | 'move child';
      readonly table: DeleteAction;
      readonly id: number;
      readonly parent: number;
    }
  | { readonly op: 'update child' | 'delete child'; readonly table: DeleteAction; readonly id: number }
  | { readonly op: 'change schema'; readonly change: SchemaChange; readonly of: Changed };

/** How the schema can be changed without a difference for what statements do; `elsewhere` changes no table. */
export type SchemaChange = 'comment' | 'grant' | 'revoke' | 'default' | 'elsewhere';

/** A table that can be changed. */
export type Changed = 'parent' | DeleteAction;

export interface Step {
  readonly session: SessionNumber;
  readonly operation: Operation;
}

/** What a step is answered with: rows as text, or an SQLSTATE, of conflicts with which it is. */
export type Answer =
  { readonly rows: readonly string[] } | { readonly sqlstate: string } | { readonly tag: string };

interface Parent {
  readonly u: number;
  readonly v: number;
}

interface Child {
  readonly parent: number | undefined;
  readonly w: number;
}

/** A state of the database; never changed, only replaced. */
interface State {
  readonly parents: ReadonlyMap<number, Parent>;
  readonly children: Readonly<Record<DeleteAction, ReadonlyMap<number, Child>>>;
}

/**
 * What a transaction claims of a row or a key: that it is there (`share`), its other columns (`change`), or all of it
 * (`key`): INSERT, DELETE, UPDATE of a key and FOR UPDATE.
 */
type Claim = 'share' | 'change' | 'key';

const STRENGTH: Readonly<Record<Claim, number>> = { share: 0, change: 1, key: 2 };

/** AWS user guide, "Concurrency control", 2026-09-15. */
function conflicts(one: Claim, other: Claim): boolean {
  if (one === 'key' || other === 'key') return true;
  return one === 'change' && other === 'change';
}

interface OpenTransaction {
  snapshot: { readonly state: State; readonly commits: number; readonly catalogue: number } | undefined;
  state: State | undefined;
  readonly claims: Map<string, Claim>;
  failed: boolean;
  /** The tables that its statements name. */
  readonly used: Set<Changed>;
  /** Its change of the schema. */
  ddl: { readonly table: Changed | undefined } | undefined;
  /** It has executed a statement that writes or locks rows. */
  hasDml: boolean;
  /** It took a key that its snapshot shows, but that is gone: it must lose, and what it sees is not defined. */
  tookGoneKey: boolean;
}

class Failure extends Error {
  constructor(readonly sqlstate: string) {
    super(sqlstate);
  }
}

/** What the model expects. */
export interface Expectation {
  readonly answer: Answer;
  /** Or a conflict of any kind: a transaction that loses over both data and schema, however it comes to know. */
  readonly orConflict?: boolean;
  /** The answer of PostgreSQL's data is not defined. */
  readonly isVague: boolean;
}

export const DELETE_ACTIONS: readonly DeleteAction[] = ['no action', 'cascade', 'set null'];
export const CHANGED: readonly Changed[] = ['parent', ...DELETE_ACTIONS];

const SESSIONS: readonly SessionNumber[] = [0, 1, 2];
const DATA_CONFLICT = '40001 OC000';
export const SCHEMA_CONFLICT = '40001 OC001';

/**
 * Optimistic concurrency control in memory, by the rules of the documentation: every transaction sees a snapshot and its
 * own changes; at COMMIT its claims are compared with those of every transaction that was committed since.
 */
export class ConflictModel {
  #committed: State;
  readonly #commits: ReadonlyMap<string, Claim>[] = [];
  readonly #sessions = new Map<SessionNumber, OpenTransaction>();
  /** How often the schema was changed. */
  #catalogue = 0;
  /** When others have first and last changed tables since a session has read the catalogue. */
  readonly #stale = new Map<SessionNumber, Map<Changed, { readonly first: number; readonly last: number }>>(
    SESSIONS.map((session) => [session, new Map()]),
  );

  /** @param parents - ids of the parents that are there at first, with `u` the same and `v` zero */
  constructor(parents: readonly number[]) {
    this.#committed = {
      parents: new Map(parents.map((id) => [id, { u: id, v: 0 }])),
      children: { 'no action': new Map(), cascade: new Map(), 'set null': new Map() },
    };
  }

  /** Takes a step. */
  take({ session, operation }: Step): Expectation {
    const open = this.#sessions.get(session);
    switch (operation.op) {
      case 'begin':
        if (open?.failed) return exactly({ sqlstate: '25P02' });
        if (!open) this.#sessions.set(session, newTransaction());
        return exactly({ tag: 'BEGIN' });
      case 'rollback':
        this.#sessions.delete(session);
        return exactly({ tag: 'ROLLBACK' });
      case 'commit': {
        this.#sessions.delete(session);
        if (open?.failed) return exactly({ tag: 'ROLLBACK' });
        return (open && this.#commit(session, open)) ?? exactly({ tag: 'COMMIT' });
      }
    }
    if (open?.failed) return exactly({ sqlstate: '25P02' });
    const transaction = open ?? newTransaction();
    const snapshot = (transaction.snapshot ??= {
      state: this.#committed,
      commits: this.#commits.length,
      catalogue: this.#catalogue,
    });
    transaction.state ??= transaction.snapshot.state;
    // What others change in the middle makes tables uncopiable for what has lost: it may be told at once.
    const isChanged = [...this.#staleOf(session).values()].some(({ last }) => last > snapshot.catalogue);
    try {
      const rows = this.#admitAndRun(session, transaction, operation);
      const failure = open ? undefined : this.#commit(session, transaction);
      if (failure) return failure;
      const orConflict = isChanged && this.#loses(transaction);
      return { answer: { rows }, isVague: transaction.tookGoneKey, orConflict };
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      transaction.failed = true;
      const orConflict = isChanged && error.sqlstate.startsWith('23');
      return { answer: { sqlstate: error.sqlstate }, isVague: transaction.tookGoneKey, orConflict };
    }
  }

  /** A session was told OC001, and has read the catalogue again. */
  readsCatalogue(session: SessionNumber): void {
    this.#staleOf(session).clear();
  }

  /** A vague step failed. */
  fail(session: SessionNumber): void {
    const open = this.#sessions.get(session);
    if (open) open.failed = true;
  }

  /** What everybody sees in the end. */
  get committedRows(): string[] {
    return rowsOf(this.#committed);
  }

  /** Commits a transaction, or says what it is told instead. */
  #commit(session: SessionNumber, transaction: OpenTransaction): Expectation | undefined {
    const { snapshot, state, claims, ddl, hasDml, used } = transaction;
    if (!snapshot || !state) return undefined;
    if (!hasDml && !ddl) {
      const isChanged = [...this.#staleOf(session)].some(
        ([table, { last }]) => used.has(table) && last > snapshot.catalogue,
      );
      return isChanged ? exactly({ sqlstate: SCHEMA_CONFLICT }) : undefined;
    }
    const loses = this.#loses(transaction);
    if (this.#catalogue > snapshot.catalogue) {
      return { answer: { sqlstate: SCHEMA_CONFLICT }, isVague: false, orConflict: loses };
    }
    if (loses) return exactly({ sqlstate: DATA_CONFLICT });
    if (claims.size > 0) {
      this.#commits.push(claims);
      this.#committed = merge(this.#committed, snapshot.state, state);
    }
    if (ddl) this.#changeSchema(session, ddl.table);
    return undefined;
  }

  /** Whether what a transaction claims was claimed by one that it does not see. */
  #loses({ snapshot, claims, tookGoneKey }: OpenTransaction): boolean {
    if (tookGoneKey) return true;
    return this.#commits.slice(snapshot?.commits).some((other) =>
      [...claims].some(([what, claim]) => {
        const claimed = other.get(what);
        return claimed !== undefined && conflicts(claim, claimed);
      }),
    );
  }

  #changeSchema(author: SessionNumber, table: Changed | undefined): void {
    this.#catalogue++;
    if (table === undefined) return;
    for (const session of SESSIONS) {
      if (session === author) continue;
      const first = this.#staleOf(session).get(table)?.first ?? this.#catalogue;
      this.#staleOf(session).set(table, { first, last: this.#catalogue });
    }
  }

  #staleOf(session: SessionNumber): Map<Changed, { readonly first: number; readonly last: number }> {
    return this.#stale.get(session) ?? new Map<Changed, { readonly first: number; readonly last: number }>();
  }

  #admitAndRun(session: SessionNumber, transaction: OpenTransaction, operation: Operation): string[] {
    const catalogue = transaction.snapshot?.catalogue ?? this.#catalogue;
    for (const table of tablesOf(operation)) {
      const stale = this.#staleOf(session).get(table);
      if (stale && stale.first <= catalogue) throw new Failure(SCHEMA_CONFLICT);
      transaction.used.add(table);
    }
    if (operation.op === 'read') return this.#run(transaction, operation);
    if (transaction.ddl) throw new Failure('0A000');
    if (operation.op === 'change schema') {
      if (transaction.hasDml) throw new Failure('0A000');
      transaction.ddl = { table: operation.change === 'elsewhere' ? undefined : operation.of };
      return [];
    }
    transaction.hasDml = true;
    return this.#run(transaction, operation);
  }

  #run(transaction: OpenTransaction, operation: Operation): string[] {
    const state = transaction.state ?? this.#committed;
    const claim = (what: string, strength: Claim) => {
      const held = transaction.claims.get(what);
      if (!held || STRENGTH[held] < STRENGTH[strength]) transaction.claims.set(what, strength);
    };
    const setParent = (id: number, parent: Parent | undefined) => {
      transaction.state = { ...state, parents: changed(state.parents, id, parent) };
    };
    const setChild = (table: DeleteAction, id: number, child: Child | undefined) => {
      transaction.state = {
        ...state,
        children: { ...state.children, [table]: changed(state.children[table], id, child) },
      };
    };
    /** A key that must be free is there. */
    const duplicate = (isGone: boolean) => {
      if (!isGone) throw new Failure('23505');
      transaction.tookGoneKey = true;
    };
    const takeU = (u: number, id: number, mayBeGone: boolean) => {
      for (const [other, parent] of state.parents) {
        if (parent.u !== u || other === id) continue;
        const inSnapshot = transaction.snapshot?.state.parents.get(other)?.u === u;
        const isGone = ![...this.#committed.parents].some(([, { u: committed }]) => committed === u);
        duplicate(mayBeGone && inSnapshot && isGone);
      }
      claim(`u ${u}`, 'key');
    };
    switch (operation.op) {
      case 'begin':
      case 'commit':
      case 'rollback':
      case 'change schema':
        throw new Error(`${operation.op} is not done inside of a transaction`);
      case 'read':
        return rowsOf(state);
      case 'update': {
        const parent = state.parents.get(operation.id);
        if (!parent) return [];
        claim(`parent ${operation.id}`, 'change');
        setParent(operation.id, { ...parent, v: parent.v + 1 });
        return [`${parent.v + 1}`];
      }
      case 'for update':
      case 'for key share': {
        const parent = state.parents.get(operation.id);
        if (!parent) return [];
        claim(`parent ${operation.id}`, operation.op === 'for update' ? 'key' : 'share');
        return [`${parent.v}`];
      }
      case 'delete':
        return this.#delete(transaction, state, operation.id, claim);
      case 'change key': {
        const parent = state.parents.get(operation.id);
        if (!parent || parent.u === operation.u) {
          if (parent) claim(`parent ${operation.id}`, 'change');
          return parent ? [`${parent.u}`] : [];
        }
        takeU(operation.u, operation.id, true);
        claim(`parent ${operation.id}`, 'key');
        setParent(operation.id, { ...parent, u: operation.u });
        return [`${operation.u}`];
      }
      case 'insert':
      case 'upsert': {
        const parent = state.parents.get(operation.id);
        if (parent && operation.op === 'upsert') {
          claim(`parent ${operation.id}`, 'change');
          setParent(operation.id, { ...parent, v: parent.v + 10 });
          return [`${parent.v + 10}`];
        }
        const mayBeGone = operation.op === 'insert';
        if (parent) {
          const inSnapshot = transaction.snapshot?.state.parents.has(operation.id) ?? false;
          duplicate(mayBeGone && inSnapshot && !this.#committed.parents.has(operation.id));
        }
        takeU(operation.u, operation.id, mayBeGone);
        claim(`parent ${operation.id}`, 'key');
        setParent(operation.id, { u: operation.u, v: 1 });
        return ['1'];
      }
      case 'insert child': {
        const { table, id, parent } = operation;
        if (state.children[table].has(id)) {
          const inSnapshot = transaction.snapshot?.state.children[table].has(id) ?? false;
          duplicate(inSnapshot && !this.#committed.children[table].has(id));
        }
        if (!state.parents.has(parent)) throw new Failure('23503');
        claim(`${table} ${id}`, 'key');
        claim(`parent ${parent}`, 'share');
        setChild(table, id, { parent, w: 0 });
        return ['0'];
      }
      case 'move child': {
        const { table, id, parent } = operation;
        const child = state.children[table].get(id);
        if (!child) return [];
        if (child.parent !== parent) {
          if (!state.parents.has(parent)) throw new Failure('23503');
          claim(`parent ${parent}`, 'share');
        }
        claim(`${table} ${id}`, 'change');
        setChild(table, id, { ...child, parent });
        return [`${child.w}`];
      }
      case 'update child': {
        const { table, id } = operation;
        const child = state.children[table].get(id);
        if (!child) return [];
        claim(`${table} ${id}`, 'change');
        setChild(table, id, { ...child, w: child.w + 1 });
        return [`${child.w + 1}`];
      }
      case 'delete child': {
        const { table, id } = operation;
        const child = state.children[table].get(id);
        if (!child) return [];
        claim(`${table} ${id}`, 'key');
        setChild(table, id, undefined);
        return [`${child.w}`];
      }
    }
  }

  #delete(
    transaction: OpenTransaction,
    state: State,
    id: number,
    claim: (what: string, strength: Claim) => void,
  ): string[] {
    const parent = state.parents.get(id);
    if (!parent) return [];
    const childrenOf = (table: DeleteAction) =>
      [...state.children[table]].filter(([, child]) => child.parent === id);
    if (childrenOf('no action').length > 0) throw new Failure('23503');
    claim(`parent ${id}`, 'key');
    let { cascade, 'set null': setNull } = state.children;
    for (const [child] of childrenOf('cascade')) {
      claim(`cascade ${child}`, 'key');
      cascade = changed(cascade, child, undefined);
    }
    for (const [child, { w }] of childrenOf('set null')) {
      claim(`set null ${child}`, 'change');
      setNull = changed(setNull, child, { parent: undefined, w });
    }
    transaction.state = {
      parents: changed(state.parents, id, undefined),
      children: { ...state.children, cascade, 'set null': setNull },
    };
    return [`${parent.v}`];
  }
}

function exactly(answer: Answer): Expectation {
  return { answer, isVague: false };
}

function newTransaction(): OpenTransaction {
  return {
    snapshot: undefined,
    state: undefined,
    claims: new Map(),
    failed: false,
    used: new Set(),
    ddl: undefined,
    hasDml: false,
    tookGoneKey: false,
  };
}

/** The tables that the statement of a step names. */
function tablesOf(operation: Operation): readonly Changed[] {
  switch (operation.op) {
    case 'read':
      return CHANGED;
    case 'change schema':
      return operation.change === 'elsewhere' ? [] : [operation.of];
    case 'insert child':
    case 'move child':
    case 'update child':
    case 'delete child':
      return [operation.table];
    default:
      return ['parent'];
  }
}

function changed<T>(map: ReadonlyMap<number, T>, id: number, value: T | undefined): ReadonlyMap<number, T> {
  const copy = new Map(map);
  if (value === undefined) copy.delete(id);
  else copy.set(id, value);
  return copy;
}

/** Puts what a transaction changed since `before` on top of what others have committed. */
function merge(committed: State, before: State, after: State): State {
  const children = Object.fromEntries(
    DELETE_ACTIONS.map((table) => [
      table,
      mergeRows(committed.children[table], before.children[table], after.children[table]),
    ]),
  ) as State['children'];
  return { parents: mergeRows(committed.parents, before.parents, after.parents), children };
}

/** Column by column: one may change a parent's value while another, sharing its key, changes nothing of it. */
function mergeRows<T>(
  committed: ReadonlyMap<number, T>,
  before: ReadonlyMap<number, T>,
  after: ReadonlyMap<number, T>,
): ReadonlyMap<number, T> {
  const merged = new Map(committed);
  for (const id of new Set([...before.keys(), ...after.keys()])) {
    const value = after.get(id);
    if (value === before.get(id)) continue;
    if (value === undefined) merged.delete(id);
    else merged.set(id, value);
  }
  return merged;
}

function rowsOf({ parents, children }: State): string[] {
  return [
    ...[...parents].map(([id, { u, v }]) => `parent ${id} ${u} ${v}`),
    ...DELETE_ACTIONS.flatMap((table) =>
      [...children[table]].map(([id, { parent, w }]) => `${table} ${id} ${parent ?? '-'} ${w}`),
    ),
  ].sort();
}
