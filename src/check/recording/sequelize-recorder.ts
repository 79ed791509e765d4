import type { QueryInterface, Sequelize } from 'sequelize';
import { mayChangeSchema } from '../../schema/for-check';
import { foreignKeysOf, primaryKeyOf, type TableName } from '../../sql';
import { rowsFor } from './answers';
import { ownIndexes, type DeclaredTable } from '../catalogue/table';
import { requireFrom } from '../sources/load-module';
import type { Recording } from './recording';

/** The Sequelize of the project at hand. */
export interface SequelizePackage {
  readonly Sequelize: new (options: object) => Sequelize;
  readonly DataTypes: object;
  /** Puts the values of `replacements` into a text. */
  readonly injectReplacements: (sql: string, dialect: unknown, values: unknown) => string;
}

/** Finds the Sequelize that a file of a project uses. */
export function sequelizeOf(file: string): SequelizePackage | undefined {
  const loaded = requireFrom(file, 'sequelize') as Omit<SequelizePackage, 'injectReplacements'> | undefined;
  const text = requireFrom(file, 'sequelize/lib/utils/sql') as
    Pick<SequelizePackage, 'injectReplacements'> | undefined;
  return (
    loaded &&
    text && {
      Sequelize: loaded.Sequelize,
      DataTypes: loaded.DataTypes,
      injectReplacements: text.injectReplacements,
    }
  );
}

/** What is looked at of the options of a query. */
interface QueryOptions {
  readonly type?: string;
  readonly plain?: boolean;
  readonly transaction?: object | null;
  readonly replacements?: unknown;
  readonly bind?: unknown;
}

type Named = string | { readonly tableName: string; readonly schema?: string };

/** An instance that sends nothing, and the query interface for migrations. */
export interface RecordingSequelize {
  readonly sequelize: Sequelize;
  /** What a migration gets: the query interface, which also answers to what umzug's contexts are made of. */
  readonly context: QueryInterface;
  /** The same query interface as it is, for use without a program that calls it. */
  readonly queryInterface: QueryInterface;
}

/**
 * Makes an instance of the project's own Sequelize whose texts go to a recording, and whose questions to the database are
 * answered from the catalogue.
 */
export function recordingSequelize(project: SequelizePackage, recording: Recording): RecordingSequelize {
  const { catalog } = recording;
  const sequelize = new project.Sequelize({
    dialect: 'postgres',
    // Whether `pg` is installed does not matter: nothing connects.
    dialectModule: { types: {}, defaults: {}, Client: Object },
    logging: false,
    databaseVersion: '16.0.0',
  });
  const queryInterface = sequelize.getQueryInterface();

  const query = (text: unknown, options: QueryOptions = {}): Promise<unknown> => {
    const given =
      typeof text === 'object' && text !== null ? (text as { query?: string; values?: unknown }) : {};
    const written = typeof text === 'string' ? text : (given.query ?? '');
    const replacements = options.replacements ?? given.values;
    const sql = replacements
      ? project.injectReplacements(
          written,
          (sequelize as unknown as { dialect: unknown }).dialect,
          replacements,
        )
      : written;
    const hasParameters = replacements !== undefined || options.bind !== undefined;
    const { judgement } = recording.send(named(sql, options.bind), {
      transaction: options.transaction ?? undefined,
      hasParameters,
      // As createDsqlSequelize does it.
      isTranslated: !hasParameters && mayChangeSchema(sql),
      followsKeys: recording.ormAuthor === 'orm',
    });
    return Promise.resolve(resultOf(options, rowsFor(judgement.parsed)));
  };

  const transaction = async (first?: unknown, second?: unknown): Promise<unknown> => {
    const work = [first, second].find((argument) => typeof argument === 'function') as
      ((transaction: RecordedTransaction) => unknown) | undefined;
    const begun = new RecordedTransaction(recording);
    if (!work) return begun;
    try {
      return await work(begun);
    } finally {
      await begun.commit();
    }
  };

  Object.assign(sequelize, {
    query,
    transaction,
    authenticate: () => Promise.resolve(),
    close: () => Promise.resolve(),
  });
  Object.assign(
    (sequelize as unknown as { dialect: { connectionManager: object } }).dialect.connectionManager,
    {
      _refreshDynamicOIDs: () => Promise.resolve(),
    },
  );

  const tableOf = (name: Named): DeclaredTable | undefined => catalog.table(tableName(name));
  Object.assign(queryInterface, {
    tableExists: (name: Named) => Promise.resolve(tableOf(name) !== undefined),
    showAllTables: () => Promise.resolve(catalog.tables().map(({ name }) => name)),
    showAllSchemas: () => Promise.resolve([]),
    databaseVersion: () => Promise.resolve('16.0'),
    pgListEnums: () => Promise.resolve([]),
    describeTable: (name: Named) => {
      const table = tableOf(name);
      return table
        ? Promise.resolve(description(table))
        : Promise.reject(new Error(`No description found for "${tableName(name).name}" table.`));
    },
    showIndex: (name: Named) => Promise.resolve(indexesOf(tableOf(name))),
    showConstraint: (name: Named, constraint?: string) =>
      Promise.resolve(
        constraintsOf(tableOf(name)).filter(
          ({ constraintName }) => constraint === undefined || constraintName === constraint,
        ),
      ),
    getForeignKeyReferencesForTable: (name: Named) => Promise.resolve(referencesOf(tableOf(name))),
  });

  const watchedSequelize: Sequelize = recording.watched(sequelize, {
    getQueryInterface: () => context,
    get queryInterface() {
      return context;
    },
  });
  const watchedInterface = recording.watched(queryInterface, { sequelize: watchedSequelize });
  const context: QueryInterface = new Proxy(watchedInterface, {
    get: (target, property) => {
      if (property === 'context' || property === 'queryInterface') return context;
      if (property === 'Sequelize') return project.Sequelize;
      if (property === 'DataTypes') return project.DataTypes;
      // A promise would be waited for.
      if (property === 'then') return undefined;
      const own: unknown = Reflect.get(target, property);
      return own === undefined ? (Reflect.get(watchedSequelize, property) as unknown) : own;
    },
  });
  return { sequelize: watchedSequelize, context, queryInterface };
}

