import type { LeaseHeldError } from '../../migrate';
import { oneOf, parseArguments } from '../arguments';
import { ArgumentError, type Command } from '../command';
import { connectionArguments, connectionOf, connectionUsage } from '../connection-arguments';
import { messageOf } from '../error-message';
import { repair, resolve, status, type ClusterOptions } from './cluster-actions';
import { loadProject } from './load-project';
import { baseline, down, plan, up, verify, type ProjectOptions } from './project-actions';
import type { MigrationProject } from './project';
import { stoppable } from './stop-signal';

const usage = `Usage: aurora-dsql-orm migrate up | down | plan | verify | baseline PROJECT [options]
       aurora-dsql-orm migrate status [PROJECT] [options]
       aurora-dsql-orm migrate repair [options]
       aurora-dsql-orm migrate resolve MIGRATION --done | --undone [options]

up        runs what is pending; a half-done migration continues
down      reverts the migration that was run last, or all back to --to and with it
plan      prints each statement as it will be sent, and what will be refused; nothing is sent
verify    says what the schema lacks of what the entities or models say
baseline  records what is pending, up to --to, without running it
status    says what is pending or half-done, at which statement, and who changes the schema
repair    builds indexes again whose build has failed, and validates the constraints that are not
resolve   ends a half-done migration that you have finished or undone by hand

The PROJECT is one of:
  --data-source FILE  a module that exports a data source of createDsqlDataSource
  --migrator FILE     a module that exports an umzug of createMigrator

  --to NAME           the last migration of up, down or baseline
  --dry-run           up: print the plan
  --while-held NAME   while another process changes the schema: wait, skip or fail (default: wait)
  --json              print the outcome as JSON
  --steal             take the lease from a process that still has it, but is surely dead
  --schema NAME       status, repair, resolve: the schema of the ORM's own table
${connectionUsage}  --help              show this

The cluster is that of the project; status without one, repair and resolve take --host and the like.

It exits with 0 when all is well, with 1 when something failed, is half-done, refused or differs, with 2 for wrong
arguments, with 3 when another process changes the schema, with 4 when it was left to that one (--while-held skip), and
with 130 when it was stopped.
`;

/** `aurora-dsql-orm migrate`. */
export const migrateCommand: Command = {
  summary: 'run, plan, verify and repair migrations',
  usage,
  failureStatus: 1,
  run,
};

/** The exit statuses beside 0, 1 and 2. */
const HELD = 3;
const SKIPPED = 4;
const STOPPED = 130;

const ofProject = { up, down, plan, verify, baseline };

async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArguments(
    args,
    {
      'data-source': { type: 'string' },
      migrator: { type: 'string' },
      to: { type: 'string' },
      'dry-run': { type: 'boolean', default: false },
      'while-held': { type: 'string', default: 'wait' },
      ...connectionArguments,
      schema: { type: 'string' },
      json: { type: 'boolean', default: false },
      done: { type: 'boolean', default: false },
      undone: { type: 'boolean', default: false },
      steal: { type: 'boolean', default: false },
    },
    true,
  );
  const [action = '', migration, ...others] = positionals;
  if (others.length > 0) throw new ArgumentError(`unexpected argument ${JSON.stringify(others[0])}`);
  const whileHeld = oneOf('--while-held', values['while-held'], ['wait', 'skip', 'fail'] as const);
  const cluster: ClusterOptions = { ...values, connection: connectionOf(values) };
  const open = () => openProject(values['data-source'], values.migrator);
  try {
    if (action === 'resolve') return await resolve(migration, cluster);
    if (migration !== undefined) throw new ArgumentError(`unexpected argument ${JSON.stringify(migration)}`);
    if (action === 'repair') return await repair(cluster);
    if (action === 'status') {
      const hasProject = values['data-source'] !== undefined || values.migrator !== undefined;
      return await status(cluster, hasProject ? open : undefined);
    }
    const name = oneOf('migrate', action, [
      'up',
      'down',
      'plan',
      'verify',
      'baseline',
      'status',
      'repair',
      'resolve',
    ]);
    const { to, json, steal, 'dry-run': dryRun } = values;
    const options = { to, json, steal, dryRun, whileHeld };
    return await withProject(open, ofProject[name as keyof typeof ofProject], options);
  } catch (error) {
    return ended(error, whileHeld);
  }
}

async function openProject(
  dataSource: string | undefined,
  migrator: string | undefined,
): Promise<MigrationProject> {
  if (dataSource !== undefined && migrator === undefined) return loadProject('--data-source', dataSource);
  if (migrator !== undefined && dataSource === undefined) return loadProject('--migrator', migrator);
  throw new ArgumentError('expected either --data-source FILE or --migrator FILE');
}

function withProject(
  open: () => Promise<MigrationProject>,
  action: (project: MigrationProject, options: ProjectOptions) => Promise<number>,
  options: Omit<ProjectOptions, 'signal'>,
): Promise<number> {
  return stoppable(async (signal) => {
    const project = await open();
    try {
      return await action(project, { ...options, signal });
    } finally {
      await project.close();
    }
  });
}

/** What the errors of a run mean for the exit status; others are the caller's. */
function ended(error: unknown, whileHeld: string): number {
  const names = chainOf(error).map(({ name }) => name);
  // Of the project's own copy of this package, it may be: its class would not tell.
  const exit = names.includes('MigrationsStoppedError')
    ? STOPPED
    : names.includes('LeaseHeldError')
      ? HELD
      : undefined;
  if (exit === undefined) throw error;
  if (exit === HELD && whileHeld === 'skip') {
    const { holder } = chainOf(error).find(({ name }) => name === 'LeaseHeldError') as LeaseHeldError;
    process.stderr.write(`aurora-dsql-orm migrate: left to process ${holder.process} on ${holder.host}.\n`);
    return SKIPPED;
  }
  process.stderr.write(`aurora-dsql-orm migrate: ${messageOf(error)}\n`);
  return exit;
}

function chainOf(error: unknown): Error[] {
  const chain: Error[] = [];
  for (let each = error; each instanceof Error && !chain.includes(each); each = each.cause) chain.push(each);
  return chain;
}
