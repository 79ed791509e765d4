import type { DataSource, EntityMetadata, ObjectLiteral, ReplicationMode } from 'typeorm';
import { PostgresDriver } from 'typeorm/driver/postgres/PostgresDriver.js';
import type { ColumnMetadata } from 'typeorm/metadata/ColumnMetadata.js';
import { openClient, type DsqlClient, type DsqlPool, type ResolvedConnection } from '../connection';
import { CatalogueReader, NumberKeys, type BigintColumn, type ResolvedMapping } from '../schema';
import { isStored } from './schema/column-types';
import { DsqlQueryRunner } from './dsql-query-runner';
import { expectAnotherConnection } from './migrations/only-connection';
import { DsqlSchemaBuilder } from './schema/dsql-schema-builder';
import { entitiesOf, hasIdentityValues, isNumber, isNumberOfView } from './writes/identity-keys';
import type { ResolvedDriverOptions } from './options';
import { dataSourceOf, Transactions } from './transactions/transactions';
import { textOfValue, valueOfText } from './values-kept-as-text';

/** What `version()` says of every cluster (recorded from clusters, 2026-09). */
const SERVER_VERSION = '16';

/** The types whose values the host gives to node-postgres as they are. */
const SENT_AS_IS: ReadonlySet<ColumnMetadata['type']> = new Set([
  String,
  Number,
  ...([
    'uuid',
    'text',
    'varchar',
    'character varying',
    'char',
    'character',
    'boolean',
    'bool',
    'bytea',
  ] as const),
  ...(['int', 'int2', 'int4', 'int8', 'integer', 'smallint', 'bigint', 'numeric', 'decimal'] as const),
  ...(['real', 'float', 'float4', 'float8', 'double precision'] as const),
]);

/** TypeORM's PostgreSQL driver, on Aurora DSQL. */
export class DsqlDriver extends PostgresDriver {
  /** What makes numbers of the keys in raw results. */
  readonly numberKeys: NumberKeys;
  /** Reads the catalogue, past the log and the transactions of the application. */
  readonly catalogue: CatalogueReader;
  /** What runs the transactions of the data source. */
  transactions: Transactions;
  readonly #dataSource: DataSource;
  /** The types of columns that the host knows. */
  readonly #hostTypes: PostgresDriver['supportedDataTypes'];
  /** Asked for each value: most data sources have no such types. */
  #keepsTypesAsText = false;
  #resolved: ResolvedDriverOptions;
  /** Of the pool that was made last: all of them reach the same database. */
  #connection: ResolvedConnection | undefined;

