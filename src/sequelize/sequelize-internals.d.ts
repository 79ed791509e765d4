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

  /** A pool of `sequelize-pool`. */
  interface EndpointPool {
    readonly maxSize: number;
    readonly size: number;
    readonly available: number;
  }

  /** Of one endpoint, or of all of a replication. */
  interface ConnectionPool {
    readonly read?: EndpointPool;
    readonly write?: EndpointPool;
    release(connection: Client): void;
    destroy(connection: Client): Promise<void> | undefined;
  }

  interface ManagerConfig {
    readonly replication?: unknown;
    readonly pool: { validate: (connection: Client) => boolean };
  }

  class ConnectionManager {
    constructor(dialect: unknown, sequelize: Sequelize);
    protected readonly sequelize: Sequelize;
    /** A copy of the instance's own. */
    protected readonly config: ManagerConfig;
    protected readonly pool: ConnectionPool;
    protected nameOidMap: Record<string, { oid: number; arrayOid?: number }>;
    protected versionPromise: Promise<unknown> | null | undefined;
    _clearTypeParser(): void;
    _clearDynamicOIDs(): void;
    protected refreshTypeParser(dataTypes: object): void;
    getTypeParser(oid: number, format?: string): (value: string) => unknown;
    initPools(): void;
    connect(config: EndpointConfig): Promise<Client>;
    disconnect(connection: Client): Promise<void>;
    validate(connection: Client): boolean;
    /** With replication, `SELECT` is what reads from a replica. */
    getConnection(options: {
      readonly type?: 'SELECT';
      readonly useMaster?: boolean;
      /** Of the transaction that is to have it. */
      readonly uuid?: string;
    }): Promise<Client>;
    releaseConnection(connection: Client): void;
  }

  namespace ConnectionManager {
    export type { ConnectionPool, EndpointConfig, EndpointPool };
  }
  export = ConnectionManager;
}

declare module 'sequelize/lib/dialects/postgres/query-generator' {
  import type { Sequelize } from 'sequelize';

  class PostgresQueryGenerator {
    constructor(options: { _dialect: unknown; sequelize: Sequelize });
    insertQuery(table: unknown, values: unknown, attributes: unknown, options?: object): unknown;
    selectQuery(table: unknown, options?: object, model?: unknown): string;
    setOperatorsAliases(aliases: object): void;
    /** The condition that a value sets for a column by one operator, which is a symbol. */
    protected _whereParseSingleValueObject(
      key: unknown,
      field: object | undefined,
      operator: unknown,
      value: unknown,
      options: unknown,
    ): string;
    setIsolationLevelQuery(level: string, options: object): string | undefined;
    readonly options: Readonly<Record<string, unknown>>;
    readonly sequelize: Sequelize;
    escape(value: unknown, field?: object, options?: object): string;
    quoteIdentifier(identifier: string): string;
    quoteIdentifiers(identifiers: string): string;
    quoteTable(table: unknown): string;
    addSchema(table: { readonly tableName: string; readonly _schema: string }): TableInSchema;
    extractTableDetails(
      table: unknown,
      options?: object,
    ): { readonly tableName: string; readonly schema: string; readonly delimiter: string };
    handleSequelizeMethod(...args: unknown[]): string;
    attributeToSQL(attribute: unknown, options?: object): string;
    addColumnQuery(table: unknown, key: string, attribute: object): string;
    dropTableQuery(table: unknown, options: { readonly cascade: boolean }): string;
    addIndexQuery(table: unknown, options: object, rawTableName?: unknown): string;
    showSchemasQuery(): string;
    showTablesQuery(): string;
    showConstraintsQuery(table: unknown): string;
    createFunction(...args: unknown[]): string;
    protected _expandFunctionParamList(parameters: unknown): string;
    protected expandOptions(options: unknown): string;
  }

  interface TableInSchema {
    readonly tableName: string;
    readonly schema: string;
  }

  namespace PostgresQueryGenerator {
    export type { TableInSchema };
  }
  export = PostgresQueryGenerator;
}

declare module 'sequelize/lib/dialects/postgres/query-interface' {
  import type { Sequelize } from 'sequelize';
  import type PostgresQueryGenerator from 'sequelize/lib/dialects/postgres/query-generator';

