import type { NodeBody, NodeName, Visited } from '../syntax/parse-tree';
import type { SourceStatement } from '../syntax/source-statement';

/** One thing that DSQL refuses, as data. */
export interface RefusalRule {
  /** Stable name of the rule, as in `Refusal.rule`. */
  readonly id: string;
  /** The statement or clause that is refused, as one would write it. */
  readonly what: string;
  readonly sqlstate: string;
  /** DSQL's message; a name in braces stands for a part of the statement. */
  readonly message: string;
  /** `recorded`: a cluster was seen to answer this text; `pattern`: refused for certain, in the words of its kind. */
  readonly wording: 'recorded' | 'pattern';
  /** How we know that DSQL refuses it. */
  readonly source: string;
  /** When that was observed or published: `YYYY-MM` or `YYYY-MM-DD`. */
  readonly date: string;
  /** What to do instead. */
  readonly instead?: string;
  /**
   * What it takes to decide: the `statement` alone, or also what its `transaction` did before, or the `catalogue`.
   * Only the first kind is found by `parseQuery`.
   */
  readonly decidedBy: 'statement' | 'transaction' | 'catalogue';
}

/** `true`, or the parts of the statement that the message names. */
export type Finding = boolean | Readonly<Record<string, string>> | undefined;

export interface Place {
  readonly parent: Visited | undefined;
  readonly source: SourceStatement;
}

/** A rule that the statement alone decides, with its predicate on the parse tree. */
export interface StatementRule extends RefusalRule {
  readonly nodes: readonly NodeName[];
  readonly finds: (body: object, place: Place) => Finding;
}

export type Evidence = Pick<RefusalRule, 'source' | 'date' | 'wording'>;

export const RECORDED: Evidence = { source: 'recorded from a cluster', date: '2026-09', wording: 'recorded' };
export const VERIFIED: Evidence = {
  source: 'verified on a cluster',
  date: '2026-10-03',
  wording: 'recorded',
};
export const REPORTED: Evidence = {
  source: 'reported from a cluster by pistachio',
  date: '2026-07-23',
  wording: 'recorded',
};
export const GUIDE: Evidence = { source: 'AWS user guide', date: '2026-09-15', wording: 'recorded' };
export const SKILL: Evidence = {
  source: "observed on a cluster by AWS's troubleshooting skill",
  date: '2026-10-01',
  wording: 'recorded',
};
export const LINT: Evidence = {
  source: 'dsql-lint 0.2.14, tested on a cluster',
  date: '2026-08-07',
  wording: 'pattern',
};
export const GRAMMAR: Evidence = {
  source: 'not in the grammar that a cluster accepted',
  date: '2026-08',
  wording: 'pattern',
};
export const byPattern = (evidence: Evidence): Evidence => ({ ...evidence, wording: 'pattern' });

interface Row<Name extends NodeName> extends Evidence {
  readonly what: string;
  readonly message: string;
  readonly sqlstate?: string;
  readonly instead?: string;
  readonly when?: (body: NodeBody<Name>, place: Place) => Finding;
}

/** A row of the table; without `when` the node itself is refused wherever it stands. SQLSTATE is 0A000 unless given. */
export function rule<Name extends NodeName>(
  id: string,
  nodes: Name | readonly Name[],
  { when, sqlstate = '0A000', ...row }: Row<Name>,
): StatementRule {
  return {
    id,
    sqlstate,
    ...row,
    decidedBy: 'statement',
    nodes: typeof nodes === 'string' ? [nodes] : nodes,
    // The walk hands a rule only bodies of the nodes it names.
    finds: when ? (body, place) => when(body as NodeBody<Name>, place) : () => true,
  };
}

export function statement(node: NodeName, what: string, evidence: Evidence, instead?: string): StatementRule {
  const name = node.replace(/Stmt$/, '');
  return rule(`statement-${name.toLowerCase()}`, node, {
    what,
    message: `unsupported statement: ${name}`,
    ...evidence,
    ...(instead !== undefined && { instead }),
  });
}
