import type { TableBatches } from './batches/table-batches';
import type { MigrationSession, MigrationStatement } from './migration-session';

/** What takes the calls of a migration's code: the run that carries them out, or a dry run of it. */
export interface MigrationCalls {
  readonly isDryRun: boolean;
  /** What there is to say when the migration has failed; nothing when nothing of it has stayed. */
  readonly remains: string | undefined;
  /** How many calls its code has made so far. */
  readonly position: number;
  /** How many statements stay whatever comes. */
  readonly committed: number;
  statement<Result>(statement: MigrationStatement<Result>, session?: MigrationSession): Promise<Result>;
  batches(batches: TableBatches, session?: MigrationSession): Promise<void>;
  /** A statement here has failed, or a COMMIT. */
  noteFailure(error: unknown): void;
  /** What was called behind a position was rolled back, and is going to be called again. */
  rewind(position: number): void;
  /** The code asks for what only a run can do; a dry run is over with that. */
  end(): Promise<unknown>;
}
