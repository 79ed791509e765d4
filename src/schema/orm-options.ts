import { ConfigurationError, unknownOption, type DsqlOptions } from '../connection';
import {
  resolveTransactionDefaults,
  type ResolvedTransactionDefaults,
  type TransactionDefaults,
} from '../occ';
import type { CapabilityOverrides, Simplifications } from '../sql';
import type { SchemaProgress } from './schema-runner';

/** What is done with the raw SQL of migrations. */
export interface MigrationOptions {
  /**
   * Whether it is translated when it is run, as it is written for PostgreSQL: each statement that Aurora DSQL refuses is
   * replaced by those that do the same, and what comes of it is in the log. Aurora DSQL's own SQL is sent as it is.
   * @defaultValue `true`
   */
  readonly translate?: boolean | undefined;
}

/** How an ORM's idea of PostgreSQL is mapped to what Aurora DSQL has. */
export interface MappingOptions {
  /**
   * `'jsonb'` keeps array columns as jsonb; otherwise they are refused, as Aurora DSQL has no arrays in tables.
   * @defaultValue `'refuse'`
   */
  readonly arrays?: 'refuse' | 'jsonb' | undefined;
  /**
   * Whether a write to more rows than one transaction may change (3,000) is carried out in several transactions. Each of
   * them is all or nothing, the whole is not.
   * @defaultValue `false`: refused before anything is sent
   */
  readonly batch?: boolean | undefined;
  /**
   * Whether a change of a model may drop a column, and its values, to create it anew with another type or length.
   * @defaultValue `false`: refused before anything is sent
   */
  readonly destructive?: boolean | undefined;
  /**
   * The CACHE of identity columns: 1, or 65,536 and above. With 1, values come in order and inserts wait for each other;
   * with more, many sessions insert at once and leave gaps.
   * @defaultValue 1
   */
  readonly identityCache?: number | undefined;
  /** Where less than what is asked for is good enough: each is refused unless it is named here. */
  readonly simplify?: Simplifications | undefined;
  /** Rows of the capability table by their ids, where the cluster at hand differs from what was known at the release. */
  readonly capabilities?: CapabilityOverrides | undefined;
  /** What is done with the raw SQL of migrations. */
  readonly migrations?: MigrationOptions | undefined;
  /** Told of every step of a change of the schema. */
  readonly onSchemaProgress?: ((progress: SchemaProgress) => void) | undefined;
}

/** What is Aurora DSQL's own among the options of an ORM: the object `dsql` beside the ORM's own options. */
export interface DsqlOrmOptions extends DsqlOptions, TransactionDefaults, MappingOptions {}

/** {@link MappingOptions}, checked and completed. */
export interface ResolvedMapping extends MappingOptions {
  readonly arrays: 'refuse' | 'jsonb';
  readonly batch: boolean;
  readonly destructive: boolean;
  readonly identityCache: number;
  readonly simplify: Simplifications;
  readonly migrations: { readonly translate: boolean };
}

/**
 * Parts what `dsql` says of transactions and of the mapping from what it says of the connection.
 *
 * @param dsql - left untouched
 * @throws ConfigurationError naming the first option of transactions or of the mapping that cannot be; the options of
 *   the connection are left as they are
 */
export function splitOrmOptions({
  retry,
  nested,
  commitMarkers,
  arrays = 'refuse',
  batch = false,
  destructive = false,
  identityCache = 1,
  simplify = {},
  capabilities,
  migrations = {},
  onSchemaProgress,
  ...connection
}: DsqlOrmOptions): {
  readonly connection: DsqlOptions;
  readonly transactions: ResolvedTransactionDefaults;
  readonly mapping: ResolvedMapping;
} {
  if (!(['refuse', 'jsonb'] as const).includes(arrays)) {
    throw new ConfigurationError(
      'dsql.arrays',
      `must be 'refuse' or 'jsonb', got ${JSON.stringify(arrays)}.`,
    );
  }
  for (const [name, value] of Object.entries({ batch, destructive })) {
    if (typeof (value as unknown) !== 'boolean') {
      throw new ConfigurationError(`dsql.${name}`, `must be true or false, got ${String(value)}.`);
    }
  }
  if (!Number.isSafeInteger(identityCache) || (identityCache !== 1 && identityCache < 65_536)) {
    throw new ConfigurationError('dsql.identityCache', `must be 1, or 65,536 or more, got ${identityCache}.`);
  }
  for (const [name, value] of Object.entries(simplify)) {
    if (!simplificationNames.has(name)) throw unknownOption(`dsql.simplify.${name}`);
    if (typeof value !== 'boolean') {
      throw new ConfigurationError(`dsql.simplify.${name}`, `must be true or false, got ${String(value)}.`);
    }
  }
  const { translate = true, ...unknownOfMigrations } = migrations;
  for (const name of Object.keys(unknownOfMigrations)) throw unknownOption(`dsql.migrations.${name}`);
  if (typeof (translate as unknown) !== 'boolean') {
    throw new ConfigurationError(
      'dsql.migrations.translate',
      `must be true or false, got ${String(translate)}.`,
    );
  }
  return {
    connection,
    transactions: resolveTransactionDefaults({ retry, nested, commitMarkers }),
    mapping: Object.freeze({
      arrays,
      batch,
      destructive,
      identityCache,
      simplify: Object.freeze({ ...simplify }),
      capabilities: capabilities && Object.freeze({ ...capabilities }),
      migrations: Object.freeze({ translate }),
      onSchemaProgress,
    }),
  };
}

const simplificationNames: ReadonlySet<string> = new Set(
  Object.keys({
    indexOrder: true,
    indexMethod: true,
    specialIndexes: true,
    collation: true,
    exclusions: true,
    rowLocks: true,
  } satisfies Record<keyof Simplifications, true>),
);
