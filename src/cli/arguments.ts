import { parseArgs, type ParseArgsConfig } from 'node:util';
import { ArgumentError } from './command';

type Options = NonNullable<ParseArgsConfig['options']>;

/**
 * Parses the arguments of a command by `parseArgs` of Node.js, with messages of our own.
 *
 * @param args - the arguments
 * @param options - the options that the command knows, as `parseArgs` takes them
 * @param positionals - whether it takes anything else
 * @throws ArgumentError naming the first one that it does not know, and what it does know
 */
export function parseArguments<const Known extends Options>(
  args: readonly string[],
  options: Known,
  positionals: boolean,
): ReturnType<typeof parseArgs<{ args: string[]; options: Known; allowPositionals: boolean }>> {
  const { tokens } = parseArgs({ args: [...args], options, strict: false, tokens: true });
  for (const token of tokens) {
    if (token.kind === 'positional' && !positionals) {
      throw new ArgumentError(`unexpected argument ${JSON.stringify(token.value)}`);
    }
    if (token.kind === 'option') refuseUnknown(token, options);
  }
  return parseArgs({ args: [...args], options, allowPositionals: positionals });
}

function refuseUnknown(
  token: {
    readonly name: string;
    readonly rawName: string;
    readonly value?: string | undefined;
    readonly inlineValue?: boolean | undefined;
  },
  options: Options,
): void {
  const { name, rawName, value, inlineValue } = token;
  const option = Object.hasOwn(options, name) ? options[name] : undefined;
  if (option === undefined) {
    const known = [...Object.keys(options), 'help'].map((each) => `--${each}`).join(', ');
    throw new ArgumentError(`there is no option ${JSON.stringify(rawName)}; the options are ${known}`);
  }
  if (option.type === 'boolean' && value !== undefined) {
    throw new ArgumentError(`${rawName} takes no value, got ${JSON.stringify(value)}`);
  }
  if (option.type === 'string' && (value === undefined || (inlineValue !== true && value.startsWith('-')))) {
    const hint = value === undefined ? '' : `; write ${rawName}=${value} if ${value} is meant`;
    throw new ArgumentError(`${rawName} needs a value${hint}`);
  }
}

/**
 * The value of an option that takes one of some names.
 *
 * @throws ArgumentError for another one
 */
export function oneOf<Name extends string>(option: string, value: string, names: readonly Name[]): Name {
  const name = names.find((each) => each === value);
  if (name === undefined) {
    throw new ArgumentError(`${option}: expected ${names.join(', ')}, got ${JSON.stringify(value)}`);
  }
  return name;
}

/**
 * The value of an option that takes a whole number.
 *
 * @throws ArgumentError for anything else
 */
export function wholeNumber(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d+$/.test(text))
    throw new ArgumentError(`${option}: expected a number, got ${JSON.stringify(text)}`);
  return Number(text);
}
