import type { PlannedMigration } from '../../check';
import type { MigrationRunOptions } from '../../migrate';

/** Loads a module, and says what it exports. */
export type Load = (file: string) => Promise<Readonly<Record<string, unknown>>>;

/** How far migrations are run or reverted, and how. */
export interface RunOptions extends MigrationRunOptions {
  /** The name of the last migration; all that are pending, or the one that was run last, without it. */
  readonly to?: string | undefined;
}

/** The migrations of a project, whichever ORM they are for. */
export interface MigrationProject {
  /** The names of those that were not run, in order. */
  pending(): Promise<readonly string[]>;
  /** Runs those that are pending; returns their names. */
  up(options: RunOptions): Promise<readonly string[]>;
  /** Reverts those that were run last, down to one; returns their names. */
  down(options: RunOptions): Promise<readonly string[]>;
  /** Records those that are pending, without running them; returns their names. */
  baseline(options: RunOptions): Promise<readonly string[]>;
  /** What will be sent for those that are named. */
  plan(names: readonly string[]): Promise<readonly PlannedMigration[]>;
  /** Runs a query, past the log. */
  query(sql: string): Promise<readonly Record<string, unknown>[]>;
  /** What the schema lacks of what the entities or models say, as statements or sentences. */
  differences(): Promise<readonly string[]>;
  /** Calls something before each line that the project itself prints, as far as its ORM does that. */
  beforeLogging(before: () => void): void;
  /** Closes all connections. */
  close(): Promise<void>;
}
