import { parseQuery } from '../../syntax/parse';
import { strings, walk } from '../../syntax/parse-tree';
import type { NodeBody } from '../../syntax/parse-tree';
import type { Statement } from '../../syntax/statement';
import { tokensOf, type Token } from '../../text/scan';
import { blockOf, createdEnum } from './enums';

/** One step of a DO block; Aurora DSQL has no DO, so what plans it takes the steps one after the other. */
export type BlockStep =
  /** Sends a statement, in which variables may be named. */
  | { readonly kind: 'statement'; readonly text: string }
  /** Sends what an expression gives. */
  | { readonly kind: 'execute'; readonly expression: string }
  /** Gives variables the columns of the first row of a query. */
  | { readonly kind: 'assign'; readonly variables: readonly string[]; readonly query: string }
  /** Takes the first branch whose condition holds; the last one may have none. */
  | { readonly kind: 'if'; readonly branches: readonly BlockBranch[] }
  /** Takes the steps for each row of a query. */
  | {
      readonly kind: 'loop';
      readonly variable: string;
      readonly query: string;
      readonly steps: readonly BlockStep[];
    }
  /** Sends a statement unless what it adds is there already, or if what it changes is there. */
  | { readonly kind: 'guarded'; readonly guard: 'unless there' | 'if there'; readonly text: string }
  /** Ends the block with an error. */
  | { readonly kind: 'raise'; readonly text: string }
  | { readonly kind: 'return' };

/** A branch of an IF. */
export interface BlockBranch {
  /** None for ELSE. */
  readonly condition?: string;
  readonly steps: readonly BlockStep[];
}

/**
 * Reads a DO block as the steps that it takes.
 *
 * @returns nothing for one that creates an enum type alone, and for one that does more than can be planned: that catches
 * other errors, loops without a query, or looks at what its statements did
 */
