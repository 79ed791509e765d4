import path from 'node:path';
import type { Sequelize } from 'sequelize';
import { DsqlError } from '../../connection';
import { schemaChangesOf } from '../schema/sync';

/** The model of the umzug 2 that sequelize-cli brings, for what was run (sequelize-cli 6.6). */
const META = 'SequelizeMeta';

/** The commands that run migrations; the others only look which were run. */
const COMMANDS: ReadonlySet<string> = new Set(['db:migrate', 'db:migrate:undo', 'db:migrate:undo:all']);

/**
 * Whether a process is sequelize-cli, and runs migrations.
 *
 * @param argv - of the process
 */
export function runsMigrations([, program = '', ...args]: readonly string[]): boolean {
  return /^sequelize(?:-cli)?$/.test(path.parse(program).name) && args.some((each) => COMMANDS.has(each));
}

type FindAll = (...args: unknown[]) => Promise<unknown>;

/**
 * Lets one process at a time run the migrations of sequelize-cli: it holds the lease of migrations until it ends.
 *
 * sequelize-cli looks once whether there is anything to do, and ends where there is not. It looks again to find out what,
 * and by then the lease is held. It tells nobody which migration it runs, so nothing is journalled.
 */
export function leaseForCli(sequelize: Sequelize): void {
  sequelize.addHook('afterDefine', 'aurora-dsql-orm', (model) => {
    if (model.name !== META) return;
    const { lease } = schemaChangesOf(sequelize);
    const findAll = (model as unknown as { readonly findAll: FindAll }).findAll.bind(model);
    const take = async () => {
      const held = await lease.take();
      if (held === undefined) throw new DsqlError('Another process is changing the schema.');
      // It ends by process.exit, which waits for nothing.
      process.once('exit', () => {
        held.releaseAtExit();
      });
    };
    let looks = 0;
    let taken: Promise<void> | undefined;
    const lookAgain: FindAll = async (...args) => {
      if (++looks > 1) await (taken ??= take());
      return findAll(...args);
    };
    Object.assign(model, { findAll: lookAgain });
  });
}