  class PostgresQueryInterface {
    constructor(sequelize: Sequelize, queryGenerator: PostgresQueryGenerator);
    readonly queryGenerator: PostgresQueryGenerator;
    select(model: unknown, table: unknown, options: object): Promise<unknown>;
    bulkInsert(
      table: unknown,
      records: readonly object[],
      options?: object,
      attributes?: object,
    ): Promise<unknown>;
    bulkUpdate(
      table: unknown,
      values: object,
      where: object,
      options?: object,
      attributes?: object,
    ): Promise<unknown>;
    bulkDelete(
      table: unknown,
      where: object | null | undefined,
      options?: object,
      model?: unknown,
    ): Promise<unknown>;
    readonly sequelize: HostSequelize;
    quoteIdentifier(identifier: string): string;
    normalizeAttribute(attribute: unknown): object;
    createTable(table: unknown, attributes: object, options?: object, model?: unknown): Promise<void>;
    dropTable(table: unknown, options?: object): Promise<void>;
    addColumn(table: unknown, key: string, attribute: unknown, options?: object): Promise<void>;
    changeColumn(table: unknown, name: string, attribute: unknown, options?: object): Promise<void>;
    addIndex(table: unknown, fields: unknown, options?: unknown, rawTableName?: unknown): Promise<void>;
    describeTable(table: unknown, options?: object | string | null): Promise<object>;
    showIndex(table: unknown, options?: object): Promise<object[]>;
    getForeignKeyReferencesForTable(table: unknown, options?: object): Promise<object[]>;
    showAllSchemas(options?: object): Promise<string[]>;
    dropSchema(...args: unknown[]): Promise<unknown>;
    dropAllSchemas(options?: object): Promise<void>;
    ensureEnums(table: unknown, attributes: object, options?: object, model?: unknown): Promise<void>;
    pgListEnums(table?: unknown, options?: object): Promise<object[]>;
    dropEnum(name: string, options?: object): Promise<void>;
    dropAllEnums(options?: object): Promise<void>;
  }

  /** What the types of `Sequelize` leave out. */
  interface HostSequelize extends Sequelize {
    normalizeAttribute(attribute: unknown): object;
  }
  export { PostgresQueryInterface };
}

declare module 'sequelize/lib/dialects/postgres/query' {
  import type { Sequelize } from 'sequelize';
  import type { Client } from 'pg';

  /** One statement on one connection. */
  class PostgresQuery {
    constructor(connection: Client, sequelize: Sequelize, options: object);
    protected readonly connection: Client;
    protected readonly sequelize: Sequelize & { readonly dialect: object };
    protected readonly options: Readonly<Record<string, unknown>>;
    protected readonly model: unknown;
    protected handleSelectQuery(rows: Record<string, unknown>[]): unknown;
    /** Logs a statement that was sent. Returns what logs that it was answered. */
    protected _logQuery(sql: string, debug: unknown, parameters?: unknown[]): () => void;
    /** Makes of what a server reports the error that users know. */
    protected formatError(reported: object): Error;
    run(sql: string, parameters?: unknown[]): Promise<unknown>;
  }
  export = PostgresQuery;
}

declare module 'sequelize/lib/dialects/postgres/index' {
  import type { Sequelize } from 'sequelize';
  import type ConnectionManager from 'sequelize/lib/dialects/postgres/connection-manager';
  import type PostgresQuery from 'sequelize/lib/dialects/postgres/query';
  import type PostgresQueryGenerator from 'sequelize/lib/dialects/postgres/query-generator';
  import type { PostgresQueryInterface } from 'sequelize/lib/dialects/postgres/query-interface';

  class PostgresDialect {
    constructor(sequelize: Sequelize);
    Query: typeof PostgresQuery;
    supports: Readonly<Record<string, unknown>>;
    connectionManager: ConnectionManager;
    queryGenerator: PostgresQueryGenerator;
    queryInterface: PostgresQueryInterface;
  }
  export { PostgresDialect };
}

declare module 'sequelize/lib/transaction' {
  import { Transaction as TypedTransaction, type Sequelize } from 'sequelize';
  import type { Client } from 'pg';

  /** `Transaction`, with what its types leave out. */
  class Transaction extends TypedTransaction {
    constructor(sequelize: Sequelize, options: object);
    readonly sequelize: Sequelize;
    readonly id: string;
    readonly parent: Transaction | null | undefined;
    readonly savepoints: Transaction[];
    readonly options: object;
    readonly _afterCommitHooks: ((transaction: Transaction) => unknown)[];
    get connection(): Client | undefined;
    set connection(connection: Client | undefined);
    /** `unknown` is this package's own: COMMIT was sent and its answer was lost. */
    finished: 'commit' | 'rollback' | 'unknown' | undefined;
    /** Takes a connection and begins. */
    prepareEnvironment(useCls: boolean): Promise<void>;
    begin(): Promise<void>;
    /** Gives the connection back. */
    cleanup(): void;
    _clearCls(): void;
    /** Ends the connection. */
    forceCleanup(): Promise<void>;
  }
  export { Transaction };
}

declare module 'sequelize/lib/utils' {
  /** Whether the database can have a default, and not only JavaScript. */
  export function defaultValueSchemable(value: unknown): boolean;
}
