import { parseQuery } from '../../syntax/parse';
import type { Statement } from '../../syntax/statement';
import { tokensOf } from '../../text/scan';
import type { Token } from '../../text/scan';
import { blockOf, createdEnum } from './enums';

/** A part of a DO block that only guards DDL; Aurora DSQL has no DO. */
export interface GuardedDdl {
  /**
   * When it is done: where a condition holds, unless what it adds is there already, if what it changes is there, or in any
   * case.
   */
  readonly guard:
    | { readonly kind: 'if'; readonly condition: string }
    | { readonly kind: 'unless there' | 'if there' | 'always' };
  readonly body: string;
}

/**
 * Reads a DO block as the parts that it does one after the other.
 *
 * All conditions are asked before anything is done. So a block is not read in which a condition may be about what the block
 * itself did before.
 *
 * @returns nothing for a block that does anything else
 */
export function guardedDdl(statement: Statement): readonly GuardedDdl[] | undefined {
  if (statement.node !== 'DoStmt' || createdEnum(statement) !== undefined) return undefined;
  const parts = new BlockReader(blockOf(statement)).read();
  return parts === undefined || parts.length === 0 || asksForItsOwn(parts) ? undefined : parts;
}

/** Whether a condition names nothing, or only what is named by what is done before it. */
function asksForItsOwn(parts: readonly GuardedDdl[]): boolean {
  const named = new Set<string>();
  return parts.some(({ guard, body }, index) => {
    const asked =
      guard.kind === 'if'
        ? [...tokensOf(guard.condition)].flatMap(({ kind, value }) =>
            kind === 'string' ? [bare(value)] : [],
          )
        : [];
    const isOwn = index > 0 && guard.kind === 'if' && asked.every((name) => named.has(name));
    for (const { kind, value } of tokensOf(body)) if (kind !== 'symbol') named.add(bare(value));
    return isOwn;
  });
}

/** A name or a text without its quotes; case tells no names apart here. */
function bare(token: string): string {
  return token.replace(/^["']|["']$/g, '').toLowerCase();
}

/** Reads PL/pgSQL as far as guards of DDL go; every method gives nothing where there is more. */
class BlockReader {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    this.#tokens = [...tokensOf(text)];
  }

  read(): readonly GuardedDdl[] | undefined {
    const parts = this.#takes('BEGIN') ? this.#block() : undefined;
    this.#takes(';');
    return this.#at === this.#tokens.length ? parts : undefined;
  }

  /** What is between BEGIN and END. */
  #block(): readonly GuardedDdl[] | undefined {
    const parts: GuardedDdl[] = [];
    while (!this.#isNext('END', 'EXCEPTION')) {
      const part = this.#part();
      if (part === undefined) return undefined;
      parts.push(...part);
    }
    if (this.#takes('END')) return parts;
    this.#at++;
    const guard = this.#exceptionGuard();
    const [only] = parts;
    if (guard === undefined || !this.#takes('END') || parts.length !== 1 || only?.guard.kind !== 'always') {
      return undefined;
    }
    return [{ guard, body: only.body }];
  }

  #part(): readonly GuardedDdl[] | undefined {
    if (this.#takes('BEGIN')) {
      const parts = this.#block();
      return this.#takes(';') ? parts : undefined;
    }
    if (this.#takes('IF')) return this.#condition();
    const isSaid = this.#isNext('RAISE', 'NULL');
    const body = this.#until(';');
    if (body === undefined) return undefined;
    this.#at++;
    return isSaid ? [] : changeOf(body);
  }

  /** What is between IF and END IF. */
  #condition(): readonly GuardedDdl[] | undefined {
    const condition = this.#until('THEN');
    if (condition === undefined || parseQuery(`SELECT ${condition}`).statements.length !== 1)
      return undefined;
    this.#at++;
    const bodies: string[] = [];
    while (!this.#takes('END')) {
      const part = this.#isNext('IF', 'BEGIN', 'ELSE', 'ELSIF', 'ELSEIF') ? undefined : this.#part();
      if (part === undefined) return undefined;
      bodies.push(...part.map(({ body }) => body));
    }
    if (!this.#takes('IF') || !this.#takes(';')) return undefined;
    return bodies.length === 0 ? [] : [{ guard: { kind: 'if', condition }, body: bodies.join('; ') }];
  }

  /** What is between EXCEPTION and END, if it only lets errors of one kind pass. */
  #exceptionGuard(): GuardedDdl['guard'] | undefined {
    const names: string[] = [];
    while (this.#takes('WHEN')) {
      const caught = this.#until('THEN');
      this.#at++;
      if (caught === undefined || !this.#doesNothing()) return undefined;
      names.push(...caught.toLowerCase().split(/\s+or\s+/));
    }
    const [kind, ...others] = new Set(names.map((name) => MISSED.get(name.trim())));
    return kind === undefined || others.length > 0 ? undefined : { kind };
  }

  /** Passes a handler that does nothing, but for a message; one without a statement is one, too. */
  #doesNothing(): boolean {
    if (this.#isNext('WHEN', 'END')) return true;
    if (!this.#isNext('NULL', 'RAISE')) return false;
    const isNotice = this.#takes('RAISE');
    if (isNotice && !this.#isNext('NOTICE', 'INFO', 'LOG', 'DEBUG', 'WARNING')) return false;
    if (this.#until(';') === undefined) return false;
    this.#at++;
    return true;
  }

  #isNext(...values: readonly string[]): boolean {
    return values.includes(this.#tokens[this.#at]?.value ?? '');
  }

  #takes(value: string): boolean {
    const takes = this.#isNext(value);
    if (takes) this.#at++;
    return takes;
  }

  /** The text up to a token outside of brackets, which comes next then. */
  #until(end: string): string | undefined {
    const start = this.#tokens[this.#at]?.start ?? 0;
    for (let depth = 0; this.#at < this.#tokens.length; this.#at++) {
      const token = this.#tokens[this.#at];
      if (token?.value === '(') depth++;
      if (token?.value === ')') depth--;
      if (token?.value === end && depth === 0) return this.#text.slice(start, token.start).trim();
    }
    return undefined;
  }
}

/** What the errors say that a block lets pass. */
const MISSED: ReadonlyMap<string, 'unless there' | 'if there'> = new Map([
  ['duplicate_object', 'unless there'],
  ['duplicate_table', 'unless there'],
  ['duplicate_column', 'unless there'],
  ['undefined_object', 'if there'],
  ['undefined_table', 'if there'],
  ['undefined_column', 'if there'],
]);

/** A statement of a block, if it changes the schema. */
function changeOf(body: string): readonly GuardedDdl[] | undefined {
  const [statement, ...others] = parseQuery(body).statements;
  return statement?.kind === 'ddl' && others.length === 0 ? [{ guard: { kind: 'always' }, body }] : undefined;
}
