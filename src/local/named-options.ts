/**
 * Refuses what would be passed over in silence: a value that is no object, and a name that is no option.
 *
 * @param call - what is called, for the errors
 * @param options - what it was given
 * @param names - of its options
 * @param example - how it is called rightly
 * @throws TypeError where it is no object, RangeError naming the first option that there is not
 */
export function checkNamedOptions(
  call: string,
  options: unknown,
  names: readonly string[],
  example: string,
): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new TypeError(`${call} takes an object, such as ${example}; got ${JSON.stringify(options)}`);
  }
  const unknown = Object.keys(options).find((name) => !names.includes(name));
  if (unknown === undefined) return;
  throw new RangeError(`${unknown}: is not an option of ${call}; there are ${names.join(', ')}`);
}