export function blockSteps(statement: Statement): readonly BlockStep[] | undefined {
  if (statement.node !== 'DoStmt' || createdEnum(statement) !== undefined) return undefined;
  return new BlockReader(blockOf(statement)).read();
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

/** Levels of RAISE that say something and go on. */
const SAID: readonly string[] = ['NOTICE', 'INFO', 'LOG', 'DEBUG', 'WARNING'];

/** Reads PL/pgSQL; every method gives nothing where there is more than it knows. */
class BlockReader {
  readonly #text: string;
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(text: string) {
    this.#text = text;
    this.#tokens = [...tokensOf(text)];
  }

  read(): readonly BlockStep[] | undefined {
    const steps = this.#whole();
    this.#takes(';');
    return this.#at === this.#tokens.length ? steps : undefined;
  }

  /** `[DECLARE …] BEGIN … END` */
  #whole(): readonly BlockStep[] | undefined {
    const declared = this.#takes('DECLARE') ? this.#declarations() : [];
    const steps = declared && this.#takes('BEGIN') ? this.#block() : undefined;
    return steps && declared && [...declared, ...steps];
  }

  #declarations(): readonly BlockStep[] | undefined {
    const steps: BlockStep[] = [];
    while (!this.#isNext('BEGIN')) {
      const variable = this.#name();
      const declaration = this.#until(';');
      if (variable === undefined || declaration === undefined) return undefined;
      this.#at++;
      const value = /(?::?=|\bDEFAULT\b)(.*)$/is.exec(declaration)?.[1];
      steps.push({ kind: 'assign', variables: [variable], query: `SELECT ${value ?? 'NULL'}` });
    }
    return steps;
  }

  /** What is between BEGIN and END. */
  #block(): readonly BlockStep[] | undefined {
    const steps = this.#steps('END', 'EXCEPTION');
    if (steps === undefined || this.#takes('END')) return steps;
    this.#at++;
    const guard = this.#exceptionGuard();
    const [only] = steps;
    if (guard === undefined || !this.#takes('END') || steps.length !== 1 || only?.kind !== 'statement') {
      return undefined;
    }
    return [{ kind: 'guarded', guard, text: only.text }];
  }

  #steps(...ends: readonly string[]): readonly BlockStep[] | undefined {
    const steps: BlockStep[] = [];
    while (!this.#isNext(...ends)) {
      if (this.#at >= this.#tokens.length) return undefined;
      const step = this.#step();
      if (step === undefined) return undefined;
      steps.push(...step);
    }
    return steps;
  }

  #step(): readonly BlockStep[] | undefined {
    if (this.#isNext('BEGIN', 'DECLARE')) {
      const steps = this.#whole();
      return this.#takes(';') ? steps : undefined;
    }
    if (this.#takes('IF')) return this.#condition();
    if (this.#isNext('FOR', 'FOREACH')) return this.#loop();
    const at = this.#at;
    const body = this.#until(';');
    if (body === undefined) return undefined;
    this.#at++;
    return simpleStep(body, this.#tokens.slice(at, this.#at - 1));
  }

  /** What is between IF and END IF. */
  #condition(): readonly BlockStep[] | undefined {
    const branches: BlockBranch[] = [];
    do {
      const condition = this.#until('THEN');
      if (condition === undefined || !isOneQuery(`SELECT ${condition}`)) return undefined;
      this.#at++;
      const steps = this.#steps('ELSIF', 'ELSEIF', 'ELSE', 'END');
      if (steps === undefined) return undefined;
      branches.push({ condition, steps });
    } while (this.#takes('ELSIF') || this.#takes('ELSEIF'));
    if (this.#takes('ELSE')) {
      const steps = this.#steps('END');
      if (steps === undefined) return undefined;
      branches.push({ steps });
    }
    const isEnd = this.#takes('END') && this.#takes('IF') && this.#takes(';');
    return isEnd ? [{ kind: 'if', branches }] : undefined;
  }

  /** `FOR variable IN query LOOP … END LOOP`, or `FOREACH variable IN ARRAY …`. */
  #loop(): readonly BlockStep[] | undefined {
    const isArray = this.#isNext('FOREACH');
    this.#at++;
    const variable = this.#name();
    if (variable === undefined || !this.#takes('IN') || (isArray && !this.#takes('ARRAY'))) return undefined;
    const over = this.#until('LOOP');
    const query = over === undefined ? '' : isArray ? `SELECT unnest(${over})` : over;
    if (!isOneQuery(query)) return undefined;
    this.#at++;
    const steps = this.#steps('END');
    const isEnd = this.#takes('END') && this.#takes('LOOP') && this.#takes(';');
    return isEnd && steps ? [{ kind: 'loop', variable, query, steps }] : undefined;
  }

  /** What is between EXCEPTION and END, if it only lets errors of one kind pass. */
  #exceptionGuard(): 'unless there' | 'if there' | undefined {
    const names: string[] = [];
    while (this.#takes('WHEN')) {
      const caught = this.#until('THEN');
      this.#at++;
      if (caught === undefined || !this.#doesNothing()) return undefined;
      names.push(...caught.toLowerCase().split(/\s+or\s+/));
    }
    const [guard, ...others] = new Set(names.map((name) => MISSED.get(name.trim())));
    return others.length > 0 ? undefined : guard;
  }

  /** Passes a handler that does nothing, but for a message; one without a statement is one, too. */
  #doesNothing(): boolean {
    if (this.#isNext('WHEN', 'END')) return true;
    if (!this.#isNext('NULL', 'RAISE')) return false;
    const isNotice = this.#takes('RAISE');
    if (isNotice && !this.#isNext(...SAID)) return false;
    if (this.#until(';') === undefined) return false;
    this.#at++;
    return true;
  }

  #isNext(...values: readonly string[]): boolean {
    const { kind, value = '' } = this.#tokens[this.#at] ?? {};
    return (kind === 'word' || kind === 'symbol') && values.includes(value);
  }

  #takes(value: string): boolean {
    const takes = this.#isNext(value);
    if (takes) this.#at++;
    return takes;
  }

  /** The name of a variable. */
  #name(): string | undefined {
    const token = this.#tokens[this.#at];
    if (token?.kind !== 'word') return undefined;
    this.#at++;
    return token.value.toLowerCase();
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

/** A statement without its semicolon. */
function simpleStep(body: string, tokens: readonly Token[]): readonly BlockStep[] | undefined {
  const [first, second, third] = tokens;
  const rest = body.slice((first?.end ?? 0) - (first?.start ?? 0));
  const isAssigned = second?.value === '=' || (second?.value === ':' && third?.value === '=');
  if (first?.kind === 'word' && isAssigned) {
    const query = `SELECT ${rest.replace(/^\s*:?=/, '')}`;
    return isOneQuery(query)
      ? [{ kind: 'assign', variables: [first.value.toLowerCase()], query }]
      : undefined;
  }
  switch (first?.value) {
    case 'NULL':
      return [];
    case 'RAISE':
      return SAID.includes(second?.value ?? '') ? [] : [{ kind: 'raise', text: body }];
    case 'RETURN':
      return second === undefined ? [{ kind: 'return' }] : undefined;
    case 'PERFORM':
      return isOneQuery(`SELECT${rest}`) ? [{ kind: 'statement', text: `SELECT${rest}` }] : undefined;
    case 'EXECUTE':
      return tokens.some(({ value }) => value === 'INTO' || value === 'USING') ||
        !isOneQuery(`SELECT ${rest}`)
        ? undefined
        : [{ kind: 'execute', expression: rest.trim() }];
    case 'SELECT':
    case 'WITH':
      return selectedInto(body, tokens);
    default:
      return isChange(body) ? [{ kind: 'statement', text: body }] : undefined;
  }
}

/** `SELECT … INTO variable, …`: what is selected, without its INTO. */
function selectedInto(body: string, tokens: readonly Token[]): readonly BlockStep[] | undefined {
  if (parseQuery(body).statements[0]?.node !== 'SelectStmt') {
    return isChange(body) ? [{ kind: 'statement', text: body }] : undefined;
  }
  let depth = 0;
  const at = tokens.findIndex(({ value }) => {
    depth += value === '(' ? 1 : value === ')' ? -1 : 0;
    return value === 'INTO' && depth === 0;
  });
  if (at < 0) return undefined;
  const isStrict = tokens[at + 1]?.value === 'STRICT';
  let end = at + (isStrict ? 2 : 1);
  const variables: string[] = [];
  for (;;) {
    const variable = tokens[end];
    if (variable?.kind !== 'word') return undefined;
    variables.push(variable.value.toLowerCase());
    end++;
    if (tokens[end]?.value !== ',') break;
    end++;
  }
  const origin = tokens[0]?.start ?? 0;
  const before = body.slice(0, (tokens[at]?.start ?? 0) - origin);
  const after = body.slice((tokens[end - 1]?.end ?? 0) - origin);
  const query = `${before}${after}`;
  return isOneQuery(query) && !isStrict ? [{ kind: 'assign', variables, query }] : undefined;
}

function isOneQuery(text: string): boolean {
  const [query, ...others] = parseQuery(text).statements;
  return query?.node === 'SelectStmt' && query.kind === 'read' && others.length === 0;
}

/** Whether a text is one statement that changes the schema or rows. */
function isChange(text: string): boolean {
  const [statement, ...others] = parseQuery(text).statements;
  return (statement?.kind === 'ddl' || statement?.kind === 'write') && others.length === 0;
}

// --- what can be told without a database ---------------------------------------------------------------------------

/**
 * The statements of a DO block that can be told without asking the database.
 *
 * @returns nothing for a block that cannot be planned
 */
export function blockStatements(statement: Statement): readonly string[] | undefined {
  const steps = blockSteps(statement);
  return steps === undefined ? undefined : statementsOf(steps, []);
}

/** @param done - what was done before */
function statementsOf(steps: readonly BlockStep[], done: readonly string[]): readonly string[] | undefined {
  const statements: string[] = [];
  for (const step of steps) {
    const before = [...done, ...statements];
    switch (step.kind) {
      case 'statement':
      case 'guarded':
        statements.push(step.text);
        break;
      case 'execute': {
        const text = /^'((?:[^']|'')*)'$/.exec(step.expression)?.[1]?.replaceAll("''", "'");
        if (text !== undefined) statements.push(text);
        break;
      }
      case 'assign':
        if (asksForItsOwn(step.query, before)) return undefined;
        break;
      case 'if':
      case 'loop': {
        const branches = step.kind === 'if' ? step.branches : [step];
        const asked =
          step.kind === 'if' ? step.branches.flatMap(({ condition }) => asQuery(condition)) : [step.query];
        if (asked.some((query) => asksForItsOwn(query, before))) return undefined;
        const inner = branches.map((branch) => statementsOf(branch.steps, before));
        for (const each of inner) {
          if (each === undefined) return undefined;
          statements.push(...each);
        }
        break;
      }
      default:
    }
  }
  return statements;
}

