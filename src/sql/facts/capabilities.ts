import type { AlterTableType, Constraint } from 'libpg-query';
import { asNode, strings, walk } from '../syntax/parse-tree';
import type { NodeBody, NodeName, Visited } from '../syntax/parse-tree';
import { columnConstraints, refusals } from '../refusals';
import type { Statement } from '../syntax/statement';

/** One thing that DSQL can do or cannot do, as data. */
export interface Capability {
  /** Stable name; of what DSQL refuses, the id of the row of the refusal table. */
  readonly id: string;
  /** The statement or clause, as one would write it. */
  readonly what: string;
  readonly supported: boolean;
  /** The day, or month, on which DSQL began to take it, where that is known: `YYYY-MM` or `YYYY-MM-DD`. */
  readonly since?: string;
  /** The day or month on which it ended. */
  readonly until?: string;
  /** How we know. */
  readonly source: string;
  /** When that was observed or published: `YYYY-MM` or `YYYY-MM-DD`. */
  readonly date: string;
  /** What to do instead of what DSQL refuses. */
  readonly instead?: string;
}

/** Rows of the {@link capabilities} table by their ids, with what is true of the cluster at hand. */
export type CapabilityOverrides = Readonly<Record<string, boolean>>;

interface SupportedRow {
  readonly capability: Capability;
  readonly nodes: readonly NodeName[];
  readonly finds: (body: object, statement: Statement, parent: Visited | undefined) => boolean;
}

interface Row<Name extends NodeName> {
  readonly what: string;
  readonly since?: string;
  readonly evidence: readonly [source: string, date: string];
  readonly when?: (body: NodeBody<Name>, statement: Statement, parent: Visited | undefined) => boolean;
}

const RECORDED = ['recorded from a cluster', '2026-09'] as const;
const VERIFIED = ['verified on a cluster', '2026-10-03'] as const;
const GUIDE = ['AWS user guide', '2026-09-15'] as const;
const RELEASE = ['AWS release notes', '2026-09-15'] as const;

/** Something that DSQL does; without `when` every node of that name is a use of it. */
function row<Name extends NodeName>(
  id: string,
  nodes: Name | readonly Name[],
  { what, since, evidence: [source, date], when }: Row<Name>,
): SupportedRow {
  return {
    capability: { id, what, supported: true, ...(since !== undefined && { since }), source, date },
    nodes: typeof nodes === 'string' ? [nodes] : nodes,
    // The walk hands a row only bodies of the nodes it names.
    finds: when ? (body, statement, parent) => when(body as NodeBody<Name>, statement, parent) : () => true,
  };
}

/** An action of ALTER TABLE. */
function action(
  id: string,
  subtypes: AlterTableType | readonly AlterTableType[],
  { when, ...rest }: Row<'AlterTableCmd'>,
): SupportedRow {
  return row(id, 'AlterTableCmd', {
    ...rest,
    when: (command, ...place) =>
      command.subtype !== undefined &&
      subtypes.includes(command.subtype) &&
      (!when || when(command, ...place)),
  });
}

const isIdentity = ({ contype }: Constraint): boolean => contype === 'CONSTR_IDENTITY';

const addedConstraint = ({ def }: NodeBody<'AlterTableCmd'>): Constraint | undefined =>
  asNode(def, 'Constraint');

const typeIs =
  (...names: readonly string[]) =>
  ({ typeName }: NodeBody<'ColumnDef'>): boolean =>
    names.includes(strings(typeName?.names).at(-1) ?? '');

