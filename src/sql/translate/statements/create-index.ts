import type { IndexElem } from 'libpg-query';
import { tableNameOf } from '../../catalogue/catalog-facts';
import { isByteCollation } from '../columns/collations';
import { keylessType, refuseKeylessTypes, type KeyColumn } from '../columns/key-types';
import type { Outcome } from '../draft';
import type { Rewrite } from '../rewrite';
import {
  classOf,
  isOrdinaryClass,
  isSpecialMethod,
  keysOf,
  slowedConditions,
  typeOfExpression,
} from './index-kinds';

type IndexRewrite = Rewrite<'IndexStmt'>;

/** The most columns that a key of DSQL has (AWS user guide, quotas, 2026-09-15). */
const MAX_KEY_COLUMNS = 8;

/** Translates CREATE INDEX to CREATE INDEX ASYNC, and leaves out what DSQL cannot build and only makes queries faster. */
export function createIndex(rewrite: IndexRewrite): Outcome {
  const { source, tree } = rewrite;
  const { accessMethod: method = 'btree' } = tree;
  const reason = whyLeftOut(rewrite, method);
  if (reason !== undefined) return leftOut(rewrite, reason);
  if (isSpecialMethod(method) && rewrite.isRefused('index-access-method')) {
    rewrite.refuse({ rule: 'index-access-method', instead: ALLOW_LEAVING_OUT });
    return [];
  }
  editWords(rewrite);
  const keysAt = editMethod(rewrite, method);
  const afterKeys = source.afterGroup(keysAt);
  const keys = keysOf(tree);
  source.splitAtCommas(keysAt + 1, afterKeys - 1).forEach(({ from, to }, position) => {
    const element = keys[position];
    if (element) editKey(rewrite, element, from, to);
  });
  refuseKeylessTypes(rewrite, tableNameOf(tree.relation), columnsOf(keys));
  omitStorage(rewrite, afterKeys);
  return rewrite.edited();
}

const ALLOW_LEAVING_OUT =
  'Leave the index out (option simplify.specialIndexes), or index an expression of an ordinary type, such ' +
  "as ((data ->> 'name')).";

/** Why DSQL cannot build an index that is not unique; nothing where it can, or where a person wants to hear of it. */
function whyLeftOut(rewrite: IndexRewrite, method: string): string | undefined {
  const { tree, catalogue } = rewrite;
  if (tree.unique === true || rewrite.simplify.specialIndexes === false) return undefined;
  const keys = keysOf(tree);
  if (isSpecialMethod(method)) {
    return rewrite.isRefused('index-access-method') ? `DSQL has no ${method} indexes` : undefined;
  }
  if (keys.length > MAX_KEY_COLUMNS && rewrite.isRefused('index-key-columns')) {
    return `DSQL has no indexes over more than ${String(MAX_KEY_COLUMNS)} columns`;
  }
  const ofClass = keys.find((key) => key.opclass !== undefined && !isOrdinaryClass(key));
  if (ofClass !== undefined && rewrite.isRefused('index-operator-class')) {
    return `DSQL has no operator class ${classOf(ofClass)}`;
  }
  const keyless = columnsOf(keys).flatMap(
    (column) => keylessType(column, tableNameOf(tree.relation), catalogue) ?? [],
  );
  return keyless[0] !== undefined && rewrite.isRefused('key-type')
    ? `DSQL has no indexes on ${keyless[0]}`
    : undefined;
}

function leftOut({ tree, catalogue }: IndexRewrite, reason: string): Outcome {
  const { idxname, relation } = tree;
  const index = idxname === undefined ? 'The index' : `The index ${idxname}`;
  const conditions = slowedConditions(tree, catalogue);
  return {
    omitted: `${index} is left out: ${reason}. Every result stays; conditions with ${conditions} read all of ${relation?.relname ?? 'the table'}.`,
  };
}

/** The columns that are keys, and the expressions whose type is known by what is written. */
function columnsOf(keys: readonly IndexElem[]): KeyColumn[] {
  return keys.flatMap((key) => {
    if (key.name !== undefined) return { name: key.name };
    const type = typeOfExpression(key);
    return type === undefined ? [] : { name: 'The expression', type };
  });
}

