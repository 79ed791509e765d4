/** How much of a property, a bank or a storm of messages is run. */
export type Form = 'short' | 'long' | 'soak';

/** `npm test` runs the short form, `npm run test:long` the long one, `npm run soak` as much as an hour holds. */
export const form = (process.env.DSQL_TEST_FORM ?? 'short') as Form;

/** Chooses by the form that is run. */
export function byForm<T>(sizes: Readonly<Record<Form, T>>): T {
  return sizes[form];
}
