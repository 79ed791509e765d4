import { createRequire } from 'node:module';
import path from 'node:path';
import type { Model, ModelStatic, Sequelize, Transaction } from 'sequelize';
import { DsqlError } from '../../connection';
import type { Direction, MigrationCalls, Migrations } from '../../migrate/for-orms';
import { retryOnConflict } from '../../occ';
import { reportJobs } from '../../schema';
import { dialectOf } from '../dialect/dsql-dialect';
import { log } from '../log';
import { hostJobError } from '../schema/job-error';
import { schemaChangesOf } from '../schema/sync';
import { inOwnTransaction } from '../transactions/own-transaction';
import { argumentsOfCli } from './cli-commands';
import { codeIn, codeOf } from './migration-files';
import { MigrationStorage } from './migration-storage';
import { hostMigrations, ours } from './own-statements';
import { RunningMigration } from './running-migration';

/** The model of the umzug 2 that sequelize-cli brings, for what was run (sequelize-cli 6.6). */
const META = 'SequelizeMeta';

/** The module of umzug 2 that loads each migration right before it runs it (umzug 2.3). */
const LOADER = /[\\/]umzug[\\/]lib[\\/]migration\.js$/;

/** The commands that run migrations, and which way; the others only look which were run. */
const COMMANDS: ReadonlyMap<string, Direction> = new Map([
  ['db:migrate', 'up'],
  ['db:migrate:undo', 'down'],
  ['db:migrate:undo:all', 'down'],
]);

/**
 * Which way a process runs migrations, if it is sequelize-cli and runs some.
 *
 * @param argv - of the process
 */
export function directionOfCli(argv: readonly string[]): Direction | undefined {
  return argumentsOfCli(argv)
    .map((each) => COMMANDS.get(each))
    .find((direction) => direction !== undefined);
}

/** Journals the migrations that sequelize-cli runs on an instance, while no other process runs any. */
export function journalForCli(sequelize: Sequelize, direction: Direction): void {
  sequelize.addHook('afterDefine', 'aurora-dsql-orm', (model) => {
    if (model.name !== META) return;
    new CliMigrations(sequelize, direction, model as unknown as Meta).watch();
  });
}

type AnyCall = (...args: unknown[]) => Promise<unknown>;

/** What umzug calls of its model. */
interface Meta {
  readonly sync: AnyCall;
  readonly findAll: AnyCall;
  readonly create: AnyCall;
  readonly destroy: AnyCall;
  readonly getTableName: ModelStatic<Model>['getTableName'];
}

interface Options {
  readonly where?: { readonly name?: string };
}

/**
 * The migrations that sequelize-cli runs in one process, which ends when they are done.
 *
 * sequelize-cli looks once whether there is anything to do, and ends where there is not. It looks again to find out what,
 * and by then the lease is held. umzug looks once more before each migration, loads its file, calls its code, and records
 * its name: what is sent between the look and the record is sent by that migration. Which one it is is told by the module
 * that umzug has loaded since the look, and once more by the name that it records.
 */
class CliMigrations {
  readonly #sequelize: Sequelize;
  readonly #direction: Direction;
  readonly #meta: Meta;
  readonly #history: MigrationStorage;
  readonly #tableName: string;
  readonly #schema: string | undefined;
  #looks = 0;
  #taking: Promise<Migrations> | undefined;
  #migrations: Migrations | undefined;
  /** Whether no migration was half-done when the lease was taken. */
  #isWhole = false;
  #isHistoryThere = false;
  #executed: readonly string[] = [];
  /** What umzug had loaded when it looked last. */
  #loaded: readonly string[] = [];
  #current: CliMigration | 'unknown' | undefined;

