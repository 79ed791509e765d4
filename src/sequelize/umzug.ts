/**
 * Umzug on Aurora DSQL, for those who have it installed.
 *
 * @packageDocumentation
 */
import '../node/peers/sequelize';
import '../node/peers/umzug';

export {
  createMigrator,
  type DsqlMigrator,
  type DsqlMigratorRunOptions,
  type MigratorOptions,
} from './migrations/create-migrator';
export type { MigrationRunOptions } from '../migrate/for-orms';
