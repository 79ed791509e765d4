import { inspect, type InspectOptions } from 'node:util';
import { nameOf, tokensOf } from '../sql';
import type { FirstStatement } from './admission/admission-key';

/** What the transactions of one kind have met since the first conflict of any of them. */
export interface ConflictLine {
  /** Their `label`; without one, the text of their first statement, in one line of at most 120 characters. */
  readonly transaction: string;
  /** The tables that their first statement names. */
  readonly tables: readonly string[];
  readonly attempts: number;
  readonly commits: number;
  readonly conflicts: number;
  /** Nothing where none was committed. */
  readonly attemptsPerCommit: number | undefined;
  /** How long the attempts took that ended in a conflict, in milliseconds. */
  readonly lostMs: number;
  /** With which parameters their first statement met most conflicts, at most 5, the worst first; long ones are cut. */
  readonly keys: readonly ConflictKey[];
}

/** What a transaction was about that conflicted. */
export interface ConflictKey {
  readonly parameters: readonly string[];
  readonly conflicts: number;
}

/** Which transactions fight, the worst first. */
export type ConflictReport = readonly ConflictLine[];

/** How many kinds, and how many keys of each, are remembered: those that were met first. */
const MAX_KINDS = 200;
const MAX_KEYS = 200;

const SHOWN_KEYS = 5;
const SHOWN_LENGTH = 120;
const SHOWN_PARAMETERS = 10;
const SHOWN: InspectOptions = { depth: 1, maxStringLength: 60, maxArrayLength: 5, breakLength: Infinity };

/** The words behind which a table is named. */
const BEFORE_TABLE: ReadonlySet<string> = new Set(['FROM', 'JOIN', 'INTO', 'UPDATE']);

interface Kind {
  readonly transaction: string;
  readonly tables: readonly string[];
  readonly keys: Map<string, { readonly parameters: readonly string[]; conflicts: number }>;
  attempts: number;
  commits: number;
  conflicts: number;
  lostMs: number;
}

/** An attempt that has ended, as {@link ConflictLog} hears of it. */
export interface EndedAttempt {
  readonly label: string | undefined;
  /** Nothing where it sent none. */
  readonly first: FirstStatement | undefined;
  readonly outcome: 'committed' | 'conflict' | 'failed';
  readonly ms: number;
}

/** Counts the attempts of the transactions that have met conflicts; those of all others cost nothing. */
export class ConflictLog {
  readonly #kinds = new Map<string, Kind>();

  note({ label, first, outcome, ms }: EndedAttempt): void {
    if (outcome !== 'conflict' && this.#kinds.size === 0) return;
    const name = label ?? first?.text;
    if (name === undefined) return;
    const kind =
      this.#kinds.get(name) ?? (outcome === 'conflict' ? this.#begin(name, label, first) : undefined);
    if (kind === undefined) return;
    kind.attempts++;
    if (outcome === 'committed') kind.commits++;
    if (outcome !== 'conflict') return;
    kind.conflicts++;
    kind.lostMs += ms;
    noteKey(kind, first?.values ?? []);
  }

  get report(): ConflictReport {
    return [...this.#kinds.values()]
      .toSorted((one, other) => other.conflicts - one.conflicts)
      .map(({ keys, commits, attempts, lostMs, ...kind }) => ({
        ...kind,
        commits,
        attempts,
        attemptsPerCommit: commits === 0 ? undefined : attempts / commits,
        lostMs: Math.round(lostMs),
        keys: [...keys.values()]
          .toSorted((one, other) => other.conflicts - one.conflicts)
          .slice(0, SHOWN_KEYS)
          .map((key) => ({ ...key })),
      }));
  }

  #begin(name: string, label: string | undefined, first: FirstStatement | undefined): Kind | undefined {
    if (this.#kinds.size >= MAX_KINDS) return undefined;
    const kind: Kind = {
      transaction: label ?? name.replace(/\s+/g, ' ').trim().slice(0, SHOWN_LENGTH),
      tables: tablesIn(first?.text ?? ''),
      keys: new Map(),
      attempts: 0,
      commits: 0,
      conflicts: 0,
      lostMs: 0,
    };
    this.#kinds.set(name, kind);
    return kind;
  }
}

function noteKey({ keys }: Kind, parameters: readonly unknown[]): void {
  const shown = parameters.slice(0, SHOWN_PARAMETERS).map((value) => inspect(value, SHOWN));
  const name = shown.join();
  const key = keys.get(name);
  if (key !== undefined) key.conflicts++;
  else if (keys.size < MAX_KEYS) keys.set(name, { parameters: shown, conflicts: 1 });
}

function tablesIn(text: string): string[] {
  const tokens = [...tokensOf(text)];
  const names = tokens.flatMap(({ value }, index) => {
    if (!BEFORE_TABLE.has(value)) return [];
    // The last of `schema.table`.
    let at = index + 1;
    while (tokens[at + 1]?.value === '.') at += 2;
    const token = tokens[at];
    return token !== undefined && (token.kind === 'word' || token.kind === 'quoted')
      ? [nameOf(text, token)]
      : [];
  });
  return [...new Set(names)];
}