  constructor(dataSource: DataSource, resolved: ResolvedDriverOptions) {
    super(dataSource);
    this.#dataSource = dataSource;
    this.transactions = new Transactions(dataSource, resolved.transactions);
    this.numberKeys = new NumberKeys((column) => isKeyOf(dataSource, column));
    this.#resolved = resolved;
    this.catalogue = new CatalogueReader(() => openClient({}, this.#connection ?? resolved.connectionOf({})));
    this.supportedIsolationLevels = ['REPEATABLE READ'];
    // Their ids come from an identity column, and those are bigint only.
    this.mappedDataTypes.migrationId = 'bigint';
    this.mappedDataTypes.cacheId = 'bigint';
    this.#hostTypes = this.supportedDataTypes;
    this.#supportTypes();
    // What numeric without a precision is there (verified on a cluster, 2026-10-03).
    this.dataTypeDefaults = { ...this.dataTypeDefaults, numeric: { precision: 18, scale: 6 } };
  }

  /**
   * Options that were given later; they hold for the connections that are opened from now on.
   *
   * @param withTransactions - whether they say how transactions are run
   */
  configure(resolved: ResolvedDriverOptions, withTransactions: boolean): void {
    this.#resolved = resolved;
    if (withTransactions) this.transactions = new Transactions(this.#dataSource, resolved.transactions);
    this.#supportTypes();
  }

  #supportTypes(): void {
    const { simplify } = this.mapping;
    this.#keepsTypesAsText = simplify.columnTypes === true;
    this.supportedDataTypes = this.#hostTypes.filter((type) => isStored(type, simplify));
  }

  /** How TypeORM's idea of PostgreSQL is mapped to what Aurora DSQL has. */
  get mapping(): ResolvedMapping {
    return this.#resolved.mapping;
  }

  /**
   * Opens the pools, and no more: what the host asks every database first is known here, or asked by {@link knowSchema}
   * when it matters.
   */
  override async connect(): Promise<void> {
    const { options } = this;
    const { replication } = options;
    this.version ??= SERVER_VERSION;
    if (replication) {
      this.slaves = await Promise.all(replication.slaves.map((slave) => this.createPool(options, slave)));
    }
    this.master = await this.createPool(options, replication?.master ?? options);
  }

  /** The pool of each endpoint. */
  get pools(): readonly DsqlPool[] {
    return [this.master, ...(this.slaves as DsqlPool[])] as DsqlPool[];
  }

  /**
   * Finds out the schema that names without one lead to, unless it is known: what changes the schema has to tell it.
   *
   * @param client - the connection at hand
   */
  async knowSchema(client: DsqlClient | undefined): Promise<void> {
    if (this.searchSchema !== undefined) return;
    const { rows } = await this.catalogue.read('SELECT current_schema() AS schema', client);
    const [{ schema }] = rows as [{ readonly schema: string }];
    this.searchSchema = schema;
    this.schema ??= schema;
  }

  override createSchemaBuilder(): DsqlSchemaBuilder {
    return new DsqlSchemaBuilder(dataSourceOf(this));
  }

  /** Identity columns are bigint only (recorded from a cluster, 2026-09), and so are the columns that refer to them. */
  override normalizeType(column: Parameters<PostgresDriver['normalizeType']>[0]): string {
    return hasIdentityValues(column) ? 'bigint' : super.normalizeType(column);
  }

  /** The same as the host's, which looks for the type of each value in a list that it makes for it. */
  override preparePersistentValue(value: unknown, column: ColumnMetadata): unknown {
    const isSentAsIs = column.transformer === undefined && SENT_AS_IS.has(column.type);
    if (isSentAsIs) return value;
    const prepared = super.preparePersistentValue(value, column) as unknown;
    return this.#keepsTypesAsText ? textOfValue(prepared, column) : prepared;
  }

  // The host's types say `any` of values.
  override prepareHydratedValue(value: unknown, column: ColumnMetadata): unknown {
    const number = asNumber(value);
    const isKey = number !== value && (isNumber(column) || isNumberOfView(column));
    return super.prepareHydratedValue(isKey ? number : this.#readText(value, column), column) as unknown;
  }

  #readText(value: unknown, column: ColumnMetadata): unknown {
    return this.#keepsTypesAsText ? valueOfText(value, column) : value;
  }

  override createGeneratedMap(
    metadata: EntityMetadata,
    insertResult: ObjectLiteral | undefined,
  ): ObjectLiteral | undefined {
    if (insertResult === undefined) return undefined;
    let result = insertResult;
    for (const [name, value] of Object.entries<unknown>(insertResult)) {
      const number = asNumber(value);
      // Few values are texts of digits; what their columns are is not asked of the others.
      if (number === value && !this.#keepsTypesAsText) continue;
      const column = metadata.findColumnWithDatabaseName(name);
      if (column === undefined) continue;
      const read = isNumber(column) ? number : this.#readText(value, column);
      if (read !== value) result = { ...result, [name]: read };
    }
    return super.createGeneratedMap(metadata, result);
  }

  /** Aurora DSQL has it built in, and has no extensions (AWS samples). */
  override get uuidGenerator(): string {
    return 'gen_random_uuid()';
  }

  override async obtainMasterConnection(): ReturnType<PostgresDriver['obtainMasterConnection']> {
    expectAnotherConnection(this, this.master as DsqlPool | undefined);
    return super.obtainMasterConnection();
  }

  override createQueryRunner(mode: ReplicationMode): DsqlQueryRunner {
    return new DsqlQueryRunner(this, mode);
  }

  /** There are no extensions to install, so no connection is taken for it. */
  override afterConnect(): Promise<void> {
    this.isGeneratedColumnsSupported = true;
    return Promise.resolve();
  }

  /** `extra` goes on to the pool last, so the resolved connection travels in it. */
  protected override createPool(
    options: PostgresDriver['options'],
    endpoint: Parameters<PostgresDriver['createPool']>[1],
  ): Promise<unknown> {
    const { connectionOf, poolOptions } = this.#resolved;
    const connection = connectionOf(endpoint);
    this.#connection = connection;
    connection.endpoints?.logTo((message) => {
      this.#dataSource.logger.log('warn', message);
    });
    // The start-up parameters are in the connection.
    const extra = {
      ...poolOptions,
      ...(options.extra as object | undefined),
      options: undefined,
      connection,
    };
    return super.createPool({ ...options, extra }, endpoint);
  }
}

/** The value of a key as the entity says it is: the database gives bigint as a text. */
function asNumber(value: unknown): unknown {
  return typeof value === 'string' && /^-?\d+$/.test(value) ? Number(value) : value;
}

/** What an entity says of a column; without one, identity columns are keys. */
function isKeyOf(dataSource: DataSource, { name, isIdentity, ...table }: BigintColumn): boolean {
  const columns = entitiesOf(dataSource, table).flatMap(
    (metadata) => metadata.findColumnWithDatabaseName(name) ?? [],
  );
  return columns.length === 0 ? isIdentity : columns.some(isNumber);
}
