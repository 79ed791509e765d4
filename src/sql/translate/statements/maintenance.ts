import { tableNameOf } from '../../catalogue/catalog-facts';
import { asNode, optionNamed } from '../../syntax/parse-tree';
import { quotedTable } from '../../text/quoting';
import type { Outcome } from '../draft';
import type { Rewrite } from '../rewrite';

/** VACUUM ANALYZE of tables becomes ANALYZE of each; every other VACUUM is omitted. */
export function vacuum(rewrite: Rewrite<'VacuumStmt'>): Outcome {
  const { is_vacuumcmd: isVacuum, options, rels = [] } = rewrite.tree;
  const isRefused = ['vacuum', 'analyze-options'].some((rule) => rewrite.isRefused(rule));
  if (rewrite.source.statement.refusal === undefined || !isRefused) return rewrite.unchanged();
  const tables = rels.flatMap((item) => asNode(item, 'VacuumRelation')?.relation ?? []);
  const analyzes = isVacuum !== true || optionNamed(options, 'analyze') !== undefined;
  if (analyzes && tables.length > 0) {
    return tables.map((table) => ({ sql: `ANALYZE ${quotedTable(tableNameOf(table))}` }));
  }
  return {
    omitted: `${isVacuum === true ? 'VACUUM' : 'ANALYZE'} is omitted: DSQL keeps its tables and their statistics in order itself.`,
  };
}

type Maintenance = 'ReindexStmt' | 'ClusterStmt' | 'CheckPointStmt';

/** Omits what only puts PostgreSQL's files in order: DSQL keeps its own, and no result depends on it. */
export function maintain(rewrite: Rewrite<Maintenance>): Outcome {
  const { refusal } = rewrite.source.statement;
  if (refusal === undefined || !rewrite.isRefused(refusal.rule)) return rewrite.unchanged();
  const [first] = rewrite.source.tokens;
  return { omitted: `${first?.value ?? ''} is omitted: DSQL keeps its tables and indexes in order itself.` };
}
