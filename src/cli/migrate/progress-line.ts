import type { WriteStream } from 'node:tty';
import { stripVTControlCharacters } from 'node:util';
import type { MigrationProgress } from '../../migrate';
import { styled } from '../terminal';

/** The terminal that the line is drawn on. */
type Terminal = NodeJS.WriteStream & Partial<WriteStream>;

/** How often it is drawn at most, in milliseconds. */
const MIN_DRAW_MS = 80;

/** Jobs are drawn with their age, in milliseconds. */
const JOBS_DRAW_MS = 1000;

/** How wide a terminal is that does not say it. */
const UNKNOWN_COLUMNS = 80;

/** Whether a line can be rewritten on a stream: not in a log, nor where nobody looks. */
export function canRewriteLine({ isTTY }: Terminal, { TERM, CI }: NodeJS.ProcessEnv): boolean {
  return isTTY && TERM !== 'dumb' && (CI === undefined || CI === '' || CI === 'false');
}

/** A line on a terminal that says how far migrations have come. What else is printed has to clear it first. */
export class ProgressLine {
  readonly #terminal: Terminal;
  readonly #total: number | undefined;
  readonly #begun = new Set<string>();
  #state: MigrationState | undefined;
  #isDrawn = false;
  #drawnAt = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;

  /** @param total - how many migrations there are to run, where that is known */
  constructor(terminal: Terminal, total: number | undefined) {
    this.#terminal = terminal;
    this.#total = total;
  }

  /** Draws the line anew, now or in a moment. */
  readonly follow = (progress: MigrationProgress): void => {
    if (progress.step === 'ended') {
      this.clear();
      return;
    }
    this.#begun.add(progress.migration);
    if (progress.step === 'begun') this.#state = new MigrationState(progress.migration);
    this.#state?.follow(progress);
    this.#drawIn(Math.max(0, this.#drawnAt + MIN_DRAW_MS - performance.now()));
  };

  /** Takes the line away, until the next step. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#isDrawn) this.#terminal.write('\r\u001b[K');
    this.#isDrawn = false;
  }

  #drawIn(delayMs: number): void {
    clearTimeout(this.#timer);
    if (delayMs === 0) this.#draw();
    else {
      this.#timer = setTimeout(() => {
        this.#draw();
      }, delayMs).unref();
    }
  }

  #draw(): void {
    const state = this.#state;
    if (state === undefined) return;
    const place = this.#total === undefined ? '' : ` (${this.#begun.size} of ${this.#total})`;
    const text = onOneLine(`${state.migration}${place}: ${state.text}`);
    // The last column stays free: a line that fills it may have been broken.
    const { columns } = this.#terminal;
    const room = (columns > 0 ? columns : UNKNOWN_COLUMNS) - 1;
    const shown = text.length <= room ? text : `${text.slice(0, room - 1)}…`;
    this.#terminal.write(`\r\u001b[K${styled(this.#terminal, 'gray', shown)}`);
    this.#isDrawn = true;
    this.#drawnAt = performance.now();
    if (state.hasJobs) this.#drawIn(JOBS_DRAW_MS);
  }
}

/** What the line says of the migration that is run. */
class MigrationState {
  readonly migration: string;
  #statement = 'begins';
  #sql = '';
  #part = '';
  #rows = '';
  readonly #jobs = new Map<string, number>();

  constructor(migration: string) {
    this.migration = migration;
  }

  follow(progress: MigrationProgress): void {
    switch (progress.step) {
      case 'call':
        this.#statement = `statement ${progress.position}`;
        this.#part = this.#rows = '';
        this.#sql = progress.sql;
        break;
      case 'part':
        this.#part = progress.parts > 1 ? `, step ${progress.part} of ${progress.parts}` : '';
        this.#rows = '';
        this.#sql = progress.sql;
        break;
      case 'batch':
        this.#rows = rowsDone(progress.totalRows, progress.tableRows);
        break;
      case 'job started':
        this.#jobs.set(progress.jobId, performance.now());
        break;
      case 'job ended':
        this.#jobs.delete(progress.jobId);
        break;
      default:
        break;
    }
  }

  get hasJobs(): boolean {
    return this.#jobs.size > 0;
  }

  get text(): string {
    const [since] = this.#jobs.values();
    const jobs = this.#jobs.size === 1 ? 'a job' : `${this.#jobs.size} jobs`;
    const running = since === undefined ? '' : `, ${jobs} for ${elapsed(performance.now() - since)}`;
    const sql = this.#sql === '' ? '' : ` | ${this.#sql}`;
    return `${this.#statement}${this.#part}${this.#rows}${running}${sql}`;
  }
}

/** The estimate is of the table, of which fewer rows may be gone through, or more by now. */
function rowsDone(done: number, tableRows: number | undefined): string {
  const written = done.toLocaleString('en-US');
  if (tableRows === undefined || tableRows < done) return `, ${written} rows`;
  return `, ${written} of about ${Math.round(tableRows).toLocaleString('en-US')} rows`;
}

function elapsed(ms: number): string {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return `${minutes} min ${seconds % 60} s`;
}

/** A text of the project's must not move the cursor. */
function onOneLine(text: string): string {
  return stripVTControlCharacters(text).replaceAll(/[\s\p{Cc}]+/gu, ' ');
}
