import {
  callback,
  flag,
  isObject,
  numberThat,
  oneOf,
  valueThat,
  wholeNumber,
  type DsqlOptions,
  type OptionDescriptor,
  type OptionsOf,
  type ResolvedOptionsOf,
} from '../connection';
import type { TransactionDefaults } from '../occ';
import type { CapabilityOverrides, Simplifications } from '../sql';
import type { SchemaProgress } from './schema-runner';

/** What may be simplified, by the names of `dsql.simplify`. */
export const simplifications = {
  indexOrder: { kind: flag(), meaning: '`DESC` in an index' },
  indexMethod: { kind: flag(), meaning: 'hash and brin indexes' },
  specialIndexes: { kind: flag(), meaning: 'gin, gist and spgist indexes' },
  collation: { kind: flag(), meaning: 'collations' },
  exclusions: { kind: flag(), meaning: 'exclusion constraints' },
  columnTypes: { kind: flag(), meaning: 'columns of types that have a text form' },
  rowLocks: { kind: flag(), meaning: '`NOWAIT` and `SKIP LOCKED`' },
} as const satisfies Record<keyof Simplifications, OptionDescriptor>;

const simplificationNames = Object.keys(simplifications)
  .map((name) => `\`${name}\``)
  .join(', ');

/** How migrations are run; {@link MigrationOptions} has the types. */
export const ofMigrations = {
  translate: { kind: flag(), meaning: 'raw SQL is translated when it is run', defaultValue: true },
  whileHeld: {
    kind: oneOf(['wait', 'skip', 'fail']),
    meaning: 'what to do while another process changes the schema',
    defaultValue: 'wait',
  },
  whenChanged: {
    kind: oneOf(['warn', 'fail']),
    meaning: 'what to do when the code of a migration has changed since it was run',
    defaultValue: 'warn',
  },
  leaseMs: {
    kind: wholeNumber(1_000, 3_600_000, ' of milliseconds'),
    meaning: 'how long a process may change the schema after it was last heard of',
    defaultValue: 30_000,
  },
  patienceMs: {
    kind: wholeNumber(0, Infinity, ' of milliseconds'),
    meaning: 'how long a statement is tried',
    defaultValue: 300_000,
  },
} as const satisfies Record<string, OptionDescriptor>;

/** How migrations are run. */
export interface MigrationOptions {
  /**
   * Whether their raw SQL is translated when it is run, as it is written for PostgreSQL: each statement that Aurora DSQL
   * refuses is replaced by those that do the same, and what comes of it is in the log. Aurora DSQL's own SQL is sent as it
   * is.
   * @defaultValue `true`
   */
  readonly translate?: boolean | undefined;
  /**
   * What to do while another process runs migrations or changes the schema: wait until it is done, leave it to that one,
   * or fail.
   * @defaultValue `'wait'`
   */
  readonly whileHeld?: 'wait' | 'skip' | 'fail' | undefined;
  /**
   * What to do when the code of a migration has changed since it was run: say so in the log, or fail.
   * @defaultValue `'warn'`
   */
  readonly whenChanged?: 'warn' | 'fail' | undefined;
  /**
   * How long a process may change the schema after it was last heard of, in milliseconds. It is heard of three times as
   * often; after that another process takes its place.
   * @defaultValue 30000
   */
  readonly leaseMs?: number | undefined;
  /**
   * How long a statement that meets conflicts, a lost connection or a cluster that sleeps is tried, in milliseconds.
   * @defaultValue 300000
   */
  readonly patienceMs?: number | undefined;
}

/** {@link MigrationOptions}, checked and completed. */
export type ResolvedMigrationOptions = ResolvedOptionsOf<typeof ofMigrations>;

function isRebuild(value: unknown): boolean {
  if (typeof value === 'boolean') return true;
  return isObject(value) && typeof (value as { readonly dropOld?: unknown }).dropOld === 'boolean';
}

