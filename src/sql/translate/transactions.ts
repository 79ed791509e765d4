import type { NodeBody } from '../syntax/parse-tree';
import type { Statement } from '../syntax/statement';
import type { TranslationContext } from './context';
import type { Draft } from './draft';
import type { StatementText } from './text/statement-text';
import type { DsqlStatementKind } from './translation';

/** A statement of the source with what has become of it. */
export interface Piece {
  readonly source: StatementText;
  readonly parts: readonly Part[];
  /** Something in it was refused, so it has no parts. */
  readonly isRefused: boolean;
}

/** A statement that was made, read again. */
export interface Part {
  readonly draft: Draft;
  readonly statement: Statement;
  readonly kind: DsqlStatementKind;
}

const TAKEN_APART =
  'The transaction was taken apart: DSQL takes one DDL statement in a transaction, and no other writes with it. ' +
  'What ran before an error stays.';

/**
 * Takes the transactions apart that DSQL would refuse: each DDL statement and each repeated write becomes a transaction
 * of its own, and the writes between them stay together.
 */
export function separateTransactions(
  pieces: readonly Piece[],
  context: TranslationContext,
): readonly Piece[] {
  const separated: Piece[] = [];
  for (let index = 0; index < pieces.length; index++) {
    const piece = pieces[index];
    if (piece?.source.statement.kind !== 'begin') {
      if (piece) separated.push(piece);
      continue;
    }
    let end = index + 1;
    while (end < pieces.length && !isEnd(pieces[end])) end++;
    const last = pieces[end];
    separated.push(...separate(piece, pieces.slice(index + 1, end), last, context));
    index = last?.source.statement.kind === 'begin' ? end - 1 : end;
  }
  return separated;
}

function isEnd(piece: Piece | undefined): boolean {
  const kind = piece?.source.statement.kind;
  return kind === 'commit' || kind === 'rollback' || kind === 'begin';
}

function separate(
  begin: Piece,
  block: readonly Piece[],
  end: Piece | undefined,
  context: TranslationContext,
): readonly Piece[] {
  const whole = [begin, ...block, ...(end && end.source.statement.kind !== 'begin' ? [end] : [])];
  const parts = block.flatMap((piece) => piece.parts);
  const alone = parts.filter(standsAlone).length;
  const writes = parts.filter(isWrite).length;
  if (alone === 0 || (alone === 1 && writes === 0 && !parts.some(({ draft }) => draft.repeat))) return whole;
  if (end?.source.statement.kind !== 'commit') {
    const rule = alone > 1 ? 'multiple-ddl' : 'ddl-and-dml';
    if (context.isRefused(rule)) {
      context.refuse(begin.source, {
        rule,
        why:
          end?.source.statement.kind === 'rollback'
            ? 'The transaction is rolled back, and statements that run one by one cannot be.'
            : 'The text ends before its transaction does, so it cannot be taken apart.',
      });
    }
    return whole;
  }
  if (!context.isRefused('multiple-ddl') && !context.isRefused('ddl-and-dml')) return whole;
  const local = block.find(({ source }) => lastsForTransaction(source.statement));
  if (local) {
    context.refuse(local.source, {
      rule: 'multiple-ddl',
      why: 'It lasts as long as its transaction, which DSQL does not take as one.',
      instead: 'SET for the session, before the transaction.',
    });
    return whole;
  }
  return regroup(begin, block, end);
}

/** Whether a statement would be lost when its transaction is taken apart: SET LOCAL, SET CONSTRAINTS. */
function lastsForTransaction({ node, tree }: Statement): boolean {
  if (node === 'ConstraintsSetStmt') return true;
  return node === 'VariableSetStmt' && (tree as NodeBody<'VariableSetStmt'>).is_local === true;
}

/** Every DDL statement and every repeated write is a transaction of its own. */
function standsAlone({ kind, draft }: Part): boolean {
  return kind === 'ddl' || kind === 'job' || kind === 'validate' || draft.repeat !== undefined;
}

function isWrite({ statement }: Part): boolean {
  return statement.kind === 'write' || statement.kind === 'copy';
}

function regroup(begin: Piece, block: readonly Piece[], end: Piece): readonly Piece[] {
  const regrouped: Piece[] = [];
  let writes: Piece[] = [];
  let note: readonly string[] = [TAKEN_APART];
  const flush = () => {
    const isGroup = writes.flatMap(({ parts }) => parts).filter(isWrite).length > 1;
    regrouped.push(...(isGroup ? [only(begin), ...writes, only(end)] : writes));
    writes = [];
  };
  for (const piece of block) {
    for (const part of piece.parts) {
      const noted = { ...part, draft: { ...part.draft, notes: [...note, ...(part.draft.notes ?? [])] } };
      note = [];
      const single = { ...piece, parts: [noted] };
      if (!standsAlone(part)) writes.push(single);
      else {
        flush();
        regrouped.push(single);
      }
    }
  }
  flush();
  return regrouped;
}

/** BEGIN or COMMIT once more, without the comments that stand before it. */
function only(piece: Piece): Piece {
  const { source, parts } = piece;
  const { comments } = source;
  return {
    ...piece,
    parts: parts.map((part) => {
      const { sql } = part.draft;
      return { ...part, draft: { sql: sql.startsWith(comments) ? sql.slice(comments.length) : sql } };
    }),
  };
}
