/** One command of `npx aurora-dsql-orm`. */
export interface Command {
  /** A line for the overview. */
  readonly summary: string;
  /** What `--help` prints. */
  readonly usage: string;
  /** The exit status where it fails with an error that is not about its arguments: those give 2. */
  readonly failureStatus: number;
  /**
   * Runs it.
   *
   * @param args - the arguments after its name; `--help` is not among them
   * @returns the exit status
   * @throws {@link ArgumentError}, or RangeError, for an argument it cannot use
   */
  run(args: readonly string[]): Promise<number>;
}

/** An argument that a command does not know, or cannot use. The message is for a person at a terminal. */
export class ArgumentError extends Error {}
