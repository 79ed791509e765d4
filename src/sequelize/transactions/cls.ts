import type { Sequelize, Transaction } from 'sequelize';

/** Where CLS is in use: what `useCLS` was given. Sequelize keeps it on its own class, for all instances. */
interface WithCls {
  readonly _cls?: { get(name: 'transaction'): unknown } | undefined;
  _clsRun<T>(work: () => Promise<T>): Promise<T>;
}

/** The class of an instance, with its CLS. */
export function clsOf(sequelize: Sequelize): WithCls {
  return sequelize.constructor as unknown as WithCls;
}

/** The transaction that CLS finds around the running code. */
export function ambientTransaction(sequelize: Sequelize): Transaction | undefined {
  return (clsOf(sequelize)._cls?.get('transaction') as Transaction | null | undefined) ?? undefined;
}
