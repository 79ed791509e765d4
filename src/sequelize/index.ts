import '../node/peers/sequelize';

export { attachDsql } from './attach-dsql';
export { dsqlBeforeConnect } from './before-connect';
export { createDsqlSequelize } from './create-dsql-sequelize';
export type { DsqlTransactions } from './dsql-transactions';
export { DsqlSequelize, type DsqlSequelizeClass, type SequelizeClass } from './dsql-sequelize';
export { inBatches, type SequelizeBatchesOptions } from './writes/in-batches';
export { MigrationStorage, type MigrationStorageOptions } from './migrations/migration-storage';
export type { DsqlSequelizeOptions } from './options/options';
export { runInTransaction } from './transactions/run-in-transaction';
export { isStaleInstanceError, StaleInstanceError } from './transactions/stale-instance-error';
export { conflictReport, transactionCounters } from './transactions/transaction-counters';
export type { SequelizeTransactionOptions } from './transactions/transaction-options';
export { warmUp } from './warm-up';
export * from '../schema/shared-exports';
export type { ConnectionOptions } from '../connection';
