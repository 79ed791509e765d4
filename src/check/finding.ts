import type { Location, Place } from './sources/sql-text';

/**
 * `error`: DSQL refuses it; `warning`: DSQL takes it, and it may hurt later; `note`: no reason to fail a
 * build. DSQL refuses it, and an entry point of this package sends something else that leaves every result as it is on
 * PostgreSQL; or it is worth a thought.
 */
export type Severity = 'error' | 'warning' | 'note';

/** The severities, the worst first. */
export const severities: readonly Severity[] = ['error', 'warning', 'note'];

/** Something that was found in a text of SQL. */
export interface Problem {
  /** An id of the table of capabilities, or of {@link ownRules}. */
  readonly rule: string;
  readonly severity: Severity;
  readonly place: Place;
  /** What DSQL answers, for errors and notes. */
  readonly sqlstate?: string;
  /** DSQL's own words for errors and notes, ours for warnings. */
  readonly message: string;
  readonly why: string;
  /** How that is known, and since when. */
  readonly since?: string;
  /** What to do; absent only where {@link Problem.replacement} says it, or nobody can know what was meant. */
  readonly instead?: string;
  /** The statements for DSQL that do what the statement at hand does; empty when nothing is to be done. */
  readonly replacement?: readonly string[];
  /** Whether it can be written otherwise although DSQL refuses something else of its statement. */
  readonly isOfPart?: boolean;
}

/** Whether something else can be written in the place of what was found. */
export function hasReplacement({ replacement, isOfPart }: Problem): boolean {
  return replacement !== undefined || isOfPart === true;
}

/** Something that was found in a file. */
export interface Finding extends Location, Omit<Problem, 'place'> {
  /** Which way of a migration sends it; absent for scripts and models. */
  readonly direction?: 'up' | 'down';
  /** Whether `--fix` can write the replacement. */
  readonly fixable: boolean;
  /** Why it cannot, where there is a replacement. */
  readonly notFixable?: string;
}

/** How many findings are of a severity. */
export function countOf(findings: readonly Finding[], severity: Severity): number {
  return findings.filter((finding) => finding.severity === severity).length;
}

/** A rule that is this check's own, beside what DSQL refuses by the table of capabilities. */
export interface OwnRule {
  readonly id: string;
  readonly severity: Severity;
  readonly what: string;
  readonly sqlstate?: string;
}

/** The rules that are this check's own. */
export const ownRules: readonly OwnRule[] = [
  {
    id: 'syntax-error',
    severity: 'error',
    what: 'a text that PostgreSQL cannot read',
    sqlstate: '42601',
  },
  {
    id: 'enum-type',
    severity: 'error',
    what: 'a column, or a cast, of an enum type',
    sqlstate: '42704',
  },
  {
    id: 'extension-function',
    severity: 'error',
    what: 'a function that an extension brings: uuid_generate_v4(), crypt(), similarity(), …',
    sqlstate: '42883',
  },
  {
    id: 'foreign-key-without-index',
    severity: 'note',
    what: 'a foreign key whose columns begin no index: a change of the referenced key reads the whole table',
  },
  {
    id: 'int4-key',
    severity: 'warning',
    what: 'a column of four bytes that a sequence fills, or that references a key of eight',
  },
  {
    id: 'unsafe-integer-key',
    severity: 'warning',
    what: "an integer key that passes JavaScript's safe integers, 9,007,199,254,740,991",
  },
  {
    id: 'hot-key',
    severity: 'warning',
    what: 'a key in the order of time, on a table that many write to at once: all of them write to one range',
  },
  {
    id: 'unbounded-numeric',
    severity: 'warning',
    what: 'numeric without a precision: on DSQL that is numeric(18,6), which rounds',
  },
  {
    id: 'many-rows',
    severity: 'warning',
    what: 'a migration that writes more than 3,000 rows, or all rows of a table',
  },
  {
    id: 'ddl-with-dml',
    severity: 'warning',
    what: 'a migration that changes the schema and writes rows: after an error half of it is done',
  },
];
