import { asNode, optionNamed, strings } from '../../syntax/parse-tree';
import { cacheSize, isCacheAccepted } from '../../refusals';
import { sequenceCacheEdits } from '../columns/identity';
import type { Outcome } from '../draft';
import type { Rewrite } from '../rewrite';

/** Gives CREATE SEQUENCE a CACHE that DSQL takes, and the one type that it has. */
export function createSequence(rewrite: Rewrite<'CreateSeqStmt'>): Outcome {
  return sequence(rewrite, rewrite.isRefused('sequence-cache'));
}

/** Gives ALTER SEQUENCE a CACHE that DSQL takes, if it has one, and the one type that it has. */
export function alterSequence(rewrite: Rewrite<'AlterSeqStmt'>): Outcome {
  const size = cacheSize(rewrite.tree.options);
  const isWrong = size !== undefined && !isCacheAccepted(size);
  return sequence(rewrite, isWrong && rewrite.isRefused('alter-sequence-cache'));
}

function sequence(rewrite: Rewrite<'CreateSeqStmt'> | Rewrite<'AlterSeqStmt'>, wantsCache: boolean): Outcome {
  const { source, context } = rewrite;
  const { options, sequence: name } = rewrite.tree;
  if (wantsCache) {
    const from = source.afterName(source.indexAt(source.at(name?.location)));
    rewrite.edit(...sequenceCacheEdits(source, options, from, source.tokens.length, context.identityCache));
  }
  const type = asNode(optionNamed(options, 'as')?.arg, 'TypeName');
  if (/^int[24]$/.test(strings(type?.names).at(-1) ?? '') && rewrite.isRefused('sequence-type')) {
    const at = source.indexAt(source.at(type?.location));
    const after = source.afterName(at);
    rewrite.edit({
      start: source.tokens[at]?.start ?? source.end,
      end: source.endBefore(after),
      text: 'bigint',
    });
    rewrite.note(`${source.cut(at, after)} becomes bigint: DSQL's sequences are.`);
  }
  return rewrite.edited();
}
