import { watchPackageManager } from './parent-process';

/** Resolves with the first signal that asks a process to end, or with the end of the package manager that started it. */
export function interruption(): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      unwatch();
      resolve();
    };
    // Neither keeps Node running; the server that waits for clients does.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, end);
    const unwatch = watchPackageManager(end);
  });
}
