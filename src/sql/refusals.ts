import type { AlterTableType, ColumnDef, Constraint, Node, ObjectType } from 'libpg-query';
import { geometricType, isGeometricType, nonBigintType, refusedColumnType, serialType } from './column-types';
import { asNode, stringConstant, strings, walk } from './parse-tree';
import type { NodeBody, NodeName, Visited } from './parse-tree';
import { tokensOf } from './scan';
import { sessionParameterRefusal } from './session-parameters';
import type { SourceStatement } from './source-statement';
import type { Refusal } from './statement';

/** One thing that DSQL refuses, as data. */
export interface RefusalRule {
  /** Stable name of the rule, as in {@link Refusal.rule}. */
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
type Finding = boolean | Readonly<Record<string, string>> | undefined;

interface Place {
  readonly parent: Visited | undefined;
  readonly source: SourceStatement;
}

/** A rule that the statement alone decides, with its predicate on the parse tree. */
interface StatementRule extends RefusalRule {
  readonly nodes: readonly NodeName[];
  readonly finds: (body: object, place: Place) => Finding;
}

type Evidence = Pick<RefusalRule, 'source' | 'date' | 'wording'>;

const RECORDED: Evidence = { source: 'recorded from a cluster', date: '2026-09', wording: 'recorded' };
const VERIFIED: Evidence = { source: 'verified on a cluster', date: '2026-10-03', wording: 'recorded' };
const REPORTED: Evidence = {
  source: 'reported from a cluster by pistachio',
  date: '2026-07-23',
  wording: 'recorded',
};
const GUIDE: Evidence = { source: 'AWS user guide', date: '2026-09-15', wording: 'recorded' };
const LINT: Evidence = {
  source: 'dsql-lint 0.2.14, tested on a cluster',
  date: '2026-08-07',
  wording: 'pattern',
};
const GRAMMAR: Evidence = {
  source: 'not in the grammar that a cluster accepted',
  date: '2026-08',
  wording: 'pattern',
};
const byPattern = (evidence: Evidence): Evidence => ({ ...evidence, wording: 'pattern' });

interface Row<Name extends NodeName> extends Evidence {
  readonly what: string;
  readonly message: string;
  readonly sqlstate?: string;
  readonly instead?: string;
  readonly when?: (body: NodeBody<Name>, place: Place) => Finding;
}

/** A row of the table; without `when` the node itself is refused wherever it stands. SQLSTATE is 0A000 unless given. */
function rule<Name extends NodeName>(
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

function statement(node: NodeName, what: string, evidence: Evidence, instead?: string): StatementRule {
  const name = node.replace(/Stmt$/, '');
  return rule(`statement-${name.toLowerCase()}`, node, {
    what,
    message: `unsupported statement: ${name}`,
    ...evidence,
    ...(instead !== undefined && { instead }),
  });
}

// ---------------------------------------------------------------------------------------------------------------

const ISOLATION_WORDS: Readonly<Record<string, string>> = {
  serializable: 'SERIALIZABLE',
  'read committed': 'READ COMMITTED',
  'read uncommitted': 'READ UNCOMMITTED',
};

/** The isolation level in a list of transaction modes, when it is one that DSQL does not have. */
function refusedIsolation(modes: readonly Node[] | undefined): { level: string } | undefined {
  for (const mode of modes ?? []) {
    const element = asNode(mode, 'DefElem');
    if (element?.defname !== 'transaction_isolation') continue;
    const level = ISOLATION_WORDS[stringConstant(element.arg)?.toLowerCase() ?? ''];
    if (level !== undefined) return { level };
  }
  return undefined;
}

const hasOption = (options: readonly Node[] | undefined, name: string): boolean =>
  (options ?? []).some((option) => asNode(option, 'DefElem')?.defname === name);

const transactions: readonly StatementRule[] = [
  rule('savepoint', 'TransactionStmt', {
    what: 'SAVEPOINT name',
    message: 'unsupported transaction statement: SAVEPOINT',
    ...RECORDED,
    instead: 'End the transaction and begin another one; a nested transaction cannot be undone on its own.',
    when: ({ kind }) => kind === 'TRANS_STMT_SAVEPOINT',
  }),
  rule('rollback-to-savepoint', 'TransactionStmt', {
    what: 'ROLLBACK TO SAVEPOINT name',
    message: 'unsupported transaction statement: ROLLBACK TO',
    ...RECORDED,
    instead: 'Roll back the whole transaction.',
    when: ({ kind }) => kind === 'TRANS_STMT_ROLLBACK_TO',
  }),
  rule('release-savepoint', 'TransactionStmt', {
    what: 'RELEASE SAVEPOINT name',
    message: 'unsupported transaction statement: RELEASE',
    ...LINT,
    when: ({ kind }) => kind === 'TRANS_STMT_RELEASE',
  }),
  rule('prepared-transaction', 'TransactionStmt', {
    what: 'PREPARE TRANSACTION, COMMIT PREPARED, ROLLBACK PREPARED',
    message: 'unsupported transaction statement: {statement}',
    ...GRAMMAR,
    when: ({ kind }) => {
      if (kind === 'TRANS_STMT_PREPARE') return { statement: 'PREPARE TRANSACTION' };
      if (kind === 'TRANS_STMT_COMMIT_PREPARED') return { statement: 'COMMIT PREPARED' };
      return kind === 'TRANS_STMT_ROLLBACK_PREPARED' && { statement: 'ROLLBACK PREPARED' };
    },
  }),
  rule('transaction-chain', 'TransactionStmt', {
    what: 'COMMIT AND CHAIN, ROLLBACK AND CHAIN',
    message: 'unsupported transaction statement: {statement} AND CHAIN',
    ...GRAMMAR,
    instead: 'Send BEGIN after it.',
    when: ({ kind, chain }) =>
      chain === true && { statement: kind === 'TRANS_STMT_COMMIT' ? 'COMMIT' : 'ROLLBACK' },
  }),
  rule('begin-isolation-level', 'TransactionStmt', {
    what: 'BEGIN ISOLATION LEVEL other than REPEATABLE READ',
    message: 'Unsupported isolation level: {level}',
    ...RECORDED,
    instead: 'Leave the level away: every transaction is REPEATABLE READ.',
    when: ({ options }) => refusedIsolation(options),
  }),
  rule('begin-deferrable', 'TransactionStmt', {
    what: 'BEGIN [NOT] DEFERRABLE',
    message: 'setting configuration parameter "transaction_deferrable" not supported',
    ...GRAMMAR,
    when: ({ options }) => hasOption(options, 'transaction_deferrable'),
  }),
  rule('set-isolation-level', 'VariableSetStmt', {
    what: 'SET TRANSACTION ISOLATION LEVEL other than REPEATABLE READ',
    message: 'Unsupported isolation level: {level}',
    ...RECORDED,
    instead: 'Leave the statement away: every transaction is REPEATABLE READ.',
    when: ({ kind, args }) => (kind === 'VAR_SET_MULTI' ? refusedIsolation(args) : undefined),
  }),
  rule('set-transaction', 'VariableSetStmt', {
    what: 'SET TRANSACTION …',
    message: 'setting configuration parameter "{name}" not supported',
    ...RECORDED,
    instead: 'Name the modes in BEGIN: BEGIN READ ONLY.',
    when: ({ kind, name }) =>
      kind === 'VAR_SET_MULTI' && name !== undefined && name !== 'SESSION CHARACTERISTICS' && { name },
  }),
  rule('set-session-characteristics-deferrable', 'VariableSetStmt', {
    what: 'SET SESSION CHARACTERISTICS AS TRANSACTION [NOT] DEFERRABLE',
    message: 'setting configuration parameter "transaction_deferrable" not supported',
    ...GRAMMAR,
    when: ({ kind, args }) => kind === 'VAR_SET_MULTI' && hasOption(args, 'transaction_deferrable'),
  }),
  rule('session-parameter', 'VariableSetStmt', {
    what: 'SET, SET LOCAL or RESET of a parameter that is not on the list',
    message: 'setting configuration parameter "{name}" not supported',
    ...RECORDED,
    instead: 'Leave the parameter at its default; DSQL fixes it.',
    when: ({ kind, name, is_local: local }) => {
      if (name === undefined || kind === 'VAR_SET_MULTI' || kind === 'VAR_RESET_ALL') return false;
      // `RESET SESSION AUTHORIZATION` and `RESET TRANSACTION ISOLATION LEVEL` are in DSQL's grammar of 2026-08.
      const resets = kind === 'VAR_RESET' || kind === 'VAR_SET_DEFAULT';
      if (resets && name === 'session_authorization') return false;
      if (kind === 'VAR_RESET' && name === 'transaction_isolation') return false;
      return sessionParameterRefusal(name, local ? 'local' : 'session') !== undefined && { name };
    },
  }),
];

// ---------------------------------------------------------------------------------------------------------------

/** The constraints of a column, those after its type. */
export const columnConstraints = ({ constraints }: ColumnDef): Constraint[] =>
  (constraints ?? []).flatMap((constraint) => asNode(constraint, 'Constraint') ?? []);

const isColumnOfTable = ({ parent }: Place): boolean =>
  parent?.name === 'CreateStmt' || parent?.name === 'AlterTableCmd';

const tableStatement = ({ parent }: Place): { statement: string } => ({
  statement: parent?.name === 'CreateStmt' ? 'CREATE TABLE' : 'ALTER TABLE',
});

const CACHE_ADVICE = 'please define CACHE greater than or equal to 65536 or equal to 1';

/** The CACHE of a sequence's options: a number, or `undefined` where none is given. */
export function cacheSize(options: readonly Node[] | undefined): number | undefined {
  for (const option of options ?? []) {
    const element = asNode(option, 'DefElem');
    if (element?.defname !== 'cache') continue;
    // An Integer of 0 has no `ival`; a number too large for one is a Float, and so large enough.
    const integer = asNode(element.arg, 'Integer');
    return integer ? (integer.ival ?? 0) : Number(asNode(element.arg, 'Float')?.fval);
  }
  return undefined;
}

/** DSQL takes a CACHE of 1 and of 65,536 and above. */
export const isCacheAccepted = (size: number | undefined): boolean => size === 1 || (size ?? 0) >= 65_536;

const columnsOf = ({ tableElts }: NodeBody<'CreateStmt'>): ColumnDef[] =>
  (tableElts ?? []).flatMap((element) => asNode(element, 'ColumnDef') ?? []);

const KEY_TYPES = new Set(['CONSTR_PRIMARY', 'CONSTR_UNIQUE']);
const isKey = ({ contype }: Constraint): boolean => contype !== undefined && KEY_TYPES.has(contype);

/** Whether a column's PRIMARY KEY or UNIQUE is followed by DEFERRABLE or INITIALLY DEFERRED. */
function hasDeferrableKey(column: ColumnDef): boolean {
  let afterKey = false;
  for (const constraint of columnConstraints(column)) {
    const deferral = constraint.contype?.startsWith('CONSTR_ATTR_') ?? false;
    if (!deferral) afterKey = isKey(constraint);
    else if (afterKey && /_(?:DEFERRABLE|DEFERRED)$/.test(constraint.contype ?? '')) {
      if (constraint.contype !== 'CONSTR_ATTR_NOT_DEFERRABLE') return true;
    }
  }
  return false;
}

const tables: readonly StatementRule[] = [
  rule('temporary-table', 'CreateStmt', {
    what: 'CREATE TEMPORARY TABLE',
    message: 'TEMPORARY or TEMP table not supported for CREATE TABLE',
    ...RECORDED,
    instead: 'Use an ordinary table, or a CTE.',
    when: ({ relation }) => relation?.relpersistence === 't',
  }),
  rule('unlogged-table', 'CreateStmt', {
    what: 'CREATE UNLOGGED TABLE',
    message: 'UNLOGGED table not supported for CREATE TABLE',
    ...RECORDED,
    instead: 'Use an ordinary table.',
    when: ({ relation }) => relation?.relpersistence === 'u',
  }),
  rule('partition-of', 'CreateStmt', {
    what: 'CREATE TABLE … PARTITION OF',
    message: 'PARTITION OF clause not supported for CREATE TABLE',
    ...REPORTED,
    instead: 'Use one table: DSQL partitions by itself.',
    when: ({ partbound }) => partbound !== undefined,
  }),
  rule('partition-by', 'CreateStmt', {
    what: 'CREATE TABLE … PARTITION BY',
    message: 'PARTITION BY clause not supported for CREATE TABLE',
    ...REPORTED,
    instead: 'Use one table: DSQL partitions by itself.',
    when: ({ partspec }) => partspec !== undefined,
  }),
  rule('table-clause', 'CreateStmt', {
    what: 'CREATE TABLE … INHERITS, OF type, USING, WITH (…), ON COMMIT, TABLESPACE',
    message: '{clause} clause not supported for CREATE TABLE',
    ...LINT,
    instead: 'Leave the clause away.',
    when: (table) => {
      // A partition has its parent there, and a rule of its own.
      if (table.inhRelations && !table.partbound) return { clause: 'INHERITS' };
      if (table.ofTypename) return { clause: 'OF' };
      if (table.accessMethod !== undefined) return { clause: 'USING' };
      if (table.options) return { clause: 'WITH' };
      if (table.oncommit !== undefined && table.oncommit !== 'ONCOMMIT_NOOP') return { clause: 'ON COMMIT' };
      return table.tablespacename !== undefined && { clause: 'TABLESPACE' };
    },
  }),
  rule('table-columns', 'CreateStmt', {
    what: 'CREATE TABLE with more than 255 columns',
    sqlstate: '54011',
    message: 'tables can have at most 255 columns',
    ...GUIDE,
    when: (table) => columnsOf(table).length > 255,
  }),
  rule('identity-cache', 'ColumnDef', {
    what: 'GENERATED … AS IDENTITY without CACHE 1 or CACHE 65536 and above',
    message: `identity column is not supported without an explicit cache size. ${CACHE_ADVICE}`,
    ...RECORDED,
    instead: 'GENERATED … AS IDENTITY (CACHE 1), or (CACHE 65536) for many concurrent inserts.',
    when: (column, place) =>
      isColumnOfTable(place) &&
      columnConstraints(column).some(
        ({ contype, options }) => contype === 'CONSTR_IDENTITY' && !isCacheAccepted(cacheSize(options)),
      ),
  }),
  rule('identity-type', 'ColumnDef', {
    what: 'an identity column of another type than bigint',
    message: 'datatype {type} not supported, identity column type must be bigint',
    ...RECORDED,
    instead: 'Declare the column bigint.',
    when: (column, place) => {
      if (!isColumnOfTable(place)) return false;
      if (!columnConstraints(column).some(({ contype }) => contype === 'CONSTR_IDENTITY')) return false;
      const type = nonBigintType(column.typeName);
      return type !== undefined && { type };
    },
  }),
  rule('serial', 'ColumnDef', {
    what: 'serial, bigserial, smallserial',
    sqlstate: '42704',
    message: 'type "{type}" does not exist',
    ...RECORDED,
    instead: 'bigint GENERATED BY DEFAULT AS IDENTITY (CACHE 1), or a uuid with DEFAULT gen_random_uuid().',
    when: ({ typeName }, place) => {
      const type = isColumnOfTable(place) ? serialType(typeName) : undefined;
      return type !== undefined && { type };
    },
  }),
  rule('column-type', 'ColumnDef', {
    what: 'a column of a type that DSQL does not store: arrays, bit strings, geometric, network, range, text search and other types',
    message: 'datatype {type} not supported',
    ...RECORDED,
    instead: 'Store text or jsonb; such values may still be used inside a query.',
    when: ({ typeName }, place) => {
      const type = isColumnOfTable(place) ? refusedColumnType(typeName) : undefined;
      return type !== undefined && { type };
    },
  }),
  rule('column-collation', 'ColumnDef', {
    what: 'COLLATE on a column',
    message: 'COLLATE clause not supported for {statement}',
    ...LINT,
    instead: 'Leave it away: the only collation of a column is C.',
    when: ({ collClause }, place) =>
      isColumnOfTable(place) && collClause !== undefined && tableStatement(place),
  }),
  rule('column-clause', 'ColumnDef', {
    what: 'COMPRESSION or OPTIONS on a column',
    message: '{clause} clause not supported for {statement}',
    ...GRAMMAR,
    instead: 'Use STORAGE to control compression.',
    when: ({ compression, fdwoptions }, place) => {
      if (!isColumnOfTable(place)) return false;
      if (compression !== undefined) return { clause: 'COMPRESSION', ...tableStatement(place) };
      return fdwoptions !== undefined && { clause: 'OPTIONS', ...tableStatement(place) };
    },
  }),
  rule('deferrable-key-column', 'ColumnDef', {
    what: 'DEFERRABLE on PRIMARY KEY or UNIQUE of a column',
    message: 'DEFERRABLE clause not supported for CREATE TABLE',
    ...byPattern(GUIDE),
    instead: 'Only foreign keys can be deferred.',
    when: (column, place) => isColumnOfTable(place) && hasDeferrableKey(column),
  }),
  rule('deferrable-key', 'Constraint', {
    what: 'DEFERRABLE on PRIMARY KEY or UNIQUE of a table',
    message: 'DEFERRABLE clause not supported for CREATE TABLE',
    ...byPattern(GUIDE),
    instead: 'Only foreign keys can be deferred.',
    when: (constraint) =>
      isKey(constraint) && (constraint.deferrable === true || constraint.initdeferred === true),
  }),
  rule('exclusion-constraint', 'Constraint', {
    what: 'EXCLUDE',
    message: 'EXCLUDE constraint not supported for CREATE TABLE',
    ...LINT,
    instead: 'Check in the transaction that writes.',
    when: ({ contype }) => contype === 'CONSTR_EXCLUSION',
  }),
  rule('key-storage', 'Constraint', {
    what: 'PRIMARY KEY or UNIQUE … WITH (…)',
    message: 'WITH clause not supported for CREATE TABLE',
    ...GRAMMAR,
    instead: 'Leave the clause away.',
    when: (constraint) => isKey(constraint) && constraint.options !== undefined,
  }),
  rule('key-columns', 'Constraint', {
    what: 'PRIMARY KEY or UNIQUE over more than 8 columns',
    sqlstate: '54011',
    message: 'more than 8 column keys in an index are not supported',
    ...GUIDE,
    when: (constraint) => isKey(constraint) && (constraint.keys?.length ?? 0) > 8,
  }),
];

// ---------------------------------------------------------------------------------------------------------------

/** Whether a `USING method` stands in the text; the tree says btree where there is none. */
function namesAccessMethod({ relation }: NodeBody<'IndexStmt'>, { source }: Place): boolean {
  let previous = '';
  for (const { value } of tokensOf(source.query, source.utf16(relation?.location ?? 0))) {
    if (value === '(') return false;
    // After a dot it is the name of the table: reserved words are allowed there.
    if (value === 'USING' && previous !== '.') return true;
    previous = value;
  }
  return false;
}

const indexes: readonly StatementRule[] = [
  rule('index-concurrently', 'IndexStmt', {
    what: 'CREATE INDEX CONCURRENTLY',
    message: 'CONCURRENTLY not supported for CREATE INDEX',
    ...REPORTED,
    instead: 'CREATE INDEX ASYNC.',
    when: ({ concurrent }) => concurrent === true,
  }),
  rule('index-access-method', 'IndexStmt', {
    what: 'CREATE INDEX … USING method',
    message: 'USING not supported for CREATE INDEX',
    ...REPORTED,
    instead: 'Leave USING away: there is one kind of index.',
    when: namesAccessMethod,
  }),
  rule('index-sort-order', 'IndexStmt', {
    what: 'CREATE INDEX … (column ASC | DESC)',
    message: 'specifying sort order not supported for index keys',
    ...VERIFIED,
    instead: 'Leave ASC and DESC away; NULLS FIRST and NULLS LAST are accepted.',
    when: ({ indexParams }) =>
      (indexParams ?? []).some((item) => {
        const order = asNode(item, 'IndexElem')?.ordering;
        return order === 'SORTBY_ASC' || order === 'SORTBY_DESC';
      }),
  }),
  rule('index-clause', 'IndexStmt', {
    what: 'CREATE INDEX … WITH (…), TABLESPACE',
    message: '{clause} not supported for CREATE INDEX',
    ...GRAMMAR,
    instead: 'Leave the clause away.',
    when: ({ options, tableSpace }) => {
      if (options) return { clause: 'WITH' };
      return tableSpace !== undefined && { clause: 'TABLESPACE' };
    },
  }),
  rule('index-key-columns', 'IndexStmt', {
    what: 'an index over more than 8 columns',
    sqlstate: '54011',
    message: 'more than 8 column keys in an index are not supported',
    ...GUIDE,
    when: ({ indexParams }) => (indexParams?.length ?? 0) > 8,
  }),
  rule('index-without-async', 'IndexStmt', {
    what: 'CREATE INDEX without ASYNC (until SET disable_sync_create_index = off, and then only on an empty table)',
    message: 'unsupported mode. please use CREATE INDEX ASYNC.',
    ...RECORDED,
    instead: 'CREATE INDEX ASYNC, and wait until sys.jobs says that the job is completed.',
    when: (_index, { source }) => !source.async,
  }),
];

// ---------------------------------------------------------------------------------------------------------------

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

const alterTable: readonly StatementRule[] = [
  rule('alter-object', 'AlterTableStmt', {
    what: 'ALTER TYPE, ALTER INDEX (but RENAME), ALTER MATERIALIZED VIEW, ALTER FOREIGN TABLE',
    message: '{object} not supported',
    ...LINT,
    when: ({ objtype }) => {
      const object = objtype && ALTERED_OBJECTS[objtype];
      return object !== undefined && { object };
    },
  }),
  rule('alter-table-async', 'AlterTableStmt', {
    what: 'ALTER TABLE ASYNC with another action than VALIDATE CONSTRAINT',
    message: 'unsupported ALTER TABLE ASYNC statement',
    ...byPattern(GUIDE),
    instead: 'Leave ASYNC away.',
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
    instead: 'Add a column of the new type, copy in batches, drop the old one and rename.',
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
  rule('alter-table-action', 'AlterTableCmd', {
    what: 'ALTER TABLE: row level security, triggers by name, rules, inheritance, partitions, storage and statistics options',
    message: 'unsupported ALTER TABLE {action} statement',
    ...REPORTED,
    // These two have rows of their own.
    when: ({ subtype }) =>
      subtype !== 'AT_SetNotNull' && subtype !== 'AT_AlterColumnType' && refusedAction(subtype),
  }),
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

// ---------------------------------------------------------------------------------------------------------------

/** Rows for statements that name a kind of object: all kinds but the accepted ones are refused. */
function objects<
  Name extends 'DropStmt' | 'RenameStmt' | 'AlterObjectSchemaStmt' | 'AlterOwnerStmt' | 'CommentStmt',
>(
  id: string,
  node: Name,
  what: string,
  verb: string,
  evidence: Evidence,
  kindOf: (body: NodeBody<Name>) => ObjectType | undefined,
  accepted: string,
): StatementRule {
  const kinds = new Set(accepted.split(' ').map((kind) => `OBJECT_${kind}`));
  return rule(id, node, {
    what,
    message: `unsupported object in ${verb} statement`,
    ...evidence,
    when: (body) => !kinds.has(kindOf(body) ?? ''),
  });
}

const GRANTED_OBJECTS = new Set(
  ['TABLE', 'SEQUENCE', 'SCHEMA', 'FUNCTION', 'ROUTINE'].map((kind) => `OBJECT_${kind}`),
);

/** The attributes that a role may be given; the value is the word to show for those that it may not. */
const REFUSED_ROLE_OPTIONS: Readonly<Record<string, string>> = {
  superuser: 'SUPERUSER',
  createdb: 'CREATEDB',
  createrole: 'CREATEROLE',
  isreplication: 'REPLICATION',
  bypassrls: 'BYPASSRLS',
  password: 'PASSWORD',
  connectionlimit: 'CONNECTION LIMIT',
  validUntil: 'VALID UNTIL',
  sysid: 'SYSID',
};

function refusedRoleOption(options: readonly Node[] | undefined): Finding {
  for (const option of options ?? []) {
    const attribute = REFUSED_ROLE_OPTIONS[asNode(option, 'DefElem')?.defname ?? ''];
    if (attribute !== undefined) return { attribute };
  }
  return false;
}

/** The language of a function, in lower case; without one it is SQL. */
function languageOf(options: readonly Node[] | undefined): string {
  for (const option of options ?? []) {
    const element = asNode(option, 'DefElem');
    if (element?.defname === 'language') return asNode(element.arg, 'String')?.sval?.toLowerCase() ?? '';
  }
  return 'sql';
}

const definitions: readonly StatementRule[] = [
  rule('temporary-view', 'ViewStmt', {
    what: 'CREATE TEMPORARY VIEW',
    message: 'TEMPORARY or TEMP view not supported for CREATE VIEW',
    ...byPattern(GUIDE),
    instead: 'Use an ordinary view, or a CTE.',
    when: ({ view }) => view?.relpersistence === 't',
  }),
  rule('temporary-sequence', 'CreateSeqStmt', {
    what: 'CREATE TEMPORARY or UNLOGGED SEQUENCE',
    message: '{persistence} sequence not supported for CREATE SEQUENCE',
    ...GRAMMAR,
    instead: 'Use an ordinary sequence.',
    when: ({ sequence }) => {
      if (sequence?.relpersistence === 't') return { persistence: 'TEMPORARY or TEMP' };
      return sequence?.relpersistence === 'u' && { persistence: 'UNLOGGED' };
    },
  }),
  rule('sequence-cache', 'CreateSeqStmt', {
    what: 'CREATE SEQUENCE without CACHE 1 or CACHE 65536 and above',
    message: `CREATE SEQUENCE is not supported without an explicit cache size. ${CACHE_ADVICE}`,
    ...RECORDED,
    instead: 'CREATE SEQUENCE … CACHE 1, or CACHE 65536 for many concurrent inserts.',
    when: ({ options }) => !isCacheAccepted(cacheSize(options)),
  }),
  rule('alter-sequence-cache', 'AlterSeqStmt', {
    what: 'ALTER SEQUENCE … CACHE other than 1 or 65536 and above',
    message: `ALTER SEQUENCE is not supported with this cache size. ${CACHE_ADVICE}`,
    ...byPattern(GUIDE),
    when: ({ options }) => {
      const size = cacheSize(options);
      return size !== undefined && !isCacheAccepted(size);
    },
  }),
  rule('create-enum', 'CreateEnumStmt', {
    what: 'CREATE TYPE … AS ENUM',
    message: 'CREATE TYPE not supported',
    ...RECORDED,
    instead: 'text with a CHECK constraint, or a domain.',
  }),
  rule('alter-type', ['AlterEnumStmt', 'AlterTypeStmt'], {
    what: 'ALTER TYPE',
    message: 'ALTER TYPE not supported',
    ...RECORDED,
    instead: 'text with a CHECK constraint, or a domain.',
  }),
  statement('CompositeTypeStmt', 'CREATE TYPE … AS (…)', RECORDED, 'Use columns, or jsonb.'),
  statement('CreateRangeStmt', 'CREATE TYPE … AS RANGE', RECORDED, 'Use two columns.'),
  statement(
    'DefineStmt',
    'CREATE AGGREGATE, OPERATOR, COLLATION, TEXT SEARCH …, shell and base TYPE',
    byPattern(VERIFIED),
  ),
  rule('create-trigger', 'CreateTrigStmt', {
    what: 'CREATE TRIGGER',
    message: 'CREATE TRIGGER not supported',
    ...RECORDED,
    instead: 'Do in the application what the trigger did.',
  }),
  rule('create-procedure', 'CreateFunctionStmt', {
    what: 'CREATE PROCEDURE',
    message: 'CREATE PROCEDURE not supported',
    ...LINT,
    instead: 'Use a function in LANGUAGE sql.',
    when: ({ is_procedure: isProcedure }) => isProcedure === true,
  }),
  rule('function-language', 'CreateFunctionStmt', {
    what: 'CREATE FUNCTION in another language than SQL',
    message: 'CREATE FUNCTION with language {language} not supported',
    ...RECORDED,
    instead: 'LANGUAGE sql, or do it in the application.',
    when: ({ options }) => {
      const language = languageOf(options);
      return language !== 'sql' && { language };
    },
  }),
  rule('alter-domain', 'AlterDomainStmt', {
    what: 'ALTER DOMAIN … SET NOT NULL, ADD CONSTRAINT, VALIDATE CONSTRAINT',
    message: 'unsupported ALTER DOMAIN {action} statement',
    ...byPattern(VERIFIED),
    instead: 'Create another domain.',
    when: ({ subtype }) => {
      if (subtype === 'O') return { action: 'SET NOT NULL' };
      if (subtype === 'C') return { action: 'ADD CONSTRAINT' };
      return subtype === 'V' && { action: 'VALIDATE CONSTRAINT' };
    },
  }),
  rule('drop-domain-cascade', 'DropStmt', {
    what: 'DROP DOMAIN … CASCADE',
    message: 'DROP DOMAIN with CASCADE unsupported',
    ...VERIFIED,
    instead: 'Drop the columns of the domain first.',
    when: ({ removeType, behavior }) => removeType === 'OBJECT_DOMAIN' && behavior === 'DROP_CASCADE',
  }),
  rule('drop-index-concurrently', 'DropStmt', {
    what: 'DROP INDEX CONCURRENTLY',
    message: 'CONCURRENTLY not supported for DROP INDEX',
    ...GRAMMAR,
    instead: 'DROP INDEX.',
    when: ({ concurrent }) => concurrent === true,
  }),
  objects(
    'drop-object',
    'DropStmt',
    'DROP TYPE, MATERIALIZED VIEW, PROCEDURE, AGGREGATE, POLICY, EXTENSION and other objects that DSQL does not have',
    'DROP',
    RECORDED,
    ({ removeType }) => removeType,
    'TABLE SEQUENCE VIEW INDEX SCHEMA DOMAIN FUNCTION ROUTINE TRIGGER EVENT_TRIGGER STATISTIC_EXT',
  ),
  objects(
    'rename-object',
    'RenameStmt',
    'ALTER TYPE … RENAME, and RENAME of other objects that DSQL does not have',
    'RENAME',
    RECORDED,
    ({ renameType }) => renameType,
    'TABLE VIEW SEQUENCE INDEX SCHEMA FUNCTION ROUTINE COLUMN TABCONSTRAINT DOMAIN DOMCONSTRAINT ROLE STATISTIC_EXT',
  ),
  objects(
    'set-schema-of-object',
    'AlterObjectSchemaStmt',
    'ALTER … SET SCHEMA of a type, aggregate, extension or other object that DSQL does not have',
    'SET SCHEMA',
    GRAMMAR,
    ({ objectType }) => objectType,
    'TABLE VIEW SEQUENCE DOMAIN FUNCTION ROUTINE STATISTIC_EXT',
  ),
  objects(
    'owner-of-object',
    'AlterOwnerStmt',
    'ALTER … OWNER TO of a type, aggregate, database or other object that DSQL does not have',
    'OWNER TO',
    GRAMMAR,
    ({ objectType }) => objectType,
    'DOMAIN SCHEMA FUNCTION ROUTINE STATISTIC_EXT',
  ),
  objects(
    'comment-on-object',
    'CommentStmt',
    'COMMENT ON DATABASE, EXTENSION, TYPE, DOMAIN and other objects',
    'COMMENT',
    GRAMMAR,
    ({ objtype }) => objtype,
    'TABLE COLUMN SEQUENCE VIEW INDEX SCHEMA ROLE FUNCTION ROUTINE TABCONSTRAINT',
  ),
  rule('grant-on-object', 'GrantStmt', {
    what: 'GRANT or REVOKE on a database, type, domain, language, parameter or large object',
    message: 'unsupported object in {statement} statement',
    ...GRAMMAR,
    when: ({ objtype, targtype, is_grant: grants }) =>
      targtype !== 'ACL_TARGET_DEFAULTS' &&
      !GRANTED_OBJECTS.has(objtype ?? '') && { statement: grants ? 'GRANT' : 'REVOKE' },
  }),
  rule('grant-role-option', 'GrantRoleStmt', {
    what: 'GRANT role … WITH ADMIN | INHERIT | SET, REVOKE … OPTION FOR role',
    message: 'unsupported option in {statement} statement',
    ...GRAMMAR,
    instead: 'Leave the option away.',
    when: ({ opt, is_grant: grants }) => opt !== undefined && { statement: grants ? 'GRANT' : 'REVOKE' },
  }),
  rule('create-user', 'CreateRoleStmt', {
    what: 'CREATE USER, CREATE GROUP',
    message: 'CREATE {kind} not supported',
    ...GRAMMAR,
    instead: 'CREATE ROLE … WITH LOGIN, then AWS IAM GRANT.',
    when: ({ stmt_type: kind }) => {
      if (kind === 'ROLESTMT_USER') return { kind: 'USER' };
      return kind === 'ROLESTMT_GROUP' && { kind: 'GROUP' };
    },
  }),
  rule('create-role-attribute', 'CreateRoleStmt', {
    what: 'CREATE ROLE with PASSWORD, SUPERUSER, CREATEDB, CREATEROLE, REPLICATION, BYPASSRLS, CONNECTION LIMIT, VALID UNTIL',
    message: '{attribute} not supported for CREATE ROLE',
    ...LINT,
    instead: 'CREATE ROLE … WITH LOGIN, then AWS IAM GRANT.',
    when: ({ options }) => refusedRoleOption(options),
  }),
  rule('alter-role-attribute', 'AlterRoleStmt', {
    what: 'ALTER ROLE with PASSWORD, SUPERUSER, CREATEDB, CREATEROLE, REPLICATION, BYPASSRLS, CONNECTION LIMIT, VALID UNTIL',
    message: '{attribute} not supported for ALTER ROLE',
    ...LINT,
    when: ({ options }) => refusedRoleOption(options),
  }),
  rule('alter-role-in-database', 'AlterRoleSetStmt', {
    what: 'ALTER ROLE … IN DATABASE',
    message: 'IN DATABASE not supported for ALTER ROLE',
    ...GRAMMAR,
    instead: 'Leave the clause away: a cluster has one database.',
    when: ({ database }) => database !== undefined,
  }),
];

// ---------------------------------------------------------------------------------------------------------------

/** The name of a function that is PostgreSQL's own: called by that name alone, or in `pg_catalog`. */
function builtinFunction({ funcname }: NodeBody<'FuncCall'>): string | undefined {
  const names = strings(funcname);
  return names.length === 1 || (names.length === 2 && names[0] === 'pg_catalog') ? names.at(-1) : undefined;
}

/** The functions that take a text search configuration before their other arguments, and how many those then are. */
const TEXT_SEARCH_FUNCTIONS: Readonly<Record<string, number>> = {
  to_tsvector: 2,
  to_tsquery: 2,
  plainto_tsquery: 2,
  phraseto_tsquery: 2,
  websearch_to_tsquery: 2,
  json_to_tsvector: 3,
  jsonb_to_tsvector: 3,
  ts_headline: 4,
};

const isKnownConfiguration = (name: string): boolean => /^(?:pg_catalog\.)?simple$/i.test(name);

const containsSubquery = (call: NodeBody<'CallStmt'>): boolean => {
  let found = false;
  walk('CallStmt', call, ({ name }) => {
    found ||= name === 'SubLink';
    return !found;
  });
  return found;
};

const queries: readonly StatementRule[] = [
  rule('merge', 'MergeStmt', {
    what: 'MERGE',
    message: 'unsupported statement type: MERGE',
    ...RECORDED,
    instead: 'INSERT … ON CONFLICT.',
  }),
  rule('locking-strength', 'LockingClause', {
    what: 'SELECT … FOR SHARE, FOR NO KEY UPDATE',
    message: 'locking clauses other than FOR UPDATE/FOR KEY SHARE are not supported',
    ...RECORDED,
    instead: 'FOR UPDATE or FOR KEY SHARE.',
    when: ({ strength }) => strength === 'LCS_FORSHARE' || strength === 'LCS_FORNOKEYUPDATE',
  }),
  rule('tablesample', 'RangeTableSample', {
    what: 'TABLESAMPLE',
    message: 'TABLESAMPLE clause not supported',
    ...RECORDED,
    instead: 'WHERE random() < …',
  }),
  rule('geometric-cast', 'TypeCast', {
    what: 'a cast to a geometric type',
    message: 'datatype {type} not supported',
    ...byPattern(RECORDED),
    when: ({ typeName }) => {
      const type = geometricType(typeName);
      return type !== undefined && { type };
    },
  }),
  rule('geometric-function', 'FuncCall', {
    what: 'point(…), line(…), lseg(…), box(…), path(…), polygon(…), circle(…)',
    message: 'datatype {type} not supported',
    ...RECORDED,
    when: (call) => {
      const type = builtinFunction(call);
      return type !== undefined && isGeometricType(type) && { type };
    },
  }),
  rule('advisory-lock', 'FuncCall', {
    what: 'advisory locks: pg_advisory_lock, pg_try_advisory_lock, pg_advisory_xact_lock, …',
    message: 'function {function} not supported',
    source: 'reported from a cluster (golang-migrate issue 1289, goose issue 971)',
    date: '2026-08',
    wording: 'recorded',
    instead: 'Lock with a row: insert or update it in the transaction, and retry on SQLSTATE 40001.',
    when: (call) => {
      const name = builtinFunction(call);
      return name !== undefined && /^pg_(?:try_)?advisory_/.test(name) && { function: name };
    },
  }),
  rule('set-config-parameter', 'FuncCall', {
    what: 'set_config of a parameter that is not on the list',
    message: 'setting configuration parameter "{name}" not supported',
    source: 'pgdump-proxy of awslabs',
    date: '2026-09',
    wording: 'pattern',
    instead: 'Leave the parameter at its default; DSQL fixes it.',
    when: (call) => {
      const name = builtinFunction(call) === 'set_config' ? stringConstant(call.args?.[0]) : undefined;
      return name !== undefined && sessionParameterRefusal(name) !== undefined && { name };
    },
  }),
  rule('set-config', 'FuncCall', {
    what: 'set_config',
    message: 'function set_config not supported',
    source: 'pgdump-proxy of awslabs',
    date: '2026-09',
    wording: 'pattern',
    instead: 'SET.',
    when: (call) => builtinFunction(call) === 'set_config',
  }),
  rule('text-search-configuration', 'FuncCall', {
    what: "text search in any language: to_tsvector('english', …), to_tsquery('english', …), …",
    sqlstate: '42704',
    message: 'text search configuration "{name}" does not exist',
    ...RECORDED,
    instead: 'Search outside the database, or with LIKE.',
    when: (call) => {
      const arity = TEXT_SEARCH_FUNCTIONS[builtinFunction(call) ?? ''];
      const name = arity === call.args?.length ? stringConstant(call.args?.[0]) : undefined;
      return name !== undefined && !isKnownConfiguration(name) && { name };
    },
  }),
  rule('call-subquery', 'CallStmt', {
    what: 'CALL procedure((SELECT …))',
    message: 'cannot use subquery in CALL argument',
    ...RECORDED,
    instead: 'Select the value first and pass it as a literal or a parameter.',
    when: containsSubquery,
  }),
  rule('copy-file', 'CopyStmt', {
    what: 'COPY from or to a file or program',
    message: 'COPY {direction} {place} not supported',
    ...LINT,
    instead: 'COPY … FROM STDIN, COPY … TO STDOUT.',
    when: ({ filename, is_program: isProgram, is_from: isFrom }) =>
      filename !== undefined && { direction: isFrom ? 'FROM' : 'TO', place: isProgram ? 'PROGRAM' : 'file' },
  }),
  rule('vacuum', 'VacuumStmt', {
    what: 'VACUUM',
    message: 'unsupported VACUUM statement',
    ...RECORDED,
    instead: 'Leave it away; ANALYZE is accepted.',
    when: ({ is_vacuumcmd: isVacuum }) => isVacuum === true,
  }),
  rule('deallocate-name', 'DeallocateStmt', {
    what: 'DEALLOCATE name',
    message: 'unsupported statement: Deallocate',
    ...LINT,
    instead: 'DEALLOCATE ALL, or close the statement through the protocol.',
    when: ({ name }) => name !== undefined,
  }),
];

const USE_PROTOCOL = 'Use the prepared statements of the protocol, as drivers do.';

const unsupported: readonly StatementRule[] = [
  statement(
    'TruncateStmt',
    'TRUNCATE',
    RECORDED,
    'DELETE in batches of at most 3,000 rows, or drop and create the table.',
  ),
  statement(
    'CreateTableAsStmt',
    'CREATE TABLE … AS, CREATE MATERIALIZED VIEW',
    RECORDED,
    'CREATE TABLE and INSERT … SELECT; a view.',
  ),
  statement(
    'CreateExtensionStmt',
    'CREATE EXTENSION',
    RECORDED,
    'Leave it away; gen_random_uuid() is built in.',
  ),
  statement(
    'CreatedbStmt',
    'CREATE DATABASE',
    RECORDED,
    'Use the database postgres, with a schema of your own.',
  ),
  statement('CreateTableSpaceStmt', 'CREATE TABLESPACE', RECORDED),
  statement('CreateForeignTableStmt', 'CREATE FOREIGN TABLE', RECORDED),
  statement('AlterSystemStmt', 'ALTER SYSTEM', RECORDED),
  statement('ListenStmt', 'LISTEN', RECORDED, 'Poll a table, or use a message service.'),
  statement('NotifyStmt', 'NOTIFY', RECORDED, 'Poll a table, or use a message service.'),
  statement('UnlistenStmt', 'UNLISTEN', RECORDED),
  statement(
    'LockStmt',
    'LOCK TABLE',
    { ...RECORDED, source: 'pgdump-proxy of awslabs' },
    'SELECT … FOR UPDATE.',
  ),
  statement(
    'DeclareCursorStmt',
    'DECLARE CURSOR',
    { ...RECORDED, source: 'known issues of the Django adapter of awslabs' },
    'Page by key.',
  ),
  statement('CreatePolicyStmt', 'CREATE POLICY', REPORTED, 'Filter in views, or in the application.'),
  statement('PrepareStmt', 'PREPARE', LINT, USE_PROTOCOL),
  statement('ExecuteStmt', 'EXECUTE', LINT, USE_PROTOCOL),
  statement('DiscardStmt', 'DISCARD', LINT, 'RESET ALL and DEALLOCATE ALL.'),
  statement('LoadStmt', 'LOAD', LINT),
  statement('DoStmt', 'DO', LINT, 'Do it in the application.'),
  statement('RuleStmt', 'CREATE RULE', LINT),
  statement('FetchStmt', 'FETCH, MOVE', GRAMMAR, 'Page by key.'),
  statement('ClosePortalStmt', 'CLOSE', GRAMMAR),
  statement('AlterDatabaseStmt', 'ALTER DATABASE', GRAMMAR),
  statement('AlterDatabaseSetStmt', 'ALTER DATABASE … SET', GRAMMAR, 'Set the parameter when connecting.'),
  statement('AlterDatabaseRefreshCollStmt', 'ALTER DATABASE … REFRESH COLLATION VERSION', GRAMMAR),
  statement('DropdbStmt', 'DROP DATABASE', GRAMMAR),
  statement('AlterCollationStmt', 'ALTER COLLATION', GRAMMAR),
  statement('AlterEventTrigStmt', 'ALTER EVENT TRIGGER', GRAMMAR),
  statement('AlterExtensionStmt', 'ALTER EXTENSION … UPDATE', GRAMMAR),
  statement('AlterExtensionContentsStmt', 'ALTER EXTENSION … ADD, DROP', GRAMMAR),
  statement('AlterFdwStmt', 'ALTER FOREIGN DATA WRAPPER', GRAMMAR),
  statement('AlterForeignServerStmt', 'ALTER SERVER', GRAMMAR),
  statement('AlterObjectDependsStmt', 'ALTER … DEPENDS ON EXTENSION', GRAMMAR),
  statement('AlterOpFamilyStmt', 'ALTER OPERATOR FAMILY', GRAMMAR),
  statement('AlterOperatorStmt', 'ALTER OPERATOR', GRAMMAR),
  statement('AlterPolicyStmt', 'ALTER POLICY', GRAMMAR),
  statement('AlterPublicationStmt', 'ALTER PUBLICATION', GRAMMAR),
  statement('AlterSubscriptionStmt', 'ALTER SUBSCRIPTION', GRAMMAR),
  statement('AlterTableMoveAllStmt', 'ALTER TABLE ALL IN TABLESPACE', GRAMMAR),
  statement('AlterTableSpaceOptionsStmt', 'ALTER TABLESPACE', GRAMMAR),
  statement('AlterTSConfigurationStmt', 'ALTER TEXT SEARCH CONFIGURATION', GRAMMAR),
  statement('AlterTSDictionaryStmt', 'ALTER TEXT SEARCH DICTIONARY', GRAMMAR),
  statement('AlterUserMappingStmt', 'ALTER USER MAPPING', GRAMMAR),
  statement('CheckPointStmt', 'CHECKPOINT', GRAMMAR),
  statement('ClusterStmt', 'CLUSTER', GRAMMAR),
  statement('CreateAmStmt', 'CREATE ACCESS METHOD', GRAMMAR),
  statement('CreateCastStmt', 'CREATE CAST', GRAMMAR),
  statement('CreateConversionStmt', 'CREATE CONVERSION', GRAMMAR),
  statement('CreateEventTrigStmt', 'CREATE EVENT TRIGGER', GRAMMAR),
  statement('CreateFdwStmt', 'CREATE FOREIGN DATA WRAPPER', GRAMMAR),
  statement('CreateForeignServerStmt', 'CREATE SERVER', GRAMMAR),
  statement('CreateOpClassStmt', 'CREATE OPERATOR CLASS', GRAMMAR),
  statement('CreateOpFamilyStmt', 'CREATE OPERATOR FAMILY', GRAMMAR),
  statement('CreatePLangStmt', 'CREATE LANGUAGE', GRAMMAR),
  statement('CreatePublicationStmt', 'CREATE PUBLICATION', GRAMMAR, 'Use a change data capture stream.'),
  statement('CreateSubscriptionStmt', 'CREATE SUBSCRIPTION', GRAMMAR),
  statement('CreateTransformStmt', 'CREATE TRANSFORM', GRAMMAR),
  statement('CreateUserMappingStmt', 'CREATE USER MAPPING', GRAMMAR),
  statement('DropOwnedStmt', 'DROP OWNED', GRAMMAR),
  statement('DropSubscriptionStmt', 'DROP SUBSCRIPTION', GRAMMAR),
  statement('DropTableSpaceStmt', 'DROP TABLESPACE', GRAMMAR),
  statement('DropUserMappingStmt', 'DROP USER MAPPING', GRAMMAR),
  statement('ImportForeignSchemaStmt', 'IMPORT FOREIGN SCHEMA', GRAMMAR),
  statement('ReassignOwnedStmt', 'REASSIGN OWNED', GRAMMAR),
  statement('RefreshMatViewStmt', 'REFRESH MATERIALIZED VIEW', GRAMMAR),
  statement('ReindexStmt', 'REINDEX', GRAMMAR, 'Create another index and drop the old one.'),
  statement('SecLabelStmt', 'SECURITY LABEL', GRAMMAR),
];

// ---------------------------------------------------------------------------------------------------------------

/** A row that takes more than the statement to decide: whoever runs statements answers it. */
function stateful(
  decidedBy: 'transaction' | 'catalogue',
  id: string,
  row: Omit<RefusalRule, 'id' | 'decidedBy' | 'sqlstate'> & { readonly sqlstate?: string },
): RefusalRule {
  return { id, sqlstate: '0A000', ...row, decidedBy };
}

const limit = (
  id: string,
  what: string,
  message: string,
  instead?: string,
  sqlstate = '54000',
): RefusalRule =>
  stateful('catalogue', id, { what, sqlstate, message, ...GUIDE, ...(instead !== undefined && { instead }) });

const statefulRules: readonly RefusalRule[] = [
  stateful('transaction', 'multiple-ddl', {
    what: 'a second DDL statement in a transaction, or in a query string of several statements',
    message: 'multiple ddl statements not supported in a transaction',
    ...RECORDED,
    instead: 'One DDL statement per transaction.',
  }),
  stateful('transaction', 'ddl-and-dml', {
    what: 'DDL and INSERT, UPDATE or DELETE in one transaction, in either order',
    message: 'ddl and dml are not supported in the same transaction',
    ...RECORDED,
    instead: 'A transaction of its own for the DDL statement.',
  }),
  stateful('transaction', 'row-limit', {
    what: 'more than 3,000 rows inserted, updated and deleted in a transaction, cascades included',
    sqlstate: '54000',
    message: 'transaction row limit exceeded',
    ...RECORDED,
    instead: 'Batches of at most 3,000 rows.',
  }),
  stateful('transaction', 'size-limit', {
    what: 'more than 10 MiB changed in a transaction',
    sqlstate: '54000',
    message: 'transaction size limit 10mb exceeded',
    ...GUIDE,
    instead: 'Smaller batches.',
  }),
  stateful('transaction', 'age-limit', {
    what: 'a transaction older than 5 minutes',
    sqlstate: '54000',
    message: 'transaction age limit of 300s exceeded',
    ...GUIDE,
    instead: 'Shorter transactions.',
  }),
  stateful('catalogue', 'drop-primary-key-column', {
    what: 'ALTER TABLE … DROP COLUMN of a column of the primary key',
    message: 'cannot drop primary key column {column}',
    ...RECORDED,
    instead: 'Create another table and copy.',
  }),
  stateful('catalogue', 'drop-primary-key', {
    what: 'ALTER TABLE … DROP CONSTRAINT of the primary key',
    message: 'unsupported ALTER TABLE DROP CONSTRAINT statement',
    ...VERIFIED,
    instead: 'Create another table and copy.',
  }),
  stateful('catalogue', 'index-not-valid', {
    what: 'ALTER TABLE … ADD CONSTRAINT … UNIQUE USING INDEX while the index is being built',
    sqlstate: '55000',
    message: 'index "{index}" is not valid',
    ...RECORDED,
    instead: 'Wait until sys.jobs says that the job is completed.',
  }),
  stateful('catalogue', 'wait-for-job-in-select', {
    what: 'SELECT sys.wait_for_job(…)',
    sqlstate: '42809',
    message: 'sys.wait_for_job(text) is a procedure',
    ...RECORDED,
    instead: 'CALL sys.wait_for_job(…).',
  }),
  stateful('catalogue', 'left-join-lateral', {
    what: 'LEFT JOIN LATERAL (SELECT …) whose select list names a column of the left side',
    sqlstate: '42804',
    message: 'attribute {number} of type {table} has wrong type',
    ...RECORDED,
    instead: 'CROSS JOIN LATERAL, or take the column from the left side outside of the sub-query.',
  }),
  stateful('catalogue', 'key-type', {
    what: 'a key or index on a column of type bytea, interval, json, jsonb or time with time zone',
    sqlstate: '42704',
    message: 'data type {type} has no default operator class for access method "btree_index"',
    ...byPattern(GUIDE),
    instead: 'Make a column of another type the key.',
  }),
  stateful('catalogue', 'domain-array', {
    what: 'a column whose type is an array of a domain',
    message: 'datatype {type} not supported',
    ...byPattern(RECORDED),
    instead: 'Store text or jsonb.',
  }),
  stateful('catalogue', 'index-collation', {
    what: 'CREATE INDEX … (column COLLATE …) with another collation than C',
    sqlstate: '42704',
    message: 'collation {name} for encoding "UTF8" does not exist',
    ...byPattern(GUIDE),
    instead: 'Leave COLLATE away: texts sort by their bytes.',
  }),
  stateful('catalogue', 'index-operator-class', {
    what: 'CREATE INDEX … (column operator_class) with a class that orders values in a way of its own',
    sqlstate: '42704',
    message: 'operator class "{name}" does not exist for access method "btree_index"',
    ...byPattern(GUIDE),
    instead: 'Leave the operator class away, or leave the index out if it is for another kind of search.',
  }),
  stateful('catalogue', 'extension-type', {
    what: 'a column of a type that an extension brings: citext, hstore, geometry, vector, …',
    sqlstate: '42704',
    message: 'type "{type}" does not exist',
    ...byPattern(RECORDED),
    instead: 'Store text or jsonb; for citext, make a unique index on lower(column).',
  }),
  limit('key-size', 'a key of more than 1 KiB', 'key size too large'),
  limit('row-size', 'a row of more than 2 MiB', 'maximum row size exceeded'),
  limit('column-size', 'a value of more than 1 MiB', 'maximum column size exceeded'),
  limit('index-count', 'more than 24 indexes on a table', 'more than 24 indexes per table are not allowed'),
  limit(
    'statistics-count',
    'more than 5 extended statistics on a table',
    'more than 5 extended statistics per table are not allowed',
  ),
  limit('schema-count', 'more than 10 schemas', 'more than 10 schemas not allowed'),
  limit('table-count', 'more than 1,000 tables', 'creating more than 1000 tables not allowed'),
  limit('view-count', 'more than 5,000 views', 'creating more than 5000 views not allowed'),
  limit('view-size', 'a view definition of more than 2 MiB', 'view definition too large'),
  limit('sequence-count', 'more than 5,000 sequences', 'creating more than 5000 sequences is not allowed'),
];

// ---------------------------------------------------------------------------------------------------------------

const statementRules: readonly StatementRule[] = [
  ...unsupported,
  ...transactions,
  ...tables,
  ...indexes,
  ...alterTable,
  ...definitions,
  ...queries,
];

/**
 * Everything that DSQL is known to refuse, one row each: what, with which SQLSTATE and message, how we know and since
 * when, and what to do instead.
 */
export const refusals: readonly RefusalRule[] = Object.freeze([...statementRules, ...statefulRules]);

const rulesByNode = new Map<string, StatementRule[]>();
for (const each of statementRules) {
  for (const node of each.nodes) rulesByNode.set(node, [...(rulesByNode.get(node) ?? []), each]);
}

/**
 * Finds what DSQL answers to a statement instead of running it, as far as the statement alone decides.
 *
 * Of several reasons the outermost and first in the text wins; of several at one place the first in the table.
 */
export function findRefusal(source: SourceStatement): Refusal | undefined {
  let first: Refusal | undefined;
  visitRefusals(source, (refusal) => {
    first = refusal;
    return false;
  });
  return first;
}

/**
 * Visits every reason why DSQL refuses a statement, with the node that is the reason, until `visit` returns `false`:
 * outer before inner, in the order of the text, and at one place in the order of the table.
 */
export function visitRefusals(
  source: SourceStatement,
  visit: (refusal: Refusal, node: Visited) => boolean,
): void {
  walk(source.node, source.body, (node) => {
    const { name, body, parent } = node;
    const rules = rulesByNode.get(name);
    if (!rules) return true;
    for (const each of rules) {
      const finding = each.finds(body, { parent, source });
      if (finding === undefined || finding === false) continue;
      if (!visit(refusalBy(each, finding === true ? {} : finding), node)) return false;
    }
    return true;
  });
}

function refusalBy(row: RefusalRule, parts: Readonly<Record<string, string>>): Refusal {
  return {
    sqlstate: row.sqlstate,
    message: row.message.replace(/\{(\w+)\}/g, (_braces, part: string) => parts[part] ?? ''),
    rule: row.id,
    ...(row.instead !== undefined && { hint: row.instead }),
  };
}

/**
 * The refusal of a row that only a server can decide: one whose `decidedBy` is `transaction` or `catalogue`.
 *
 * @param id - The row's id, such as `multiple-ddl`.
 * @param parts - The values for the names in braces in the row's message.
 * @throws RangeError when the table has no such row.
 */
export function refusalOf(id: string, parts: Readonly<Record<string, string>> = {}): Refusal {
  const row = refusals.find((each) => each.id === id);
  if (!row) throw new RangeError(`There is no refusal rule "${id}".`);
  return refusalBy(row, parts);
}
