/** One command of `npx aurora-dsql-orm`. */
export interface Command {
  /** A line for the overview. */
  readonly summary: string;
  /** What `--help` prints. */
  readonly usage: string;
  /**
   * Runs it.
   *
   * @param args - the arguments after its name
   * @returns the exit status
   * @throws RangeError for an argument it cannot use, as `parseArgs` throws for one it does not know
   */
  run(args: readonly string[]): Promise<number>;
}
