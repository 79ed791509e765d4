import type { ColumnDef, Node, TypeName } from 'libpg-query';
import { nonBigintType, serialType } from '../facts/column-types';
import { strings } from '../syntax/parse-tree';
import { columnConstraints } from '../refusals';
import type { TranslationContext } from './context';
import { identityCacheEdits, identityColumn } from './identity';
import type { Edit, SourceText } from './source-text';

/** The collations that sort by bytes, as every column of DSQL does (AWS user guide, data types, 2026-09-15). */
const BYTE_COLLATIONS = new Set(['C', 'POSIX', 'default', 'ucs_basic']);

/**
 * Whether DSQL sorts by this collation anyway.
 *
 * @param name - without its schema
 */
export function sortsByBytes(name: string): boolean {
  return BYTE_COLLATIONS.has(name);
}

/** Whether DSQL sorts by this collation of a parse tree anyway. */
export function isByteCollation(collation: readonly Node[] | undefined): boolean {
  return sortsByBytes(strings(collation).at(-1) ?? '');
}

/** The index after the tokens of a type that begins at a token. */
export function afterType(source: SourceText, from: number, { typmods }: TypeName): number {
  const words = source.tokens;
  let at = source.afterName(from);
  // `double precision`, `character varying`, `timestamp (3) with time zone`: words that belong to the type before.
  while (/^(?:PRECISION|VARYING)$/.test(words[at]?.value ?? '')) at++;
  if (words[at]?.value === '(' && (typmods?.length ?? 0) > 0) at = source.afterGroup(at);
  if (/^(?:WITH|WITHOUT)$/.test(words[at]?.value ?? '') && words[at + 1]?.value === 'TIME') at += 3;
  return at;
}

/** What {@link columnEdits} found to say about a column. */
export interface ColumnEdits {
  readonly edits: readonly Edit[];
  readonly notes: readonly string[];
}

/**
 * Turns a column definition of CREATE TABLE into one of DSQL: identities, collations and compression. What stays refused
 * is left as it is.
 */
export function columnEdits(source: SourceText, column: ColumnDef, context: TranslationContext): ColumnEdits {
  const edits: Edit[] = [];
  const notes: string[] = [];
  const { colname = '', typeName } = column;
  const typeAt = source.indexAt(source.at(typeName?.location));
  const serial = serialType(typeName);
  const identity = columnConstraints(column).find(({ contype }) => contype === 'CONSTR_IDENTITY');

  if (serial !== undefined && context.isRefused('serial')) {
    const end = source.endBefore(source.afterName(typeAt));
    edits.push({ start: source.at(typeName?.location), end, text: identityColumn(context.identityCache) });
    if (!/^(?:big|.*8$)/.test(serial)) notes.push(`${colname} becomes bigint: DSQL's identities are.`);
  }
  if (identity) {
    if (context.isRefused('identity-cache')) {
      edits.push(...identityCacheEdits(source, identity, context.identityCache));
    }
    const type = nonBigintType(typeName);
    if (type !== undefined && /^(?:integer|smallint)$/.test(type) && context.isRefused('identity-type')) {
      const end = source.endBefore(source.afterName(typeAt));
      edits.push({ start: source.at(typeName?.location), end, text: 'bigint' });
      notes.push(`${colname} becomes bigint: DSQL's identities are.`);
    }
  }
  edits.push(...clauseEdits(source, column, context, notes));
  if (isUnboundedNumeric(typeName)) {
    notes.push(`${colname} is numeric without a precision: on DSQL that is numeric(18,6), which rounds.`);
  }
  return { edits, notes };
}

/** Cuts out COLLATE where DSQL sorts so anyway or a person does not mind, and COMPRESSION, which changes no value. */
function clauseEdits(
  source: SourceText,
  { colname = '', collClause, compression, typeName }: ColumnDef,
  { isRefused, simplify }: TranslationContext,
  notes: string[],
): Edit[] {
  const edits: Edit[] = [];
  if (collClause && isRefused('column-collation')) {
    const same = isByteCollation(collClause.collname);
    if (same || simplify.collation === true) {
      const at = source.indexAt(source.at(collClause.location));
      edits.push(source.removal(at, source.afterName(at + 1)));
      notes.push(
        same
          ? `The collation of ${colname} is left away: it is the only one that DSQL has.`
          : `The collation of ${colname} is left away: it sorts by bytes.`,
      );
    }
  }
  if (compression !== undefined && isRefused('column-clause')) {
    let at = source.indexAt(source.at(typeName?.location));
    while (at < source.tokens.length && source.tokens[at]?.value !== 'COMPRESSION') at++;
    edits.push(source.removal(at, at + 2));
    notes.push(`COMPRESSION of ${colname} is left away: DSQL compresses by itself.`);
  }
  return edits;
}

/** Whether a column is `numeric` without a precision, which on DSQL is another type. */
export function isUnboundedNumeric(type: TypeName | undefined): boolean {
  return strings(type?.names).at(-1) === 'numeric' && !type?.typmods && !type?.arrayBounds;
}
