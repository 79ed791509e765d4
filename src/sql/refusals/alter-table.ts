import type { AlterTableStmt, AlterTableType, Constraint, ObjectType } from 'libpg-query';
import { asNode } from '../syntax/parse-tree';
import { byPattern, GUIDE, LINT, RECORDED, REPORTED, rule, VERIFIED } from './rule';
import type { Finding, Place, StatementRule } from './rule';
import { CACHE_ADVICE, cacheSize, isCacheAccepted } from './sequences';
import { columnConstraints } from './tables';

/** The names that PostgreSQL gives the actions of ALTER TABLE in its messages; those absent here DSQL accepts. */
const REFUSED_ACTIONS: Partial<Readonly<Record<AlterTableType, string>>> = {
  AT_SetNotNull: 'ALTER COLUMN ... SET NOT NULL',
  AT_AlterColumnType: 'ALTER COLUMN ... SET DATA TYPE',
  AT_SetStatistics: 'ALTER COLUMN ... SET STATISTICS',
  AT_SetOptions: 'ALTER COLUMN ... SET',
  AT_ResetOptions: 'ALTER COLUMN ... RESET',
  AT_SetCompression: 'ALTER COLUMN ... SET COMPRESSION',
  AT_AlterColumnGenericOptions: 'ALTER COLUMN ... OPTIONS',
  AT_ClusterOn: 'CLUSTER ON',
  AT_DropCluster: 'SET WITHOUT CLUSTER',
  AT_SetAccessMethod: 'SET ACCESS METHOD',
  AT_SetLogged: 'SET LOGGED',
  AT_SetUnLogged: 'SET UNLOGGED',
  AT_DropOids: 'SET WITHOUT OIDS',
  AT_SetTableSpace: 'SET TABLESPACE',
  AT_SetRelOptions: 'SET',
  AT_ResetRelOptions: 'RESET',
  AT_EnableTrig: 'ENABLE TRIGGER',
  AT_EnableAlwaysTrig: 'ENABLE ALWAYS TRIGGER',
  AT_EnableReplicaTrig: 'ENABLE REPLICA TRIGGER',
  AT_DisableTrig: 'DISABLE TRIGGER',
  AT_EnableRule: 'ENABLE RULE',
  AT_EnableAlwaysRule: 'ENABLE ALWAYS RULE',
  AT_EnableReplicaRule: 'ENABLE REPLICA RULE',
  AT_DisableRule: 'DISABLE RULE',
  AT_AddInherit: 'INHERIT',
  AT_DropInherit: 'NO INHERIT',
  AT_AddOf: 'OF',
  AT_DropOf: 'NOT OF',
  AT_ReplicaIdentity: 'REPLICA IDENTITY',
  AT_EnableRowSecurity: 'ENABLE ROW SECURITY',
  AT_DisableRowSecurity: 'DISABLE ROW SECURITY',
  AT_ForceRowSecurity: 'FORCE ROW SECURITY',
  AT_NoForceRowSecurity: 'NO FORCE ROW SECURITY',
  AT_GenericOptions: 'OPTIONS',
  AT_AttachPartition: 'ATTACH PARTITION',
  AT_DetachPartition: 'DETACH PARTITION',
  AT_DetachPartitionFinalize: 'DETACH PARTITION ... FINALIZE',
};

const refusedAction = (subtype: AlterTableType | undefined): Finding => {
  const action = subtype && REFUSED_ACTIONS[subtype];
  return action !== undefined && { action };
};

/** Actions that have rows of their own, or are asked for by another one. */
const OWN_ROWS =
  /^AT_(?:SetNotNull|AlterColumnType)$|RowSecurity$|Trig$|Rule$|^AT_(?:Add|Drop)(?:Inherit|Of)$|Partition/;

/** A row for actions by their names in the parser. */
function actions(id: string, what: string, names: RegExp, instead: string): StatementRule {
  const isRest = id === 'alter-table-action';
  return rule(id, 'AlterTableCmd', {
    what,
    message: 'unsupported ALTER TABLE {action} statement',
    ...REPORTED,
    instead,
    when: ({ subtype = 'AT_AddColumn' }, place) => {
      const isOfRow = isRest ? !OWN_ROWS.test(subtype) : names.test(subtype);
      return isOfRow && !isViewOption(subtype, place) && refusedAction(subtype);
    },
  });
}

