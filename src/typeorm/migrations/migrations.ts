import { MigrationExecutor, type DataSource, type Migration, type QueryRunner } from 'typeorm';
import {
  Migrations,
  type Direction,
  type MigrationRunOptions,
  type MigrationToRun,
} from '../../migrate/for-orms';
import type { CatalogueReader, ResolvedMapping } from '../../schema';
import { DsqlQueryRunner } from '../dsql-query-runner';
import { inHostTransaction } from '../transactions/host-transaction';

/** The driver of a data source of ours, as far as migrations need it. */
interface MigratingDriver {
  readonly options: { readonly schema?: string };
  readonly mapping: ResolvedMapping;
  readonly catalogue: CatalogueReader;
}

/** What `runMigrations` and `undoLastMigration` take in `dsql`, beside TypeORM's own options. */
export interface DsqlRunOptions extends MigrationRunOptions {
  /** The name of the last migration to run; those behind it stay pending. */
  readonly to?: string | undefined;
}

/** How migrations are run: TypeORM's own options, and ours. */
export interface ExecutorOptions extends DsqlRunOptions {
  readonly transaction: MigrationExecutor['transaction'];
  readonly fake: boolean;
}

/**
 * TypeORM's runner of migrations, on Aurora DSQL: the statements of each migration are journalled, whatever the transaction
 * mode. See {@link DsqlQueryRunner.carryOutMigration}.
 */
class DsqlMigrationExecutor extends MigrationExecutor {
  /** Those that this process records, by their names: all of them are recorded when the run ends well. */
  readonly #recorded: Map<string, Migration>;
  readonly #migrations: Migrations | undefined;
  readonly #to: string | undefined;

  /**
   * @param to - the last of those that there are
   * @param migrations - what journals them
   * @param recorded - filled with those that this process records
   */
  constructor(
    dataSource: DataSource,
    queryRunner: QueryRunner,
    to?: string,
    migrations?: Migrations,
    recorded = new Map<string, Migration>(),
  ) {
    super(dataSource, queryRunner);
    this.#to = to;
    this.#migrations = migrations;
    this.#recorded = recorded;
  }

  /** Whether TypeORM's own table of migrations is there. */
  async hasHistory(): Promise<boolean> {
    const { migrationsTable, queryRunner } = this as unknown as {
      readonly migrationsTable: string;
      readonly queryRunner: QueryRunner;
    };
    return queryRunner.hasTable(migrationsTable);
  }

  /** All that there are, as they were written. */
  get written(): Migration[] {
    return super.getMigrations();
  }

  protected override getMigrations(): Migration[] {
    const all = upTo(super.getMigrations(), this.#to);
    const migrations = this.#migrations;
    if (migrations === undefined) return all;
    for (const migration of all) {
      const { instance } = migration;
      if (instance === undefined) continue;
      const step = (direction: Direction) => (queryRunner: QueryRunner) => {
        const work = () => instance[direction](queryRunner);
        const toRun = { ...toBeRun(migration, direction), called: calledCode(instance, direction) };
        return queryRunner instanceof DsqlQueryRunner
          ? queryRunner.carryOutMigration(toRun, migrations, work)
          : work();
      };
      // What else it says of itself stays as it was written: whether it wants a transaction.
      const watched = { up: { value: step('up') }, down: { value: step('down') } };
      migration.instance = Object.create(instance, watched) as typeof instance;
    }
    return all;
  }

  protected override async insertExecutedMigration(
    queryRunner: QueryRunner,
    migration: Migration,
  ): Promise<void> {
    // Before it is: the answer to its COMMIT may be lost, and the run that goes on finds it recorded.
    this.#recorded.set(migration.name, migration);
    await this.#record(queryRunner, toBeRun(migration, 'up'), () =>
      super.insertExecutedMigration(queryRunner, migration),
    );
  }

  protected override async deleteExecutedMigration(
    queryRunner: QueryRunner,
    migration: Migration,
  ): Promise<void> {
    await this.#record(queryRunner, toBeRun(migration, 'down'), () =>
      super.deleteExecutedMigration(queryRunner, migration),
    );
  }

  /** The record and the end of the run are one transaction. */
  async #record(
    queryRunner: QueryRunner,
    migration: MigrationToRun,
    record: () => Promise<void>,
  ): Promise<void> {
    const migrations = this.#migrations;
    if (migrations === undefined) return record();
    if (queryRunner.isTransactionActive) {
      await migrations.record(migration);
      return record();
    }
    await inHostTransaction(queryRunner, async () => {
      await migrations.record(migration);
      await record();
    });
  }
}

/** @throws RangeError where there is none of that name */
function upTo(all: Migration[], name: string | undefined): Migration[] {
  if (name === undefined) return all;
  const last = all.findIndex((migration) => migration.name === name);
  if (last < 0) throw new RangeError(`There is no migration ${JSON.stringify(name)}.`);
  return all.slice(0, last + 1);
}

function toBeRun({ name, instance }: Migration, direction: Direction): MigrationToRun {
  // Written by a compiler or by hand, it is the text of the class.
  const code = instance === undefined ? undefined : String(instance.constructor);
  return { name, direction, ...(code !== undefined && { code }) };
}

