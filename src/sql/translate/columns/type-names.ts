import type { Node, TypeName } from 'libpg-query';
import { builtinTypeName, displayName } from '../../facts/column-types';
import { asNode, strings } from '../../syntax/parse-tree';
import type { StatementText } from '../text/statement-text';

/**
 * The name of a type as `format_type()` gives it for a column of DSQL: `character varying(255)`.
 *
 * @returns `undefined` for a type that is not PostgreSQL's own, and for modifiers that are not plain numbers.
 */
export function formattedType(type: TypeName | undefined): string | undefined {
  const name = builtinTypeName(type);
  if (name === undefined || type?.arrayBounds || type?.setof) return undefined;
  // DSQL gives numeric without a precision one (verified on a cluster, 2026-10-03).
  if (name === 'numeric' && !type?.typmods) return 'numeric(18,6)';
  const modifiers = (type?.typmods ?? []).map(numberOf);
  if (modifiers.some((modifier) => modifier === undefined)) return undefined;
  // The modifiers of an interval are a mask of fields.
  if (name === 'interval') return modifiers.length === 0 ? 'interval' : 'interval with fields';
  if (name === 'numeric' && modifiers.length === 1) modifiers.push(0);
  const [base, ...more] = displayName(name, false).split(' ');
  const modifier = modifiers.length === 0 ? '' : `(${modifiers.join(',')})`;
  // `timestamp(3) with time zone`, but `character varying(255)`.
  return more.at(-1) === 'zone'
    ? `${base ?? ''}${modifier} ${more.join(' ')}`
    : [base, ...more].join(' ') + modifier;
}

function numberOf(node: Node): number | undefined {
  const constant = asNode(node, 'A_Const');
  return constant?.ival ? (constant.ival.ival ?? 0) : undefined;
}

/** Whether a column is `numeric` without a precision, which on DSQL is another type. */
export function isUnboundedNumeric(type: TypeName | undefined): boolean {
  return strings(type?.names).at(-1) === 'numeric' && !type?.typmods && !type?.arrayBounds;
}

/** The index after the tokens of a type that begins at a token. */
export function afterType(source: StatementText, from: number, { typmods }: TypeName): number {
  const words = source.tokens;
  let at = source.afterName(from);
  // `double precision`, `character varying`, `timestamp (3) with time zone`: words that belong to the type before.
  while (/^(?:PRECISION|VARYING)$/.test(words[at]?.value ?? '')) at++;
  if (words[at]?.value === '(' && (typmods?.length ?? 0) > 0) at = source.afterGroup(at);
  if (/^(?:WITH|WITHOUT)$/.test(words[at]?.value ?? '') && words[at + 1]?.value === 'TIME') at += 3;
  return at;
}

const ROUNDS = 'is numeric without a precision: on DSQL that is numeric(18,6), which rounds.';

/** What is to be said of a column that is `numeric` without a precision. */
export function roundingNote(column: string): string {
  return `${column} ${ROUNDS}`;
}

/** Whether a note is one of {@link roundingNote}: what changes a value is more than a note. */
export function isRoundingNote(note: string): boolean {
  return note.endsWith(ROUNDS);
}

/** Whether the USING of an ALTER COLUMN … TYPE is absent, or only the column itself, cast to the type. */
export function isCastOf(column: string, using: Node | undefined): boolean {
  if (!using) return true;
  const cast = asNode(using, 'TypeCast');
  if (cast) return isCastOf(column, cast.arg);
  return strings(asNode(using, 'ColumnRef')?.fields).at(-1) === column;
}
