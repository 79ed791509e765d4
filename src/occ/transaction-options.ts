import { ConfigurationError, unknownOption } from '../connection';
import { resolveRetryOptions } from './retry';
import type { RunOptions } from './transaction-runner';

/** What happens to a transaction that is begun inside another one: Aurora DSQL has no savepoints. */
export type NestedMode = 'throw' | 'join';

/** What may be said of one transaction, and of all transactions of a data source or a Sequelize instance. */
export interface TransactionRules {
  /**
   * `'throw'` refuses a transaction that is begun inside another one before anything is sent. `'join'` makes it a part
   * of the outer one: when the inner work fails, the outer transaction rolls back even if that error was caught.
   * @defaultValue `'throw'`
   */
  readonly nested?: NestedMode | undefined;
  /**
   * Whether each transaction also writes a row with an id of its own into the table `aurora_dsql_orm_commit_marker`, by
   * which the outcome of a COMMIT whose answer was lost can be found out: then no outcome stays unknown. For an instance
   * it also makes every write that stands alone a transaction with such a row.
   * @defaultValue `false`
   */
  readonly commitMarkers?: boolean | undefined;
}

/**
 * How one transaction is run.
 *
 * @typeParam Host - what `verifyCommitted` looks into the database with
 */
export interface TransactionOptions<Host> extends RunOptions, TransactionRules {
  /**
   * Looks in the database whether the transaction was done, after a COMMIT whose answer was lost; it is not asked where
   * `commitMarkers` has the answer. `true` makes the transaction a success, `false` runs it again, and nothing leaves
   * the outcome unknown. Say `false` only if the transaction cannot be committed any more.
   */
  readonly verifyCommitted?: ((host: Host) => Promise<boolean | undefined>) | undefined;
}

/** How all transactions of a data source or a Sequelize instance are run that do not say otherwise. */
export interface TransactionDefaults extends TransactionRules {
  /**
   * How transactions, and statements that stand alone, are run again after a conflict; `false` runs them once.
   * @defaultValue the defaults of each of its options
   */
  readonly retry?: false | Omit<RunOptions, 'retry' | 'label'> | undefined;
}

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

const runOptionNames = [
  'maxAttempts',
  'baseDelayMs',
  'maxDelayMs',
  'deadlineMs',
  'signal',
  'onRetry',
  'admission',
] as const satisfies readonly (keyof RunOptions)[];

const transactionOptionNames: ReadonlySet<string> = new Set<keyof TransactionOptions<unknown>>([
  ...runOptionNames,
  'retry',
  'label',
  'nested',
  'commitMarkers',
  'verifyCommitted',
]);

/**
 * Checks what `dsql` says of transactions, and completes it.
 *
 * @param defaults - left untouched
 * @throws ConfigurationError naming the first option that cannot be
 */
export function resolveTransactionDefaults({
  retry,
  nested,
  commitMarkers,
}: TransactionDefaults): ResolvedTransactionDefaults {
  if (retry !== undefined && retry !== false && (typeof retry !== 'object' || (retry as unknown) === null)) {
    throw new ConfigurationError('dsql.retry', 'must be false, or an object with the options of a retry.');
  }
  const run: RunOptions = retry === false ? { retry: false } : withoutUndefined(retry ?? {});
  for (const name of Object.keys(retry === false ? {} : run)) {
    if (!(runOptionNames as readonly string[]).includes(name)) throw unknownOption(`dsql.retry.${name}`);
  }
  checkRunOptions(run, 'dsql.retry.');
  checkRules({ nested, commitMarkers }, 'dsql.');
  return Object.freeze({ run, nested: nested ?? 'throw', commitMarkers: commitMarkers ?? false });
}

/**
 * Checks what a call says of its transaction, and completes it.
 *
 * @param options - left untouched
 * @param defaults - what holds for the instance
 * @throws ConfigurationError naming the first option that cannot be
 */
export function resolveTransactionOptions<Host>(
  options: TransactionOptions<Host> = {},
  defaults: ResolvedTransactionDefaults = resolveTransactionDefaults({}),
): ResolvedTransactionOptions<Host> {
  for (const name of Object.keys(options)) {
    if (!transactionOptionNames.has(name)) throw unknownOption(name);
  }
  const { nested, commitMarkers, verifyCommitted, ...run } = options;
  checkRunOptions(run, '');
  checkRules({ nested, commitMarkers }, '');
  if (verifyCommitted !== undefined && typeof verifyCommitted !== 'function') {
    throw new ConfigurationError('verifyCommitted', 'must be a function.');
  }
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
      Object.entries(options).filter(([name]) => transactionOptionNames.has(name) === isOwn),
    );
  return { host: pick(false) as HostOptions, own: pick(true), restore };
}

/**
 * Refuses a name that is an option of nobody.
 *
 * @param hostNames - the names of the ORM's own options
 * @throws ConfigurationError naming it
 */
export function checkTransactionOptionNames(options: object, hostNames: ReadonlySet<string>): void {
  for (const name of Object.keys(options)) {
    if (!transactionOptionNames.has(name) && !hostNames.has(name) && name !== 'restore') {
      throw unknownOption(name);
    }
  }
}

function checkRunOptions({ admission, retry, ...options }: RunOptions, prefix: string): void {
  for (const [name, value] of Object.entries({ admission, retry })) {
    if (value !== undefined && typeof value !== 'boolean') {
      throw new ConfigurationError(`${prefix}${name}`, `must be true or false, got ${String(value)}.`);
    }
  }
  resolveRetryOptions(options);
}

function checkRules({ nested, commitMarkers }: TransactionRules, prefix: string): void {
  if (nested !== undefined && !(['throw', 'join'] as const).includes(nested)) {
    throw new ConfigurationError(
      `${prefix}nested`,
      `must be 'throw' or 'join', got ${JSON.stringify(nested)}.`,
    );
  }
  if (commitMarkers !== undefined && typeof commitMarkers !== 'boolean') {
    throw new ConfigurationError(
      `${prefix}commitMarkers`,
      `must be true or false, got ${String(commitMarkers)}.`,
    );
  }
}

/** So that an option that was left undefined does not hide its default. */
function withoutUndefined<Options extends object>(options: Options): Options {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as Options;
}
