import type { Sequelize } from 'sequelize';
import { PostgresDialect } from 'sequelize/lib/dialects/postgres/index';
import { openClient } from '../../connection';
import { CatalogueReader, NumberKeys, type ResolvedMapping } from '../../schema';
import { isOfType } from '../schema/column-types';
import { DsqlConnectionManager } from './dsql-connection-manager';
import { DsqlQuery } from './dsql-query';
import { DsqlQueryGenerator } from './dsql-query-generator';
import { log } from '../log';
import type { DsqlInstance } from '../dsql-instance';
import type { DsqlTransactions } from '../dsql-transactions';
import { DsqlQueryInterface } from '../schema/dsql-query-interface';
import { SchemaChanges } from '../schema/schema-changes';
import { jsonbArray } from '../writes/jsonb-array';
import type { ResolvedSequelizeOptions } from '../options/options';
import { isNumberKey, readWholeNumber, type ReaderOf } from '../reads/model-values';

/** What a column cannot have. */
const UNSUPPORTED_TYPES = { ARRAY: false, GEOMETRY: false, GEOGRAPHY: false };

/** What a column can have where it may be kept as text. */
const TEXT_TYPES = ['RANGE', 'HSTORE', 'TSVECTOR'] as const;

/** Sequelize's PostgreSQL dialect, on Aurora DSQL, for one instance. It goes on calling itself `postgres`. */
export class DsqlDialect extends PostgresDialect {
  /** What makes numbers of the keys in raw results. */
  readonly numberKeys: NumberKeys;
  /** Reads the catalogue, past the log and the transactions of the application. */
  readonly catalogue: CatalogueReader;
  /** What the instance does in the place of Sequelize's own methods: set when Sequelize's constructor has ended. */
  declare instance: DsqlInstance;
  declare connectionManager: DsqlConnectionManager;
  /** How Sequelize's idea of PostgreSQL is mapped to what Aurora DSQL has. */
  readonly mapping: ResolvedMapping;

  constructor(sequelize: Sequelize, resolved: ResolvedSequelizeOptions) {
    super(sequelize);
    this.mapping = resolved.mapping;
    this.catalogue = new CatalogueReader(() => openClient(resolved.driverOptions, resolved.primary));
    resolved.primary.endpoints?.logTo((message) => {
      log(sequelize, message);
    });
    this.numberKeys = new NumberKeys((column) => isNumberKey(sequelize, column));
    // EXCEPTION is how Sequelize catches a duplicate key in PL/pgSQL, which DSQL lacks.
    this.supports = {
      ...this.supports,
      EXCEPTION: false,
      skipLocked: false,
      ...UNSUPPORTED_TYPES,
      ...Object.fromEntries(TEXT_TYPES.map((type) => [type, this.#keepsTexts])),
    };
    this.Query = DsqlQuery;
    this.connectionManager = new DsqlConnectionManager(this, sequelize, resolved);
    const queryGenerator = new DsqlQueryGenerator({ _dialect: this, sequelize }, resolved.mapping);
    this.queryGenerator = queryGenerator;
    this.queryInterface = new DsqlQueryInterface(
      sequelize,
      queryGenerator,
      resolved.mapping,
      new SchemaChanges(
        sequelize,
        resolved.mapping,
        (sql, options) => this.instance.send(sql, options),
        () => this.catalogue.open(),
      ),
    );
  }

  /** What makes of the texts that values of a type arrive as what they are on PostgreSQL. */
  readonly readerOf: ReaderOf = (type) => {
    const isEnum = isOfType(type, 'ENUM');
    const parser = isEnum || this.#keepsTexts ? this.connectionManager.textParsers.of(type) : undefined;
    return parser ?? readWholeNumber(type);
  };

  get #keepsTexts(): boolean {
    return this.mapping.simplify.columnTypes === true;
  }

  /** The data type that takes the place of one, where `dsql` says that there is one. */
  storedType(type: object): object {
    return this.mapping.arrays === 'jsonb' && isOfType(type, 'ARRAY') ? jsonbArray() : type;
  }
}

/** Whether an instance reaches Aurora DSQL through this package's dialect. */
export function isDsqlSequelize(sequelize: Sequelize): sequelize is Sequelize & DsqlTransactions {
  return dialectOf(sequelize) instanceof DsqlDialect;
}

/** The dialect of an instance of ours: what is this package's own of the instance belongs to it. */
export function dialectOf(sequelize: object): DsqlDialect {
  return (sequelize as { readonly dialect: DsqlDialect }).dialect;
}
