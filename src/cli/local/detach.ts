import { fork } from 'node:child_process';
import path from 'node:path';
import type { LocalSettings } from './local-settings';

/** What the detached process tells, once. */
export type DetachedMessage =
  | { readonly env: Readonly<Record<string, string>> }
  | { readonly error: { readonly name: string; readonly message: string } };

/**
 * Starts the local DSQL in a process of its own, which stays when this one ends.
 *
 * @returns the environment to reach it, and the id of the process, which a signal stops
 * @throws RangeError for a setting that cannot be, Error where it does not start
 */
export async function detach(
  settings: LocalSettings,
): Promise<{ readonly env: Readonly<Record<string, string>>; readonly pid: number | undefined }> {
  const child = fork(path.join(__dirname, `detached-process${path.extname(__filename)}`), [], {
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    // The package manager that started us ends with us.
    env: { ...process.env, npm_config_user_agent: undefined },
  });
  const message = await new Promise<DetachedMessage>((resolve, reject) => {
    child.once('message', (sent) => {
      resolve(sent as DetachedMessage);
    });
    child.once('error', reject);
    child.once('exit', (status, signal) => {
      reject(new Error(`the local DSQL ended while it started (${signal ?? `status ${String(status)}`})`));
    });
    child.send(settings);
  });
  child.removeAllListeners('exit');
  child.unref();
  if ('env' in message) return { env: message.env, pid: child.pid };
  const { error } = message;
  throw error.name === 'RangeError' ? new RangeError(error.message) : new Error(error.message);
}
