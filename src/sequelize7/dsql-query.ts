import { EmptyResultError, UniqueConstraintError } from '@sequelize/core';
import { PostgresQuery } from '@sequelize/postgres';
import { addExplanation } from './refusal-explanation';

/** How far a COMMIT has come. Query hooks run before and after, and may fail there. */
export interface CommitProgress {
  state: 'unsent' | 'sent' | 'done';
}

/** Sequelize's PostgreSQL query, on Aurora DSQL. */
export class DsqlQuery extends PostgresQuery {
  override async run(sql: string, parameters?: unknown, options?: unknown): Promise<unknown> {
    const { exception, commitProgress } = this.options as {
      readonly exception?: boolean;
      readonly commitProgress?: CommitProgress;
    };
    if (commitProgress !== undefined) commitProgress.state = 'sent';
    try {
      const result = await super.run(sql, parameters, options);
      if (commitProgress !== undefined) commitProgress.state = 'done';
      return result;
    } catch (error) {
      // The INSERT of `findOrCreate` skipped a row that was there already.
      if (exception === true && error instanceof EmptyResultError) {
        throw new UniqueConstraintError({ message: 'The row is there already.', fields: {}, errors: [] });
      }
      await addExplanation(error, sql);
      throw error;
    }
  }
}
