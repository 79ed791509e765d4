import type { IndexElem, IndexStmt } from 'libpg-query';
import { asNode, strings } from '../syntax/parse-tree';
import { tableNameOf } from './catalog-facts';
import { isByteCollation } from './columns';
import type { TranslationContext } from './context';
import type { Draft, Outcome } from './draft';
import { refuseKeylessTypes } from './key-types';
import type { Edit, SourceText } from './source-text';

/** Operator classes that order a value as its type does, or a text by its bytes, which on DSQL is the same. */
const ORDINARY_CLASS =
  /^(?:text|varchar|bpchar|char|name|int[248]|float[48]|numeric|bool|uuid|date|time|timetz|timestamp|timestamptz|(?:text|varchar|bpchar)_pattern)_ops$/;

/** Translates CREATE INDEX to CREATE INDEX ASYNC. */
export function createIndex(
  source: SourceText,
  index: IndexStmt,
  isAsync: boolean,
  context: TranslationContext,
): Outcome {
  const { tokens } = source;
  const { isRefused, simplify } = context;
  const edits: Edit[] = [];
  const notes: string[] = [];
  const method = index.accessMethod ?? 'btree';
  if (isSpecial(method) && isRefused('index-access-method')) {
    if (simplify.specialIndexes === true) {
      return { omitted: `DSQL has no ${method} indexes: queries that used it read the table.` };
    }
    context.refuse(source, {
      rule: 'index-access-method',
      instead:
        'Leave the index out (option simplify.specialIndexes), or index an expression of an ordinary type, such ' +
        "as ((data ->> 'name')).",
    });
    return [];
  }

  const indexAt = tokens.findIndex(({ value }) => value === 'INDEX');
  const nameAt = source.indexAt(source.at(index.relation?.location));
  if (!isAsync && isRefused('index-without-async')) {
    const end = source.endBefore(indexAt + 1);
    edits.push({ start: end, end, text: ' ASYNC' });
  }
  if (index.concurrent && isRefused('index-concurrently')) {
    edits.push(source.removal(indexAt + 1, indexAt + 2));
  }
  let at = source.afterName(nameAt);
  if (tokens[at]?.value === 'USING' && isRefused('index-access-method')) {
    if (method !== 'btree' && simplify.indexMethod !== true) {
      context.refuse(source, {
        rule: 'index-access-method',
        at: tokens[at]?.start ?? source.start,
        instead: 'Leave USING away, or allow it with the option simplify.indexMethod.',
      });
    } else {
      edits.push(source.removal(at, at + 2));
      if (method !== 'btree') notes.push(`USING ${method} is left away: DSQL has one kind of index.`);
    }
    at += 2;
  }
  const afterKeys = source.afterGroup(at);
  source.splitAtCommas(at + 1, afterKeys - 1).forEach(({ from, to }, position) => {
    const element = asNode(index.indexParams?.[position], 'IndexElem');
    if (element) edits.push(...elementEdits(source, element, from, to, context, notes));
  });
  const columns = (index.indexParams ?? []).flatMap((key) => asNode(key, 'IndexElem')?.name ?? []);
  refuseKeylessTypes(
    source,
    context,
    tableNameOf(index.relation),
    columns.map((name) => ({ name })),
  );
  edits.push(...storageEdits(source, index, afterKeys, context, notes));
  return [{ sql: source.edited(edits), notes } satisfies Draft];
}

function isSpecial(method: string): boolean {
  return method !== 'btree' && method !== 'hash' && method !== 'brin';
}

/** One key of an index: what stands after the column or expression is dropped where the meaning stays. */
function elementEdits(
  source: SourceText,
  element: IndexElem,
  from: number,
  to: number,
  context: TranslationContext,
  notes: string[],
): Edit[] {
  const { tokens } = source;
  const { isRefused, simplify } = context;
  const edits: Edit[] = [];
  let at = tokens[from]?.value === '(' ? from : source.afterName(from);
  if (tokens[at]?.value === '(') at = source.afterGroup(at);
  const key = source.cut(from, at);

  if (element.collation) {
    const after = source.afterName(at + 1);
    const same = isByteCollation(element.collation);
    if (same || simplify.collation === true) {
      edits.push(source.removal(at, after));
      if (!same) notes.push(`The collation of ${key} is left away: the index sorts by bytes.`);
    } else {
      context.refuse(source, { rule: 'index-collation', at: tokens[at]?.start ?? source.start });
    }
    at = after;
  }
  if (element.opclass) {
    let after = source.afterName(at);
    if (tokens[after]?.value === '(') after = source.afterGroup(after);
    const name = strings(element.opclass).at(-1) ?? '';
    if (ORDINARY_CLASS.test(name)) edits.push(source.removal(at, after));
    else {
      context.refuse(source, {
        rule: 'index-operator-class',
        at: tokens[at]?.start ?? source.start,
        parts: { name },
      });
    }
    at = after;
  }
  const order = tokens[at]?.value;
  if (at < to && (order === 'ASC' || order === 'DESC') && isRefused('index-sort-order')) {
    if (order === 'ASC' || simplify.indexOrder === true) {
      edits.push(source.removal(at, at + 1));
      if (order === 'DESC') notes.push(`DESC of ${key} is left away: the index is in ascending order.`);
    } else {
      context.refuse(source, {
        rule: 'index-sort-order',
        at: tokens[at]?.start ?? source.start,
        instead: 'Leave DESC away, or allow it with the option simplify.indexOrder.',
      });
    }
  }
  return edits;
}

/** Cuts out `WITH (…)` and `TABLESPACE`, which only say how PostgreSQL is to store the index. */
function storageEdits(
  source: SourceText,
  { options, tableSpace }: IndexStmt,
  from: number,
  { isRefused }: TranslationContext,
  notes: string[],
): Edit[] {
  const edits: Edit[] = [];
  if (!isRefused('index-clause')) return edits;
  for (let at = from; at < source.tokens.length && source.tokens[at]?.value !== 'WHERE';) {
    const word = source.tokens[at]?.value;
    const after = word === 'WITH' ? source.afterGroup(at + 1) : source.afterGroup(at);
    const end = word === 'TABLESPACE' ? at + 2 : after;
    if ((word === 'WITH' && options) || (word === 'TABLESPACE' && tableSpace !== undefined)) {
      edits.push(source.removal(at, end));
      notes.push(`${source.cut(at, end)} is left away: DSQL stores indexes in its own way.`);
    }
    at = end;
  }
  return edits;
}
