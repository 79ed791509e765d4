import type { Constraint } from 'libpg-query';
import { strings, walk } from '../../syntax/parse-tree';
import type { NodeBody } from '../../syntax/parse-tree';
import { quoted } from '../../text/quoting';
import { defaultName, notNullCheckName } from '../columns/default-names';
import type { StatementText } from '../text/statement-text';
import type { AlteredTable } from './altered-table';
import { Pass } from './step';
import type { Step } from './step';

/** The name of a constraint, and how to write it. */
export interface ConstraintName {
  readonly name: string;
  readonly written: string;
}

/** The index of the first token after `CONSTRAINT name`, if that stands at `from`. */
export function definitionAt(source: StatementText, from: number): number {
  return source.tokens[from]?.value === 'CONSTRAINT' ? from + 2 : from;
}

/**
 * The name of a constraint and how to write it: as in the text, or the one that PostgreSQL would choose.
 *
 * @param column - The column that it is declared with.
 */
export function nameOf(
  { source, catalogue, name: table }: AlteredTable,
  constraint: Constraint,
  column?: string,
): ConstraintName {
  const { conname, contype, location } = constraint;
  if (conname !== undefined) {
    const at = source.indexAt(source.at(location));
    return { name: conname, written: source.cut(at + 1, at + 2) };
  }
  const isTaken = (name: string) => catalogue.hasConstraint(table, name);
  const label = LABELS[contype ?? ''] ?? '';
  const name = defaultName(table.name, namedColumns(constraint, column), label, isTaken);
  return { name, written: quoted(name) };
}

const LABELS: Readonly<Record<string, string>> = {
  CONSTR_CHECK: 'check',
  CONSTR_FOREIGN: 'fkey',
  CONSTR_UNIQUE: 'key',
};

/** The columns that PostgreSQL names a constraint after. */
function namedColumns(constraint: Constraint, column: string | undefined): readonly string[] {
  switch (constraint.contype) {
    case 'CONSTR_FOREIGN':
      return column !== undefined ? [column] : strings(constraint.fk_attrs);
    case 'CONSTR_UNIQUE':
      return column !== undefined ? [column] : strings(constraint.keys);
    default: {
      // A CHECK is named after its column only if it has just one.
      const columns = new Set<string>();
      walk('Constraint', constraint, ({ name, body }) => {
        if (name === 'ColumnRef') {
          const last = strings((body as NodeBody<'ColumnRef'>).fields).at(-1);
          if (last !== undefined) columns.add(last);
        }
        return true;
      });
      return columns.size === 1 ? [...columns] : [];
    }
  }
}

/** Adds a constraint that DSQL checks for new rows at once, and for the others in a job. */
export function notValidConstraint(
  table: AlteredTable,
  { name, written }: ConstraintName,
  definition: string,
  isRepeatable: boolean,
): Step[] {
  table.catalogue.addConstraint(table.name, name);
  const drop = isRepeatable ? `DROP CONSTRAINT IF EXISTS ${written}, ` : '';
  return [
    table.alteration(`${drop}ADD CONSTRAINT ${written} ${definition} NOT VALID`, Pass.Constraint),
    table.validation(written),
  ];
}

/**
 * Adds a unique constraint, by an index that is built in a job.
 *
 * @param definition - `(a, b) INCLUDE (c) NULLS NOT DISTINCT`, in the order in which CREATE INDEX wants it.
 */
export function uniqueConstraint(
  table: AlteredTable,
  { name, written }: ConstraintName,
  definition: string,
  isRepeatable: boolean,
): Step[] {
  table.catalogue.addConstraint(table.name, name);
  return [
    ...(isRepeatable ? [table.alteration(`DROP CONSTRAINT IF EXISTS ${written}`, Pass.Fill)] : []),
    {
      pass: Pass.Index,
      statement: { sql: `CREATE UNIQUE INDEX ASYNC ${written} ON ${table.written} ${definition}` },
    },
    table.alteration(`ADD CONSTRAINT ${written} UNIQUE USING INDEX ${written}`, Pass.Constraint),
  ];
}

/** Adds the CHECK that stands for NOT NULL on a column that was created without it. */
export function notNullCheck(
  table: AlteredTable,
  column: string,
  written: string,
  isRepeatable: boolean,
): Step[] {
  const { catalogue } = table;
  const check = notNullCheckName(table.name.name, column);
  const named = { name: check, written: quoted(check) };
  const steps = notValidConstraint(table, named, `CHECK (${written} IS NOT NULL)`, isRepeatable);
  const known = catalogue.column(table.name, column);
  if (known) catalogue.setColumn(table.name, column, { ...known, notNullCheck: check });
  return steps;
}
