import type { DsqlSequelizeOptions } from './options';

/** The arguments of Sequelize's constructor, in each of its forms. */
export type ConstructorArguments<Options = DsqlSequelizeOptions> =
  | [options: Options]
  | [url: string, options?: Options]
  | [database: string | null, username: string | null, password?: null, options?: Options];

/** What the arguments say: all in options, and a connection string where one is given. */
export function readArguments(args: ConstructorArguments): {
  readonly url: string | undefined;
  readonly options: DsqlSequelizeOptions;
} {
  const [first, second, third, fourth] = args;
  if (typeof first === 'object' && first !== null) return { url: undefined, options: first };
  if (typeof first === 'string' && args.length < 3 && typeof second !== 'string') {
    return { url: first, options: second ?? {} };
  }
  const named = { database: first, username: second, password: third };
  const given = Object.entries(named).filter(([, value]) => value !== null && value !== undefined);
  return { url: undefined, options: { ...fourth, ...Object.fromEntries(given) } };
}
