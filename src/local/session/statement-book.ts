import type { Refusal, Statement } from '../../sql';

/** A statement that the client prepared, as PostgreSQL holds it. */
export interface PreparedStatement {
  /** What PostgreSQL was given, in the client's encoding. */
  readonly text: Buffer;
  /** The count and OIDs of the declared parameter types, as sent. */
  readonly parameterTypes: Buffer;
  /** Absent for an empty query. */
  readonly statement?: Statement | undefined;
}

/** A prepared statement with its values, ready to be executed. */
export interface Portal {
  readonly prepared: PreparedStatement;
  /** Formats, values and result formats, as sent. */
  readonly values: Buffer;
  readonly binaryResult: boolean;
  /** How far it was executed: not yet, up to a limit of rows, to its end. */
  progress: 'bound' | 'suspended' | 'done';
}

const NO_STATEMENT = (name: string): Refusal => ({
  rule: 'protocol',
  sqlstate: '26000',
  message:
    name === '' ? 'unnamed prepared statement does not exist' : `prepared statement "${name}" does not exist`,
});
const NO_PORTAL = (name: string): Refusal => ({
  rule: 'protocol',
  sqlstate: '34000',
  message: `portal "${name}" does not exist`,
});

/**
 * Which statements and portals a client has in PostgreSQL. Changes count at once, since later messages of the same
 * pipeline build on them, and are taken back when PostgreSQL turns out never to have made them.
 */
export class StatementBook {
  readonly #statements = new Map<string, PreparedStatement>();
  readonly #portals = new Map<string, Portal>();
  readonly #unconfirmed: (() => void)[] = [];

  statement(name: string): PreparedStatement | Refusal {
    return this.#statements.get(name) ?? NO_STATEMENT(name);
  }

  portal(name: string): Portal | Refusal {
    return this.#portals.get(name) ?? NO_PORTAL(name);
  }

  prepare(name: string, prepared: PreparedStatement): void {
    this.#change(this.#statements, name, prepared);
  }

  bind(name: string, portal: Portal): void {
    this.#change(this.#portals, name, portal);
  }

  close(target: 'S' | 'P', name: string): void {
    if (target === 'S') this.#change(this.#statements, name, undefined);
    else this.#change(this.#portals, name, undefined);
  }

  /** The oldest unconfirmed change was made. */
  confirm(): void {
    this.#unconfirmed.shift();
  }

  /** An error came: changes that were not confirmed never happened. */
  revert(): void {
    for (let undo = this.#unconfirmed.pop(); undo; undo = this.#unconfirmed.pop()) undo();
  }

  /** Whether there is a portal that can still be executed. */
  get hasOpenPortal(): boolean {
    for (const { progress } of this.#portals.values()) if (progress !== 'done') return true;
    return false;
  }

  /** A transaction ended, and every portal with it. */
  forgetPortals(): void {
    this.#portals.clear();
  }

  /** DEALLOCATE ALL was executed. */
  forgetStatements(): void {
    this.#statements.clear();
  }

  /** A simple Query takes the place of the unnamed statement and the unnamed portal. */
  forgetUnnamed(): void {
    this.#statements.delete('');
    this.#portals.delete('');
  }

  #change<T>(map: Map<string, T>, name: string, value: T | undefined): void {
    const before = map.get(name);
    const set = (to: T | undefined) => {
      if (to === undefined) map.delete(name);
      else map.set(name, to);
    };
    set(value);
    this.#unconfirmed.push(() => {
      set(before);
    });
  }
}

/** Tells the refusals of {@link StatementBook} from what was looked for. */
export function isRefusal(found: PreparedStatement | Portal | Refusal): found is Refusal {
  return 'sqlstate' in found;
}
