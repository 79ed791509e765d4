/**
 * Umzug on Aurora DSQL, for those who have it installed.
 *
 * @packageDocumentation
 */
export { createMigrator, type MigratorOptions } from './migrations/create-migrator';
