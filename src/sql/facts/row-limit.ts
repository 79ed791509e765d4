/**
 * The most rows that one transaction may change (AWS user guide, "Quotas and limits", 2026-09-15; that 3,000 pass was
 * recorded from a cluster, 2026-09).
 */
export const MAX_TRANSACTION_ROWS = 3000;