/** The code of the class, unless another method was put in the place of its own. */
function calledCode(instance: NonNullable<Migration['instance']>, direction: Direction): string | undefined {
  const code = String(instance.constructor);
  const { up, down }: Record<Direction, unknown> = instance as never;
  return code.includes(String(direction === 'up' ? up : down)) ? code : undefined;
}

/**
 * Runs all pending migrations, each once, whatever other processes do.
 *
 * @returns those that were run
 */
export async function runPendingMigrations(
  dataSource: DataSource,
  options: ExecutorOptions,
): Promise<Migration[]> {
  const isPending = await looking(dataSource, options, async (executor) => {
    const pending = await executor.getPendingMigrations();
    if (pending.length > 0) return true;
    await executor.executePendingMigrations();
    return false;
  });
  if (!isPending) return [];
  const recorded = new Map<string, Migration>();
  const ran = await whileNobodyElseDoes(dataSource, options, async (migrations) => {
    const find = async (executor: DsqlMigrationExecutor) => {
      await expectWhole(migrations, executor, ({ direction }) => direction === 'up');
      await migrations.expectUnchanged(codeOf(executor.written));
      await executor.executePendingMigrations();
      return executor.written;
    };
    return withExecutor(dataSource, options, find, migrations, recorded);
  });
  return (ran?.value ?? []).flatMap((migration) => {
    const done = recorded.get(migration.name);
    return done === undefined ? [] : [Object.assign(migration, { transaction: done.transaction })];
  });
}

/** Reverts the migration that was run last, once. */
export async function undoLastMigration(dataSource: DataSource, options: ExecutorOptions): Promise<void> {
  const executed = await looking(dataSource, options, (executor) => executor.getExecutedMigrations());
  if (executed.length === 0) {
    await withExecutor(dataSource, options, (executor) => executor.undoLastMigration());
    return;
  }
  const last = executed[0]?.name;
  await whileNobodyElseDoes(dataSource, options, (migrations) =>
    withExecutor(
      dataSource,
      options,
      async (executor) => {
        const [now] = await executor.getExecutedMigrations();
        // An earlier attempt has done it after all, or another process has.
        if (now?.name !== last) return;
        await expectWhole(migrations, executor, (run) => run.direction === 'down' && run.migration === last);
        await executor.undoLastMigration();
      },
      migrations,
    ),
  );
}

/** Makes sure that no other migration of the code is half-done than one that is to be run. */
async function expectWhole(
  migrations: Migrations,
  executor: DsqlMigrationExecutor,
  isToBeRun: Parameters<Migrations['expectOnly']>[0],
): Promise<void> {
  // Where TypeORM's own table is not there any more, its migrations begin anew.
  if (!(await executor.hasHistory())) return migrations.forget();
  const names = new Set(executor.written.map(({ name }) => name));
  await migrations.expectOnly((run) => isToBeRun(run) || !names.has(run.migration));
}

function codeOf(written: readonly Migration[]): ReadonlyMap<string, string | undefined> {
  return new Map(written.map((migration) => [migration.name, toBeRun(migration, 'up').code]));
}

function whileNobodyElseDoes<T>(
  dataSource: DataSource,
  { signal, whileHeld, steal, onProgress }: MigrationRunOptions,
  work: (migrations: Migrations) => Promise<T>,
) {
  const { migrationsTableName: history = 'migrations' } = dataSource.options;
  const driver = dataSource.driver as unknown as MigratingDriver;
  const { schema } = driver.options;
  const open = () => driver.catalogue.open();
  const call = { signal, whileHeld, steal, onProgress };
  return Migrations.run({ open, schema, history, ...call, ...saying(dataSource) }, work);
}

/** Looks what there is to run. */
function looking<T>(
  dataSource: DataSource,
  options: ExecutorOptions,
  work: (executor: DsqlMigrationExecutor) => Promise<T>,
): Promise<T> {
  return Migrations.look(saying(dataSource), () => withExecutor(dataSource, options, work));
}

/** The options of a data source for migrations, and its log. */
function saying(dataSource: DataSource) {
  const driver = dataSource.driver as unknown as MigratingDriver;
  const log = (message: string) => {
    dataSource.logger.logSchemaBuild(message);
  };
  return { options: driver.mapping.migrations, log };
}

async function withExecutor<T>(
  dataSource: DataSource,
  { transaction, fake, to }: ExecutorOptions,
  work: (executor: DsqlMigrationExecutor) => Promise<T>,
  migrations?: Migrations,
  recorded?: Map<string, Migration>,
): Promise<T> {
  const queryRunner = dataSource.createQueryRunner();
  if (queryRunner instanceof DsqlQueryRunner) queryRunner.migrations = migrations;
  try {
    const executor = new DsqlMigrationExecutor(dataSource, queryRunner, to, migrations, recorded);
    return await work(Object.assign(executor, { transaction, fake }));
  } finally {
    await queryRunner.release();
  }
}
