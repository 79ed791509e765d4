import { quoted, quotedTable } from '../sql';

/** The table of the lease. `synchronize` and `sync` make it, too. */
export const LEASE_TABLE = 'aurora_dsql_orm_migration_lease';

/** The column definitions of the tables in which migrations are kept, by the names of the tables. */
const DEFINITIONS = {
  [LEASE_TABLE]: `(
  name text NOT NULL,
  fence bigint NOT NULL,
  holder text NOT NULL,
  host text NOT NULL,
  process text NOT NULL,
  since timestamptz NOT NULL,
  expires_at timestamptz NOT NULL,
  PRIMARY KEY (name, fence)
)`,
  aurora_dsql_orm_migration: `(
  history text NOT NULL,
  migration text NOT NULL,
  run integer NOT NULL,
  direction text NOT NULL,
  state text NOT NULL,
  checksum text,
  code text,
  fence bigint NOT NULL,
  started_at timestamptz NOT NULL DEFAULT now(),
  ended_at timestamptz,
  PRIMARY KEY (history, migration, run)
)`,
  aurora_dsql_orm_migration_statement: `(
  history text NOT NULL,
  migration text NOT NULL,
  run integer NOT NULL,
  position integer NOT NULL,
  step integer NOT NULL,
  hash text NOT NULL,
  kind text NOT NULL,
  sql text NOT NULL,
  state text NOT NULL,
  attempt integer NOT NULL,
  job_id text,
  fence bigint NOT NULL,
  result text,
  error text,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (history, migration, run, position, step)
)`,
  aurora_dsql_orm_migration_enum: `(
  schema_name text NOT NULL,
  name text NOT NULL,
  labels text NOT NULL,
  fence bigint NOT NULL,
  PRIMARY KEY (schema_name, name)
)`,
  aurora_dsql_orm_migration_array: `(
  schema_name text NOT NULL,
  table_name text NOT NULL,
  column_name text NOT NULL,
  member_type text NOT NULL,
  place integer,
  fence bigint NOT NULL,
  PRIMARY KEY (schema_name, table_name, column_name)
)`,
} as const;

/** The tables in which migrations are kept, quoted and with their schema where one is known. */
export interface MigrationTables {
  /** Who may change the schema: one row. */
  readonly lease: string;
  /** Each run of a migration, up or down. */
  readonly migration: string;
  /** Each statement of a run. */
  readonly statement: string;
  /** The enum types that migrations have made, which Aurora DSQL does not have; the labels are an array of JSON. */
  readonly enum: string;
  /** The columns of arrays that migrations have made, which are jsonb. */
  readonly array: string;
  /** What makes them, one statement a transaction. */
  readonly create: readonly string[];
}

/**
 * The tables in which migrations are kept. They are made when they are missed.
 *
 * @param schema - that of the ORM's own table of migrations; the first of the role's search_path if omitted
 */
export function migrationTables(schema: string | undefined): MigrationTables {
  return tablesOf(schema, NAMES);
}

/** The same tables, of which only that of the lease is made when it is missed. */
export function leaseTable(schema: string | undefined): MigrationTables {
  return tablesOf(schema, [LEASE_TABLE]);
}

type Name = keyof typeof DEFINITIONS;
const NAMES = Object.keys(DEFINITIONS) as Name[];

function tablesOf(schema: string | undefined, made: readonly Name[]): MigrationTables {
  const nameOf = (name: Name) => (schema === undefined ? quoted(name) : quotedTable({ schema, name }));
  return {
    lease: nameOf(LEASE_TABLE),
    migration: nameOf('aurora_dsql_orm_migration'),
    statement: nameOf('aurora_dsql_orm_migration_statement'),
    enum: nameOf('aurora_dsql_orm_migration_enum'),
    array: nameOf('aurora_dsql_orm_migration_array'),
    create: made.map((name) => `CREATE TABLE IF NOT EXISTS ${nameOf(name)} ${DEFINITIONS[name]}`),
  };
}
