import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, statfsSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { realTime } from '../real-time';
import type { SystemUser } from './system-user';

const PREFIX = 'dsql-local-';
const SHARED_MEMORY = '/dev/shm';
const SHARED_MEMORY_NEEDED_BYTES = 512 * 1024 * 1024;
const STARTING_MS = 60_000;

/** The name of PostgreSQL's socket in the server's directory; there is one server per directory, so one port will do. */
export const SOCKET_NAME = '.s.PGSQL.5432';

/** Where a gateway in front of a server listens. */
export function gatewayPath(directory: string): string {
  return process.platform === 'win32'
    ? `\\\\.\\pipe\\${path.basename(directory)}`
    : path.join(directory, SOCKET_NAME);
}

/** The folders a server's directory may be in, the fastest first. */
function parentDirectories(): string[] {
  const parents = [os.tmpdir()];
  if (process.platform === 'linux' && existsSync(SHARED_MEMORY)) parents.unshift(SHARED_MEMORY);
  return parents;
}

/**
 * Makes the directory of one server, `dsql-local-<our process id>-…`: in shared memory on Linux when at least 512 MB
 * are free there (Docker's default is 64 MB), else in the system's temporary folder.
 */
export function createServerDirectory(account: SystemUser | undefined): string {
  const parent = parentDirectories().find((directory) => directory !== SHARED_MEMORY || hasRoom(directory));
  const directory = mkdtempSync(path.join(parent ?? os.tmpdir(), `${PREFIX}${process.pid}-`));
  if (account) chownSync(directory, account.uid, account.gid);
  return directory;
}

function hasRoom(directory: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize >= SHARED_MEMORY_NEEDED_BYTES;
  } catch {
    return false;
  }
}

/**
 * Removes the directories of servers whose owner died together with the watchdog that should have removed them.
 * A PostgreSQL that outlived both ends by itself within a minute of losing its directory.
 */
export async function sweepStaleDirectories(): Promise<void> {
  for (const parent of parentDirectories()) {
    for (const name of listDirectory(parent)) {
      const owner = /^dsql-local-(\d+)-/.exec(name)?.[1];
      if (owner === undefined || isRunning(Number(owner))) continue;
      const directory = path.join(parent, name);
      // A process of another container that shares this folder looks dead from here: its server is not.
      if (isStarting(directory) || (await answers(path.join(directory, SOCKET_NAME)))) continue;
      try {
        rmSync(directory, { recursive: true, force: true });
      } catch {
        // It belongs to another user, who will sweep it.
      }
    }
  }
}

function listDirectory(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function isRunning(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

function isStarting(directory: string): boolean {
  const stats = statSync(directory, { throwIfNoEntry: false });
  return stats !== undefined && realTime().getTime() - stats.mtimeMs < STARTING_MS;
}

function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath)
      .once('connect', () => {
        socket.destroy();
        resolve(true);
      })
      .once('error', (error: NodeJS.ErrnoException) => {
        // Anything but a missing or deserted socket (say, one that is not ours to open) may be a running server.
        resolve(!['ENOENT', 'ECONNREFUSED', 'ENOTSOCK'].includes(error.code ?? ''));
      });
  });
}
