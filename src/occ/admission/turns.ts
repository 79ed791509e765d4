import { AsyncLocalStorage } from 'node:async_hooks';
import { elapsedMs, sleep } from '../../connection';
import { NotBegunError } from '../errors';

/** A part of a {@link SerializationKey}. */
export type SerializationKeyPart = string | number | bigint;

/** What transactions are serialized by: one value, or several that are one key together. */
export type SerializationKey = SerializationKeyPart | readonly SerializationKeyPart[];

/** How long a transaction waits for its turn, at the most. */
export interface Patience {
  /** In milliseconds. */
  readonly deadlineMs: number;
  /** Ends the wait. */
  readonly signal?: AbortSignal | undefined;
  /** What the transaction is called in the error. */
  readonly label?: string | undefined;
}

/** Whether a value can be a key: a text, a number or a bigint, or a list of at least one of them. */
export function isSerializationKey(value: unknown): value is SerializationKey {
  const isPart = (part: unknown) => ['string', 'number', 'bigint'].includes(typeof part);
  return Array.isArray(value) ? value.length > 0 && value.every(isPart) : isPart(value);
}

/** The transactions with one key: the one whose turn it is, and those that wait for theirs, in the order in which they came. */
interface Line {
  holder: Turn | undefined;
  readonly waiting: Waiter[];
}

interface Waiter {
  readonly turn: Turn;
  readonly begin: () => void;
}

/** The turn of a transaction, wherever its work calls from. */
interface Turn {
  readonly line: Line;
  /** The one inside whose transaction it is taken. */
  readonly outer: Turn | undefined;
  /** The lines in which transactions inside this one wait. */
  readonly awaited: Set<{ readonly line: Line }>;
}

/** One for all runners: transactions of two data sources may be nested, too. */
const current = new AsyncLocalStorage<Turn>();

/** Lets the transactions of one runner that have the same key run one after the other. */
export class Turns {
  readonly #lines = new Map<string, Line>();

  /** How many keys are in use. */
  get size(): number {
    return this.#lines.size;
  }

  /**
   * Runs a transaction when all those with its key have ended that came before it; inside one that has the key already, at
   * once.
   *
   * @param run - called synchronously where there is nothing to wait for
   * @throws NotBegunError when the deadline has passed meanwhile, or those before it would wait for this one
   * @throws the reason of the signal when that is aborted meanwhile
   */
  async take<T>(
    key: SerializationKey,
    patience: Patience,
    run: (waitedMs: number) => Promise<T>,
  ): Promise<T> {
    const name = nameOf(key);
    const line = this.#lines.get(name) ?? { holder: undefined, waiting: [] };
    const outer = turnsHeld();
    if (outer.some((turn) => turn.line === line)) return run(0);
    this.#lines.set(name, line);
    const turn: Turn = { line, outer: outer[0], awaited: new Set() };
    const since = elapsedMs();
    if (line.holder === undefined) line.holder = turn;
    else await wait(turn, outer, patience);
    try {
      return await current.run(turn, run, elapsedMs() - since);
    } finally {
      const next = line.waiting.shift();
      line.holder = next?.turn;
      if (next === undefined) this.#lines.delete(name);
      else next.begin();
    }
  }
}

/** The turns inside of which this runs, the innermost first. One that is over may still be found by what it has left behind. */
function turnsHeld(): readonly Turn[] {
  const held: Turn[] = [];
  for (let turn = current.getStore(); turn !== undefined; turn = turn.outer) {
    if (turn.line.holder === turn) held.push(turn);
  }
  return held;
}

async function wait(turn: Turn, outer: readonly Turn[], patience: Patience): Promise<void> {
  const { deadlineMs, signal, label } = patience;
  const { line } = turn;
  signal?.throwIfAborted();
  if (leadsTo(line, outer)) throw new NotBegunError('deadlock', label);
  const awaited = { line };
  for (const each of outer) each.awaited.add(awaited);
  const timer = new AbortController();
  let abort: (() => void) | undefined;
  try {
    await new Promise<void>((begin, reject) => {
      const waiter: Waiter = { turn, begin };
      const leave = (reason: Error) => {
        const place = line.waiting.indexOf(waiter);
        // Its turn may have come at the same moment, and then it is taken.
        if (place < 0) return;
        line.waiting.splice(place, 1);
        reject(reason);
      };
      line.waiting.push(waiter);
      abort = () => {
        leave(signal?.reason as Error);
      };
      signal?.addEventListener('abort', abort);
      sleep(deadlineMs, undefined, { signal: timer.signal }).then(
        () => {
          leave(new NotBegunError('deadline', label));
        },
        () => undefined,
      );
    });
  } finally {
    timer.abort();
    if (abort !== undefined) signal?.removeEventListener('abort', abort);
    for (const each of outer) each.awaited.delete(awaited);
  }
}

/** Whether the end of one of these turns is waited for, by way of others, where a line is waited for. */
function leadsTo(line: Line, turns: readonly Turn[], seen = new Set<Line>()): boolean {
  const { holder } = line;
  if (holder === undefined || seen.has(line)) return false;
  seen.add(line);
  return turns.includes(holder) || [...holder.awaited].some((inner) => leadsTo(inner.line, turns, seen));
}

/** `1`, `1n` and `'1'` are one key: drivers and applications disagree about the type of an id, never about its text. */
function nameOf(key: SerializationKey): string {
  return JSON.stringify([key].flat().map(String));
}
