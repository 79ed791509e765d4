import type { TranslateOptions } from '../../sql';

/** What is said of the translation among other options. */
export function translateOptionsOf({
  identityCache,
  simplify,
  capabilities,
  arrays,
}: Pick<TranslateOptions, 'identityCache' | 'simplify' | 'capabilities' | 'arrays'> = {}): TranslateOptions {
  return {
    ...(identityCache !== undefined && { identityCache }),
    ...(simplify && { simplify }),
    ...(capabilities && { capabilities }),
    ...(arrays && { arrays }),
  };
}
