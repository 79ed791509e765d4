import { bringsTypeWithTextForm, insteadOfType, isExtensionType } from '../../facts/types-as-text';
import { asNode } from '../../syntax/parse-tree';
import type { Simplifications } from '../context';
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

/** What there is to say of an extension without which DSQL has what one wants of it; nothing for another one. */
function whyNeedless(name: string, { columnTypes }: Simplifications): string | undefined {
  return columnTypes === true && bringsTypeWithTextForm(name)
    ? `columns of its type are kept as text; its functions and operators are not there.`
    : NEEDLESS_EXTENSIONS.get(name);
}

/** Whether DSQL has what one wants of an extension without it, or as much of it as is allowed. */
export function isNeedlessExtension(name: string, simplify: Simplifications): boolean {
  return whyNeedless(name, simplify) !== undefined;
}

/** Omits CREATE EXTENSION where DSQL has what one wants of it anyway. */
export function createExtension(rewrite: Rewrite<'CreateExtensionStmt'>): Outcome {
  const { extname = '' } = rewrite.tree;
  if (!rewrite.isRefused('statement-createextension')) return rewrite.unchanged();
  const reason = whyNeedless(extname, rewrite.simplify);
  if (reason !== undefined) return { omitted: `DSQL does without ${extname}: ${reason}` };
  rewrite.refuse({
    rule: 'statement-createextension',
    why: `DSQL has no extensions, and nothing else that does what ${extname} does.`,
    instead: adviceOn(extname),
  });
  return [];
}

function adviceOn(extension: string): string {
  if (isExtensionType(extension)) return insteadOfType(extension);
  return EXTENSION_ADVICE.get(extension) ?? 'Do in the application what the extension did.';
}

const EXTENSION_ADVICE: ReadonlyMap<string, string> = new Map([
  ['unaccent', 'Store the text without accents in a column of its own.'],
  ['postgis', 'Store coordinates in numbers, or shapes in jsonb.'],
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
  return extension !== undefined && isNeedlessExtension(extension, rewrite.simplify)
    ? { omitted: `DSQL does without ${extension}.` }
    : rewrite.unchanged();
}