const supported: readonly SupportedRow[] = [
  row('create-table', 'CreateStmt', { what: 'CREATE TABLE', since: '2024-12', evidence: RECORDED }),
  row('create-table-like', 'TableLikeClause', {
    what: 'CREATE TABLE … (LIKE other INCLUDING …)',
    evidence: GUIDE,
  }),
  row('identity-column', 'ColumnDef', {
    what: 'bigint GENERATED … AS IDENTITY (CACHE n)',
    since: '2026-02',
    evidence: RECORDED,
    when: (column) => columnConstraints(column).some(isIdentity),
  }),
  row('generated-column', 'ColumnDef', {
    what: 'GENERATED ALWAYS AS (…) STORED in CREATE TABLE',
    evidence: GUIDE,
    when: (column) => columnConstraints(column).some(({ contype }) => contype === 'CONSTR_GENERATED'),
  }),
  row('check-constraint', 'Constraint', {
    what: 'CHECK',
    evidence: RECORDED,
    when: ({ contype }) => contype === 'CONSTR_CHECK',
  }),
  row('unique-constraint', 'Constraint', {
    what: 'UNIQUE in CREATE TABLE',
    evidence: RECORDED,
    when: ({ contype, indexname }) => contype === 'CONSTR_UNIQUE' && indexname === undefined,
  }),
  row('foreign-key', 'Constraint', {
    what: 'FOREIGN KEY, REFERENCES, with ON DELETE and ON UPDATE, DEFERRABLE',
    since: '2026-08-26',
    evidence: RECORDED,
    when: ({ contype }) => contype === 'CONSTR_FOREIGN',
  }),
  row('json-column', 'ColumnDef', { what: 'columns of type json', evidence: RECORDED, when: typeIs('json') }),
  row('jsonb-column', 'ColumnDef', {
    what: 'columns of type jsonb',
    since: '2026-06-05',
    evidence: RECORDED,
    when: typeIs('jsonb'),
  }),
  row('numeric-precision', 'ColumnDef', {
    what: 'numeric of up to 1,000 digits, also in keys',
    since: '2026-08-25',
    evidence: RELEASE,
    when: (column) => {
      const precision = asNode(column.typeName?.typmods?.[0], 'A_Const')?.ival?.ival ?? 0;
      return typeIs('numeric')(column) && precision > 38;
    },
  }),
  action('add-column', 'AT_AddColumn', {
    what: 'ALTER TABLE … ADD COLUMN name type',
    evidence: RECORDED,
  }),
  action('drop-column', 'AT_DropColumn', {
    what: 'ALTER TABLE … DROP COLUMN',
    since: '2026-08-03',
    evidence: RECORDED,
  }),
  action('column-default', 'AT_ColumnDefault', {
    what: 'ALTER TABLE … ALTER COLUMN … SET DEFAULT, DROP DEFAULT',
    evidence: VERIFIED,
  }),
  action('drop-not-null', 'AT_DropNotNull', {
    what: 'ALTER TABLE … ALTER COLUMN … DROP NOT NULL',
    evidence: VERIFIED,
  }),
  action('add-check-not-valid', 'AT_AddConstraint', {
    what: 'ALTER TABLE … ADD CONSTRAINT … CHECK (…) NOT VALID',
    since: '2026-08-03',
    evidence: RECORDED,
    when: (command) => addedConstraint(command)?.contype === 'CONSTR_CHECK',
  }),
  action('add-foreign-key-not-valid', 'AT_AddConstraint', {
    what: 'ALTER TABLE … ADD CONSTRAINT … FOREIGN KEY … NOT VALID',
    since: '2026-08-26',
    evidence: RECORDED,
    when: (command) => addedConstraint(command)?.contype === 'CONSTR_FOREIGN',
  }),
  action('unique-using-index', 'AT_AddConstraint', {
    what: 'ALTER TABLE … ADD CONSTRAINT … UNIQUE USING INDEX',
    evidence: RECORDED,
    when: (command) => addedConstraint(command)?.indexname !== undefined,
  }),
  action('validate-constraint', 'AT_ValidateConstraint', {
    what: 'ALTER TABLE ASYNC … VALIDATE CONSTRAINT',
    since: '2026-08-03',
    evidence: RECORDED,
  }),
  action('drop-constraint', 'AT_DropConstraint', {
    what: 'ALTER TABLE … DROP CONSTRAINT of a CHECK, UNIQUE or FOREIGN KEY',
    evidence: VERIFIED,
  }),
  action('alter-identity', ['AT_AddIdentity', 'AT_SetIdentity', 'AT_DropIdentity'], {
    what: 'ALTER TABLE … ALTER COLUMN … ADD GENERATED … AS IDENTITY, SET, RESTART, DROP IDENTITY',
    evidence: VERIFIED,
  }),
  row('index', 'IndexStmt', {
    what: 'CREATE [UNIQUE] INDEX ASYNC',
    since: '2025-05',
    evidence: RECORDED,
  }),
  row('expression-index', 'IndexStmt', {
    what: 'CREATE INDEX ASYNC … ((expression))',
    since: '2026-08-13',
    evidence: RECORDED,
    when: ({ indexParams }) =>
      (indexParams ?? []).some((key) => asNode(key, 'IndexElem')?.expr !== undefined),
  }),
  row('partial-index', 'IndexStmt', {
    what: 'CREATE INDEX ASYNC … WHERE',
    since: '2026-09-15',
    evidence: RECORDED,
    when: ({ whereClause }) => whereClause !== undefined,
  }),
  row('index-include', 'IndexStmt', {
    what: 'CREATE INDEX ASYNC … INCLUDE (…)',
    evidence: RECORDED,
    when: ({ indexIncludingParams }) => indexIncludingParams !== undefined,
  }),
  row('nulls-not-distinct', ['IndexStmt'], {
    what: 'CREATE UNIQUE INDEX ASYNC … NULLS NOT DISTINCT',
    evidence: RECORDED,
    when: ({ nulls_not_distinct: notDistinct }) => notDistinct === true,
  }),
  row('rename', 'RenameStmt', { what: 'ALTER TABLE, INDEX, … RENAME', evidence: VERIFIED }),
  row('comment', 'CommentStmt', { what: 'COMMENT ON TABLE, COLUMN, …', evidence: VERIFIED }),
  row('view', 'ViewStmt', { what: 'CREATE [OR REPLACE] VIEW', evidence: RECORDED }),
  row('schema', 'CreateSchemaStmt', { what: 'CREATE SCHEMA, up to 10', evidence: RECORDED }),
  row('sequence', 'CreateSeqStmt', {
    what: 'CREATE SEQUENCE … CACHE n',
    since: '2026-02',
    evidence: RECORDED,
  }),
  row('domain', 'CreateDomainStmt', { what: 'CREATE DOMAIN … CHECK (…)', evidence: RECORDED }),
  row('sql-function', 'CreateFunctionStmt', {
    what: 'CREATE FUNCTION … LANGUAGE sql',
    evidence: RECORDED,
  }),
  row('statistics', 'CreateStatsStmt', {
    what: 'CREATE STATISTICS',
    since: '2026-08-27',
    evidence: RELEASE,
  }),
  row('for-update', 'LockingClause', {
    what: 'SELECT … FOR UPDATE',
    evidence: RECORDED,
    when: ({ strength }) => strength === 'LCS_FORUPDATE',
  }),
  row('for-key-share', 'LockingClause', {
    what: 'SELECT … FOR KEY SHARE',
    since: '2026-08-25',
    evidence: RECORDED,
    when: ({ strength }) => strength === 'LCS_FORKEYSHARE',
  }),
  row('on-conflict', 'OnConflictClause', { what: 'INSERT … ON CONFLICT', evidence: RECORDED }),
  row('copy', 'CopyStmt', { what: 'COPY … FROM STDIN, TO STDOUT', evidence: GUIDE }),
  row('set-constraints', 'ConstraintsSetStmt', { what: 'SET CONSTRAINTS', evidence: RECORDED }),
];

