import type { OptionKind } from './option-table';

/** A text of at least one character. */
export function text(): OptionKind<string> {
  return textThat((value) => (value === '' ? 'must not be empty.' : undefined));
}

/**
 * A text with a condition of its own.
 *
 * @param problemOf - what is wrong with a text, as the rest of a sentence that starts with the option's name
 */
export function textThat(problemOf: (value: string) => string | undefined): OptionKind<string> {
  return {
    problemOf: (value) =>
      typeof value === 'string' ? problemOf(value) : `must be a string, got ${shown(value)}.`,
    parse: (value) => value,
  };
}

/**
 * One of some texts.
 *
 * @param why - a sentence for the error
 */
export function oneOf<const Value extends string>(values: readonly Value[], why = ''): OptionKind<Value> {
  const expected = values.map((value) => JSON.stringify(value)).join(' or ');
  return {
    problemOf: (value) =>
      values.includes(value as Value)
        ? undefined
        : sentences(`must be ${expected}, got ${shown(value)}.`, why),
    parse: (value) => value as Value,
  };
}

/**
 * A number with a condition.
 *
 * @param expected - what it must be, such as `0 or more milliseconds`
 */
export function numberThat(isRight: (value: number) => boolean, expected: string): OptionKind<number> {
  return {
    problemOf: (value) =>
      typeof value === 'number' && isRight(value) ? undefined : `must be ${expected}, got ${shown(value)}.`,
    parse: Number,
  };
}

/**
 * A whole number in a range.
 *
 * @param unit - its plural, with a blank before it
 */
export function wholeNumber(least: number, most: number, unit = ''): OptionKind<number> {
  const isRight = (value: number) => Number.isInteger(value) && value >= least && value <= most;
  const range = most === Infinity ? `of ${least} or more` : `from ${least} to ${most}`;
  return numberThat(isRight, `a whole number${unit} ${range}`);
}

/** `true` or `false`. */
export function flag(): OptionKind<boolean> {
  return {
    problemOf: (value) =>
      typeof value === 'boolean' ? undefined : `must be true or false, got ${shown(value)}.`,
  };
}

/**
 * A value that TypeScript describes better than a check could.
 *
 * @typeParam Value - what it is
 * @param isRight - looks as far as is of use for the error
 * @param expected - what it must be; the value is not shown, because it may hold secrets
 */
export function valueThat<Value>(isRight: (value: unknown) => boolean, expected: string): OptionKind<Value> {
  return { problemOf: (value) => (isRight(value) ? undefined : `must be ${expected}.`) };
}

/**
 * A function.
 *
 * @typeParam Value - its type
 */
export function callback<Value>(): OptionKind<Value> {
  return valueThat((value) => typeof value === 'function', 'a function');
}

/** Whether a value is an object, as far as options are concerned. */
export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function shown(value: unknown): string {
  return typeof value === 'string' || isObject(value) ? JSON.stringify(value) : String(value);
}

function sentences(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join(' ');
}
