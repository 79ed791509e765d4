import type { RangeVar } from 'libpg-query';
import { asNode } from '../../syntax/parse-tree';
import { quoted } from '../../text/quoting';
import { deleteInBatches, unsetInBatches, type WrittenTable } from '../batches';
import { tableNameOf } from '../../catalogue/catalog-facts';
import { emptyingPlan } from '../../catalogue/emptying-plan';
import { withComments } from '../draft';
import type { Draft, Outcome } from '../draft';
import type { Rewrite } from '../rewrite';

/** What is known of a table that is in no catalogue. */
const UNKNOWN = { columns: [], constraints: [], isPartial: true } as const;

/** Translates TRUNCATE to DELETE in batches. */
export function truncate(rewrite: Rewrite<'TruncateStmt'>): Outcome {
  const { relations, restart_seqs: restarts, behavior } = rewrite.tree;
  if (!rewrite.isRefused('statement-truncate')) return rewrite.unchanged();
  if (behavior === 'DROP_CASCADE') {
    rewrite.refuse({
      rule: 'statement-truncate',
      why: 'Which tables CASCADE empties is only known to the database.',
      instead: 'TRUNCATE the tables by name, those that reference others first, without CASCADE.',
    });
    return [];
  }
  const tables = (relations ?? []).flatMap((item) => asNode(item, 'RangeVar') ?? []);
  const { unset, order } = emptyingPlan(
    tables.map((relation) => {
      const name = tableNameOf(relation);
      return { ...UNKNOWN, ...rewrite.catalogue.table(name), ...name, relation };
    }),
  );
  const drafts = order.flatMap(({ relation }) => [
    emptied(rewrite, relation),
    ...(restarts === true ? restarted(rewrite, relation) : []),
  ]);
  return withComments(rewrite.source, [
    ...unset.map(({ table, column }) =>
      unsetInBatches(writtenTable(rewrite, table.relation), quoted(column), rewrite.context),
    ),
    ...drafts,
  ]);
}

function writtenTable({ source }: Rewrite<'TruncateStmt'>, table: RangeVar): WrittenTable {
  return { written: source.nameAt(table.location), name: tableNameOf(table) };
}

function emptied(rewrite: Rewrite<'TruncateStmt'>, table: RangeVar): Draft {
  const draft = deleteInBatches(writtenTable(rewrite, table), rewrite.context);
  return {
    ...draft,
    notes: [
      ...(draft.notes ?? []),
      'Where TRUNCATE fails because another table references this one, DELETE does what ON DELETE says.',
    ],
  };
}

function restarted(rewrite: Rewrite<'TruncateStmt'>, table: RangeVar): Draft[] {
  const written = rewrite.source.nameAt(table.location);
  const { columns, isPartial } = rewrite.catalogue.table(tableNameOf(table)) ?? UNKNOWN;
  if (isPartial === true) {
    rewrite.refuse({
      rule: 'statement-truncate',
      why: `The identity columns of ${written} are not known.`,
      instead: 'TRUNCATE without RESTART IDENTITY, and ALTER TABLE … ALTER COLUMN … RESTART.',
    });
    return [];
  }
  return columns
    .filter(({ identity }) => identity)
    .map(({ name }) => ({ sql: `ALTER TABLE ${written} ALTER COLUMN ${quoted(name)} RESTART` }));
}
