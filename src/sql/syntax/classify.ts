import type { LockClauseStrength, Node, RangeVar, SelectStmt } from 'libpg-query';
import { asNode, unwrap, walk } from './parse-tree';
import type { NodeBody } from './parse-tree';
import type { StatementKind, TableName } from './statement';

/** What {@link classify} says of a statement. */
export interface Classification {
  readonly kind: StatementKind;
  readonly locking?: 'update' | 'key share';
  readonly targets: readonly TableName[];
}

/** Kinds that follow from the node alone. Nodes that are absent here and not queries are `other`. */
const KIND_OF_NODE: Readonly<Record<string, StatementKind>> = {
  VariableSetStmt: 'session',
  VariableShowStmt: 'session',
  ConstraintsSetStmt: 'session',
  DeallocateStmt: 'session',
  DiscardStmt: 'session',
  CallStmt: 'call',
  CopyStmt: 'copy',
  ...Object.fromEntries(
    (
      'AlterCollationStmt AlterDatabaseSetStmt AlterDatabaseStmt AlterDefaultPrivilegesStmt AlterDomainStmt ' +
      'AlterEnumStmt AlterEventTrigStmt AlterExtensionContentsStmt AlterExtensionStmt AlterFdwStmt ' +
      'AlterForeignServerStmt AlterFunctionStmt AlterObjectDependsStmt AlterObjectSchemaStmt AlterOpFamilyStmt ' +
      'AlterOperatorStmt AlterOwnerStmt AlterPolicyStmt AlterPublicationStmt AlterRoleSetStmt AlterRoleStmt ' +
      'AlterSeqStmt AlterStatsStmt AlterSubscriptionStmt AlterSystemStmt AlterTableMoveAllStmt AlterTableStmt ' +
      'AlterTableSpaceOptionsStmt AlterTSConfigurationStmt AlterTSDictionaryStmt AlterTypeStmt ' +
      'AlterUserMappingStmt CommentStmt CompositeTypeStmt CreateAmStmt CreateCastStmt CreateConversionStmt ' +
      'CreateDomainStmt CreateEnumStmt CreateEventTrigStmt CreateExtensionStmt CreateFdwStmt ' +
      'CreateForeignServerStmt CreateForeignTableStmt CreateFunctionStmt CreateOpClassStmt CreateOpFamilyStmt ' +
      'CreatePLangStmt CreatePolicyStmt CreatePublicationStmt CreateRangeStmt CreateRoleStmt CreateSchemaStmt ' +
      'CreateSeqStmt CreateStatsStmt CreateStmt CreateSubscriptionStmt CreateTableAsStmt CreateTableSpaceStmt ' +
      'CreateTransformStmt CreateTrigStmt CreateUserMappingStmt CreatedbStmt DefineStmt DropOwnedStmt DropRoleStmt ' +
      'DropStmt DropSubscriptionStmt DropTableSpaceStmt DropUserMappingStmt DropdbStmt GrantRoleStmt GrantStmt ' +
      'ImportForeignSchemaStmt IndexStmt ReassignOwnedStmt RefreshMatViewStmt ReindexStmt RenameStmt RuleStmt ' +
      'SecLabelStmt TruncateStmt ViewStmt'
    )
      .split(' ')
      .map((node) => [node, 'ddl' as const]),
  ),
};

/**
 * Says what a statement does and to which tables.
 *
 * A `SELECT` that locks rows, or whose CTEs write, is a `write`; `SELECT … INTO` is `ddl`, because PostgreSQL makes
 * a table of it. `EXPLAIN` is what it explains only with `ANALYZE`, which runs the statement.
 *
 * @param node - The statement's parse node.
 * @param body - That node's fields.
 */
export function classify(node: string, body: object): Classification {
  switch (node) {
    case 'SelectStmt':
    case 'InsertStmt':
    case 'UpdateStmt':
    case 'DeleteStmt':
    case 'MergeStmt':
      return classifyQuery(node, body);
    case 'ExplainStmt':
      return classifyExplain(body);
    case 'TransactionStmt':
      return { kind: kindOfTransactionStatement(body), targets: [] };
    case 'CopyStmt': {
      const { relation, is_from: writes } = body as NodeBody<'CopyStmt'>;
      return { kind: 'copy', targets: writes && relation ? [tableName(relation)] : [] };
    }
    default:
      return { kind: KIND_OF_NODE[node] ?? 'other', targets: [] };
  }
}