/** `ALTER VIEW … SET (security_invoker = true)` and RESET (AWS user guide, "ALTER VIEW", 2026-09-15). */
function isViewOption(subtype: AlterTableType | undefined, { parent }: Place): boolean {
  if (subtype !== 'AT_SetRelOptions' && subtype !== 'AT_ResetRelOptions') return false;
  return parent?.name === 'AlterTableStmt' && (parent.body as AlterTableStmt).objtype === 'OBJECT_VIEW';
}

/** CHECK and FOREIGN KEY are accepted with NOT VALID, UNIQUE with the index that it takes over. */
function isConstraintAccepted({ contype, skip_validation: notValid, indexname }: Constraint): boolean {
  if (contype === 'CONSTR_CHECK' || contype === 'CONSTR_FOREIGN') return notValid === true;
  return contype === 'CONSTR_UNIQUE' && indexname !== undefined;
}

const ALTERED_OBJECTS: Partial<Readonly<Record<ObjectType, string>>> = {
  OBJECT_TYPE: 'ALTER TYPE',
  OBJECT_INDEX: 'ALTER INDEX',
  OBJECT_MATVIEW: 'ALTER MATERIALIZED VIEW',
  OBJECT_FOREIGN_TABLE: 'ALTER FOREIGN TABLE',
};

