export type { FirstStatement } from './admission/admission-key';
export type { Admit } from './admission/admitted-transaction';
export { ArrayInserts, FEWEST_ROWS_FOR_ARRAYS } from './writes/array-insert';
export { classifyError, type ErrorClass, type ErrorKind } from './classify-error';
export { COMMIT_MARKER_TABLE, CommitMarkers, type RunStatement } from './transactions/commit-markers';
export { findInChain, isOccConflict, isSchemaConflict, sqlStateOf } from './conflict';
export type { ConflictKey, ConflictLine, ConflictReport } from './conflict-report';
export { transactionChannels, type TransactionMessage } from './diagnostics';
export {
  isNestedTransactionError,
  isNotBegunError,
  isPartlyCommittedError,
  isRetryExhaustedError,
  isUnsupportedFeatureError,
  NestedTransactionError,
  NotBegunError,
  PartlyCommittedError,
  NotCommitted,
  RetryExhaustedError,
  UnsupportedFeatureError,
} from './errors';
export { FirstFailure } from './first-failure';
export {
  batchesOptions,
  BatchesError,
  inBatches,
  isBatchesError,
  partBatchesOptions,
  type BatchesOptions,
  type BatchesProgress,
  type IterableRows,
  type RowRange,
} from './writes/in-batches';
export { InstanceMemory, staleInstanceMessage, type TouchedInstances } from './transactions/instance-memory';
export { ManagedTransactions } from './transactions/managed-transactions';
export type {
  AttemptsOf,
  OpenAttempt,
  OpenTransaction,
  TransactionOutcome,
} from './transactions/transaction-host';
export { canBeMarked, withMarker, type StatementTransaction } from './transactions/marked-statement';
export {
  expectOneTransaction,
  fitInTransaction,
  isTooLargeToSend,
  isTooMuchAtOnce,
  partsOf,
  type OneWrite,
} from './writes/write-size';
export { checkRetryOption } from './retry-option';
export { statementLabel } from './statement-label';
export { checkWork, retryOnConflict, type RetryContext, type RetryOptions } from './retry';
export { FirstStatementSender } from './transactions/first-statement';
export { refusalToEndWith } from './transactions/transaction-end';
export {
  TransactionRunner,
  type Attempt,
  type RunnableTransaction,
  type RunOptions,
  type TransactionCounters,
  wasNeverUsed,
} from './transaction-runner';
export {
  checkIsolationLevel,
  checkTransactionOptionNames,
  resolveTransactionDefaults,
  resolveTransactionOptions,
  splitTransactionOptions,
  transactionDefaults,
  transactionOptions,
  type NestedMode,
  type ResolvedTransactionDefaults,
  type ResolvedTransactionOptions,
  type SplitTransactionOptions,
  type TransactionDefaults,
  type TransactionOptions,
} from './transaction-options';
