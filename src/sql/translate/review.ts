import type { ResolvedCapabilities } from '../facts/capabilities';
import { locatedRefusals, locationOf } from '../facts/located-refusals';
import { insteadOfType, isExtensionType } from '../facts/types-as-text';
import { parseQuery } from '../syntax/parse';
import { strings } from '../syntax/parse-tree';
import type { Statement } from '../syntax/statement';
import { newColumns } from './columns/new-columns';
import type { Draft } from './draft';
import type { Report } from './report';
import type { Rewrite } from './rewrite';
import type { PreparedText } from './text/prepare-text';
import type { Part } from './transactions';
import type { DsqlStatementKind } from './translation';

/** Reads the statements that a translation has made, and refuses what DSQL would refuse of them. */
export function review(
  { source }: Rewrite,
  drafts: readonly Draft[],
  { parsed }: PreparedText,
  capabilities: ResolvedCapabilities,
  report: Report,
): readonly Part[] {
  const { statement } = source;
  const known = new Set(report.refusalsOf(source).map(({ rule }) => rule));
  return drafts.map((draft) => {
    const isUnchanged = draft.sql === source.text;
    const read = isUnchanged ? { statements: [statement], text: parsed.text } : parseQuery(draft.sql);
    const [made] = read.statements;
    if (!made) throw new Error(`This translation cannot be read: ${draft.sql}`);
    const found = made.refusal ? locatedRefusals(made, read.text, capabilities.gained) : [];
    for (const { refusal } of found) {
      if (known.has(refusal.rule)) continue;
      const original = isUnchanged ? found : locatedRefusals(statement, parsed.text, capabilities.gained);
      const at =
        original.find((each) => each.refusal.message === refusal.message)?.offset ?? source.firstToken;
      report.refuse(source, { rule: refusal.rule, at, message: refusal.message });
    }
    for (const { id, node } of capabilities.lost.size > 0 ? capabilities.usedBy(made) : []) {
      report.lack(source, id, isUnchanged ? locationOf(node, read.text) : undefined);
    }
    return { draft, statement: made, kind: kindOf(made) };
  });
}

function kindOf({ kind, node, async }: Statement): DsqlStatementKind {
  switch (kind) {
    case 'ddl':
      if (node === 'IndexStmt') return 'job';
      return async ? 'validate' : 'ddl';
    case 'begin':
    case 'commit':
    case 'rollback':
      return 'transaction';
    case 'session':
      return 'session';
    default:
      return 'dml';
  }
}

/** Refuses new columns with types that only an extension brings, or a domain that the text itself creates. */
export function refuseExtensionTypes(rewrite: Rewrite): void {
  const { source, context } = rewrite;
  for (const { typeName } of newColumns(source.statement)) {
    const type = strings(typeName?.names).at(-1) ?? '';
    if (!isExtensionType(type) || context.domains.has(type) || !rewrite.isRefused('extension-type')) {
      continue;
    }
    rewrite.refuse({
      rule: 'extension-type',
      at: source.at(typeName?.location),
      parts: { type },
      instead: insteadOfType(type),
    });
  }
}