/**
 * Whether a condition or a query may be about what its block did before it. All of a block is planned before anything of it
 * is sent, so it would be answered as if nothing had been done.
 *
 * It may be where it names nothing, or only what is named by what is done before it, or where it reads a table that is.
 *
 * @param done - the statements of the block that come before it
 */
export function asksForItsOwn(query: string, done: readonly string[]): boolean {
  if (done.length === 0 || !asksDatabase(query)) return false;
  const named = new Set<string>();
  for (const text of done)
    for (const { kind, value } of tokensOf(text)) if (kind !== 'symbol') named.add(bare(value));
  const tokens = [...tokensOf(query)];
  const texts = tokens.flatMap(({ kind, value }) => (kind === 'string' ? [bare(value)] : []));
  if (texts.every((name) => named.has(name))) return true;
  return tokens.some((token, at) => {
    if (!/^(?:FROM|JOIN|,)$/.test(tokens[at - 1]?.value ?? '') || token.kind === 'symbol') return false;
    const isQualified = tokens[at + 1]?.value === '.';
    const table = bare(isQualified ? (tokens[at + 2]?.value ?? '') : token.value);
    const isCatalogue = bare(token.value) === 'information_schema' || table.startsWith('pg_');
    return !isCatalogue && named.has(table);
  });
}

