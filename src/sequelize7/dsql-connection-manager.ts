import {
  ConnectionError,
  ConnectionRefusedError,
  HostNotFoundError,
  HostNotReachableError,
  InvalidConnectionError,
} from '@sequelize/core';
import { PostgresConnectionManager, type PostgresConnection } from '@sequelize/postgres';
import { types } from 'pg';
import { DsqlClient, lifetimeSecs, openClient, systemTimeMs } from '../connection';
import { timeZoneStatement } from '../schema';
import type { DsqlDialect } from './dsql-dialect';
import type { Endpoint, ResolvedOptions } from './options';

const hostErrors: Readonly<Record<string, new (parent: Error) => ConnectionError>> = {
  ECONNREFUSED: ConnectionRefusedError,
  ENOTFOUND: HostNotFoundError,
  EHOSTUNREACH: HostNotReachableError,
  EINVAL: InvalidConnectionError,
};

/** What a server of PostgreSQL 16 says of itself (recorded from a cluster, 2026-09). */
const DATABASE_VERSION = '16.0.0';

type Parse = (value: string) => unknown;

/** Sequelize's connections, to Aurora DSQL: one token each, nothing sent that DSQL refuses, none older than it may be. */
export class DsqlConnectionManager extends PostgresConnectionManager {
  readonly #resolved: ResolvedOptions;
  /** When each connection is to be replaced, in milliseconds since the epoch. */
  readonly #replaceAt = new WeakMap<object, number>();

  constructor(dialect: DsqlDialect, resolved: ResolvedOptions) {
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- it is one, with options of its own
    super(dialect);
    this.#resolved = resolved;
  }

  override async connect(endpoint: Endpoint): Promise<PostgresConnection> {
    const { connection, driver } = this.#resolved.connectionOf(endpoint);
    const getTypeParser = ((oid: number, format?: 'text' | 'binary') =>
      this.getTypeParser(oid, format)) as typeof types.getTypeParser;
    let client: DsqlClient;
    try {
      client = await openClient(
        { ...driver, types: { getTypeParser } },
        connection,
        timeZoneStatement(this.sequelize.options),
      );
    } catch (error) {
      throw hostError(error as Error);
    }
    this.#replaceAt.set(client, systemTimeMs() + lifetimeSecs(connection) * 1000);
    client.on('error', () => {
      this.#replaceAt.delete(client);
      // One that breaks before it is pooled is no pool's: it is not used again, and destroyed when it is given back.
      this.sequelize.pool.destroy(client).catch(() => undefined);
    });
    if (this.sequelize.getDatabaseVersionIfExist() === null) {
      this.sequelize.setDatabaseVersion(DATABASE_VERSION);
    }
    return client;
  }

  /** Asked before a connection is used. */
  override validate(client: PostgresConnection): boolean {
    return super.validate(client) && systemTimeMs() < (this.#replaceAt.get(client) ?? 0);
  }

  /**
   * Whether a connection that was used may be used again. In one that was left in a transaction begun by hand, what came
   * next would never be committed. Sequelize's own transactions, which have marked it, are over, though the answer that
   * says so to the client may still be on its way.
   */
  mayBeUsedAgain(client: PostgresConnection): boolean {
    const isLeftOpen = client.uuid === undefined && client instanceof DsqlClient && client.isInTransaction;
    return this.validate(client) && !isLeftOpen;
  }

  /** By the types that are built into PostgreSQL: Aurora DSQL has no others, so nobody needs to be asked. */
  override getTypeParser(oid: number, format?: 'text' | 'binary'): Parse {
    const element = ELEMENT_TYPES[oid];
    const parse = this.#dialectParser(element ?? oid);
    if (parse === undefined) return defaultParser(oid, format);
    if (element === undefined) return parse;
    const parseEach = (value: unknown): unknown =>
      Array.isArray(value) ? value.map(parseEach) : value === null ? null : parse(value as string);
    const split = defaultParser(TEXT_ARRAY);
    return (value) => parseEach(split(value));
  }

  override async refreshDynamicOids(): Promise<void> {
    // No type is ever created.
  }

  #dialectParser(oid: number): Parse | undefined {
    const name = typeNames.get(oid);
    return name === undefined ? undefined : this.dialect.getParserForDatabaseDataType(name);
  }
}

/** The names of types by their object identifiers: node-postgres knows all but the ranges (pg_type.dat of PostgreSQL 16). */
const typeNames: ReadonlyMap<number, string> = new Map<number, string>([
  ...Object.entries(types.builtins).map(([name, oid]): [number, string] => [oid, name.toLowerCase()]),
  [3904, 'int4range'],
  [3906, 'numrange'],
  [3908, 'tsrange'],
  [3910, 'tstzrange'],
  [3912, 'daterange'],
  [3926, 'int8range'],
]);

const TEXT_ARRAY = 1009;

/** Its types leave out the types that they do not list. */
const defaultParser = types.getTypeParser as unknown as (oid: number, format?: 'text' | 'binary') => Parse;

/** Of the arrays whose elements Sequelize parses: the type of the element. */
const ELEMENT_TYPES: Readonly<Record<number, number>> = {
  1115: types.builtins.TIMESTAMP,
  1182: types.builtins.DATE,
  1185: types.builtins.TIMESTAMPTZ,
  1231: types.builtins.NUMERIC,
};

/** The class under which Sequelize's users know a failure to connect. */
function hostError(parent: Error & { readonly code?: string }): ConnectionError {
  const HostError = hostErrors[parent.code ?? ''] ?? ConnectionError;
  return new HostError(parent);
}
