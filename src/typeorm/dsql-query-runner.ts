import type { IsolationLevel } from 'typeorm/driver/types/IsolationLevel.js';
import { PostgresQueryRunner } from 'typeorm/driver/postgres/PostgresQueryRunner.js';
import type { Table, TableColumn } from 'typeorm';
import { NestedTransactionError, UnsupportedFeatureError } from '../occ';

/** TypeORM's PostgreSQL query runner, on Aurora DSQL. */
export class DsqlQueryRunner extends PostgresQueryRunner {
  /**
   * Begins a transaction.
   *
   * @param isolationLevel - REPEATABLE READ, which every transaction has anyway, or nothing
   * @throws NestedTransactionError inside a transaction, before anything is sent
   * @throws UnsupportedFeatureError for another isolation level, before anything is sent
   */
  override async startTransaction(isolationLevel?: IsolationLevel): Promise<void> {
    if (this.isTransactionActive) throw new NestedTransactionError();
    if (isolationLevel !== undefined && isolationLevel !== 'REPEATABLE READ') {
      throw new UnsupportedFeatureError(
        `isolation level ${isolationLevel}`,
        'Every transaction is REPEATABLE READ: leave the level out.',
      );
    }
    // Without a level: SET TRANSACTION is refused, even for the level that is in force.
    await super.startTransaction();
  }

  /**
   * Identity columns are bigint, and name their cache: 1 keeps the order of allocation, on which `migration:revert`
   * depends (AWS user guide, sequences and identity columns, 2026-09-15).
   */
  protected override buildCreateColumnSql(table: Table, column: TableColumn): string {
    if (
      !column.isGenerated ||
      column.generationStrategy === 'uuid' ||
      column.generationStrategy === 'rowid'
    ) {
      return super.buildCreateColumnSql(table, column);
    }
    const generated = column.generatedIdentity ?? 'BY DEFAULT';
    return `"${column.name}" bigint GENERATED ${generated} AS IDENTITY (CACHE 1) NOT NULL`;
  }
}
