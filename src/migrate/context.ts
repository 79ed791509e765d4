import { UnsupportedFeatureError } from '../occ';

/** A table by its name, or by its schema and name; one without a schema is in that of the session. */
export type NamedTable = string | { readonly schema?: string | undefined; readonly name: string };

/**
 * Finds what does something on Aurora DSQL: a query runner or a query interface of ours, or that of an instance.
 *
 * @param context - what a user has given
 * @param method - what it is to have
 * @param caller - the function that the user has called
 * @throws UnsupportedFeatureError where nothing is found
 */
export function contextWith<Context extends object>(
  context: object,
  method: keyof Context & string,
  caller: string,
): Context {
  const has = (candidate: object): candidate is Context =>
    method in candidate && typeof Reflect.get(candidate, method) === 'function';
  if (has(context)) return context;
  const { getQueryInterface } = context as { readonly getQueryInterface?: () => object };
  const queryInterface = getQueryInterface?.call(context) ?? {};
  if (has(queryInterface)) return queryInterface;
  throw new UnsupportedFeatureError(
    `${caller} with something that does not reach Aurora DSQL`,
    'Pass the query runner of a data source of createDsqlDataSource, or the query interface of an instance of createDsqlSequelize.',
  );
}
