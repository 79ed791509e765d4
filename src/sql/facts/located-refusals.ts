import { utf16Offsets } from '../syntax/read-sources';
import { walk } from '../syntax/parse-tree';
import type { Visited } from '../syntax/parse-tree';
import { visitRefusals } from '../refusals';
import type { Refusal, Statement } from '../syntax/statement';

/** A reason why DSQL refuses a statement, and where in its query that reason stands. */
export interface LocatedRefusal {
  readonly refusal: Refusal;
  /** In UTF-16 units; absent where the reason is the statement as a whole, or the tree does not say. */
  readonly offset: number | undefined;
}

const NONE: ReadonlySet<string> = new Set();

/**
 * Finds every reason why DSQL refuses a statement as it is written, as far as the statement alone decides.
 *
 * @param query - `ParsedQuery.text` of the query that the statement is of.
 * @param gained - The ids of rules that do not hold.
 */
export function locatedRefusals(
  { node, tree, async, start, text }: Statement,
  query: string,
  gained: ReadonlySet<string> = NONE,
): LocatedRefusal[] {
  const utf16 = utf16Offsets(query);
  const found: LocatedRefusal[] = [];
  const source = { node, body: tree as object, async, query, start, end: start + text.length, utf16 };
  visitRefusals(source, (refusal, visited) => {
    if (gained.has(refusal.rule)) return true;
    found.push({ refusal, offset: locationOf(visited, query) });
    return !refusal.rule.startsWith('statement-');
  });
  return found;
}

/** Where a part of a statement begins in its query, as far as the tree says it for the part or for something in it. */
export function locationOf({ name, body, parent }: Visited, query: string): number | undefined {
  if (!parent) return undefined;
  let location: number | undefined;
  walk(name, body, (inner) => {
    const candidate = (inner.body as { location?: unknown }).location;
    if (typeof candidate === 'number' && candidate > 0) location = candidate;
    return location === undefined;
  });
  return location === undefined ? undefined : utf16Offsets(query)(location);
}
