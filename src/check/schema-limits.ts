import type { AlterTableCmd, Node } from 'libpg-query';
import { MAX_INDEXES } from '../schema/for-check';
import { asNode, columnConstraints, refusalOf, refusals, storedTypeOf, strings, tableNameOf } from '../sql';
import type { NodeBody, Statement } from '../sql';
import type { Catalog } from './catalogue/catalog';
import type { DeclaredColumn, DeclaredTable } from './catalogue/table';
import type { Place } from './sources/sql-text';
import type { Problem } from './finding';

/** What the columns of a key may be declared with, in all (observed by AWS on a cluster, 2026-10-01). */
const MAX_DECLARED_KEY_BYTES = 2000;

/**
 * Says which limit of a table a statement exceeds.
 *
 * @param catalog - as it is after the statement
 * @param place - of the statement
 */
export function exceededLimits(catalog: Catalog, statement: Statement, place: Place): Problem[] {
  const { relation } = statement.tree as { readonly relation?: NodeBody<'RangeVar'> };
  const keys = keysOf(statement);
  const table = keys.length === 0 ? undefined : catalog.table(tableNameOf(relation));
  if (!table) return [];
  const problems: Problem[] = [];
  const add = (rule: string, name: string, fact: string) => {
    problems.push(limitProblem(rule, { ...place, name }, fact));
  };
  const count = new Set(table.indexes.map((index) => index.name)).size;
  if (count > MAX_INDEXES && keys.some(({ isNew }) => isNew)) {
    add(
      'index-count',
      '',
      `Table ${table.name} would have ${String(count)} indexes, those of its keys among them.`,
    );
  }
  for (const { columns } of keys) {
    const bytes = declaredBytes(table, columns);
    if (bytes <= MAX_DECLARED_KEY_BYTES) continue;
    const written = `${table.name} (${columns.join(', ')})`;
    add(
      'declared-key-size',
      columns[0] ?? '',
      `The key ${written} is declared with ${bytes.toLocaleString('en')} bytes.`,
    );
  }
  return problems;
}

function limitProblem(rule: string, place: Place, fact: string): Problem {
  const { sqlstate, message, hint } = refusalOf(rule);
  const row = refusals.find(({ id }) => id === rule);
  return {
    rule,
    severity: 'error',
    place,
    sqlstate,
    message,
    why: `${fact} DSQL refuses ${row?.what ?? 'it'}.`,
    ...(row && { since: `${row.source}, ${row.date}` }),
    ...(hint !== undefined && { instead: hint }),
  };
}

/** A key that a statement declares; an expression in it has no declared size. */
interface DeclaredKey {
  readonly columns: readonly string[];
  /** Whether it brings an index. */
  readonly isNew: boolean;
}

function keysOf({ node, tree }: Statement): DeclaredKey[] {
  if (node === 'IndexStmt') {
    const elements = (tree as NodeBody<'IndexStmt'>).indexParams ?? [];
    return [{ columns: elements.flatMap((item) => asNode(item, 'IndexElem')?.name ?? []), isNew: true }];
  }
  if (node === 'CreateStmt') return ((tree as NodeBody<'CreateStmt'>).tableElts ?? []).flatMap(keysIn);
  if (node !== 'AlterTableStmt') return [];
  return ((tree as NodeBody<'AlterTableStmt'>).cmds ?? []).flatMap((item) => {
    const { subtype, def }: AlterTableCmd = asNode(item, 'AlterTableCmd') ?? {};
    return def && (subtype === 'AT_AddColumn' || subtype === 'AT_AddConstraint') ? keysIn(def) : [];
  });
}

/** The keys of a column's definition, or that a constraint is. */
function keysIn(item: Node): DeclaredKey[] {
  const column = asNode(item, 'ColumnDef');
  const constraint = asNode(item, 'Constraint');
  const constraints = column ? columnConstraints(column) : constraint ? [constraint] : [];
  return constraints
    .filter(({ contype }) => contype === 'CONSTR_PRIMARY' || contype === 'CONSTR_UNIQUE')
    .map(({ keys, indexname }) => ({
      columns: column ? [column.colname ?? ''] : strings(keys),
      isNew: indexname === undefined,
    }));
}

function declaredBytes({ columns }: DeclaredTable, key: readonly string[]): number {
  const sizes = key.map((name) => {
    const column = columns.find((each) => each.name === name);
    return column ? declaredSize(column) : 0;
  });
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** What has no declared size counts only as it is written. */
function declaredSize(column: DeclaredColumn): number {
  if (column.isArray) return 0;
  const [, base = '', modifier] =
    /^([a-z ]*?)(?:\((\d+)(?:,\d+)?\))?(?: with(?:out)? time zone)?$/.exec(storedTypeOf(column) ?? '') ?? [];
  const declared = Number(modifier ?? 0);
  if (base === 'character varying' || base === 'character') return declared;
  // Two bytes for each four digits, and some for the rest.
  if (base === 'numeric') return declared === 0 ? 0 : 10 + 2 * Math.ceil(declared / 4);
  return FIXED_BYTES[base] ?? 0;
}

const FIXED_BYTES: Readonly<Record<string, number>> = {
  boolean: 1,
  smallint: 2,
  integer: 4,
  real: 4,
  date: 4,
  bigint: 8,
  'double precision': 8,
  time: 8,
  timestamp: 8,
  uuid: 16,
};