/**
 * What DSQL can do, since when and how we know, and what it cannot, one row each. DSQL gains something every month: a
 * row that has become wrong for a cluster can be overridden by its id.
 */
export const capabilities: readonly Capability[] = Object.freeze([
  ...supported.map(({ capability }) => capability),
  ...refusals.map(({ id, what, source, date, instead }) => ({
    id,
    what,
    supported: false,
    source,
    date,
    ...(instead !== undefined && { instead }),
  })),
]);

/** A use of a capability: the node that needs it. */
export interface CapabilityUse {
  readonly id: string;
  readonly node: Visited;
}

/** What overrides change. */
export interface ResolvedCapabilities {
  /** What is refused by the table, and is not. */
  readonly gained: ReadonlySet<string>;
  /** What the table says is supported, and is not. */
  readonly lost: ReadonlySet<string>;
  /** Where a statement uses what is lost. */
  usedBy(statement: Statement): readonly CapabilityUse[];
}

/**
 * Compares overrides with the table.
 *
 * @throws RangeError for an id that the table does not have.
 */
export function resolveCapabilities(overrides?: CapabilityOverrides): ResolvedCapabilities {
  if (overrides === undefined) return AS_IN_TABLE;
  const gained = new Set<string>();
  const lost = new Set<string>();
  for (const [id, isSupported] of Object.entries(overrides)) {
    const capability = byId.get(id);
    if (!capability) throw new RangeError(`capabilities names "${id}", which is no capability of the table.`);
    if (isSupported && !capability.supported) gained.add(id);
    if (!isSupported && capability.supported) lost.add(id);
  }
  const rows = supported.filter(({ capability }) => lost.has(capability.id));
  return { gained, lost, usedBy: (statement) => usesOf(rows, statement) };
}

const AS_IN_TABLE: ResolvedCapabilities = { gained: new Set(), lost: new Set(), usedBy: () => [] };

const byId = new Map(capabilities.map((capability) => [capability.id, capability]));

function usesOf(rows: readonly SupportedRow[], statement: Statement): CapabilityUse[] {
  const uses: CapabilityUse[] = [];
  walk(statement.node, statement.tree as object, (node) => {
    for (const { capability, nodes, finds } of rows) {
      if (!(nodes as readonly string[]).includes(node.name)) continue;
      if (finds(node.body, statement, node.parent)) uses.push({ id: capability.id, node });
    }
    return true;
  });
  return uses;
}
