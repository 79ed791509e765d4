import type { ColumnDef, TypeName } from 'libpg-query';
import { nonBigintType, serialType } from '../../facts/column-types';
import { columnConstraints } from '../../refusals';
import type { Rewrite } from '../rewrite';
import { isByteCollation } from './collations';
import { identityCacheEdits, identityColumn } from './identity';
import { isUnboundedNumeric, roundingNote } from './type-names';

/**
 * Turns a column definition of CREATE TABLE into one of DSQL: identities, collations and compression. What stays refused
 * is left as it is.
 */
export function editColumn(rewrite: Rewrite<'CreateStmt'>, column: ColumnDef): void {
  const { colname = '', typeName } = column;
  const serial = serialType(typeName);
  if (serial !== undefined && rewrite.isRefused('serial')) {
    replaceType(rewrite, typeName, identityColumn(rewrite.context.identityCache));
    if (!/^(?:big|.*8$)/.test(serial)) rewrite.note(`${colname} becomes bigint: DSQL's identities are.`);
  }
  editIdentity(rewrite, column);
  editCollation(rewrite, column);
  editCompression(rewrite, column);
  if (isUnboundedNumeric(typeName)) {
    rewrite.note(roundingNote(colname));
  }
}

function replaceType(rewrite: Rewrite<'CreateStmt'>, type: TypeName | undefined, text: string): void {
  const { source } = rewrite;
  const start = source.at(type?.location);
  rewrite.edit({ start, end: source.endBefore(source.afterName(source.indexAt(start))), text });
}

function editIdentity(rewrite: Rewrite<'CreateStmt'>, column: ColumnDef): void {
  const identity = columnConstraints(column).find(({ contype }) => contype === 'CONSTR_IDENTITY');
  if (!identity) return;
  if (rewrite.isRefused('identity-cache')) {
    rewrite.edit(...identityCacheEdits(rewrite.source, identity, rewrite.context.identityCache));
  }
  const type = nonBigintType(column.typeName) ?? '';
  if (/^(?:integer|smallint)$/.test(type) && rewrite.isRefused('identity-type')) {
    replaceType(rewrite, column.typeName, 'bigint');
    rewrite.note(`${column.colname ?? ''} becomes bigint: DSQL's identities are.`);
  }
}

/** Cuts out COLLATE where DSQL sorts so anyway or a person does not mind. */
function editCollation(rewrite: Rewrite<'CreateStmt'>, { colname = '', collClause }: ColumnDef): void {
  if (!collClause || !rewrite.isRefused('column-collation')) return;
  const same = isByteCollation(collClause.collname);
  if (!same && rewrite.simplify.collation !== true) return;
  const { source } = rewrite;
  const at = source.indexAt(source.at(collClause.location));
  rewrite.remove(at, source.afterName(at + 1));
  rewrite.note(
    same
      ? `The collation of ${colname} is omitted: it is the only one that DSQL has.`
      : `The collation of ${colname} is omitted: it sorts by bytes.`,
  );
}

/** Cuts out COMPRESSION, which changes no value. */
function editCompression(
  rewrite: Rewrite<'CreateStmt'>,
  { colname = '', compression, typeName }: ColumnDef,
): void {
  if (compression === undefined || !rewrite.isRefused('column-clause')) return;
  const { source } = rewrite;
  let at = source.indexAt(source.at(typeName?.location));
  while (at < source.tokens.length && source.tokens[at]?.value !== 'COMPRESSION') at++;
  rewrite.remove(at, at + 2);
  rewrite.note(`COMPRESSION of ${colname} is omitted: DSQL compresses by itself.`);
}
