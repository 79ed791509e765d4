/** How much of a property, a bank or a storm of messages is run. */
export type Form = 'short' | 'long' | 'soak';

/** `npm test` runs the short form, `npm run test:long` the long one, `npm run soak` as much as an hour holds. */
export const form = (process.env.DSQL_TEST_FORM ?? 'short') as Form;

/** Chooses by the form that is run. */
export function byForm<T>(sizes: Readonly<Record<Form, T>>): T {
  return sizes[form];
}

/**
 * Of cases that are variants of one kind, the short form takes the first of every `several`, and the others all.
 *
 * @param several - 1 or more
 */
export function oneOfEvery<T>(several: number, cases: readonly T[]): readonly T[] {
  return form === 'short' ? cases.filter((_, index) => index % several === 0) : cases;
}
