import type { Outcome } from '../draft';
import type { Rewrite } from '../rewrite';

type Maintenance = 'ReindexStmt' | 'ClusterStmt' | 'CheckPointStmt';

/** Omits what only puts PostgreSQL's files in order: DSQL keeps its own, and no result depends on it. */
export function maintain(rewrite: Rewrite<Maintenance>): Outcome {
  const { refusal } = rewrite.source.statement;
  if (refusal === undefined || !rewrite.isRefused(refusal.rule)) return rewrite.unchanged();
  const [first] = rewrite.source.tokens;
  return { omitted: `${first?.value ?? ''} is omitted: DSQL keeps its tables and indexes in order itself.` };
}