/** A transaction as a migration gets it. */
class RecordedTransaction {
  readonly LOCK = {
    UPDATE: 'UPDATE',
    SHARE: 'SHARE',
    KEY_SHARE: 'KEY SHARE',
    NO_KEY_UPDATE: 'NO KEY UPDATE',
  };
  readonly id = 'recorded';
  finished: string | undefined;
  readonly #recording: Recording;

  constructor(recording: Recording) {
    this.#recording = recording;
    recording.begin(this, true);
  }

  commit(): Promise<void> {
    this.finished ??= 'commit';
    this.#recording.end(this);
    return Promise.resolve();
  }

  rollback(): Promise<void> {
    this.finished = 'rollback';
    return this.commit();
  }

  afterCommit(): void {
    // Nothing is ever committed.
  }
}

/** `$name` of a bind object is no parameter of PostgreSQL. */
function named(sql: string, bind: unknown): string {
  if (typeof bind !== 'object' || bind === null || Array.isArray(bind)) return sql;
  const names = Object.keys(bind);
  return sql.replace(/\$(\w+)/g, (written, name: string) => {
    const index = names.indexOf(name);
    return index < 0 ? written : `$${String(index + 1)}`;
  });
}

function resultOf({ type, plain }: QueryOptions, rows: readonly object[]): unknown {
  switch (type) {
    case 'SELECT':
      return plain === true ? (rows[0] ?? null) : rows;
    case 'INSERT':
    case 'UPDATE':
    case 'UPSERT':
      return [rows, rows.length];
    case 'BULKUPDATE':
    case 'BULKDELETE':
    case 'DELETE':
      return 0;
    case undefined:
    case 'RAW':
      return [rows, { rowCount: rows.length }];
    default:
      return rows;
  }
}

function tableName(name: Named): TableName {
  if (typeof name !== 'string') {
    return { ...(name.schema !== undefined && { schema: name.schema }), name: name.tableName };
  }
  const [table = '', schema] = name.split('.').reverse();
  return { ...(schema !== undefined && { schema }), name: table };
}

function description(table: DeclaredTable): Record<string, object> {
  const primaryKey = primaryKeyOf(table);
  return Object.fromEntries(
    table.columns.map((column) => [
      column.name,
      {
        type: column.enum ? 'USER-DEFINED' : (column.type ?? 'TEXT').toUpperCase(),
        allowNull: !column.notNull,
        defaultValue: null,
        special: [...(column.enum?.labels ?? [])],
        primaryKey: primaryKey.includes(column.name),
      },
    ]),
  );
}

function indexesOf(table: DeclaredTable | undefined) {
  return (table ? ownIndexes(table) : []).map(({ name, unique, primary, keys }) => ({
    name,
    unique,
    primary,
    fields: keys.flatMap(({ column }) => (column === null ? [] : [{ attribute: column }])),
  }));
}

function referencesOf(table: DeclaredTable | undefined) {
  return (table ? foreignKeysOf(table) : []).flatMap(({ name, columns, target }) =>
    columns.map((column, index) => ({
      constraintName: name,
      tableName: table?.name,
      columnName: column,
      referencedTableName: target.name,
      referencedColumnName: target.columns[index],
    })),
  );
}

const CONSTRAINT_TYPES = { p: 'PRIMARY KEY', u: 'UNIQUE', c: 'CHECK', f: 'FOREIGN KEY' } as const;

function constraintsOf(table: DeclaredTable | undefined) {
  return (table?.constraints ?? []).map(({ name, type }) => ({
    constraintName: name,
    constraintType: CONSTRAINT_TYPES[type],
    tableName: table?.name,
  }));
}
