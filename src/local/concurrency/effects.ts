import { walk } from '../../sql';
import type { Statement } from '../../sql';

/** What a statement does to data, as far as its text says. */
export interface Effects {
  readonly inserts: boolean;
  /** It is an INSERT … ON CONFLICT, which does one thing or another to a row that is there already. */
  readonly upserts: boolean;
  readonly deletes: boolean;
  /** The columns that UPDATE or ON CONFLICT DO UPDATE sets. */
  readonly sets: ReadonlySet<string>;
  /** It calls a function, which may do anything. */
  readonly callsFunction: boolean;
}

/** Statements come from a cache, and so do their effects. */
const known = new WeakMap<Statement, Effects>();

/** What a statement does to data, CTEs, EXPLAIN ANALYZE and the functions that it calls included. */
export function effectsOf(statement: Statement): Effects {
  let effects = known.get(statement);
  if (!effects) {
    effects = readEffects(statement);
    known.set(statement, effects);
  }
  return effects;
}

function readEffects({ node, tree, kind, targets, calls = [] }: Statement): Effects {
  const sets = new Set<string>();
  let inserts = kind === 'copy' && targets.length > 0;
  let upserts = false;
  let deletes = false;
  let callsFunction = false;
  walk(node, tree as object, ({ name, body, parent }) => {
    switch (name) {
      case 'InsertStmt':
        inserts = true;
        break;
      case 'DeleteStmt':
        deletes = true;
        break;
      case 'OnConflictClause':
        upserts = true;
        break;
      case 'FuncCall':
        callsFunction = true;
        break;
      case 'ResTarget': {
        const { name: column } = body as { readonly name?: string };
        const isSet = parent?.name === 'UpdateStmt' || parent?.name === 'OnConflictClause';
        if (isSet && column !== undefined) sets.add(column);
        break;
      }
    }
    return true;
  });
  for (const called of calls) {
    const effects = effectsOf(called);
    inserts ||= effects.inserts;
    upserts ||= effects.upserts;
    deletes ||= effects.deletes;
    for (const column of effects.sets) sets.add(column);
  }
  return { inserts, upserts, deletes, sets, callsFunction };
}
