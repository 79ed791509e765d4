import { asNode, literal, tokensOf } from '../../../sql';
import type { NodeBody, Refusal, Statement } from '../../../sql';

/** Statements whose parameters PostgreSQL looks for when it parses them. */
const ANALYSED: ReadonlySet<string> = new Set([
  'SelectStmt',
  'InsertStmt',
  'UpdateStmt',
  'DeleteStmt',
  'CallStmt',
  'ExplainStmt',
]);

/** A parameter in a simple Query, which has no values for any. */
export interface StrayParameter {
  /** What PostgreSQL answers, if it finds nothing else wrong. */
  readonly refusal: Refusal;
  /** Where it is in the text of the statement: characters, from 1. */
  readonly position: number;
  /** The statement with NULL for every parameter: PostgreSQL tells by it what else is wrong. */
  readonly text: string;
  /** Turns a place in that text into one in the statement's own. */
  readonly positionInStatement: (position: number) => number;
}

/** Finds the first parameter of a statement that came in a simple Query. */
export function strayParameter({ node, text }: Statement): StrayParameter | undefined {
  if (!text.includes('$') || !ANALYSED.has(node)) return undefined;
  const parameters = [...tokensOf(text)].filter(({ kind }) => kind === 'parameter');
  const [first] = parameters;
  if (!first) return undefined;
  let replaced = '';
  let from = 0;
  const shifts = parameters.map(({ start, end }) => {
    replaced += `${text.slice(from, start)}NULL`;
    from = end;
    return { after: characters(replaced), by: 'NULL'.length - (end - start) };
  });
  return {
    refusal: { rule: 'protocol', sqlstate: '42P02', message: `there is no parameter ${first.value}` },
    position: characters(text.slice(0, first.start)) + 1,
    text: replaced + text.slice(from),
    positionInStatement: (position) =>
      shifts.reduce((shifted, { after, by }) => (position > after ? shifted - by : shifted), position),
  };
}

function characters(text: string): number {
  return Array.from(text).length;
}

/**
 * The text that explains a statement with parameters, as `EXPLAIN (GENERIC_PLAN)` does in a simple Query: in the extended
 * protocol, which we speak with PostgreSQL, its parameters would want values.
 *
 * @returns `undefined` for any other statement
 */
export function genericPlanText({ node, tree, text }: Statement): string | undefined {
  if (node !== 'ExplainStmt') return undefined;
  const options = ((tree as NodeBody<'ExplainStmt'>).options ?? []).map((option) =>
    asNode(option, 'DefElem'),
  );
  if (!options.some((option) => option?.defname === 'generic_plan')) return undefined;
  const format = asNode(options.find((option) => option?.defname === 'format')?.arg, 'String')?.sval;
  const type = format?.toLowerCase() === 'json' ? 'json' : 'text';
  return `SELECT line::${type} AS "QUERY PLAN" FROM pg_dsql_local.explain(${literal(text)}) AS line`;
}
