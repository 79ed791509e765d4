import { isOneOf, type SchemaProgress } from '../schema';
import type { TableName } from '../sql';
import type { Direction } from './journal/journal';

/** A step of a migration. */
export type MigrationStep =
  /** Its code is called; again where it is run again from where it was. */
  | { readonly step: 'begun' }
  /** Its code has come to its end, or has failed. */
  | { readonly step: 'ended' }
  /** Its code sends a statement, which may be one that an earlier run has done. */
  | {
      readonly step: 'call';
      /** The place of the statement among those of the migration, counted from 1. */
      readonly position: number;
      readonly sql: string;
    }
  /** One of the statements that take the place of that. */
  | {
      readonly step: 'part';
      /** Its place among them, counted from 1. */
      readonly part: number;
      readonly parts: number;
      readonly sql: string;
    }
  | Exclude<SchemaProgress, SchemaBatch>
  | (SchemaBatch & {
      /** How many rows the table has, or the largest one, as the catalogue estimates; nothing where it does not. */
      readonly tableRows: number | undefined;
    });

type SchemaBatch = Extract<SchemaProgress, { readonly step: 'batch' }>;

/** How far a migration has come. */
export type MigrationProgress = MigrationStep & {
  readonly migration: string;
  readonly direction: Direction;
};

/** Told of each step of a migration. */
export type TellStep = (step: MigrationStep) => void;

/**
 * Asks the catalogue how many rows the largest of some tables has.
 *
 * @param read - reads the catalogue
 * @returns nothing where it has no estimate: there is none before the first ANALYZE, which Aurora DSQL does by itself
 */
export async function estimatedRows(
  tables: readonly TableName[],
  read: (sql: string) => Promise<readonly unknown[]>,
): Promise<number | undefined> {
  if (tables.length === 0) return undefined;
  const [found] = (await read(
    `SELECT max(c.reltuples)::float8 AS rows FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE ${isOneOf(tables)}`,
  )) as readonly { readonly rows: number | string | null }[];
  const rows = Number(found?.rows ?? 0);
  return rows > 0 ? rows : undefined;
}
