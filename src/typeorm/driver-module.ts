import { DsqlPool, type DsqlPoolOptions, type ResolvedConnection } from '../connection';

/** What TypeORM makes its pools from. Its own idea of how to connect is in `config` too, and is passed over. */
class HostPool extends DsqlPool {
  constructor({ connection, ...config }: DsqlPoolOptions & { readonly connection: ResolvedConnection }) {
    super(config, connection);
  }
}

/**
 * The `driver` option of TypeORM: the part of `pg` that its PostgreSQL driver uses.
 *
 * It also carries, out of sight, the options that TypeORM is not told: who spreads `dataSource.options` to make another
 * data source, as TypeORM's commands and tests do, gets one that reaches the same cluster in the same way.
 */
export class DsqlDriverModule {
  readonly Pool = HostPool;
  readonly #own: object;

  /** @param own - the options that TypeORM is not told */
  constructor(own: object) {
    this.#own = own;
  }

  /** What a module of ours carries; nothing for anything else. */
  static ownOf(driver: unknown): object | undefined {
    return driver instanceof DsqlDriverModule ? driver.#own : undefined;
  }
}
