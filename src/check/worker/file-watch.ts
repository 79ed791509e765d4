import { inspect } from 'node:util';
import { setImmediate } from 'node:timers/promises';
import { CheckError } from '../check-error';
import type { Failure } from '../check-options';

/** Thrown where a module calls `process.exit`, so that the other files are checked as well. */
export class ExitCalledError extends Error {
  override readonly name = 'ExitCalledError';

  constructor(status: number | string) {
    super(`it calls process.exit(${String(status)})`);
  }
}

/** What a {@link FileWatch} tells of. */
export interface FileWatchOptions {
  /** Those that may be run. */
  readonly files: ReadonlySet<string>;
  readonly timeoutMs: number;
  /** Awaited before something of a file is run that may never return. */
  readonly onRunning: (file: string | undefined, timeoutMs: number) => Promise<void>;
}

/** Runs what files hold, each for a limited time, and keeps everything that goes wrong meanwhile. */
export class FileWatch {
  readonly #options: FileWatchOptions;
  readonly #spentMs = new Map<string, number>();
  #failures: Failure[] = [];
  readonly #known = new Set<string>();
  #running: { readonly file: string; readonly timer: NodeJS.Timeout } | undefined;
  /** The file that was run last. */
  #last = '';
  /** The file whose time runs, as far as was said. */
  #announced: string | undefined;

  constructor(options: FileWatchOptions) {
    this.#options = options;
  }

  /**
   * Runs something that belongs to a file, and waits for it as long as the file's time lasts.
   *
   * @param isFailure - whether an error that it throws is one of the file
   * @throws CheckError when `work` does
   */
  async run(
    file: string,
    work: () => Promise<void>,
    isFailure: (error: unknown) => boolean = () => true,
  ): Promise<void> {
    const leftMs = this.#options.timeoutMs - (this.#spentMs.get(file) ?? 0);
    if (leftMs <= 0) return;
    this.#last = file;
    if (this.#announced !== file) await this.#options.onRunning(file, leftMs);
    this.#announced = file;
    const startedMs = performance.now();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(resolve, leftMs, 'late');
      this.#running = { file, timer };
    });
    try {
      const outcome = await Promise.race([work(), late]);
      if (outcome === 'late') this.fail(file, lateMessage(this.#options.timeoutMs));
      // What it has left behind is thrown now.
      await setImmediate();
    } catch (error) {
      if (error instanceof CheckError) throw error;
      if (!(error instanceof ExitCalledError) && isFailure(error)) this.fail(file, messageOf(error));
    } finally {
      clearTimeout(timer);
      this.#running = undefined;
      this.#spentMs.set(file, (this.#spentMs.get(file) ?? 0) + performance.now() - startedMs);
    }
  }

  /** Lets the time of the file begin anew that is being run: it has gone on to another file of its own. */
  async renew(): Promise<void> {
    if (!this.#running) return;
    this.#running.timer.refresh();
    await this.#options.onRunning(this.#running.file, this.#options.timeoutMs);
  }

  /** Says that no file is run until the next one. */
  async rest(): Promise<void> {
    this.#announced = undefined;
    await this.#options.onRunning(undefined, 0);
  }

  /** Keeps a failure, each once. */
  fail(file: string, message: string): void {
    const key = JSON.stringify([file, message]);
    if (this.#known.has(key)) return;
    this.#known.add(key);
    this.#failures.push({ file, message });
  }

  /** Keeps an error that came from nowhere: of the file that it names, or else of the one that was run last. */
  failAstray(error: unknown): void {
    if (error instanceof ExitCalledError) return;
    this.fail(this.#fileOf(error), `it leaves an error that nothing handles: ${messageOf(error)}`);
  }

  /**
   * Keeps that a file would have ended the process.
   *
   * @throws ExitCalledError always: what follows the call must not be run
   */
  failExit(status: number | string): never {
    const error = new ExitCalledError(status);
    this.fail(this.#fileOf(error), error.message);
    throw error;
  }

  #fileOf(error: unknown): string {
    const stack = error instanceof Error ? (error.stack ?? '') : '';
    const named = [...stack.matchAll(/(?:\(|at (?:async )?)((?:\/|[A-Za-z]:[\\/])[^()]*?):\d+:\d+/g)];
    return named.map(([, name = '']) => name).find((name) => this.#options.files.has(name)) ?? this.#last;
  }

  /** The failures since it was asked last. */
  takeFailures(): readonly Failure[] {
    const failures = this.#failures;
    this.#failures = [];
    return failures;
  }
}

/** Says that a file has had its time. */
export function lateMessage(timeoutMs: number): string {
  return `it did not finish within ${String(timeoutMs / 1000)} s: it loops, waits for something that never comes, or needs more time (--timeout)`;
}

function messageOf(error: unknown): string {
  try {
    if (!(error instanceof Error)) return `it throws ${inspect(error)}`;
    return error.message === '' ? error.name : error.message;
  } catch {
    return 'something that cannot be read';
  }
}
