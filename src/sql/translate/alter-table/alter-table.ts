import { asNode } from '../../syntax/parse-tree';
import { quoted } from '../../text/quoting';
import { identityCacheEdits } from '../columns/identity';
import type { Draft, Outcome } from '../draft';
import type { Rewrite } from '../rewrite';
import { addColumn } from './add-column';
import { addConstraint } from './add-constraint';
import { alterType, dropNotNull, setNotNull } from './alter-column';
import { AlteredTable } from './altered-table';
import type { Action } from './altered-table';
import { dropColumn, dropConstraint } from './drop';
import { identityDefault } from './sequence-default';
import { Pass } from './step';
import type { Step } from './step';

/** Translates ALTER TABLE: what DSQL does at once stays as it is, the rest becomes statements of its own. */
export function alterTable(rewrite: Rewrite<'AlterTableStmt'>): Outcome {
  if (rewrite.tree.objtype !== 'OBJECT_TABLE' || rewrite.isAsync) return rewrite.unchanged();
  const table = new AlteredTable(rewrite);
  const { actions } = table;
  const stepsOf = new Map<Action, readonly Step[]>();
  for (const action of [...actions].sort((a, b) => turnOf(a) - turnOf(b))) {
    stepsOf.set(action, translateAction(action));
  }
  const steps = actions.flatMap((action) => {
    const [first, ...others] = stepsOf.get(action) ?? [];
    if (!first) return [];
    const { comments } = action;
    return [comments === '' ? first : { ...first, comments }, ...others];
  });
  const isUnchanged =
    steps.length === table.writtenActions &&
    steps.every(({ kept }, index) => kept === actions[index]?.written);
  return isUnchanged ? rewrite.unchanged() : assemble(table, steps);
}

/** PostgreSQL drops first, so that what is added may have that name, and adds columns before anything is said of them. */
function turnOf({ isDrop, command: { subtype = 'AT_AddColumn' } }: Action): number {
  if (isDrop) return 0;
  return subtype === 'AT_AddColumn' ? 1 : 2;
}

function assemble({ rewrite, prefix }: AlteredTable, steps: readonly Step[]): Outcome {
  const { source, notes } = rewrite;
  if (steps.length === 0) return notes.length === 0 ? [] : { omitted: notes.join(' ') };
  const sorted = steps.some(({ statement }) => statement)
    ? [...steps].sort((a, b) => a.pass - b.pass)
    : steps;
  const [first, ...others] = statementsOf(prefix, sorted);
  if (!first) return [];
  const before = source.comments;
  return [{ ...first, sql: before + first.sql, notes: [...notes, ...(first.notes ?? [])] }, ...others];
}

/** Neighbouring actions that stay go into one ALTER TABLE. */
function statementsOf(prefix: string, steps: readonly Step[]): Draft[] {
  const drafts: Draft[] = [];
  let kept: string[] = [];
  let comments = '';
  const flush = () => {
    if (kept.length === 0) return;
    drafts.push({ sql: `${comments}${prefix} ${kept.join(', ')}` });
    kept = [];
    comments = '';
  };
  for (const step of steps) {
    if (step.kept !== undefined) {
      kept.push(step.kept);
      comments += step.comments ?? '';
    }
    if (!step.statement) continue;
    flush();
    drafts.push({ ...step.statement, sql: (step.comments ?? '') + step.statement.sql });
  }
  flush();
  return drafts;
}

/** Actions that change no row and no rule, only how PostgreSQL stores a table. */
const STORAGE_ACTIONS = new Set([
  'AT_SetStatistics',
  'AT_SetOptions',
  'AT_ResetOptions',
  'AT_SetCompression',
  'AT_ClusterOn',
  'AT_DropCluster',
  'AT_SetAccessMethod',
  'AT_SetLogged',
  'AT_SetUnLogged',
  'AT_DropOids',
  'AT_SetTableSpace',
  'AT_SetRelOptions',
  'AT_ResetRelOptions',
]);

function translateAction(action: Action): readonly Step[] {
  const { rewrite, table, name } = action;
  const { subtype = 'AT_AddColumn' } = action.command;
  if (STORAGE_ACTIONS.has(subtype) && rewrite.isRefused('alter-table-action')) {
    rewrite.note(`${action.written} is omitted: DSQL stores tables in its own way.`);
    return [];
  }
  if (subtype === 'AT_ReplicaIdentity' && rewrite.isRefused('alter-table-action')) {
    rewrite.note(`${action.written} is omitted: it is for logical replication, which DSQL does not have.`);
    return [];
  }
  switch (subtype) {
    case 'AT_AddColumn':
      return addColumn(action);
    case 'AT_AddConstraint':
      return addConstraint(action);
    case 'AT_ValidateConstraint':
      return rewrite.isRefused('validate-constraint-without-async')
        ? [table.validation(quoted(name))]
        : action.keep(Pass.Validate);
    case 'AT_SetNotNull':
      return setNotNull(action);
    case 'AT_DropNotNull':
      return dropNotNull(action);
    case 'AT_AlterColumnType':
      return alterType(action);
    case 'AT_ColumnDefault':
      return identityDefault(action) ?? action.keep(action.isDrop ? Pass.Drop : Pass.Attributes);
    case 'AT_AddIdentity':
      return addIdentity(action);
    case 'AT_DropIdentity':
      noteIdentity(action, false);
      return action.keep(Pass.Drop);
    case 'AT_DropColumn':
      return dropColumn(action);
    case 'AT_DropConstraint':
      return dropConstraint(action);
    default:
      return action.keep(action.isDrop ? Pass.Drop : Pass.Attributes);
  }
}

/** What follows in the same text knows it. */
function noteIdentity({ table, name }: Action, identity: boolean): void {
  const { catalogue } = table;
  const known = catalogue.column(table.name, name);
  if (known) catalogue.setColumn(table.name, { ...known, identity });
}

function addIdentity(action: Action): readonly Step[] {
  const { source, rewrite, command } = action;
  noteIdentity(action, true);
  const constraint = asNode(command.def, 'Constraint');
  if (!constraint || !rewrite.isRefused('add-identity-cache')) return action.keep(Pass.Attributes);
  const edits = identityCacheEdits(source, constraint, rewrite.context.identityCache);
  return [{ pass: Pass.Attributes, kept: source.edited(edits, action.start, source.endBefore(action.to)) }];
}
