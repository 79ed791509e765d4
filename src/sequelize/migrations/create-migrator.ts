import type { QueryInterface, Sequelize } from 'sequelize';
import {
  Umzug,
  type MigrateDownOptions,
  type MigrateUpOptions,
  type MigrationMeta,
  type RunnableMigration,
  type UmzugOptions,
} from 'umzug';
import { ConfigurationError } from '../../connection';
import {
  Migrations,
  type Direction,
  type MigrationRunOptions,
  type MigrationToRun,
} from '../../migrate/for-orms';
import { reportJobs } from '../../schema';
import { dialectOf, isDsqlSequelize } from '../dialect/dsql-dialect';
import { log } from '../log';
import { hostJobError } from '../schema/job-error';
import { schemaChangesOf } from '../schema/sync';
import { inOwnTransaction } from '../transactions/own-transaction';
import { codeOf } from './migration-files';
import { MigrationStorage, type MigrationStorageOptions } from './migration-storage';
import { RunningMigration } from './running-migration';

type Context = QueryInterface;
type Runnable = RunnableMigration<Context>;
interface Meta {
  readonly name: string;
  readonly path?: string;
}

/** How a migrator finds its migrations, and where it notes which were run. */
export interface MigratorOptions
  extends Pick<UmzugOptions<Context>, 'migrations'>, Omit<MigrationStorageOptions, 'sequelize'> {
  /**
   * Told what umzug does; `undefined` for nobody.
   * @defaultValue `console`
   */
  readonly logger?: UmzugOptions<Context>['logger'];
}

/** What `up` and `down` of a {@link DsqlMigrator} take beside umzug's own options. */
export interface DsqlMigratorRunOptions {
  /** How this call runs migrations, beside what `dsql.migrations` of the instance says. */
  readonly dsql?: MigrationRunOptions | undefined;
}

/** Umzug, on Aurora DSQL: its methods that run migrations take our options, too. */
export interface DsqlMigrator extends Umzug<QueryInterface> {
  /**
   * Runs pending migrations, each once, whatever other processes do. One that was interrupted continues behind its last
   * finished statement.
   *
   * @returns those that were run
   * @throws what a migration throws, in umzug's MigrationError; LeaseHeldError, MigrationsStoppedError and the like, as `dsql` says
   */
  up(options?: MigrateUpOptions & DsqlMigratorRunOptions): Promise<MigrationMeta[]>;
  /**
   * Reverts migrations, each once; the last one that was run unless the options say more.
   *
   * @returns those that were reverted
   * @throws as `up`
   */
  down(options?: MigrateDownOptions & DsqlMigratorRunOptions): Promise<MigrationMeta[]>;
}

/**
 * Umzug for an instance that reaches Aurora DSQL. Its migrations get the query interface as `context`. What they send
 * through the instance is journalled: one that was interrupted continues behind its last finished statement. One process
 * runs migrations at a time.
 *
 * @param sequelize - an instance of `createDsqlSequelize` or its like
 * @throws ConfigurationError when the instance does not reach Aurora DSQL
 *
 * @example
 * ```ts
 * await createMigrator(sequelize, { migrations: { glob: 'migrations/*.js' } }).up();
 * ```
 */
export function createMigrator(sequelize: Sequelize, options: MigratorOptions): DsqlMigrator {
  if (!isDsqlSequelize(sequelize)) {
    throw new ConfigurationError(
      'sequelize',
      'does not reach Aurora DSQL. Make it with createDsqlSequelize.',
    );
  }
  return new MigratorOnDsql(sequelize, options);
}

/** `async () => migration.up(context, Sequelize)`, as umzug's documentation has it, and its like. */
const CALLS_FILE =
  /^(?:async\s*)?\(?[\w{}\s,:]*\)?\s*=>\s*(?:\{\s*return\s+)?(?:await\s+)?\(?[\w.]+\)?(?:\.default)?\.(?:up|down)\([\w\s,{}.:]*\);?\s*\}?$/;

