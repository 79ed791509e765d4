import type { Node } from 'libpg-query';
import { nonBigintType } from '../facts/column-types';
import { asNode, optionNamed } from '../syntax/parse-tree';
import { byPattern, GRAMMAR, GUIDE, RECORDED, rule } from './rule';
import type { StatementRule } from './rule';

/** How the refusals of a cache size end. */
export const CACHE_ADVICE = 'please define CACHE greater than or equal to 65536 or equal to 1';

/** The CACHE of a sequence's options: a number, or `undefined` where none is given. */
export function cacheSize(options: readonly Node[] | undefined): number | undefined {
  const cache = optionNamed(options, 'cache');
  if (!cache) return undefined;
  // An Integer of 0 has no `ival`; a number too large for one is a Float, and so large enough.
  const integer = asNode(cache.arg, 'Integer');
  return integer ? (integer.ival ?? 0) : Number(asNode(cache.arg, 'Float')?.fval);
}

/** DSQL takes a CACHE of 1 and of 65,536 and above. */
export const isCacheAccepted = (size: number | undefined): boolean => size === 1 || (size ?? 0) >= 65_536;

/** CREATE SEQUENCE and ALTER SEQUENCE. */
export const sequences: readonly StatementRule[] = [
  rule('temporary-sequence', 'CreateSeqStmt', {
    what: 'CREATE TEMPORARY or UNLOGGED SEQUENCE',
    message: '{persistence} sequence not supported for CREATE SEQUENCE',
    ...GRAMMAR,
    instead: 'Use an ordinary sequence.',
    when: ({ sequence }) => {
      if (sequence?.relpersistence === 't') return { persistence: 'TEMPORARY or TEMP' };
      return sequence?.relpersistence === 'u' && { persistence: 'UNLOGGED' };
    },
  }),
  rule('sequence-cache', 'CreateSeqStmt', {
    what: 'CREATE SEQUENCE without CACHE 1 or CACHE 65536 and above',
    message: `CREATE SEQUENCE is not supported without an explicit cache size. ${CACHE_ADVICE}`,
    ...RECORDED,
    instead: 'CREATE SEQUENCE … CACHE 1, or CACHE 65536 for many concurrent inserts.',
    when: ({ options }) => !isCacheAccepted(cacheSize(options)),
  }),
  rule('sequence-type', ['CreateSeqStmt', 'AlterSeqStmt'], {
    what: 'CREATE SEQUENCE … AS, ALTER SEQUENCE … AS with another type than bigint',
    message: 'datatype {type} not supported, sequence type must be bigint',
    ...byPattern(GUIDE),
    instead: 'Omit AS, or write AS bigint.',
    when: ({ options }) => {
      const type = nonBigintType(asNode(optionNamed(options, 'as')?.arg, 'TypeName'));
      return type !== undefined && { type };
    },
  }),
  rule('alter-sequence-cache', 'AlterSeqStmt', {
    what: 'ALTER SEQUENCE … CACHE other than 1 or 65536 and above',
    instead: 'CACHE 1, or CACHE 65536 for many concurrent uses.',
    message: `ALTER SEQUENCE is not supported with this cache size. ${CACHE_ADVICE}`,
    ...byPattern(GUIDE),
    when: ({ options }) => {
      const size = cacheSize(options);
      return size !== undefined && !isCacheAccepted(size);
    },
  }),
];
