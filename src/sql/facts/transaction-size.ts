/** The most bytes that one transaction may write (AWS user guide, "Quotas and limits", 2026-09-15). */
export const MAX_TRANSACTION_BYTES = 10 * 1024 * 1024;

/**
 * What a row and an entry of a secondary index count toward the size of a transaction besides their values. Computed from
 * what a cluster took at the most (AWS's troubleshooting skill, 2026-10-01): 500 rows of 9.93 MiB, or of 9.11 MiB with
 * four indexes on texts of 100 bytes.
 */
export const ROW_COST_BYTES = 147;

/** See {@link ROW_COST_BYTES}. */
export const INDEX_ENTRY_COST_BYTES = 322;
