import { DataSource, type EntityManager, type QueryRunner } from 'typeorm';
import { DsqlDriver, dsqlDriverModule } from './dsql-driver';
import { DsqlEntityManager } from './dsql-entity-manager';
import { resolveDataSourceOptions, type DsqlDataSourceOptions } from './options';
import { setTransactionDefaults } from './transactions';

/** TypeORM's `DataSource`, on Aurora DSQL. */
class DsqlDataSource extends DataSource {
  constructor(options: DsqlDataSourceOptions) {
    const resolved = resolveDataSourceOptions(options, dsqlDriverModule);
    super(resolved.hostOptions);
    // The driver that the host's factory has made so far has opened nothing.
    this.driver = new DsqlDriver(this, resolved);
    setTransactionDefaults(this, resolved.transactions);
  }

  /** Repositories, tree repositories, `BaseEntity` and query runners all get theirs from here. */
  override createEntityManager(queryRunner?: QueryRunner): EntityManager {
    return new DsqlEntityManager(this, queryRunner);
  }

  /** The host's default, `all`, wraps the migration in one transaction, and DSQL allows one DDL statement in each. */
  override undoLastMigration(options: Parameters<DataSource['undoLastMigration']>[0] = {}): Promise<void> {
    return super.undoLastMigration({ transaction: this.options.migrationsTransactionMode, ...options });
  }
}

/**
 * A TypeORM `DataSource` whose every new connection presents a fresh IAM token to an Aurora DSQL cluster.
 *
 * @param options - TypeORM's PostgreSQL options, and what is DSQL's own in `dsql`; left untouched
 * @throws ConfigurationError naming the first option that cannot be, before anything is sent
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
export function createDsqlDataSource(options: DsqlDataSourceOptions): DataSource {
  return new DsqlDataSource(options);
}
