import { asNode } from '../../syntax/parse-tree';
import type { Outcome } from '../draft';
import type { Rewrite } from '../rewrite';

/** The extensions whose use on DSQL needs no extension, with what is to be said of it. */
const NEEDLESS_EXTENSIONS: ReadonlyMap<string, string> = new Map([
  ['uuid-ossp', 'gen_random_uuid() is built in, and takes the place of uuid_generate_v4().'],
  ['pgcrypto', 'gen_random_uuid() is built in; digest(), crypt() and the like are not there.'],
  ['plpgsql', 'it is listed there already; functions are written in SQL.'],
  ['pg_trgm', 'its indexes only make LIKE faster; similarity() and the operator % are not there.'],
  ['btree_gin', 'it is for gin indexes, which are left out.'],
  [
    'btree_gist',
    'it is for gist indexes, which are left out, and for exclusion constraints, which are refused.',
  ],
  ['pg_stat_statements', 'a cluster is watched from outside.'],
]);

/** Whether DSQL has what one wants of an extension without it. */
export function isNeedlessExtension(name: string): boolean {
  return NEEDLESS_EXTENSIONS.has(name);
}

/** Omits CREATE EXTENSION where DSQL has what one wants of it anyway. */
export function createExtension(rewrite: Rewrite<'CreateExtensionStmt'>): Outcome {
  const { extname = '' } = rewrite.tree;
  if (!rewrite.isRefused('statement-createextension')) return rewrite.unchanged();
  const reason = NEEDLESS_EXTENSIONS.get(extname);
  if (reason !== undefined) return { omitted: `DSQL does without ${extname}: ${reason}` };
  rewrite.refuse({
    rule: 'statement-createextension',
    why: `DSQL has no extensions, and nothing else that does what ${extname} does.`,
    instead: EXTENSION_ADVICE.get(extname) ?? 'Do in the application what the extension did.',
  });
  return [];
}

const EXTENSION_ADVICE: ReadonlyMap<string, string> = new Map([
  ['citext', 'Declare text, and make a unique index on lower(column).'],
  ['hstore', 'Declare jsonb.'],
  ['unaccent', 'Store the text without accents in a column of its own.'],
  ['postgis', 'Store coordinates in numbers, or shapes in jsonb.'],
  ['vector', 'Keep vectors in a store that is made for them.'],
  ['ltree', 'Declare text, and find what is below a path with path = … OR starts_with(path, …).'],
  ['tablefunc', 'Make a row of several with max(…) FILTER (WHERE …) and GROUP BY.'],
  ['pg_cron', 'Run jobs from outside: Amazon EventBridge Scheduler and a Lambda function.'],
  ['postgres_fdw', 'Copy the rows into tables, with a program that reads both databases.'],
  ['dblink', 'Copy the rows into tables, with a program that reads both databases.'],
  ['timescaledb', 'Use one table: DSQL partitions by itself. A job deletes what is old, in batches.'],
  ['fuzzystrmatch', 'Compare texts in the application.'],
]);

/** Omits COMMENT ON EXTENSION for the extensions that are omitted. */
export function comment(rewrite: Rewrite<'CommentStmt'>): Outcome {
  const { objtype, object } = rewrite.tree;
  const extension = objtype === 'OBJECT_EXTENSION' ? asNode(object, 'String')?.sval : undefined;
  return extension !== undefined && isNeedlessExtension(extension)
    ? { omitted: `DSQL does without ${extension}.` }
    : rewrite.unchanged();
}