  constructor(sequelize: Sequelize, direction: Direction, meta: Meta) {
    this.#sequelize = sequelize;
    this.#direction = direction;
    this.#meta = meta;
    const table = meta.getTableName();
    [this.#tableName, this.#schema] =
      typeof table === 'string' ? [table, undefined] : [table.tableName, table.schema];
    this.#history = new MigrationStorage({ sequelize, tableName: this.#tableName, schema: this.#schema });
  }

  /** Takes part in what umzug does with its model. */
  watch(): void {
    const host = this.#meta;
    const [sync, findAll, create, destroy] = [
      host.sync.bind(host),
      host.findAll.bind(host),
      host.create.bind(host),
      host.destroy.bind(host),
    ];
    const watched: Omit<Meta, 'getTableName'> = {
      sync: (...args) =>
        ours(async () => {
          await this.#expectHistory();
          return sync(...args);
        }),
      findAll: (...args) => ours(() => this.#look(() => findAll(...args))),
      create: (values, options) =>
        this.#record((values as { readonly name: string }).name, (transaction) =>
          create(values, { ...(options as object | undefined), transaction }),
        ),
      destroy: (options) =>
        this.#record((options as Options).where?.name ?? '', (transaction) =>
          destroy({ ...(options as object), transaction }),
        ),
    };
    Object.assign(host, watched);
    hostMigrations(this.#sequelize, () => this.#running());
  }

  /** Where the table is not there any more, its migrations begin anew. */
  async #expectHistory(): Promise<void> {
    if (this.#isHistoryThere) return;
    if (!(await this.#history.isThere())) {
      const migrations = await this.#take();
      // Another process may have made it, and more, before the lease was taken.
      if (!(await this.#history.isThere())) await migrations.forget();
    }
    this.#isHistoryThere = true;
  }

  async #look(find: () => Promise<unknown>): Promise<unknown> {
    if (++this.#looks > 1) await this.#take();
    const rows = await find();
    this.#executed = (rows as readonly { readonly name: string }[]).map(({ name }) => name);
    this.#loaded = loadedByUmzug();
    return rows;
  }

  #take(): Promise<Migrations> {
    return (this.#taking ??= this.#takeLease());
  }

  async #takeLease(): Promise<Migrations> {
    const sequelize = this.#sequelize;
    const { mapping, catalogue } = dialectOf(sequelize);
    // Loaded by those who need it.
    const { Migrations: Runner } = await import('../../migrate/for-orms');
    const taken = await Runner.take({
      open: () => catalogue.open(),
      schema: this.#schema,
      history: this.#tableName,
      enums: schemaChangesOf(sequelize).enums,
      options: mapping.migrations,
      log: (message) => {
        log(sequelize, message);
      },
    });
    if (taken === undefined) throw new DsqlError('Another process is changing the schema.');
    const { lease, migrations } = taken;
    schemaChangesOf(sequelize).lease.adopt(lease);
    // It ends by process.exit, which waits for nothing.
    process.once('exit', () => {
      lease.releaseAtExit();
    });
    this.#isWhole = await migrations.isWhole();
    await migrations.learnTypes();
    return (this.#migrations = migrations);
  }

  /** The migration whose code is running; nothing before there is one, and where it is not known. */
  #running(): RunningMigration | undefined {
    const migrations = this.#migrations;
    if (migrations === undefined) return undefined;
    this.#current ??= this.#find(migrations);
    return this.#current === 'unknown' ? undefined : this.#current.running;
  }

  #find(migrations: Migrations): CliMigration | 'unknown' {
    const file = loadedByUmzug().find((each) => !this.#loaded.includes(each));
    const isExecuted = file !== undefined && this.#executed.includes(path.basename(file));
    if (file !== undefined && isExecuted === (this.#direction === 'down')) {
      return new CliMigration(this.#sequelize, migrations, { file, direction: this.#direction });
    }
    if (!this.#isWhole) {
      throw new DsqlError(
        'A migration is half-done, and it cannot be told which one sequelize-cli runs, so nothing was sent. Run it with `aurora-dsql-orm migrate up`.',
      );
    }
    log(
      this.#sequelize,
      'It cannot be told which migration sequelize-cli runs, so its statements are not journalled.',
    );
    return 'unknown';
  }

  /** The record and the end of the run are one transaction. */
  async #record(name: string, write: (transaction: Transaction) => Promise<unknown>): Promise<unknown> {
    const migrations = await this.#take();
    this.#running();
    const current = this.#current;
    this.#current = undefined;
    if (current instanceof CliMigration) await current.end(name);
    return ours(() =>
      retryOnConflict(() =>
        inOwnTransaction(this.#sequelize, async (transaction) => {
          const entries = (transaction.entries = migrations.newEntries());
          await migrations.record({ name, direction: this.#direction }, entries);
          return write(transaction);
        }),
      ),
    );
  }
}

/** One migration that umzug runs. */
class CliMigration {
  readonly running: RunningMigration;
  readonly #sequelize: Sequelize;
  readonly #migrations: Migrations;
  readonly #file: string;
  readonly #direction: Direction;
  #hasEnded: () => void = () => undefined;
  readonly #ended = new Promise<void>((resolve) => (this.#hasEnded = resolve));
  #carriedOut: Promise<void> | undefined;

  constructor(
    sequelize: Sequelize,
    migrations: Migrations,
    { file, direction }: { readonly file: string; readonly direction: Direction },
  ) {
    this.#sequelize = sequelize;
    this.#migrations = migrations;
    this.#file = file;
    this.#direction = direction;
    const { mapping } = dialectOf(sequelize);
    this.running = new RunningMigration(sequelize, migrations, mapping, () => this.#begin());
  }

  get #name(): string {
    return path.basename(this.#file);
  }

  /**
   * Its code has come to its end.
   *
   * @param name - that which is to be recorded
   */
  async end(name: string): Promise<void> {
    if (name !== this.#name) {
      throw new DsqlError(
        `sequelize-cli has run the migration "${name}", but its statements were journalled as those of "${this.#name}". Nothing was recorded: look what was done, and end it with \`aurora-dsql-orm migrate resolve ${this.#name} --done\` or \`--undone\`.`,
      );
    }
    await this.running.begin();
    await this.running.end();
    this.#hasEnded();
    await reportJobs(() => this.#carriedOut ?? Promise.resolve(), hostJobError);
  }

  /** Calls the code as umzug has called it, which waits meanwhile for the answer to its first statement. */
  async #callAhead(run: MigrationCalls): Promise<void> {
    const step = stepIn(createRequire(__filename).cache[this.#file]?.exports, this.#direction);
    // With a third parameter it is told by a callback when it is done.
    if (step === undefined || step.length > 2) return;
    const sequelize = this.#sequelize;
    const library = (sequelize as unknown as { readonly Sequelize: unknown }).Sequelize;
    await this.running.another().during(run, async () => {
      await step(sequelize.getQueryInterface(), library);
    });
  }

  async #begin(): Promise<MigrationCalls> {
    const direction = this.#direction;
    const name = this.#name;
    await this.#migrations.expectOnly((run) => run.direction === direction);
    if (direction === 'up') await this.#migrations.expectUnchanged(codeIn(path.dirname(this.#file)));
    const code = codeOf(this.#file);
    return new Promise((resolve, reject) => {
      const toRun = { name, direction, ...(code !== undefined && { code, called: code }) };
      this.#carriedOut = this.#migrations.carryOut(toRun, this.running.session, (run) => {
        if (run.isDryRun) return this.#callAhead(run);
        resolve(run);
        return this.#ended;
      });
      this.#carriedOut.catch(reject);
    });
  }
}

type Step = (queryInterface: unknown, library: unknown) => unknown;

/** What umzug 2 calls of a module. */
function stepIn(exported: unknown, direction: Direction): Step | undefined {
  const { default: main } = (exported ?? {}) as { readonly default?: unknown };
  const found = [exported, main].map(
    (each) => (each as Partial<Record<Direction, unknown>> | undefined)?.[direction],
  );
  return found.find((each): each is Step => typeof each === 'function');
}

/** The modules that umzug 2 has loaded, in that order; Node.js keeps them with the one that has asked for them. */
function loadedByUmzug(): readonly string[] {
  const { cache } = createRequire(__filename);
  const loaders = Object.entries(cache).filter(([file]) => LOADER.test(file));
  return loaders.flatMap(([, module]) => module?.children.map(({ id, filename }) => filename || id) ?? []);
}
