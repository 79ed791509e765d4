import { connectionOptions, type ConnectionOptions } from './connection-options';
import { parseConnectionString } from './connection-string';
import { saidElsewhere, type OptionDescriptor } from './option-table';

/** The value of an option, as a person may see it, and where it comes from. */
export interface OptionSource {
  readonly option: string;
  /** Never a secret: of credentials and certificates it says only that they are given. */
  readonly value: string;
  /** `option`, the name of an environment variable, `connection string`, or `default`. */
  readonly source: string;
}

const NOT_SHOWN: ReadonlySet<string> = new Set(['connectionString', 'credentials', 'ca']);

/**
 * Where the value of each option of a connection comes from, in the order of the table of options; those that nothing says
 * a value of are omitted.
 *
 * @throws ConfigurationError for a connection string that cannot be
 */
export function optionSources(given: ConnectionOptions): readonly OptionSource[] {
  const { connectionString } = given;
  const texts = connectionString === undefined ? {} : parseConnectionString(connectionString);
  return Object.entries<OptionDescriptor>(connectionOptions).flatMap(([option, descriptor]) => {
    const value: unknown = given[option as keyof ConnectionOptions] ?? undefined;
    if (value !== undefined) return [{ option, value: shown(option, value), source: 'option' }];
    const said = saidElsewhere(descriptor, texts[option]);
    // Outside of the options, what is not shown is the name of a file.
    if (said !== undefined) return [{ option, value: said.text, source: said.source }];
    const { defaultValue } = descriptor;
    return defaultValue === undefined
      ? []
      : [{ option, value: shown(option, defaultValue), source: 'default' }];
  });
}

function shown(option: string, value: unknown): string {
  if (NOT_SHOWN.has(option)) return 'given';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