/** The options of the mapping; {@link MappingOptions} has the types that follow from them. */
export const mappingOptions = {
  /**
   * `'jsonb'` keeps array columns as jsonb; otherwise they are refused, as Aurora DSQL has no arrays in tables.
   * @defaultValue `'refuse'`
   */
  arrays: {
    kind: oneOf(['refuse', 'jsonb']),
    meaning: "`'jsonb'` keeps array columns as jsonb",
    defaultValue: 'refuse',
  },
  /**
   * Whether a write to more rows than one transaction may change (3,000) is carried out in several transactions. Each of
   * them is all or nothing, the whole is not.
   * @defaultValue `false`: refused before anything is sent
   */
  batch: {
    kind: flag(),
    meaning: 'writes to more than 3,000 rows outside a transaction are carried out in several',
    defaultValue: false,
  },
  /**
   * Whether a change of a model may drop a column, and its values, to create it anew with another type or length.
   * @defaultValue `false`: refused before anything is sent
   */
  destructive: {
    kind: flag(),
    meaning: 'a column may be dropped with its values, to create it with another type',
    defaultValue: false,
  },
  /**
   * Whether a change of the schema that Aurora DSQL cannot make may be made by a copy of the table: another type or length
   * of a column, another primary key, a generated column. While its rows are copied the table can be read and not written.
   * The old table stays beside the new one, as `<table>__old`, unless `dropOld` is true.
   * @defaultValue `false`: refused before anything is sent
   */
  rebuild: {
    kind: valueThat<boolean | { readonly dropOld: boolean }>(
      isRebuild,
      '`true`, `false` or `{ dropOld: true }`',
    ),
    meaning: 'a table may be copied to give a column another type, or the table another primary key',
    defaultValue: false,
  },
  /**
   * The CACHE of identity columns: 1, or 65,536 and above. With 1, values come in order and inserts wait for each other;
   * with more, many sessions insert at once and leave gaps.
   * @defaultValue 1
   */
  identityCache: {
    kind: numberThat(
      (cache) => Number.isSafeInteger(cache) && (cache === 1 || cache >= 65_536),
      '1, or 65,536 or more',
    ),
    meaning: 'CACHE of identity columns: 1, or 65,536 and above',
    defaultValue: 1,
  },
  /**
   * Where less than what was requested is good enough. What changes a result is refused unless it is allowed here; what
   * changes none (`indexOrder`, `indexMethod`, `specialIndexes`) is done unless it is refused here.
   */
  simplify: {
    kind: valueThat<Simplifications>(isObject, 'an object'),
    meaning: `where less is good enough: ${simplificationNames}`,
    defaultValue: {},
    otherwise: 'indexes only',
  },
  /** Rows of the capability table by their ids, where the cluster at hand differs from what was known at the release. */
  capabilities: {
    kind: valueThat<CapabilityOverrides>(isObject, 'an object'),
    meaning: 'rows of the capability table that are different on your cluster',
    otherwise: 'as of the release',
  },
  /** How migrations are run. */
  migrations: {
    kind: valueThat<MigrationOptions>(isObject, 'an object'),
    meaning: 'raw SQL in migrations is translated when it is run, unless `{ translate: false }`',
    defaultValue: {},
    otherwise: 'translated',
  },
  /** Called with every step of a change of the schema. */
  onSchemaProgress: {
    kind: callback<(progress: SchemaProgress) => void>(),
    meaning: 'called with every step of a change of the schema',
  },
} as const satisfies Record<string, OptionDescriptor>;

/** How an ORM's idea of PostgreSQL is mapped to what Aurora DSQL has. */
export type MappingOptions = OptionsOf<typeof mappingOptions>;

/** The options of an ORM that are DSQL's own: the object `dsql` beside the ORM's own options. */
export interface DsqlOrmOptions extends DsqlOptions, TransactionDefaults, MappingOptions {}

/** {@link MappingOptions}, checked and completed. */
export type ResolvedMapping = Omit<ResolvedOptionsOf<typeof mappingOptions>, 'migrations'> & {
  readonly migrations: ResolvedMigrationOptions;
};
