/** What `check` uses: nothing behind it needs `pg`, because a check of SQL needs no driver. */
export { framesIn } from './call-place';
export { MAX_INDEXES } from './planning/index-limit';
export { mayChangeSchema } from './planning/may-change-schema';
export { isUntilDone, markedUntilDone } from './until-done';
