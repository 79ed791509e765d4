import { refusals } from '../sql';
import type { CheckOptions, Failure } from './check-options';
import { ownRules } from './finding';
import type { Finding } from './finding';
import { inOrder, writeFixes } from './reported';
import { discoverFiles } from './sources/discover-files';
import { supervise } from './worker/supervise';

/** What a check has found. */
export interface CheckReport {
  /** By file, line and column. Without what was fixed. */
  readonly findings: readonly Finding[];
  readonly failures: readonly Failure[];
  /** How many files were looked into. */
  readonly files: number;
  /** The files that were written, with the number of findings that are gone. */
  readonly fixed: readonly { readonly file: string; readonly findings: number }[];
}

/**
 * Says what Aurora DSQL will refuse, or take badly, of scripts, migrations, entities and models, before anything is sent.
 *
 * Modules are run, as the ORM's own command line runs them, in a process of their own; nothing is connected. What migrations and scripts of one
 * folder make is known to those after them, by the order of their names.
 *
 * @param paths - files and folders
 * @throws CheckError for a path that is not there, where there is nothing to check, and where there are modules and no jiti to load them
 * @throws RangeError for an option that makes no sense
 */
export async function check(paths: readonly string[], options: CheckOptions = {}): Promise<CheckReport> {
  const { folder = process.cwd(), ignore = [], fix = false, fileTimeoutMs = 10_000 } = options;
  for (const rule of ignore) {
    const isRule = [...ownRules, ...refusals].some(({ id }) => id === rule);
    if (!isRule) throw new RangeError(`ignore names ${JSON.stringify(rule)}, and there is no such rule.`);
  }
  const files = discoverFiles(paths, folder);
  const { reported, failures } = await supervise({ folder, options, fileTimeoutMs, files });
  const all = inOrder(reported);
  const fixed = fix ? writeFixes(all) : [];
  const left = fix ? all.filter(({ finding }) => !finding.fixable) : all;
  return { findings: left.map(({ finding }) => finding), failures, files: files.length, fixed };
}
