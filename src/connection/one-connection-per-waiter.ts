/** The parts of a pool of sequelize-pool that are looked at here; the underlined ones are its own. */
interface HostPool {
  readonly size: number;
  readonly waiting: number;
  readonly minSize: number;
  _createResource(): void;
  readonly _factory: { create(): Promise<unknown> };
}

/**
 * Lets a pool open no more connections than are waited for. Sequelize's looks again for work after each connection that
 * it has removed, and then opens a second one for a caller that waits for the first already.
 *
 * @param pool - one of `sequelize-pool`; only this one is changed, and none whose inside is another
 */
export function oneConnectionPerWaiter(pool: object): void {
  const host = pool as HostPool;
  // Only a token more is at stake, so a pool that is built differently is left as it is.
  if (typeof host._createResource !== 'function' || typeof host._factory.create !== 'function') return;
  const create = host._factory.create.bind(host._factory);
  const createResource = host._createResource.bind(host);
  let underWay = 0;
  host._factory.create = async () => {
    underWay++;
    try {
      return await create();
    } finally {
      underWay--;
    }
  };
  host._createResource = () => {
    if (underWay < host.waiting || host.size < host.minSize) createResource();
  };
}
