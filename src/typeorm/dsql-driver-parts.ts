import type { DsqlClient } from '../connection';
import type { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver.js';
import type { CatalogueReader, NumberKeys, ResolvedMapping } from '../schema';

/** What a query runner uses of its driver besides what TypeORM's own has. */
export interface DsqlDriverParts extends PostgresDriver {
  /** What makes numbers of the keys in raw results. */
  readonly numberKeys: NumberKeys;
  /** Reads the catalogue, past the log and the transactions of the application. */
  readonly catalogue: CatalogueReader;
  /** How TypeORM's idea of PostgreSQL is mapped to what Aurora DSQL has. */
  readonly mapping: ResolvedMapping;
  /**
   * Finds out the schema that names without one lead to, unless it is known.
   *
   * @param client - the connection at hand
   */
  knowSchema(client: DsqlClient | undefined): Promise<void>;
}
