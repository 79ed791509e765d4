import { UnsupportedFeatureError } from '../../occ';
import type { TranslationRefusal } from '../../sql';

/** A part of a change of the schema that Aurora DSQL does not do. */
export interface UnsupportedChange {
  /** What it is, as one would write it in general, or the statement. */
  readonly what: string;
  /** As a sentence. */
  readonly why: string;
  /** What to do instead, as a sentence. */
  readonly instead?: string | undefined;
  /** The row of the table of refusals that it is refused by. */
  readonly rule?: string;
}

const rulesOfErrors = new WeakMap<Error, readonly string[]>();

/**
 * The rows of the table of refusals that an error of {@link unsupportedChanges} is about.
 *
 * @returns none where one of its reasons has no row
 */
export function refusedRules(error: Error): readonly string[] {
  return rulesOfErrors.get(error) ?? [];
}

/** Says of a statement what `translate` has refused in it. */
export function refusedStatement(
  sql: string,
  { what, why, instead, rule }: TranslationRefusal,
): UnsupportedChange {
  return { what: `${what} ("${sql}")`, why, instead, rule };
}

/**
 * The error for a change of the schema of which nothing was sent, with all that is in its way.
 *
 * @param changes - at least one
 */
export function unsupportedChanges(changes: readonly UnsupportedChange[]): UnsupportedFeatureError {
  const error = errorOf(changes);
  const rules = changes.flatMap(({ rule }) => rule ?? []);
  if (rules.length === changes.length) rulesOfErrors.set(error, rules);
  return error;
}

function errorOf(changes: readonly UnsupportedChange[]): UnsupportedFeatureError {
  const advice = ({ why, instead }: UnsupportedChange) => (instead === undefined ? why : `${why} ${instead}`);
  // What is refused of several columns of a statement may read the same.
  const told = new Map(changes.map((change) => [`${change.what}: ${advice(change)}`, change]));
  const [only, ...others] = told.values();
  if (only !== undefined && others.length === 0) {
    return new UnsupportedFeatureError(only.what, `${advice(only)} Nothing was sent.`);
  }
  const list = [...told.keys()].map((text) => `\n- ${text}`).join('');
  return new UnsupportedFeatureError(`${told.size} things that are asked for`, `Nothing was sent.${list}`);
}