/** ASYNC comes, CONCURRENTLY goes. */
function editWords(rewrite: IndexRewrite): void {
  const { source, tree, isAsync } = rewrite;
  const indexAt = source.tokens.findIndex(({ value }) => value === 'INDEX');
  if (!isAsync && rewrite.isRefused('index-without-async')) {
    const end = source.endBefore(indexAt + 1);
    rewrite.edit({ start: end, end, text: ' ASYNC' });
  }
  if (tree.concurrent && rewrite.isRefused('index-concurrently')) rewrite.remove(indexAt + 1, indexAt + 2);
}

/** @returns the index of the token that opens the list of keys */
function editMethod(rewrite: IndexRewrite, method: string): number {
  const { source, tree } = rewrite;
  const at = source.afterName(source.indexAt(source.at(tree.relation?.location)));
  if (source.tokens[at]?.value !== 'USING') return at;
  if (!rewrite.isRefused('index-access-method')) return at + 2;
  if (method === 'btree' || rewrite.simplify.indexMethod !== false) {
    rewrite.remove(at, at + 2);
    if (method !== 'btree') rewrite.note(`USING ${method} is omitted: DSQL has one kind of index.`);
  } else {
    rewrite.refuse({
      rule: 'index-access-method',
      at: source.tokens[at].start,
      instead: 'Omit USING, or allow it with the option simplify.indexMethod.',
    });
  }
  return at + 2;
}

/** One key of an index: what stands after the column or expression is dropped where the meaning stays. */
function editKey(rewrite: IndexRewrite, element: IndexElem, from: number, to: number): void {
  const { source } = rewrite;
  const { tokens } = source;
  let at = tokens[from]?.value === '(' ? from : source.afterName(from);
  if (tokens[at]?.value === '(') at = source.afterGroup(at);
  const key = source.cut(from, at);
  if (element.collation) at = editCollation(rewrite, element, key, at);
  if (element.opclass) at = editOperatorClass(rewrite, element, at);
  if (at < to) editOrder(rewrite, key, at);
}

/** @returns the index of the token after the collation */
function editCollation(rewrite: IndexRewrite, { collation }: IndexElem, key: string, at: number): number {
  const { source } = rewrite;
  const after = source.afterName(at + 1);
  const same = isByteCollation(collation);
  if (same || rewrite.simplify.collation === true) {
    rewrite.remove(at, after);
    if (!same) rewrite.note(`The collation of ${key} is omitted: the index sorts by bytes.`);
  } else {
    rewrite.refuse({ rule: 'index-collation', at: source.tokens[at]?.start ?? source.start });
  }
  return after;
}

/** @returns the index of the token after the operator class */
function editOperatorClass(rewrite: IndexRewrite, element: IndexElem, at: number): number {
  const { source } = rewrite;
  let after = source.afterName(at);
  if (source.tokens[after]?.value === '(') after = source.afterGroup(after);
  if (isOrdinaryClass(element)) rewrite.remove(at, after);
  else {
    rewrite.refuse({
      rule: 'index-operator-class',
      at: source.tokens[at]?.start ?? source.start,
      parts: { name: classOf(element) },
    });
  }
  return after;
}

function editOrder(rewrite: IndexRewrite, key: string, at: number): void {
  const token = rewrite.source.tokens[at];
  const isDescending = token?.value === 'DESC';
  if (!token || (token.value !== 'ASC' && !isDescending) || !rewrite.isRefused('index-sort-order')) return;
  if (isDescending && rewrite.simplify.indexOrder === false) {
    rewrite.refuse({
      rule: 'index-sort-order',
      at: token.start,
      instead: 'Omit DESC, or allow it with the option simplify.indexOrder.',
    });
    return;
  }
  rewrite.remove(at, at + 1);
  if (isDescending) rewrite.note(`DESC of ${key} is omitted: the index is in ascending order.`);
}

/** Cuts out `WITH (…)` and `TABLESPACE`, which only say how PostgreSQL is to store the index. */
function omitStorage(rewrite: IndexRewrite, from: number): void {
  const { source, tree } = rewrite;
  const { options, tableSpace } = tree;
  if (!rewrite.isRefused('index-clause')) return;
  for (let at = from; at < source.tokens.length && source.tokens[at]?.value !== 'WHERE';) {
    const word = source.tokens[at]?.value;
    const after = word === 'WITH' ? source.afterGroup(at + 1) : source.afterGroup(at);
    const end = word === 'TABLESPACE' ? at + 2 : after;
    if ((word === 'WITH' && options) || (word === 'TABLESPACE' && tableSpace !== undefined)) {
      rewrite.remove(at, end);
      rewrite.note(`${source.cut(at, end)} is omitted: DSQL stores indexes in its own way.`);
    }
    at = end;
  }
}
