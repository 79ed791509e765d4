import { EmptyResultError, QueryTypes, UniqueConstraintError, type Model } from 'sequelize';
import PostgresQuery from 'sequelize/lib/dialects/postgres/query';
import type { CommitProgress } from './commit-transaction';
import { addExplanation } from './refusal-explanation';
import { readWholeNumbers, type ReadModel } from './whole-numbers';

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
      this.#readReturned(result);
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

  protected override handleSelectQuery(rows: Record<string, unknown>[]): unknown {
    readWholeNumbers(rows, this.options);
    return super.handleSelectQuery(rows);
  }

  /** What an INSERT or UPDATE has returned goes into the instance, or is handed on as rows. */
  #readReturned(result: unknown): void {
    const model = this.model as ReadModel | undefined;
    const { instance, type } = this.options as { readonly instance?: Model; readonly type?: string };
    if (instance) readWholeNumbers([instance.dataValues as Record<string, unknown>], { model });
    else if (type === QueryTypes.INSERT && Array.isArray(result) && Array.isArray(result[0])) {
      readWholeNumbers(result[0] as Record<string, unknown>[], { model });
    }
  }
}
