import { ConfigurationError } from '../errors';
import { unknownOption } from './refused-options';

/** Which values an option takes. */
export interface OptionKind<Value> {
  /** What is wrong with a value, as the rest of a sentence that starts with the option's name; nothing where it is right. */
  readonly problemOf: (value: unknown) => string | undefined;
  /**
   * Makes a value of the text of an environment variable or a connection string.
   *
   * @param source - where the text comes from, for the errors
   */
  readonly parse?: ((text: string, source: string) => Value) | undefined;
}

/** All that is known of an option: its checks, its types and the tables of the documents follow from it. */
export interface OptionDescriptor<Value = unknown> {
  readonly kind: OptionKind<Value>;
  /** What it is, in the few words of a table of the documents. */
  readonly meaning: string;
  /** The environment variables that say it where no option does, the one that wins first. */
  readonly environment?: readonly string[];
  /** Its name among the parameters of a connection string. */
  readonly parameter?: string;
  /** The value where nothing says one. */
  readonly defaultValue?: Value;
  /** What holds where nothing says a value, in Markdown; for the documents, where `defaultValue` is not enough. */
  readonly otherwise?: string;
  /** Among the options of an ORM it goes in `dsql`; one without this has a name of the ORM's own there. */
  readonly inDsql?: true;
}

/** Options by their names. */
export type OptionTable = Readonly<Record<string, OptionDescriptor>>;

type ValueOf<Descriptor> = Descriptor extends { readonly kind: OptionKind<infer Value> } ? Value : never;

/** What a caller may give, by the table of the options. */
export type OptionsOf<Table> = {
  readonly [Name in keyof Table]?: ValueOf<Table[Name]> | undefined;
};

/** {@link OptionsOf}, checked and completed. */
export type ResolvedOptionsOf<Table> = {
  readonly [Name in keyof Table]:
    ValueOf<Table[Name]> | (Table[Name] extends { readonly defaultValue: unknown } ? never : undefined);
};

/** Texts that say an option, and where each comes from. */
export type OptionTexts = Readonly<Record<string, { readonly text: string; readonly source: string }>>;

/**
 * Refuses an option that is not in the table.
 *
 * @param prefix - what the user has written before its name, such as `dsql.`
 * @throws {@link ConfigurationError} naming it
 */
export function checkOptionNames(options: object, table: object, prefix = ''): void {
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(table, name)) throw unknownOption(prefix + name, Object.keys(table));
  }
}

/**
 * Checks the options of a table and completes them: from the texts, from the environment, then by the default. What is
 * not in the table is left out.
 *
 * @param given - left untouched; `null` counts as not given
 * @param prefix - what the user has written before their names, such as `dsql.`
 * @param texts - of the connection string
 * @throws {@link ConfigurationError} naming the first option that has a wrong value
 */
export function resolveOptions<Table extends OptionTable>(
  table: Table,
  given: { readonly [Name in keyof Table]?: unknown },
  prefix = '',
  texts: OptionTexts = {},
): ResolvedOptionsOf<Table> {
  const resolved = Object.entries(table).map(([name, descriptor]) => {
    const { kind, defaultValue } = descriptor;
    let value: unknown = given[name] ?? undefined;
    if (value === undefined) {
      const said = saidElsewhere(descriptor, texts[name]);
      value = said === undefined ? defaultValue : kind.parse?.(said.text, said.source);
    }
    const problem = value === undefined ? undefined : kind.problemOf(value);
    if (problem !== undefined) throw new ConfigurationError(prefix + name, problem);
    return [name, value];
  });
  return Object.fromEntries(resolved) as ResolvedOptionsOf<Table>;
}

/**
 * Checks the options of a call whose defaults are checked already: only what is given is looked at. What is not in the
 * table is left out.
 *
 * @param given - left untouched; `null` and `undefined` count as not given
 * @throws {@link ConfigurationError} naming the first option that has a wrong value
 */
export function resolveGiven<Table extends OptionTable>(
  table: Table,
  given: { readonly [Name in keyof Table]?: unknown },
): Partial<ResolvedOptionsOf<Table>> {
  const resolved: Record<string, unknown> = {};
  for (const name of Object.keys(given)) {
    const value: unknown = given[name];
    if (value === undefined || value === null || !Object.hasOwn(table, name)) continue;
    const problem = table[name]?.kind.problemOf(value);
    if (problem !== undefined) throw new ConfigurationError(name, problem);
    resolved[name] = value;
  }
  return resolved as Partial<ResolvedOptionsOf<Table>>;
}

/**
 * What says an option that was not given: the connection string, or else the environment, where an empty variable says
 * nothing.
 *
 * @param inString - what the connection string says
 */
export function saidElsewhere(
  { environment = [] }: OptionDescriptor,
  inString: OptionTexts[string] | undefined,
): OptionTexts[string] | undefined {
  if (inString !== undefined) return inString;
  const source = environment.find((variable) => (process.env[variable] ?? '') !== '');
  return source === undefined ? undefined : { text: process.env[source] ?? '', source };
}
