import {
  callback,
  checkOptionNames,
  flag,
  isObject,
  oneOf,
  resolveGiven,
  resolveOptions,
  valueThat,
  type OptionDescriptor,
  type OptionsOf,
} from '../connection';
import { UnsupportedFeatureError } from './errors';
import { runOptions, type RunOptions } from './transaction-runner';

const rules = {
  /**
   * `'throw'` refuses a transaction that is begun inside another one before anything is sent. `'join'` makes it a part
   * of the outer one: when the inner work fails, the outer transaction rolls back even if that error was caught.
   * @defaultValue `'throw'`
   */
  nested: {
    kind: oneOf(['throw', 'join']),
    meaning: "`'throw'`, or `'join'`: a part of the outer transaction, which fails with it",
    defaultValue: 'throw',
  },
  /**
   * Whether each transaction also writes a row with an id of its own into the table `aurora_dsql_orm_commit_marker`, by
   * which the outcome of a COMMIT whose answer was lost can be found out: then no outcome stays unknown. For an instance
   * it also makes every autocommit write a transaction with such a row.
   * @defaultValue `false`
   */
  commitMarkers: {
    kind: flag(),
    meaning: 'finds that out by itself; see below',
    defaultValue: false,
  },
} as const satisfies Record<string, OptionDescriptor>;

/** Options both of one transaction and of all transactions of a data source or a Sequelize instance. */
export type TransactionRules = OptionsOf<typeof rules>;

/** What happens to a transaction that is begun inside another one: Aurora DSQL has no savepoints. */
export type NestedMode = NonNullable<TransactionRules['nested']>;

/** The options of one transaction; {@link TransactionOptions} has their types. */
export const transactionOptions = {
  ...runOptions,
  nested: rules.nested,
  verifyCommitted: {
    kind: callback<(host: never) => Promise<boolean | undefined>>(),
    meaning: 'looks whether a COMMIT was done whose answer was lost',
  },
  commitMarkers: rules.commitMarkers,
} as const satisfies Record<string, OptionDescriptor>;

/**
 * How one transaction is run.
 *
 * @typeParam Host - what `verifyCommitted` looks into the database with
 */
export interface TransactionOptions<Host> extends RunOptions, TransactionRules {
  /**
   * Looks in the database whether the transaction was done, after a COMMIT whose answer was lost; it is not called where
   * `commitMarkers` has the answer. `true` makes the transaction a success, `false` runs it again, and nothing leaves
   * the outcome unknown. Say `false` only if the transaction cannot be committed any more.
   */
  readonly verifyCommitted?: ((host: Host) => Promise<boolean | undefined>) | undefined;
}

/** What is said of one transaction alone. */
const ofOne = ['retry', 'label', 'serializeBy'] as const satisfies readonly (keyof RunOptions)[];
type OfOne = (typeof ofOne)[number];

const defaultRunOptions = Object.fromEntries(
  Object.entries(runOptions).filter(([name]) => !(ofOne as readonly string[]).includes(name)),
);

/** The options of all transactions of an instance; {@link TransactionDefaults} has the types that follow from them. */
export const transactionDefaults = {
  /**
   * How transactions, and autocommit statements, are run again after a conflict; `false` runs them once.
   * @defaultValue the defaults of each of its options
   */
  retry: {
    kind: valueThat<false | Omit<RunOptions, OfOne>>(
      (value) => value === false || isObject(value),
      'false, or an object with the options of a retry',
    ),
    meaning: 'the options of a retry; `false` runs everything once',
    inDsql: true,
  },
  ...rules,
} as const satisfies Record<string, OptionDescriptor>;

/** How all transactions of a data source or a Sequelize instance are run that do not say otherwise. */
export type TransactionDefaults = OptionsOf<typeof transactionDefaults>;

/** {@link TransactionDefaults}, checked and completed. */
export interface ResolvedTransactionDefaults {
  readonly run: RunOptions;
  readonly nested: NestedMode;
  readonly commitMarkers: boolean;
}

