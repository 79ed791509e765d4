/** The parts of Sequelize 6 that it exports without types (its `exports` map has `./lib/*`). */
declare module 'sequelize/lib/dialects/postgres/connection-manager' {
  import type { Sequelize } from 'sequelize';
  import type { Client } from 'pg';

  /** What the pool hands to `connect`: the configuration of one endpoint. */
  interface EndpointConfig {
    host?: string;
    port?: number | string;
    username?: string;
    database?: string;
    dialectOptions?: Record<string, unknown>;
  }

  interface ConnectionPool {
    release(connection: Client): void;
    destroy(connection: Client): void;
  }

  class ConnectionManager {
    constructor(dialect: unknown, sequelize: Sequelize);
    protected readonly sequelize: Sequelize;
    protected readonly pool: ConnectionPool;
    protected nameOidMap: Record<string, { oid: number; arrayOid?: number }>;
    protected refreshTypeParser(dataTypes: object): void;
    getTypeParser(oid: number, format?: string): (value: string) => unknown;
    connect(config: EndpointConfig): Promise<Client>;
    validate(connection: Client): boolean;
    releaseConnection(connection: Client): void;
  }

  namespace ConnectionManager {
    export type { EndpointConfig };
  }
  export = ConnectionManager;
}