/** ALTER TABLE and its kin. */
export const alterTable: readonly StatementRule[] = [
  rule('alter-object', 'AlterTableStmt', {
    what: 'ALTER TYPE, ALTER INDEX (but RENAME), ALTER MATERIALIZED VIEW, ALTER FOREIGN TABLE',
    message: '{object} not supported',
    ...LINT,
    instead: 'Columns or jsonb for a type, with ALTER TABLE; CREATE INDEX ASYNC of another index; a view.',
    when: ({ objtype }) => {
      const object = objtype && ALTERED_OBJECTS[objtype];
      return object !== undefined && { object };
    },
  }),
  rule('alter-table-async', 'AlterTableStmt', {
    what: 'ALTER TABLE ASYNC with another action than VALIDATE CONSTRAINT',
    message: 'unsupported ALTER TABLE ASYNC statement',
    ...byPattern(GUIDE),
    instead: 'Omit ASYNC.',
    when: ({ cmds }, { source }) =>
      source.async &&
      (cmds ?? []).some((item) => asNode(item, 'AlterTableCmd')?.subtype !== 'AT_ValidateConstraint'),
  }),
  rule('add-column-with-constraint', 'AlterTableCmd', {
    what: 'ALTER TABLE ADD COLUMN with DEFAULT, NOT NULL, CHECK, UNIQUE, REFERENCES, IDENTITY or GENERATED',
    message: 'ALTER TABLE ADD COLUMN with constraint not supported',
    ...RECORDED,
    instead:
      'Add the bare column, then ALTER COLUMN SET DEFAULT, fill existing rows in batches, ' +
      'and ADD CONSTRAINT … CHECK (column IS NOT NULL) NOT VALID.',
    when: ({ subtype, def }) => {
      const column = subtype === 'AT_AddColumn' ? asNode(def, 'ColumnDef') : undefined;
      return column !== undefined && columnConstraints(column).length > 0;
    },
  }),
  rule('add-constraint', 'AlterTableCmd', {
    what: 'ALTER TABLE ADD CHECK or FOREIGN KEY without NOT VALID; ADD PRIMARY KEY; ADD UNIQUE without USING INDEX',
    message: 'unsupported ALTER TABLE ADD CONSTRAINT statement',
    ...RECORDED,
    instead:
      'ADD CONSTRAINT … NOT VALID, then ALTER TABLE ASYNC … VALIDATE CONSTRAINT; ' +
      'for UNIQUE, CREATE UNIQUE INDEX ASYNC, then ADD CONSTRAINT … UNIQUE USING INDEX.',
    when: ({ subtype, def }) => {
      const constraint = subtype === 'AT_AddConstraint' ? asNode(def, 'Constraint') : undefined;
      return constraint !== undefined && !isConstraintAccepted(constraint);
    },
  }),
  rule('validate-constraint-without-async', 'AlterTableCmd', {
    what: 'ALTER TABLE … VALIDATE CONSTRAINT without ASYNC',
    message: 'unsupported ALTER TABLE VALIDATE CONSTRAINT statement',
    ...RECORDED,
    instead: 'ALTER TABLE ASYNC … VALIDATE CONSTRAINT.',
    when: ({ subtype }, { source }) => subtype === 'AT_ValidateConstraint' && !source.async,
  }),
  rule('alter-column-type', 'AlterTableCmd', {
    what: 'ALTER TABLE … ALTER COLUMN … TYPE',
    message: 'unsupported ALTER TABLE {action} statement',
    ...RECORDED,
    instead:
      'Add a column of the new type, copy in batches, drop the old one and rename; ' +
      'or rebuildTable() and dsql: { rebuild: true }, which copy the table.',
    when: ({ subtype }) => subtype === 'AT_AlterColumnType' && refusedAction(subtype),
  }),
  rule('set-not-null', 'AlterTableCmd', {
    what: 'ALTER TABLE … ALTER COLUMN … SET NOT NULL',
    message: 'unsupported ALTER TABLE {action} statement',
    ...VERIFIED,
    instead:
      'ADD CONSTRAINT … CHECK (column IS NOT NULL) NOT VALID, then ALTER TABLE ASYNC … VALIDATE CONSTRAINT.',
    when: ({ subtype }) => subtype === 'AT_SetNotNull' && refusedAction(subtype),
  }),
  actions(
    'row-level-security',
    'ALTER TABLE … ENABLE, DISABLE, FORCE ROW LEVEL SECURITY',
    /RowSecurity$/,
    'Filter in views, CREATE VIEW … WHERE, and GRANT the views instead of the table; or filter in the application.',
  ),
  actions(
    'alter-table-trigger',
    'ALTER TABLE … ENABLE, DISABLE TRIGGER name',
    /Trig(?:All|User)?$/,
    'Omit it: there are no triggers. The application does what they did.',
  ),
  actions(
    'alter-table-rule',
    'ALTER TABLE … ENABLE, DISABLE RULE',
    /Rule$/,
    'Omit it: there are no rules. Read from a view, and write to the table itself.',
  ),
  actions(
    'inheritance',
    'ALTER TABLE … INHERIT, NO INHERIT, OF, NOT OF',
    /^AT_(?:Add|Drop)(?:Inherit|Of)$/,
    'One table with a column that says of which kind a row is, or a table for each kind and a view with UNION ALL.',
  ),
  actions(
    'attach-partition',
    'ALTER TABLE … ATTACH PARTITION, DETACH PARTITION',
    /Partition/,
    'Use one table: DSQL partitions by itself. INSERT … SELECT the rows of each partition, in batches, and drop it.',
  ),
  actions(
    'alter-table-action',
    'ALTER TABLE: storage, statistics, replication and foreign table options',
    /./,
    'Omit it: DSQL chooses how it stores, orders and replicates a table.',
  ),
  rule('add-identity-cache', 'AlterTableCmd', {
    what: 'ALTER COLUMN ADD GENERATED … AS IDENTITY or SET CACHE without CACHE 1 or CACHE 65536 and above',
    message: `identity column is not supported without an explicit cache size. ${CACHE_ADVICE}`,
    ...byPattern(GUIDE),
    instead: 'CACHE 1, or CACHE 65536 for many concurrent inserts.',
    when: ({ subtype, def }) => {
      if (subtype === 'AT_AddIdentity')
        return !isCacheAccepted(cacheSize(asNode(def, 'Constraint')?.options));
      const size = subtype === 'AT_SetIdentity' ? cacheSize(asNode(def, 'List')?.items) : undefined;
      return size !== undefined && !isCacheAccepted(size);
    },
  }),
];