function kindOfTransactionStatement({ kind }: NodeBody<'TransactionStmt'>): StatementKind {
  switch (kind) {
    case 'TRANS_STMT_BEGIN':
    case 'TRANS_STMT_START':
      return 'begin';
    case 'TRANS_STMT_COMMIT':
      return 'commit';
    case 'TRANS_STMT_ROLLBACK':
      return 'rollback';
    default:
      return 'other';
  }
}

/** Whether a statement is executed: EXPLAIN without ANALYZE executes nothing. */
export function isExecuted(node: string, body: object): boolean {
  if (node !== 'ExplainStmt') return true;
  return ((body as NodeBody<'ExplainStmt'>).options ?? []).some((option) => {
    const element = asNode(option, 'DefElem');
    return element?.defname === 'analyze' && !isOff(element.arg);
  });
}

function classifyExplain(explain: NodeBody<'ExplainStmt'>): Classification {
  const explained = explain.query && unwrap(explain.query);
  return explained && isExecuted('ExplainStmt', explain)
    ? classify(explained.name, explained.body)
    : { kind: 'read', targets: [] };
}

/** Whether an option's value is one of PostgreSQL's words for false; an option without a value is on. */
function isOff(value: Node | undefined): boolean {
  const integer = asNode(value, 'Integer');
  if (integer) return (integer.ival ?? 0) === 0;
  const word = asNode(value, 'String')?.sval?.toLowerCase();
  return word === 'false' || word === 'off' || asNode(value, 'Boolean')?.boolval === false;
}

function classifyQuery(node: string, body: object): Classification {
  const targets: TableName[] = [];
  const commonTables = new Set<string>();
  const found: { writes: boolean; createsTable: boolean; locking?: Classification['locking'] } = {
    writes: node !== 'SelectStmt',
    createsTable: false,
  };

  walk(node, body, (visited) => {
    switch (visited.name) {
      case 'CommonTableExpr': {
        const { ctename } = visited.body as NodeBody<'CommonTableExpr'>;
        if (ctename !== undefined) commonTables.add(ctename);
        break;
      }
      case 'InsertStmt':
      case 'UpdateStmt':
      case 'DeleteStmt':
      case 'MergeStmt': {
        found.writes = true;
        const { relation } = visited.body as NodeBody<'InsertStmt'>;
        if (relation) targets.push(tableName(relation));
        break;
      }
      case 'SelectStmt': {
        const select = visited.body as SelectStmt;
        if (select.intoClause) found.createsTable = true;
        for (const item of select.lockingClause ?? []) {
          const clause = asNode(item, 'LockingClause');
          if (!clause) continue;
          found.locking = stronger(found.locking, clause.strength);
          targets.push(...lockedTables(select, clause.lockedRels));
        }
        break;
      }
    }
    return true;
  });

  const written = targets.filter(({ schema, name }) => schema !== undefined || !commonTables.has(name));
  const { writes, createsTable, locking } = found;
  const kind = createsTable ? 'ddl' : writes || locking ? 'write' : 'read';
  return { kind, targets: distinct(written), ...(locking && { locking }) };
}

function stronger(
  held: Classification['locking'],
  strength: LockClauseStrength | undefined,
): Classification['locking'] {
  return strength === 'LCS_FORKEYSHARE' ? (held ?? 'key share') : 'update';
}

/** The tables of a `FROM` that a locking clause reaches: all of them, sub-selects included, or those it names. */
function lockedTables(select: SelectStmt, named: readonly Node[] | undefined): TableName[] {
  const wanted = named && new Set(named.map((item) => asNode(item, 'RangeVar')?.relname));
  const found: TableName[] = [];
  const visit = (item: Node | undefined, everything: boolean): void => {
    const table = asNode(item, 'RangeVar');
    if (table && (everything || wanted?.has(table.alias?.aliasname ?? table.relname))) {
      found.push(tableName(table));
    }
    const join = asNode(item, 'JoinExpr');
    if (join) {
      visit(join.larg, everything);
      visit(join.rarg, everything);
    }
    const subselect = asNode(item, 'RangeSubselect');
    if (subselect) {
      const inner = asNode(subselect.subquery, 'SelectStmt');
      const reached = everything || (wanted?.has(subselect.alias?.aliasname) ?? false);
      if (reached) for (const source of inner?.fromClause ?? []) visit(source, true);
    }
  };
  for (const item of select.fromClause ?? []) visit(item, wanted === undefined);
  return found;
}

function tableName({ schemaname, relname }: RangeVar): TableName {
  return { ...(schemaname !== undefined && { schema: schemaname }), name: relname ?? '' };
}

function distinct(tables: readonly TableName[]): TableName[] {
  const seen = new Map(tables.map((table) => [JSON.stringify([table.schema, table.name]), table]));
  return [...seen.values()];
}
