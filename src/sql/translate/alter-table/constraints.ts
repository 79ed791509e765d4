import type { Constraint } from 'libpg-query';
import { quoted } from '../../text/quoting';
import type { KnownConstraint } from '../../catalogue/known-table';
import { declaredConstraint } from '../columns/declarations';
import { notNullCheckName } from '../columns/default-names';
import type { StatementText } from '../text/statement-text';
import type { AlteredTable } from './altered-table';
import { Pass } from './step';
import type { Step } from './step';

/** A constraint that is added, and how to write its name. */
export interface AddedConstraint {
  readonly constraint: KnownConstraint;
  readonly written: string;
}

/** The index of the first token after `CONSTRAINT name`, if that stands at `from`. */
export function definitionAt(source: StatementText, from: number): number {
  return source.tokens[from]?.value === 'CONSTRAINT' ? from + 2 : from;
}

/**
 * A constraint that is added, with its name as in the text, or the one that PostgreSQL would choose.
 *
 * @param column - The column that it is declared with.
 */
export function addedConstraint(
  { source, catalogue, name: table }: AlteredTable,
  type: KnownConstraint['type'],
  constraint: Constraint,
  column?: string,
): AddedConstraint {
  const isTaken = (name: string) => catalogue.hasConstraint(table, name);
  const declared = declaredConstraint(type, constraint, { table: table.name, column, isTaken });
  if (constraint.conname === undefined) return { constraint: declared, written: quoted(declared.name) };
  const at = source.indexAt(source.at(constraint.location));
  return { constraint: declared, written: source.cut(at + 1, at + 2) };
}

/** Adds a constraint that DSQL checks for new rows at once, and for the others in a job. */
export function notValidConstraint(
  table: AlteredTable,
  { constraint, written }: AddedConstraint,
  definition: string,
  isRepeatable: boolean,
): Step[] {
  table.catalogue.addConstraint(table.name, constraint);
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
  { constraint, written }: AddedConstraint,
  definition: string,
  isRepeatable: boolean,
): Step[] {
  table.catalogue.addConstraint(table.name, constraint);
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
  const name = freeNotNullName(table, column);
  const definition = `CHECK ((${quoted(column)} IS NOT NULL))`;
  const constraint = { name, type: 'c', columns: [column], validated: true, definition } as const;
  const added = { constraint, written: quoted(name) };
  return notValidConstraint(table, added, `CHECK (${written} IS NOT NULL)`, isRepeatable);
}

/** The name of the CHECK for NOT NULL on a column: long names of several columns are shortened to the same. */
export function freeNotNullName({ catalogue, name }: AlteredTable, column: string): string {
  const known = catalogue.table(name)?.constraints ?? [];
  const isOfOther = (taken: string) =>
    known.some(
      ({ name: each, columns }) => each === taken && !(columns.length === 1 && columns[0] === column),
    );
  return notNullCheckName(name.name, column, isOfOther);
}
