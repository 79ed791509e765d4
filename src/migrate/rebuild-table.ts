import { markedByCopy } from '../schema';
import { quoted, quotedTable } from '../sql';
import { contextWith, type NamedTable } from './context';

/** What a rebuild makes of a table. */
export interface RebuildOptions {
  /** The table; one without a schema is in that of the session. */
  readonly table: NamedTable;
  /**
   * The actions of an ALTER TABLE, as PostgreSQL has them: `ALTER COLUMN total TYPE numeric(12,2) USING total / 100`,
   * `DROP CONSTRAINT orders_pkey`, `ADD PRIMARY KEY (tenant, id)`,
   * `ADD COLUMN lower_name text GENERATED ALWAYS AS (lower(name)) STORED`. Without USING values are converted where
   * PostgreSQL has a cast.
   */
  readonly change: string | readonly string[];
  /**
   * Whether the old table is dropped in the end. Otherwise it stays as `<table>__old`.
   * @defaultValue `false`
   */
  readonly dropOld?: boolean | undefined;
}

/** What carries out an ALTER TABLE by a copy of the table: a query runner or a query interface of ours. */
export interface AltersByCopy {
  /** @param sql - one ALTER TABLE */
  alterByCopy(sql: string): Promise<void>;
}

/**
 * Rebuilds a table: does what Aurora DSQL has no ALTER TABLE for (another type or length of a column, another primary key,
 * a generated column; recorded from a cluster, 2026-09) by a copy that takes the place of the table, with its keys, checks,
 * defaults, identity, indexes, comments, grants, the foreign keys that refer to it, and the views above it.
 *
 * - No row is lost, none doubled, and none is old: before the first row is copied the table gets another name, and a view
 *   that cannot be written takes its place. From then on until the end writes fail with SQLSTATE 55000 (42P01 for a moment
 *   before and after), and reads go on.
 * - What is in the way (a value that has no form in the new type, a view whose query does not fit, a foreign key that could
 *   not refer to the new table) is found before anything is changed. A row that is written between that look and the first step can still stop
 *   the copy: correct it in `<table>__old`, and run the same again.
 * - It can be interrupted at any statement. The same call goes on where it was, and so do `synchronize` and `sync`; in a
 *   migration it is journalled like every other statement.
 *
 * @param context - the query runner of TypeORM, or the query interface or the instance of Sequelize, made by this package;
 *   in a migration that which the migration is given
 * @throws UnsupportedFeatureError when something is in the way; then nothing was changed
 *
 * @example
 * ```ts
 * await rebuildTable(queryRunner, { table: 'orders', change: 'ALTER COLUMN total TYPE numeric(12,2)' });
 * ```
 */
export async function rebuildTable(context: object, options: RebuildOptions): Promise<void> {
  const { table, change, dropOld = false } = options;
  const written = typeof table === 'string' ? quoted(table) : quotedTable(table);
  const actions = typeof change === 'string' ? change : change.join(', ');
  const sql = markedByCopy(`ALTER TABLE ${written} ${actions}`, { dropOld });
  await contextWith<AltersByCopy>(context, 'alterByCopy', 'rebuildTable').alterByCopy(sql);
}
