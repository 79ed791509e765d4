import { DatabaseError, ForeignKeyConstraintError, UniqueConstraintError } from 'sequelize';
import type { JobViolation, SchemaJobError } from '../../schema';

/** A job that failed, as Sequelize's users know it from PostgreSQL. */
export function hostJobError(
  error: SchemaJobError,
  violation: JobViolation,
): DatabaseError | UniqueConstraintError {
  const parent = Object.assign(error, { sql: error.job.sql, parameters: {} });
  const host =
    violation === 'unique'
      ? new UniqueConstraintError({ message: error.message, parent, fields: {} })
      : violation === 'foreign key'
        ? new ForeignKeyConstraintError({ message: error.message, parent })
        : new DatabaseError(parent);
  return Object.assign(host, { cause: error });
}
