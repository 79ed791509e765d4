import type { CheckOptions, Failure } from '../check-options';
import type { Reported } from '../reported';

/** What the process that runs the files is told to do. */
export interface Assignment {
  readonly folder: string;
  readonly options: CheckOptions;
  /** How long one file may take. */
  readonly fileTimeoutMs: number;
  /** The files to check, in order. */
  readonly files: readonly string[];
  /** Those of them whose data sources and instances were checked before. */
  readonly withCheckedInstances: readonly string[];
  /** The module whose data source has the entities that migrations may use, where it was found before. */
  readonly dataSource: string | undefined;
}

/** What that process says meanwhile. */
export type Progress =
  | {
      /** The time of a file begins, or begins anew; without a file there is nothing that may hang. */
      readonly kind: 'running';
      readonly file: string | undefined;
      readonly timeoutMs: number;
    }
  | {
      /** All of some files was looked at, or their data sources and instances were. */
      readonly kind: 'checked';
      readonly files: readonly string[];
      readonly instances: readonly string[];
      readonly dataSource: string | undefined;
      readonly reported: readonly Reported[];
      readonly failures: readonly Failure[];
    }
  | {
      /** Nothing can be checked: the message of a `CheckError`. */
      readonly kind: 'impossible';
      readonly message: string;
    }
  | { readonly kind: 'done'; readonly failures: readonly Failure[] };
