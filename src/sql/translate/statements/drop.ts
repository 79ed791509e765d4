import { nameOfParts } from '../../catalogue/catalog-facts';
import { asNode, strings } from '../../syntax/parse-tree';
import type { Outcome } from '../draft';
import type { Rewrite } from '../rewrite';
import { needlessCasts } from './casts';
import { isNeedlessExtension } from './extensions';

/** Omits DROP for what DSQL cannot have, if the text itself expects that it may not be there. */
export function drop(rewrite: Rewrite<'DropStmt'>): Outcome {
  const { removeType, concurrent, objects } = rewrite.tree;
  if (concurrent === true && rewrite.isRefused('drop-index-concurrently')) {
    const at = rewrite.source.tokens.findIndex(({ value }) => value === 'CONCURRENTLY');
    rewrite.remove(at, at + 1);
    return rewrite.edited();
  }
  if (removeType === 'OBJECT_TABLE') {
    for (const object of objects ?? []) {
      rewrite.catalogue.forget(nameOfParts(strings(asNode(object, 'List')?.items)));
    }
  }
  const ofCasts = needlessCasts(rewrite);
  if (ofCasts !== undefined && rewrite.isRefused('drop-object')) return { omitted: ofCasts };
  if (!isNeedless(rewrite) || !rewrite.isRefused('drop-object')) return rewrite.unchanged();
  return {
    omitted:
      removeType === 'OBJECT_TYPE'
        ? 'DSQL has no types of its users but domains, which DROP DOMAIN drops.'
        : 'There is no such thing on DSQL.',
  };
}

/** Omits DROP DATABASE IF EXISTS of another database than the one that a cluster has, postgres: there is none. */
export function dropDatabase(rewrite: Rewrite<'DropdbStmt'>): Outcome {
  const { dbname = '', missing_ok } = rewrite.tree;
  if (missing_ok !== true || dbname === 'postgres' || !rewrite.isRefused('statement-dropdb')) {
    return rewrite.unchanged();
  }
  return { omitted: `There is no database ${dbname}: a cluster has one, postgres.` };
}

function isNeedless({ tree, simplify }: Rewrite<'DropStmt'>): boolean {
  const { removeType = 'OBJECT_TABLE', missing_ok, objects = [] } = tree;
  // A type is gone with the CHECK that took its place; one that is a domain is dropped as one.
  if (removeType === 'OBJECT_TYPE') return true;
  if (
    removeType === 'OBJECT_EXTENSION' &&
    objects.every((object) => isNeedlessExtension(asNode(object, 'String')?.sval ?? '', simplify))
  ) {
    return true;
  }
  return missing_ok === true && ABSENT_OBJECTS.has(removeType.replace('OBJECT_', ''));
}

const ABSENT_OBJECTS = new Set(
  'MATVIEW EXTENSION AGGREGATE POLICY PROCEDURE RULE OPERATOR COLLATION CAST PUBLICATION FOREIGN_TABLE'.split(
    ' ',
  ),
);
