import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { TestCluster } from '../cluster';

const root = path.resolve(__dirname, '../..');

/** How sequelize-cli has ended. */
interface Ended {
  readonly status: number | null;
  readonly output: string;
}

/** Runs sequelize-cli in a folder, with the environment of the local DSQL. */
export async function sequelizeCli(cluster: TestCluster, folder: string, ...args: string[]): Promise<Ended> {
  return (await startSequelizeCli(cluster, folder, ...args)).ended;
}

/** Starts it, and waits for nothing. */
export async function startSequelizeCli(
  cluster: TestCluster,
  folder: string,
  ...args: string[]
): Promise<{ readonly child: ChildProcess; readonly ended: Promise<Ended> }> {
  const child = spawn(
    process.execPath,
    [
      '-r',
      path.join(root, 'test/typescript-register.cjs'),
      path.join(root, 'node_modules/sequelize-cli/lib/sequelize'),
      ...args,
    ],
    { cwd: folder, env: { ...process.env, ...(await cluster.local.env()), NODE_ENV: 'development' } },
  );
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (text: Buffer) => (output += text.toString()));
  }
  const ended = once(child, 'close').then(([status]: (number | null)[]) => ({
    status: status ?? null,
    output,
  }));
  return { child, ended };
}
