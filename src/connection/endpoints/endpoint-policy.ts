import { numberThat, wholeNumber } from '../options/option-kinds';
import type { OptionDescriptor, OptionsOf, ResolvedOptionsOf } from '../options/option-table';

/** The options of `endpointPolicy`; {@link EndpointPolicy} has the types that follow from them. */
export const endpointPolicyOptions = {
  /**
   * How long an endpoint has to answer a new connection, up to its request for a token, in milliseconds, 1 or more: then the
   * next endpoint is tried. It bounds each attempt, as `connectionTimeoutMillis` bounds all of them.
   * @defaultValue 5000
   */
  answerTimeoutMs: {
    kind: wholeNumber(1, 2 ** 31 - 1, ' of milliseconds'),
    meaning: 'how long an endpoint may take to answer before the next is tried',
    defaultValue: 5_000,
  },
  /**
   * How long an endpoint that cannot be reached is set aside at first, in milliseconds, 1 or more, less a random part of up
   * to a half. It doubles each time the endpoint still cannot be reached.
   * @defaultValue 1000
   */
  minBackoffMs: {
    kind: wholeNumber(1, 2 ** 31 - 1, ' of milliseconds'),
    meaning: 'how long an endpoint is set aside at first',
    defaultValue: 1_000,
  },
  /**
   * The longest that an endpoint is set aside before it is tried again, in milliseconds, 1 or more.
   * @defaultValue 30000
   */
  maxBackoffMs: {
    kind: wholeNumber(1, 2 ** 31 - 1, ' of milliseconds'),
    meaning: 'how long an endpoint is set aside at most',
    defaultValue: 30_000,
  },
  /**
   * Once a nearer endpoint takes connections again, those to a farther one are replaced within this time, in milliseconds, 0
   * or more: each at a random moment, when it is given back with nothing under way. `Infinity` leaves them to their normal
   * end.
   * @defaultValue 60000
   */
  drainMs: {
    kind: numberThat((value) => value >= 0, 'a number of milliseconds of 0 or more'),
    meaning: 'in which time connections return once a nearer endpoint is back',
    defaultValue: 60_000,
  },
} as const satisfies Record<string, OptionDescriptor>;

/** How endpoints are chosen, set aside and tried again. */
export type EndpointPolicy = OptionsOf<typeof endpointPolicyOptions>;

/** {@link EndpointPolicy}, checked and completed. */
export type ResolvedEndpointPolicy = ResolvedOptionsOf<typeof endpointPolicyOptions>;
