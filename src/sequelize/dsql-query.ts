import { EmptyResultError, UniqueConstraintError } from 'sequelize';
import PostgresQuery from 'sequelize/lib/dialects/postgres/query';
import type { CommitProgress } from './commit-transaction';
import { addExplanation } from './refusal-explanation';

/** Sequelize's PostgreSQL query, on Aurora DSQL. */
export class DsqlQuery extends PostgresQuery {
  override async run(sql: string, parameters?: unknown[]): Promise<unknown> {
    const { exception, commitProgress } = this.options as {
      readonly exception?: boolean;
      readonly commitProgress?: CommitProgress;
    };
    if (commitProgress !== undefined) commitProgress.state = 'sent';
    try {
      const result = await super.run(sql, parameters);
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
