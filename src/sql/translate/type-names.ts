import type { Node, TypeName } from 'libpg-query';
import { builtinTypeName, displayName } from '../facts/column-types';
import { asNode } from '../syntax/parse-tree';

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
