const WATCH_INTERVAL_MS = 500;

/**
 * Tells when the process that started this one has ended, if that is a package manager: npx and `npm run` start commands
 * through a shell, and a signal to them ends that shell and is not passed on. A process that a person's shell has started
 * may outlive it.
 *
 * @param onEnded - called once
 * @returns ends the watch
 */
export function watchPackageManager(onEnded: () => void): () => void {
  if (process.env.npm_config_user_agent === undefined) return () => undefined;
  const parent = process.ppid;
  const timer = setInterval(() => {
    if (process.ppid === parent) return;
    clearInterval(timer);
    onEnded();
  }, WATCH_INTERVAL_MS);
  timer.unref();
  return () => {
    clearInterval(timer);
  };
}
