import {
  checkOptionNames,
  ConfigurationError,
  connectionOptions,
  dsqlOptions,
  flag,
  isObject,
  refusedOption,
  resolveOptions,
  similarName,
  unknownOption,
  type DsqlOptions,
  type RefusedOptions,
} from '../connection';
import { capabilities as capabilityTable, type CapabilityOverrides } from '../sql';
import { resolveTransactionDefaults, transactionDefaults, type ResolvedTransactionDefaults } from '../occ';
import {
  mappingOptions,
  ofMigrations,
  simplifications,
  type DsqlOrmOptions,
  type ResolvedMapping,
} from './orm-options';

/** What an ORM calls its own options. */
export interface HostOptions {
  /** Their names. */
  readonly names: ReadonlySet<string>;
  /** Those that have no meaning on Aurora DSQL. */
  readonly refused: RefusedOptions;
  /** What others call one of them, or where it goes; as a sentence. */
  readonly elsewhere: RefusedOptions;
}

/** The options that go in `dsql`. */
const ormOptions = { ...dsqlOptions, ...transactionDefaults, ...mappingOptions };

/** What `dsql` says: of the connection as it was given, of the rest checked and completed. */
export interface SplitOrmOptions {
  readonly connection: DsqlOptions;
  readonly transactions: ResolvedTransactionDefaults;
  readonly mapping: ResolvedMapping;
}

/**
 * Checks the names in `dsql`, and parts the options of the connection from those of transactions and of the mapping.
 *
 * @param dsql - left untouched
 * @param host - what the ORM calls its own options
 * @throws ConfigurationError naming the first option that is unknown, or of transactions or the mapping and has a wrong
 *   value; the values of the connection are left as they are
 */
export function splitOrmOptions(dsql: DsqlOrmOptions, host: HostOptions): SplitOrmOptions {
  if (!isObject(dsql) || Array.isArray(dsql)) {
    throw new ConfigurationError('dsql', 'must be an object; `dsql: {}` is enough.');
  }
  for (const name of Object.keys(dsql)) checkOrmOptionName(name, host);
  const transactions = resolveTransactionDefaults(dsql);
  const mapping = resolveOptions(mappingOptions, dsql, 'dsql.');
  const { simplify, capabilities, migrations } = mapping;
  checkOptionNames(simplify, simplifications, 'dsql.simplify.');
  resolveOptions(simplifications, simplify, 'dsql.simplify.');
  if (capabilities !== undefined) checkCapabilities(capabilities);
  checkOptionNames(migrations, ofMigrations, 'dsql.migrations.');
  const connection = Object.entries(dsql).filter(([name]) => Object.hasOwn(connectionOptions, name));
  return {
    connection: Object.fromEntries(connection),
    transactions,
    mapping: Object.freeze({
      ...mapping,
      simplify: Object.freeze({ ...simplify }),
      migrations: Object.freeze(resolveOptions(ofMigrations, migrations, 'dsql.migrations.')),
      capabilities: capabilities && Object.freeze({ ...capabilities }),
    }),
  };
}

/** A slip would only be noticed by the statement that the capability is about. */
function checkCapabilities(overrides: CapabilityOverrides): void {
  const table = Object.fromEntries(
    capabilityTable.map(({ id, what }) => [id, { kind: flag(), meaning: what }]),
  );
  checkOptionNames(overrides, table, 'dsql.capabilities.');
  resolveOptions(table, overrides, 'dsql.capabilities.');
}

function checkOrmOptionName(name: string, { names, elsewhere }: HostOptions): void {
  if (Object.hasOwn(ormOptions, name)) return;
  if (names.has(name)) {
    throw new ConfigurationError(
      `dsql.${name}`,
      'is an option of the ORM: it goes beside `dsql`, not in it.',
    );
  }
  const instead = Object.hasOwn(connectionOptions, name) ? elsewhere[name] : undefined;
  if (instead !== undefined) {
    throw refusedOption(`dsql.${name}`, `${instead} It goes beside \`dsql\`, not in it.`);
  }
  throw unknownOption(`dsql.${name}`, Object.keys(ormOptions));
}

/**
 * Checks an ORM's own options. Other tools keep options of their own among them, so that a name which nobody knows is left
 * alone; but what goes in `dsql`, what another package calls so, and what is a slip away from a name that there is, would be
 * passed over in silence.
 *
 * @param host - what the ORM calls its options
 * @param isSilent - whether a value says nothing, although it is not `undefined`
 * @throws ConfigurationError naming the first option that has no meaning or is in the wrong place, or another isolation
 *   level than the only one
 */
export function checkHostOptions(
  given: Partial<Record<string, unknown>>,
  host: HostOptions,
  isSilent: (value: unknown) => boolean = () => false,
): void {
  for (const [name, instead] of Object.entries(host.refused)) {
    const value = given[name];
    if (value !== undefined && !isSilent(value)) throw refusedOption(name, instead);
  }
  const isolationLevel = given.isolationLevel ?? undefined;
  if (isolationLevel !== undefined && isolationLevel !== 'REPEATABLE READ') {
    throw new ConfigurationError(
      'isolationLevel',
      `cannot be ${JSON.stringify(isolationLevel)}: every transaction on Aurora DSQL is REPEATABLE READ.`,
    );
  }
  for (const [name, value] of Object.entries(given)) {
    if (value !== undefined && value !== null) checkHostOptionName(name, host);
  }
}

function checkHostOptionName(name: string, { names, elsewhere }: HostOptions): void {
  if (names.has(name)) return;
  const instead = Object.hasOwn(elsewhere, name) ? elsewhere[name] : undefined;
  if (instead !== undefined) throw refusedOption(name, instead);
  if (Object.hasOwn(ormOptions, name)) {
    throw new ConfigurationError(name, `goes in \`dsql\`: write \`dsql: { ${name}: … }\`.`);
  }
  const known = [...names, ...Object.keys(ormOptions)];
  if (similarName(name, known) !== undefined) throw unknownOption(name, known);
}
