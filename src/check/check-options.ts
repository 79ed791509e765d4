import type { CapabilityOverrides, Simplifications } from '../sql';
import type { Severity } from './finding';

/** What a check depends on besides the files; every field is optional. */
export interface CheckOptions {
  /** The folder that relative paths are of. @defaultValue the working folder */
  readonly folder?: string;
  /** Whether to write into the files what DSQL takes, where that is safe. @defaultValue `false` */
  readonly fix?: boolean;
  /** The least severity that is reported. @defaultValue `'note'` */
  readonly severity?: Severity;
  /** Rules that are not reported. */
  readonly ignore?: readonly string[];
  /** Tables that many write to at once, besides those whose name says so. */
  readonly highRateTables?: readonly string[];
  /** The CACHE of identities that name none: 1, or 65,536 and above. @defaultValue 1 */
  readonly identityCache?: number;
  /** What may be made less than a text asks for. */
  readonly simplify?: Simplifications;
  /** `'jsonb'` where the application keeps arrays so. @defaultValue `'refuse'` */
  readonly arrays?: 'refuse' | 'jsonb';
  /** Rows of the capability table by their ids, where the cluster differs. */
  readonly capabilities?: CapabilityOverrides;
  /** How long one file may take, in milliseconds; one that takes longer is a failure. @defaultValue 10,000 */
  readonly fileTimeoutMs?: number;
}

/** A file that could not be checked, or not to its end. */
export interface Failure {
  /** An absolute path. */
  readonly file: string;
  readonly message: string;
}