class MigratorOnDsql extends Umzug<Context> implements DsqlMigrator {
  readonly #sequelize: Sequelize;
  readonly #history: MigrationStorage;
  readonly #tableName: string;
  /** That of the history; `migrate plan` reads there what earlier migrations have made. */
  readonly schema: string | undefined;
  readonly #options: MigratorOptions;
  #current: Migrations | undefined;

  constructor(sequelize: Sequelize, options: MigratorOptions) {
    const { migrations, logger, ...storage } = options;
    const history = new MigrationStorage({ sequelize, ...storage });
    super({
      migrations,
      logger: 'logger' in options ? logger : console,
      context: sequelize.getQueryInterface(),
      storage: {
        executed: () => history.executed(),
        logMigration: (migration) => this.#record(migration.name, 'up'),
        unlogMigration: (migration) => this.#record(migration.name, 'down'),
      },
    });
    this.#options = options;
    this.#sequelize = sequelize;
    this.#history = history;
    this.#tableName = storage.tableName ?? 'SequelizeMeta';
    this.schema = storage.schema;
    const { migrations: find } = this;
    const watched = async (context: Context) => (await find(context)).map((each) => this.#watched(each));
    Object.assign(this, { migrations: watched });
  }

  override async up({ dsql, ...options }: MigrateUpOptions & DsqlMigratorRunOptions = {}): Promise<Meta[]> {
    const names = named(await this.#look(() => this.pending()), options);
    if (names.length === 0) return this.#look(() => super.up(options));
    return this.#durably(
      names,
      async () => {
        const pending = (await this.pending()).map(({ name }) => name);
        const isRerun = options.rerun === 'ALLOW';
        return names.filter((name) => isRerun || pending.includes(name));
      },
      'up',
      (migrations) => super.up({ migrations, rerun: 'ALLOW' }),
      dsql,
    );
  }

  override async down({ dsql, ...options }: MigrateDownOptions & DsqlMigratorRunOptions = {}): Promise<
    Meta[]
  > {
    const executed = (await this.#look(() => this.executed())).reverse();
    const names = named(
      executed,
      'migrations' in options || 'to' in options ? options : { step: 1, ...options },
    );
    if (names.length === 0) return this.#look(() => super.down(options));
    return this.#durably(
      names,
      async () => {
        const left = (await this.executed()).map(({ name }) => name);
        return names.filter((name) => left.includes(name));
      },
      'down',
      (migrations) => super.down({ migrations }),
      dsql,
    );
  }

  /** Runs what is left of some migrations, while no other process runs any. */
  async #durably(
    names: readonly string[],
    left: () => Promise<string[]>,
    direction: Direction,
    run: (names: string[]) => Promise<unknown>,
    { signal, whileHeld, steal, onProgress }: MigrationRunOptions = {},
  ): Promise<Meta[]> {
    const { catalogue } = dialectOf(this.#sequelize);
    const done = new Map<string, Meta>();
    const context = {
      open: () => catalogue.open(),
      schema: this.schema,
      history: this.#tableName,
      enums: schemaChangesOf(this.#sequelize).enums,
      signal,
      whileHeld,
      steal,
      onProgress,
      ...this.#saying(),
    };
    const known = await this.migrations(this.#sequelize.getQueryInterface());
    await Migrations.run(context, async (migrations) => {
      await this.#expectWhole(
        migrations,
        known,
        (run) => run.direction === direction && names.includes(run.migration),
      );
      const code = known.map((each) => [each.name, toBeRun(each, 'up').code] as const);
      if (direction === 'up') await migrations.expectUnchanged(new Map(code));
      this.#current = migrations;
      try {
        const rest = await left();
        for (const name of rest) {
          const { path } = known.find((each) => each.name === name) ?? {};
          // Before it is done: the answer to the last COMMIT may be lost, and the next attempt finds nothing left of it.
          done.set(name, { name, ...(path !== undefined && { path }) });
          await run([name]);
        }
      } finally {
        this.#current = undefined;
      }
    });
    return [...done.values()];
  }

  /** Looks what there is to run. */
  #look<T>(work: () => Promise<T>): Promise<T> {
    return Migrations.look(this.#saying(), work);
  }

  /** The options of the instance for migrations, and its log. */
  #saying() {
    return {
      options: dialectOf(this.#sequelize).mapping.migrations,
      log: (message: string) => {
        log(this.#sequelize, message);
      },
    };
  }

  /** Makes sure that no other migration is half-done than those that are to be run. */
  async #expectWhole(
    migrations: Migrations,
    known: readonly Runnable[],
    isToBeRun: Parameters<Migrations['expectOnly']>[0],
  ): Promise<void> {
    // Where the table is not there any more, its migrations begin anew.
    if (!(await this.#history.isThere())) {
      await migrations.forget();
      return this.#history.create();
    }
    const names = new Set(known.map(({ name }) => name));
    await migrations.expectOnly((run) => isToBeRun(run) || !names.has(run.migration));
  }

  #watched(migration: Runnable): Runnable {
    const step =
      (direction: Direction): Runnable['up'] =>
      async (params) => {
        const migrations = this.#current;
        const work = () => migration[direction]?.(params) ?? Promise.resolve();
        if (migrations === undefined) return work();
        const { mapping } = dialectOf(this.#sequelize);
        const running = new RunningMigration(this.#sequelize, migrations, mapping);
        const { name, path } = migration;
        const toRun = toBeRun({ name, ...(path !== undefined && { path }) }, direction);
        const called = this.#calledCode(migration, direction, toRun.code);
        await reportJobs(
          () =>
            migrations.carryOut({ ...toRun, called }, running.session, async (run) => {
              // What a dry run has called stays in it.
              await running.another().during(run, work);
            }),
          hostJobError,
        );
        return undefined;
      };
    return { ...migration, up: step('up'), down: step('down') };
  }

  /** All the code that runs, where it is known. */
  #calledCode(migration: Runnable, direction: Direction, file: string | undefined): string | undefined {
    const { migrations } = this.#options;
    const isResolvedByUmzug =
      typeof migrations === 'object' && !('resolve' in migrations) && 'glob' in migrations;
    if (isResolvedByUmzug) return file;
    const call = String(migration[direction]);
    if (file === undefined) return call;
    // What a project calls a file by does mostly nothing else.
    return CALLS_FILE.test(call) ? file : undefined;
  }

  /** The record and the end of the run are one transaction. */
  async #record(name: string, direction: Direction): Promise<void> {
    const migrations = this.#current;
    if (migrations === undefined) {
      return direction === 'up'
        ? this.#history.logMigration({ name })
        : this.#history.unlogMigration({ name });
    }
    await inOwnTransaction(this.#sequelize, async (transaction) => {
      const entries = (transaction.entries = migrations.newEntries());
      await migrations.record({ name, direction }, entries);
      await (direction === 'up'
        ? this.#history.log(name, transaction)
        : this.#history.unlog(name, transaction));
    });
  }
}

function toBeRun({ name, path }: Pick<Runnable, 'name' | 'path'>, direction: Direction): MigrationToRun {
  // What umzug makes of a file is the same for all; a migration without a file has no text that says all of it.
  const code = path === undefined ? undefined : codeOf(path);
  return { name, direction, ...(code !== undefined && { code }) };
}

/** The names of those that umzug would run, in its order. */
function named(
  all: readonly Meta[],
  { to, step, migrations }: { to?: string | 0; step?: number; migrations?: string[] },
): readonly string[] {
  if (migrations !== undefined) return migrations;
  const names = all.map(({ name }) => name);
  if (to === 0) return names;
  return to === undefined ? names.slice(0, step ?? names.length) : names.slice(0, names.indexOf(to) + 1);
}