/** {@link TransactionOptions}, checked and completed by the defaults of the instance. */
export interface ResolvedTransactionOptions<Host> extends ResolvedTransactionDefaults {
  readonly verifyCommitted: TransactionOptions<Host>['verifyCommitted'];
}

/** The options of a transaction of an ORM whose instances know of their own rows, parted. */
export interface SplitTransactionOptions<HostOptions extends object, Host, Instance extends object> {
  /** The ORM's own. */
  readonly host: HostOptions;
  readonly own: TransactionOptions<Host>;
  /** Instances from outside that are put back before each further attempt, and when all have failed. */
  readonly restore: readonly Instance[];
}

/**
 * Checks what `dsql` says of transactions, and completes it.
 *
 * @param defaults - left untouched
 * @throws ConfigurationError naming the first option that is unknown or has a wrong value
 */
export function resolveTransactionDefaults(defaults: TransactionDefaults): ResolvedTransactionDefaults {
  const { retry = {}, nested, commitMarkers } = resolveOptions(transactionDefaults, defaults, 'dsql.');
  if (retry === false) return Object.freeze({ run: { retry }, nested, commitMarkers });
  checkOptionNames(retry, defaultRunOptions, 'dsql.retry.');
  const run = resolveOptions(runOptions, retry, 'dsql.retry.');
  return Object.freeze({ run, nested, commitMarkers });
}

/**
 * Checks what a call says of its transaction, and completes it.
 *
 * @param options - left untouched
 * @param defaults - what holds for the instance
 * @throws ConfigurationError naming the first option that is unknown or has a wrong value
 */
export function resolveTransactionOptions<Host>(
  options: TransactionOptions<Host> = {},
  defaults: ResolvedTransactionDefaults = resolveTransactionDefaults({}),
): ResolvedTransactionOptions<Host> {
  checkOptionNames(options, transactionOptions);
  resolveGiven(transactionOptions, options);
  const { nested, commitMarkers, verifyCommitted, ...run } = options;
  return {
    run: { ...defaults.run, ...withoutUndefined(run) },
    nested: nested ?? defaults.nested,
    commitMarkers: commitMarkers ?? defaults.commitMarkers,
    verifyCommitted,
  };
}

/**
 * Parts the options of a transaction. A name that is not this package's own is left to the ORM.
 *
 * @param options - left untouched
 */
export function splitTransactionOptions<HostOptions extends object, Host, Instance extends object>({
  restore = [],
  ...options
}: HostOptions &
  TransactionOptions<Host> & { readonly restore?: readonly Instance[] | undefined }): SplitTransactionOptions<
  HostOptions,
  Host,
  Instance
> {
  const pick = (isOwn: boolean) =>
    Object.fromEntries(
      Object.entries(options).filter(([name]) => Object.hasOwn(transactionOptions, name) === isOwn),
    );
  return { host: pick(false) as HostOptions, own: pick(true), restore };
}

/**
 * Refuses a name that is an option of neither this package nor the ORM.
 *
 * @param hostNames - the names of the ORM's own options
 * @throws ConfigurationError naming it
 */
export function checkTransactionOptionNames(options: object, hostNames: ReadonlySet<string>): void {
  const others = Object.entries(options).filter(([name]) => !hostNames.has(name) && name !== 'restore');
  checkOptionNames(Object.fromEntries(others), transactionOptions);
}

/**
 * Checks the isolation level of a transaction.
 *
 * @throws UnsupportedFeatureError for any but REPEATABLE READ
 */
export function checkIsolationLevel(isolationLevel: string | null | undefined): void {
  if (!isolationLevel || isolationLevel === 'REPEATABLE READ') return;
  throw new UnsupportedFeatureError(
    `isolation level ${isolationLevel}`,
    'Every transaction is REPEATABLE READ: omit the level.',
  );
}

/** So that an option that was left undefined does not hide its default. */
function withoutUndefined<Options extends object>(options: Options): Options {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Options;
}
