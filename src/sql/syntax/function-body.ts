import { asNode, optionNamed, strings, unwrap } from './parse-tree';
import type { NodeBody } from './parse-tree';
import { readSources } from './read-sources';
import type { Sources } from './read-sources';

/** The language of a function, in lower case; without one it is SQL. */
export function languageOf({ options }: NodeBody<'CreateFunctionStmt'>): string {
  const language = optionNamed(options, 'language');
  return language ? (asNode(language.arg, 'String')?.sval?.toLowerCase() ?? '') : 'sql';
}

/** The string that is the body of an SQL function; `undefined` for other functions, and for a body without quotes. */
export function bodyText(create: NodeBody<'CreateFunctionStmt'>): string | undefined {
  const body = optionNamed(create.options, 'as')?.arg;
  if (!body || languageOf(create) !== 'sql') return undefined;
  return strings(asNode(body, 'List')?.items)[0];
}

/** The statements in the string that is the body of an SQL function; `undefined` as {@link bodyText}. */
export function bodySources(create: NodeBody<'CreateFunctionStmt'>): Sources | undefined {
  const text = bodyText(create);
  return text === undefined ? undefined : readSources(text);
}

/** The statements of a body without quotes, which are part of the tree: `BEGIN ATOMIC … END` or `RETURN …`. */
export function atomicStatements({
  sql_body: body,
}: NodeBody<'CreateFunctionStmt'>): readonly { readonly name: string; readonly body: object }[] {
  if (!body) return [];
  const blocks = asNode(body, 'List')?.items ?? [body];
  return blocks
    .flatMap((block) => asNode(block, 'List')?.items ?? [block])
    .flatMap((statement) => unwrap(statement) ?? []);
}
