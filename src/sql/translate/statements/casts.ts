import type { TypeName } from 'libpg-query';
import { asNode } from '../../syntax/parse-tree';
import type { Outcome } from '../draft';
import { formattedType } from '../columns/type-names';
import type { Rewrite } from '../rewrite';

const NEEDLESS = 'Enum types are texts here, and a text needs no cast to another.';

/** Omits CREATE CAST between types that are texts here, unless a function makes the values. */
export function createCast(rewrite: Rewrite<'CreateCastStmt'>): Outcome {
  const { sourcetype, targettype, func } = rewrite.tree;
  const isNeedless = func === undefined && isText(sourcetype) && isText(targettype);
  const { refusal } = rewrite.source.statement;
  const isRefused = refusal !== undefined && rewrite.isRefused(refusal.rule);
  return isNeedless && isRefused ? { omitted: NEEDLESS } : rewrite.unchanged();
}

/** What to say of a DROP CAST that is omitted: of a cast that {@link createCast} has omitted. */
export function needlessCasts({
  tree: { removeType, objects = [] },
}: Rewrite<'DropStmt'>): string | undefined {
  if (removeType !== 'OBJECT_CAST') return undefined;
  const types = objects.flatMap((object) => asNode(object, 'List')?.items ?? []);
  return types.every((type) => isText(asNode(type, 'TypeName'))) ? NEEDLESS : undefined;
}

/** The text that an enum type has become. */
function isText(type: TypeName | undefined): boolean {
  return /^(?:text|character varying)$/.test(formattedType(type) ?? '');
}
