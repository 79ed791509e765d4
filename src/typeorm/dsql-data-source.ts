import { CannotExecuteNotConnectedError, DataSource } from 'typeorm';
import type {
  EntityManager,
  EntityTarget,
  Migration,
  ObjectLiteral,
  QueryRunner,
  SelectQueryBuilder,
} from 'typeorm';
import { DataTypeNotSupportedError } from 'typeorm/error/DataTypeNotSupportedError.js';
import { adaptMetadata } from './schema/adapt-metadata';
import { DsqlDriver } from './dsql-driver';
import { DsqlEntityManager } from './dsql-entity-manager';
import type { DsqlRunOptions, ExecutorOptions } from './migrations/migrations';
import type { MigrationRunOptions } from '../migrate/for-orms';
import { resolveDataSourceOptions, type DsqlDataSourceOptions } from './options';
import { DsqlSelectQueryBuilder } from './writes/select-query-builder';

/** What TypeORM itself takes when migrations are run or reverted. */
type HostMigrationOptions = NonNullable<Parameters<DataSource['runMigrations']>[0]>;

/** What `runMigrations` of a {@link DsqlDataSource} takes: TypeORM's own options, and ours. */
export interface DsqlRunMigrationsOptions extends HostMigrationOptions {
  /** How this call runs migrations, beside what `dsql.migrations` of the data source says. */
  readonly dsql?: DsqlRunOptions | undefined;
}

/** What `undoLastMigration` of a {@link DsqlDataSource} takes: TypeORM's own options, and ours. */
export interface DsqlUndoMigrationOptions extends HostMigrationOptions {
  /** How this call reverts the migration, beside what `dsql.migrations` of the data source says. */
  readonly dsql?: MigrationRunOptions | undefined;
}

/** TypeORM's `DataSource`, on Aurora DSQL: its methods for migrations take our options, too. */
export interface DsqlDataSource extends DataSource {
  /**
   * Runs all pending migrations, each once, whatever other processes do. One that was interrupted continues behind its
   * last finished statement.
   *
   * @returns those that were run
   * @throws what a migration throws; LeaseHeldError, MigrationsStoppedError and the like, as `dsql` says
   */
  runMigrations(options?: DsqlRunMigrationsOptions): Promise<Migration[]>;
  /**
   * Reverts the migration that was run last, once.
   *
   * @throws as `runMigrations`
   */
  undoLastMigration(options?: DsqlUndoMigrationOptions): Promise<void>;
}

class DataSourceOnDsql extends DataSource implements DsqlDataSource {
  readonly #driver: DsqlDriver;
  #given: DsqlDataSourceOptions;

  constructor(options: DsqlDataSourceOptions) {
    const { hostOptions, ...resolved } = resolveDataSourceOptions(options);
    super(hostOptions);
    this.#given = { ...options };
    // The driver that the host's factory has made so far has opened nothing.
    this.driver = this.#driver = new DsqlDriver(this, resolved);
  }

  /** Repositories, tree repositories, `BaseEntity` and query runners all get theirs from here. */
  override createEntityManager(queryRunner?: QueryRunner): EntityManager {
    return new DsqlEntityManager(this, queryRunner);
  }

  /** Entity managers and repositories get theirs from here: what they insert may go as arrays. */
  override createQueryBuilder<Entity extends ObjectLiteral>(
    entityClass: EntityTarget<Entity>,
    alias: string,
    queryRunner?: QueryRunner,
  ): SelectQueryBuilder<Entity>;
  override createQueryBuilder(queryRunner?: QueryRunner): SelectQueryBuilder<ObjectLiteral>;
  override createQueryBuilder(...call: unknown[]): SelectQueryBuilder<ObjectLiteral> {
    return DsqlSelectQueryBuilder.from(
      super.createQueryBuilder(...(call as [QueryRunner?])) as SelectQueryBuilder<ObjectLiteral>,
    );
  }

  /**
   * Options that are given later, as TypeORM's command line does: ours among them are checked as in the beginning, and
   * those that are not given stay.
   *
   * @throws ConfigurationError naming the first option that is unknown or has a wrong value
   */
  override setOptions(options: Partial<DsqlDataSourceOptions>): this {
    const given = { ...this.#given, ...options };
    const { hostOptions, ...resolved } = resolveDataSourceOptions(given);
    this.#given = given;
    this.#driver.configure(resolved, options.dsql !== undefined);
    // What is only ours is not for the host, and it acts on what it is given alone.
    const names = Object.keys(options).filter((name) => name in hostOptions);
    const entries = names.map((name) => [name, hostOptions[name as keyof typeof hostOptions]] as const);
    return super.setOptions(Object.fromEntries([...entries, ['driver', hostOptions.driver]]));
  }

  /** The entities are taken for what can be kept; what cannot is refused with what to do instead. */
  protected override async buildMetadatas(): Promise<void> {
    try {
      await super.buildMetadatas();
    } catch (error) {
      // Only of its first column, and not why.
      if (error instanceof DataTypeNotSupportedError) this.#adaptEntities();
      throw error;
    }
    this.#adaptEntities();
  }

  #adaptEntities(): void {
    const { namingStrategy, logger } = this;
    adaptMetadata(this.entityMetadatas, {
      mapping: this.#driver.mapping,
      namingStrategy,
      warn: (message) => {
        logger.log('warn', message);
      },
    });
  }

  /**
   * Runs all pending migrations, each once, whatever other processes do. One that was interrupted continues behind its
   * last finished statement.
   *
   * @throws what a migration throws; {@link MigrationRun} says what becomes of its transaction
   */
  override async runMigrations(options: DsqlRunMigrationsOptions = {}): Promise<Migration[]> {
    const executorOptions = this.#executorOptions(options);
    const { runPendingMigrations } = await import('./migrations/migrations');
    return runPendingMigrations(this, executorOptions);
  }

  /** The host's default, `all`, is not that of `runMigrations`. */
  override async undoLastMigration(options: DsqlUndoMigrationOptions = {}): Promise<void> {
    const executorOptions = this.#executorOptions(options);
    // Loaded by those who need it: most data sources only query.
    const { undoLastMigration } = await import('./migrations/migrations');
    return undoLastMigration(this, executorOptions);
  }

  #executorOptions({ transaction, fake = false, dsql }: DsqlRunMigrationsOptions): ExecutorOptions {
    if (!this.isInitialized) throw new CannotExecuteNotConnectedError();
    return { transaction: transaction ?? this.options.migrationsTransactionMode ?? 'none', fake, ...dsql };
  }
}

/**
 * A TypeORM `DataSource` whose every new connection presents a fresh IAM token to an Aurora DSQL cluster.
 *
 * @param options - TypeORM's PostgreSQL options, and DSQL-specific ones in `dsql`; left untouched
 * @throws ConfigurationError naming the first option that is unknown or has a wrong value, before anything is sent
 *
 * @example
 * ```ts
 * export default createDsqlDataSource({
 *   host: 'abcdefghijklmnopqrstuvwxyz.dsql.us-east-1.on.aws',
 *   entities: [Account],
 *   migrations: ['dist/migrations/*.js'],
 * });
 * ```
 */
export function createDsqlDataSource(options: DsqlDataSourceOptions): DsqlDataSource {
  return new DataSourceOnDsql(options);
}
