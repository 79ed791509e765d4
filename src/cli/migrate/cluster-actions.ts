import type { ConnectionOptions } from '../../connection';
import type { RepairedObject } from '../../migrate';
import { ArgumentError } from '../command';
import type { MigrationProject } from './project';
import { halfOf, statusText } from './reports';

/** What the arguments say of an action on a cluster. */
export interface ClusterOptions {
  readonly connection: ConnectionOptions;
  readonly schema?: string | undefined;
  readonly json: boolean;
  readonly done: boolean;
  readonly undone: boolean;
  readonly steal: boolean;
}

async function where({ connection, schema }: ClusterOptions) {
  const { openClient, resolveConnection } = await import('../../connection'); // not needed to say what is wrong
  const resolved = resolveConnection(connection);
  return { open: () => openClient({}, resolved), schema };
}

/** `migrate status`. */
export async function status(
  options: ClusterOptions,
  open: (() => Promise<MigrationProject>) | undefined,
): Promise<number> {
  const { migrationStatus } = await import('../../migrate');
  const found = await migrationStatus(await where(options));
  const pending = open && (await pendingOf(await open()));
  print(
    options.json
      ? `${JSON.stringify({ ...found, ...(pending && { pending }) }, undefined, 2)}\n`
      : statusText(found, pending),
  );
  return found.halfDone.length > 0 ? 1 : 0;
}

async function pendingOf(project: MigrationProject): Promise<readonly string[]> {
  try {
    return await project.pending();
  } finally {
    await project.close();
  }
}

/** `migrate resolve`. */
export async function resolve(migration: string | undefined, options: ClusterOptions): Promise<number> {
  const { done, undone, steal } = options;
  if (migration === undefined) throw new ArgumentError('resolve: expected the name of a migration');
  if (done === undone) throw new ArgumentError('resolve: expected either --done or --undone');
  const { resolveMigration } = await import('../../migrate');
  const as = done ? 'done' : 'undone';
  const resolved = await resolveMigration({ ...(await where(options)), migration, as, steal });
  print(`${migration}, ${halfOf(resolved)}, is ${done ? 'done' : 'not done'} now.\n`);
  return 0;
}

/** `migrate repair`. */
export async function repair(options: ClusterOptions): Promise<number> {
  const { repairSchema } = await import('../../migrate');
  const onRepair = ({ kind, name, table, statements }: RepairedObject) => {
    if (!options.json) print(`${kind} ${name} of ${table}: ${statements.join('; ')}\n`);
  };
  const repaired = await repairSchema({ ...(await where(options)), steal: options.steal, onRepair });
  if (options.json) print(`${JSON.stringify({ version: 1, repaired }, undefined, 2)}\n`);
  else print(repaired.length === 0 ? 'Nothing was to be repaired.\n' : `${repaired.length} repaired.\n`);
  return 0;
}

function print(text: string): void {
  process.stdout.write(text);
}