/** What a DO block may ask the database. */
export function blockQueries(steps: readonly BlockStep[]): readonly string[] {
  return steps.flatMap((step): readonly string[] => {
    switch (step.kind) {
      case 'assign':
        return [step.query];
      case 'execute':
        return [`SELECT ${step.expression}`];
      case 'if':
        return step.branches.flatMap(({ condition, steps: inner }) => [
          ...asQuery(condition),
          ...blockQueries(inner),
        ]);
      case 'loop':
        return [step.query, ...blockQueries(step.steps)];
      default:
        return [];
    }
  });
}

/** Whether what a block sends is made by what it finds, so that only a run tells what that is. */
export function isDecidedByRun(statement: Statement): boolean {
  const isOpen = (step: BlockStep): boolean => {
    if (step.kind === 'execute') return !/^'(?:[^']|'')*'$/.test(step.expression);
    if (step.kind === 'if') return step.branches.some(({ steps }) => steps.some(isOpen));
    return step.kind === 'raise' || (step.kind === 'loop' && step.steps.some(isOpen));
  };
  return blockSteps(statement)?.some(isOpen) === true;
}

function asQuery(condition: string | undefined): readonly string[] {
  return condition === undefined ? [] : [`SELECT ${condition}`];
}

/** Functions whose values depend on their arguments alone. */
const OF_ARGUMENTS =
  /^(?:quote_ident|quote_literal|quote_nullable|format|concat|concat_ws|upper|lower|replace|left|right|substring|substr|btrim|unnest|array_length)$/;

/** Whether the answer to a query may depend on the database. */
function asksDatabase(query: string): boolean {
  const [statement] = parseQuery(query).statements;
  let asks = statement === undefined;
  walk(statement?.node ?? '', statement?.tree ?? {}, ({ name, body }) => {
    const called = name === 'FuncCall' ? strings((body as NodeBody<'FuncCall'>).funcname).at(-1) : undefined;
    asks ||= name === 'RangeVar' || (called !== undefined && !OF_ARGUMENTS.test(called));
    return !asks;
  });
  return asks;
}

/** A name or a text without its quotes; case tells no names apart here. */
function bare(token: string): string {
  return token.replace(/^["']|["']$/g, '').toLowerCase();
}
