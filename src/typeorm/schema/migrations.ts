import { MigrationExecutor, type Migration, type MigrationInterface, type QueryRunner } from 'typeorm';
import { DsqlQueryRunner } from '../dsql-query-runner';

/**
 * TypeORM's runner of migrations, on Aurora DSQL: it tells the query runner which migration its statements belong to,
 * whatever the transaction mode. See {@link DsqlQueryRunner.carryOutMigration}.
 */
export class DsqlMigrationExecutor extends MigrationExecutor {
  readonly #written = new Map<MigrationInterface, MigrationInterface>();

  override async executePendingMigrations(): Promise<Migration[]> {
    const migrations = await super.executePendingMigrations();
    for (const migration of migrations) {
      const { instance } = migration;
      if (instance !== undefined) migration.instance = this.#written.get(instance) ?? instance;
    }
    return migrations;
  }

  protected override getMigrations(): Migration[] {
    const migrations = super.getMigrations();
    for (const migration of migrations) {
      const { instance, name } = migration;
      if (instance !== undefined) migration.instance = this.#watched(instance, name);
    }
    return migrations;
  }

  /** What else it says of itself stays as it was written: whether it wants a transaction. */
  #watched(written: MigrationInterface, name: string): MigrationInterface {
    const step = (direction: 'up' | 'down') => (queryRunner: QueryRunner) => {
      const work = () => written[direction](queryRunner);
      return queryRunner instanceof DsqlQueryRunner ? queryRunner.carryOutMigration(name, work) : work();
    };
    const watched = Object.create(written, {
      up: { value: step('up') },
      down: { value: step('down') },
    }) as MigrationInterface;
    this.#written.set(watched, written);
    return watched;
  }
}
