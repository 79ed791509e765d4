/** The parts of a pool of sequelize-pool that are looked at here; all are its own. */
interface HostPool {
  _scheduleRemoveIdle(): void;
  readonly _removeIdleTimer?: NodeJS.Timeout;
}

/**
 * Lets the process end while a pool waits for the time of its unused connections to be over: Sequelize's looks every second.
 *
 * @param pool - one of `sequelize-pool`; only this one is changed, and none whose inside is another
 */
export function letProcessEndOnIdle(pool: object): void {
  const host = pool as HostPool;
  // A pool that is built differently keeps the process alive for as long as its connections live.
  if (typeof host._scheduleRemoveIdle !== 'function') return;
  const schedule = host._scheduleRemoveIdle.bind(host);
  host._scheduleRemoveIdle = () => {
    schedule();
    host._removeIdleTimer?.unref();
  };
}
