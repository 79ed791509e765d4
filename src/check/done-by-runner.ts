import type { AlterEnumStmt } from 'libpg-query';
import {
  asNode,
  blockStatements,
  createdEnum,
  isArrayType,
  isDecidedByRun,
  nameOfParts,
  parseQuery,
  strings,
  translate,
} from '../sql';
import type { NodeBody, Statement, TranslateOptions } from '../sql';
import type { Catalog } from './catalogue/catalog';
import type { Problem } from './finding';
import { typeChangeByOrm } from './type-changes';

/** What a runner of migrations knows when it plans a statement. */
export interface RunnerFacts {
  /** As it is before the statement. */
  readonly catalog: Catalog;
  readonly options: TranslateOptions;
}

/**
 * What there is to say of a statement of a migration that `translate` alone refuses: the runner of this package looks into
 * the database, and carries out changes of enum types, blocks that only guard DDL, and changes of types on empty tables.
 */
export function doneByRunner(problem: Problem, statement: Statement, facts: RunnerFacts): Problem[] {
  if (problem.severity !== 'error' || problem.replacement !== undefined) return [problem];
  switch (statement.node) {
    case 'AlterTableStmt':
      // It is jsonb by then, as every array.
      if (problem.rule === 'column-type' && facts.options.arrays === 'jsonb' && becomesArray(statement))
        return [];
      return typeChangeByOrm(problem, statement, facts.catalog);
    case 'DoStmt':
      return isPlanned(statement, facts)
        ? [asNote(problem, isDecidedByRun(statement) ? DECIDED_BY_RUN : BY_RUNNER)]
        : [problem];
    case 'AlterEnumStmt':
    case 'RenameStmt':
      return isOfKnownEnum(statement, facts.catalog)
        ? [asNote(problem, 'The runner changes the CHECK constraints of the columns.')]
        : [problem];
    default:
      return [problem];
  }
}

const BY_RUNNER = 'The runner asks what the block asks, and sends what it guards.';
const DECIDED_BY_RUN =
  'It is decided when it is run: the runner asks what the block asks, and what it makes of the answers is then translated or refused.';

function asNote(problem: Problem, instead: string): Problem {
  return { ...problem, severity: 'note', instead };
}

/** Whether an action gives a column a type of arrays. */
function becomesArray({ tree }: Statement): boolean {
  const { cmds = [] } = tree as NodeBody<'AlterTableStmt'>;
  return cmds.some((item) => {
    const { subtype, def } = asNode(item, 'AlterTableCmd') ?? {};
    return subtype === 'AT_AlterColumnType' && isArrayType(asNode(def, 'ColumnDef')?.typeName);
  });
}

/** Whether all that a block guards can be translated. */
function isPlanned(statement: Statement, { catalog, options }: RunnerFacts): boolean {
  return (
    blockStatements(statement)?.every((body) => {
      const parsed = parseQuery(body);
      const { enums = [], ...facts } = catalog.factsFor(body, parsed);
      const created = parsed.statements.flatMap((each) => createdEnum(each) ?? []);
      const known = { ...facts, enums: [...enums, ...created] };
      return translate(body, { ...options, catalog: known }).refusals.length === 0;
    }) === true
  );
}

function isOfKnownEnum({ node, tree }: Statement, catalog: Catalog): boolean {
  const path =
    node === 'AlterEnumStmt'
      ? strings((tree as AlterEnumStmt).typeName)
      : strings(asNode((tree as NodeBody<'RenameStmt'>).object, 'List')?.items);
  return catalog.enum(nameOfParts(path)) !== undefined;
}
