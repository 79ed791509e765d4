import type { HalfDoneMigration, MigrationStatus } from '../migrate';
import { parseArguments } from './arguments';
import { ArgumentError, type Command } from './command';

const usage = `Usage: aurora-dsql-orm migrate status [options]
       aurora-dsql-orm migrate resolve MIGRATION --done | --undone [options]

status says who changes the schema of a cluster, and which migrations are half-done, at which statement.
resolve ends a half-done migration that you have finished (--done) or undone (--undone) by hand, and records it in the
ORM's own table, or deletes its record.

Run migrations by the commands of your ORM: a half-done one continues. The cluster is that of CLUSTER_ENDPOINT.

  --host NAME      the endpoint of the cluster
  --user NAME      the database role (default: CLUSTER_USER, or admin)
  --schema NAME    the schema of the ORM's own table (default: the first of the search_path)
  --json           print the status as JSON
  --steal          take the lease from a process that still has it
  --help           show this

It exits with 0 when nothing is half-done, with 1 when something is or went wrong, with 2 for wrong arguments, and with
3 when another process changes the schema.
`;

/** `aurora-dsql-orm migrate`. */
export const migrateCommand: Command = {
  summary: 'say which migrations are half-done, and resolve them',
  usage,
  failureStatus: 1,
  run,
};

async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArguments(
    args,
    {
      host: { type: 'string' },
      user: { type: 'string' },
      schema: { type: 'string' },
      json: { type: 'boolean', default: false },
      done: { type: 'boolean', default: false },
      undone: { type: 'boolean', default: false },
      steal: { type: 'boolean', default: false },
    },
    true,
  );
  const [action, migration, ...others] = positionals;
  if (others.length > 0) throw new ArgumentError(`unexpected argument ${JSON.stringify(others[0])}`);
  const { openClient, resolveConnection } = await import('../connection'); // not needed to say what is wrong
  const { isLeaseHeldError, migrationStatus, resolveMigration } = await import('../migrate');
  const { host, user, schema, steal } = values;
  const where = { open: () => openClient({}, resolveConnection({ host, user })), schema };
  if (action === 'status' && migration === undefined) {
    const status = await migrationStatus(where);
    process.stdout.write(values.json ? `${JSON.stringify(status, undefined, 2)}\n` : statusText(status));
    return status.halfDone.length > 0 ? 1 : 0;
  }
  if (action !== 'resolve' || migration === undefined) {
    throw new ArgumentError('expected `status`, or `resolve` and the name of a migration');
  }
  if (values.done === values.undone) throw new ArgumentError('resolve: expected either --done or --undone');
  try {
    const resolved = await resolveMigration({
      ...where,
      migration,
      as: values.done ? 'done' : 'undone',
      steal,
    });
    const outcome = values.done ? 'done' : 'not done';
    process.stdout.write(`${migration}, ${halfOf(resolved)}, is ${outcome} now.\n`);
    return 0;
  } catch (error) {
    if (!isLeaseHeldError(error)) throw error;
    process.stderr.write(`aurora-dsql-orm migrate: ${error.message}\n`);
    return 3;
  }
}

function statusText({ holder, halfDone }: MigrationStatus): string {
  const lines = halfDone.flatMap((run) => [
    `${run.migration} is ${halfOf(run)}: ${run.finished} statements are finished (${run.history}).`,
    ...run.stopped.map(
      ({ position, state, sql, error }) =>
        `  statement ${position}, ${state}: ${sql.replaceAll(/\s+/g, ' ')}${error === null ? '' : `\n    ${error}`}`,
    ),
  ]);
  if (holder !== undefined) {
    const { process: id, host, since, expiresAt } = holder;
    lines.push(
      `Process ${id} on ${host} has been changing the schema since ${since.toISOString()}; its lease ends at ${expiresAt.toISOString()} unless it is renewed.`,
    );
  }
  return lines.length === 0 ? 'No migration is half-done.\n' : `${lines.join('\n')}\n`;
}

function halfOf({ direction }: HalfDoneMigration): string {
  return direction === 'up' ? 'half-done' : 'half-undone';
}
