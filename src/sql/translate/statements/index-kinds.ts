import type { IndexElem } from 'libpg-query';
import { asNode, strings, walk } from '../../syntax/parse-tree';
import type { NodeBody } from '../../syntax/parse-tree';
import { tableNameOf } from '../../catalogue/catalog-facts';
import { formattedType } from '../columns/type-names';
import type { KnownCatalogue } from '../known-catalogue';

/** Operator classes that order a value as its type does, or a text by its bytes, which on DSQL is the same. */
const ORDINARY_CLASS =
  /^(?:text|varchar|bpchar|char|name|int[248]|float[48]|numeric|bool|uuid|date|time|timetz|timestamp|timestamptz|(?:text|varchar|bpchar)_pattern)_ops$/;

/** Whether DSQL sorts by this operator class of a key anyway. */
export function isOrdinaryClass({ opclass }: IndexElem): boolean {
  return ORDINARY_CLASS.test(classOf({ opclass }));
}

/** The name of the operator class of a key, without its schema; empty where there is none. */
export function classOf({ opclass }: Pick<IndexElem, 'opclass'>): string {
  return strings(opclass).at(-1) ?? '';
}

/** Whether an index method is one that DSQL has nothing like. */
export function isSpecialMethod(method: string): boolean {
  return method !== 'btree' && method !== 'hash' && method !== 'brin';
}

/** The keys of an index. */
export function keysOf({ indexParams = [] }: NodeBody<'IndexStmt'>): readonly IndexElem[] {
  return indexParams.flatMap((key) => asNode(key, 'IndexElem') ?? []);
}

/** The type of an expression that is a key, where it is a cast or takes a part of JSON as JSON. */
export function typeOfExpression({ expr }: IndexElem): string | undefined {
  const cast = asNode(expr, 'TypeCast');
  if (cast !== undefined) return formattedType(cast.typeName);
  const operation = asNode(expr, 'A_Expr');
  return /^(?:->|#>)$/.test(strings(operation?.name).at(-1) ?? '') ? 'jsonb' : undefined;
}

/** The conditions that read a whole table where an index is left out, as one would write them. */
export function slowedConditions(index: NodeBody<'IndexStmt'>, catalogue: KnownCatalogue): string {
  const table = tableNameOf(index.relation);
  const shapes = new Set(
    keysOf(index).map((key) => {
      const type = catalogue.column(table, key.name ?? '')?.type ?? '';
      return conditionOn(index.accessMethod ?? 'btree', key, type);
    }),
  );
  return [...shapes].join('; ');
}

function conditionOn(method: string, key: IndexElem, type: string): string {
  const operatorClass = classOf(key);
  if (operatorClass.endsWith('_trgm_ops')) return "LIKE '%…%', % and similarity()";
  if (type.startsWith('tsvector') || callsOf(key).some((name) => name.endsWith('to_tsvector'))) return '@@';
  if (type.startsWith('jsonb') || operatorClass.startsWith('jsonb')) {
    return isSpecialMethod(method) ? '@>, ?, ?| and @@ on jsonb' : '= on jsonb';
  }
  if (type.endsWith('[]') || operatorClass === 'array_ops') return '@>, <@ and && on arrays';
  if (method === 'gin') return '@>, <@, &&, ? and @@';
  return isSpecialMethod(method) ? '&&, @>, <@ and <->' : '=, < and >';
}

function callsOf({ expr }: IndexElem): string[] {
  const names: string[] = [];
  if (expr === undefined) return names;
  walk('IndexElem', { expr }, ({ name, body }) => {
    if (name === 'FuncCall') names.push(strings((body as NodeBody<'FuncCall'>).funcname).at(-1) ?? '');
    return true;
  });
  return names;
}
