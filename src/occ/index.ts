export { isOccConflict, isSchemaConflict, sqlStateOf } from './conflict';
export {
  isNestedTransactionError,
  isRetryExhaustedError,
  isUnsupportedFeatureError,
  NestedTransactionError,
  RetryExhaustedError,
  UnsupportedFeatureError,
} from './errors';
export { retryOnConflict, type RetryContext, type RetryOptions } from './retry';
