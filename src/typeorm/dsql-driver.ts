import type { DataSource, ReplicationMode } from 'typeorm';
import { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver.js';
import { DsqlPool, type DsqlPoolOptions, type ResolvedConnection } from '../connection';
import type { ResolvedMapping } from '../schema';
import { DsqlQueryRunner } from './dsql-query-runner';
import type { ResolvedDriverOptions } from './options';

/** What TypeORM makes its pools from. Its own idea of how to connect is in `config` too, and is passed over. */
class HostPool extends DsqlPool {
  constructor({ connection, ...config }: DsqlPoolOptions & { readonly connection: ResolvedConnection }) {
    super(config, connection);
  }
}

/** The `driver` option of TypeORM: the part of `pg` that its PostgreSQL driver uses. */
export const dsqlDriverModule: { readonly Pool: typeof HostPool } = { Pool: HostPool };

/** TypeORM's PostgreSQL driver, on Aurora DSQL. */
export class DsqlDriver extends PostgresDriver {
  #resolved: ResolvedDriverOptions;

  constructor(dataSource: DataSource, resolved: ResolvedDriverOptions) {
    super(dataSource);
    this.#resolved = resolved;
    this.supportedIsolationLevels = ['REPEATABLE READ'];
    // Their ids come from an identity column, and those are bigint only.
    this.mappedDataTypes.migrationId = 'bigint';
    this.mappedDataTypes.cacheId = 'bigint';
  }

  /** Options that were given later; they hold for the connections that are opened from now on. */
  configure(resolved: ResolvedDriverOptions): void {
    this.#resolved = resolved;
  }

  /** How TypeORM's idea of PostgreSQL is mapped to what Aurora DSQL has. */
  get mapping(): ResolvedMapping {
    return this.#resolved.mapping;
  }

  /** Aurora DSQL has it built in, and has no extensions (AWS samples). */
  override get uuidGenerator(): string {
    return 'gen_random_uuid()';
  }

  override createQueryRunner(mode: ReplicationMode): DsqlQueryRunner {
    return new DsqlQueryRunner(this, mode);
  }

  /** There are no extensions to install, so no connection is taken for it. */
  override afterConnect(): Promise<void> {
    this.isGeneratedColumnsSupported = true;
    return Promise.resolve();
  }

  /** `extra` goes on to the pool last and unchanged, so the resolved connection travels in it. */
  protected override createPool(
    options: PostgresDriver['options'],
    endpoint: Parameters<PostgresDriver['createPool']>[1],
  ): Promise<unknown> {
    const { connectionOf, poolOptions } = this.#resolved;
    const extra = {
      ...poolOptions,
      ...(options.extra as object | undefined),
      connection: connectionOf(endpoint),
    };
    return super.createPool({ ...options, extra }, endpoint);
  }
}
