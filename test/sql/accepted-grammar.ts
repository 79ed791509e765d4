import grammar from './grammar-2026-08.json';

/** A rule of the grammar file. A missing `separator` means once; otherwise once or more, with it in between. */
interface Rule {
  readonly optional?: boolean;
  readonly separator?: string;
  /** Alternatives between ` | `; `<rule>`, `'symbol'`, `#CLASS` of tokens, or a keyword, between blanks. */
  readonly choices: string;
}

type Choice = readonly string[];

interface ReadRule {
  readonly optional: boolean;
  readonly separator: string | undefined;
  readonly choices: readonly Choice[];
  /** The fewest rules one below another with which each choice can end. */
  readonly heights: readonly number[];
}

/** The rules that the grammar file names but does not define. */
const COMPLETED: Readonly<Record<string, Rule>> = {
  SignedIconst: { choices: "#ICONST | '+' #ICONST | '-' #ICONST" },
  var_list: { choices: '#PARAMETER_VALUE' },
  utility_option_elem: { choices: 'VERBOSE | ANALYZE | COSTS OFF | FORMAT TEXT' },
};

/**
 * Rules that are narrower than the file has them, with the reason. All but the first two are what PostgreSQL's parser
 * checks in code after its grammar: without them most long derivations are syntax errors in PostgreSQL itself.
 */
const NARROWED: Readonly<Record<string, Rule & { readonly reason: string }>> = {
  generic_set: {
    choices: "#PARAMETER TO <var_list> | #PARAMETER '=' <var_list> | #PARAMETER TO DEFAULT",
    reason: 'the grammar takes any name; which parameters can be set is documented as a list',
  },
  generic_reset: { choices: '#PARAMETER | ALL', reason: 'as generic_set' },
  qualified_name: {
    choices: "<ColId> | <ColId> '.' <attr_name>",
    reason: 'a relation has at most a schema and a name; no subscripts, no *',
  },
  func_name: { choices: "<type_function_name> | <ColId> '.' <attr_name>", reason: 'as qualified_name' },
  any_name: { choices: "<ColId> | <ColId> '.' <attr_name>", reason: 'as qualified_name' },
  function_with_argtypes: { choices: "<func_name> '(' ')' | <ColId>", reason: 'as qualified_name' },
  columnref: {
    choices: "<ColId> | <ColId> '.' <attr_name>",
    reason: 'a * may only come last, and not in expressions',
  },
  indirection_el: {
    choices: "'.' <attr_name> | '[' <a_expr> ']' | '[' <opt_slice_bound> ':' <opt_slice_bound> ']'",
    reason: 'as columnref',
  },
  set_target: {
    choices: '<ColId>',
    reason: 'the columns of an INSERT or UPDATE are not subscripted without a name',
  },
  insert_column_item: { choices: '<ColId>', reason: 'as set_target' },
  row: { choices: "ROW '(' <a_expr> ',' <a_expr> ')'", reason: 'OVERLAPS wants two values on each side' },
  limit_clause: {
    choices:
      'LIMIT <select_limit_value> | FETCH <first_or_next> <select_fetch_first_value> <row_or_rows> ONLY',
    reason: 'LIMIT n, m is not PostgreSQL; WITH TIES needs an ORDER BY',
  },
  select_clause: {
    choices: '<simple_select>',
    reason: 'a query in brackets may repeat the ORDER BY and LIMIT outside',
  },
  frame_extent: {
    choices: 'UNBOUNDED PRECEDING | CURRENT ROW | BETWEEN UNBOUNDED PRECEDING AND <a_expr> FOLLOWING',
    reason: 'the frame must not end before it begins',
  },
  PreparableStmt: {
    choices: '<SelectStmt> | <InsertStmt> | <UpdateStmt> | <DeleteStmt>',
    reason: 'not optional in a CTE',
  },
  SeqOptListWithoutCache: {
    choices:
      'AS BIGINT CYCLE | NO CYCLE <SeqOptListWithoutCache> | INCREMENT <opt_by> <NumericOnly> | START <opt_with> <NumericOnly> | OWNED BY <any_name> | MAXVALUE <NumericOnly>',
    reason: 'LOGGED, UNLOGGED and SEQUENCE NAME are for pg_dump and not in PostgreSQL 16',
  },
};

/** Alternatives that PostgreSQL 16 refuses itself. */
const DROPPED_CHOICES: Readonly<Record<string, RegExp>> = {
  // `UNIQUE (SELECT …)` parses and then is "not yet implemented".
  a_expr: /^UNIQUE /,
  // `f(name := value) 'x'` takes a function call for a type.
  AexprConst: /func_arg_list/,
};

const TOKENS: Readonly<Record<string, readonly string[]>> = {
  IDENT: ['a', 'b1', 'orders', 'éléphant', '"Quoted Name"', '"select"', 'customer_id'],
  ICONST: ['1', '2', '7', '42'],
  FCONST: ['1.5', '2e3', '.25'],
  SCONST: ["'text'", "'it''s'", "E'tab\\t'", '$$dollar$$', "''"],
  BCONST: ["B'101'"],
  XCONST: ["X'1F'"],
  Op: ['||', '@>', '->>', '~', '&&'],
  PARAM: ['$1', '$2'],
  PARAMETER: [
    'search_path',
    'TimeZone',
    'application_name',
    'enable_seqscan',
    'dsql.enable_batched_nestloop',
  ],
  PARAMETER_VALUE: ["'value'", 'on', 'public, pg_catalog', '1'],
};

/** Operands of operators: in brackets or simple, because the grammar file has lost PostgreSQL's precedences. */
const OPERAND = new Set(['a_expr', 'b_expr']);

const rules = readRules({ ...(grammar as Record<string, Rule>), ...COMPLETED, ...NARROWED });

/** The rules that are statements. */
export const statementRules: readonly string[] = [...rules.keys()].filter((name) =>
  /^[A-Z][a-zA-Z]+Stmt$/.test(name),
);

/**
 * Derives one random statement from the grammar that a cluster accepted in August 2026.
 *
 * @param rule - The rule to begin with, one of {@link statementRules}.
 * @param random - Returns the next number, from 0 up to but not including 1.
 */
export function deriveStatement(rule: string, random: () => number): string {
  return derive(rule, heightOfRule(rule) + Math.floor(random() ** 2 * 16), random).join(' ');
}

function derive(name: string, budget: number, random: () => number, insideExpression = false): string[] {
  const rule = rules.get(name);
  if (!rule) throw new Error(`The grammar has no rule ${name}.`);
  if (rule.optional && (budget < shortest(rule) || random() < 0.5)) return [];
  if (insideExpression && OPERAND.has(name)) return derive('c_expr', budget - 1, random);

  const times =
    rule.separator !== undefined && budget > shortest(rule) + 2 ? 1 + Math.floor(random() * 3) : 1;
  const words: string[] = [];
  for (let time = 0; time < times; time++) {
    if (time > 0 && rule.separator) words.push(rule.separator);
    for (const token of pick(choicesWithin(rule, budget), random)) {
      if (token.startsWith('<')) {
        words.push(...derive(token.slice(1, -1), budget - 1, random, OPERAND.has(name)));
      } else if (token.startsWith('#')) {
        words.push(pick(TOKENS[token.slice(1)] ?? [], random));
      } else {
        words.push(token.startsWith("'") ? token.slice(1, -1) : token);
      }
    }
  }
  return words;
}

/** The choices that can end within the budget; the shortest ones when none can. */
function choicesWithin(rule: ReadRule, budget: number): readonly Choice[] {
  const limit = Math.max(budget, shortest(rule));
  return rule.choices.filter((_choice, index) => (rule.heights[index] ?? 0) <= limit);
}

function heightOfRule(name: string): number {
  const rule = rules.get(name);
  return rule ? shortest(rule) : 0;
}

function shortest({ heights }: ReadRule): number {
  return Math.min(...heights);
}

function pick<T>(items: readonly T[], random: () => number): T {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new Error('There is nothing to choose from.');
  return item;
}

function readRules(source: Readonly<Record<string, Rule>>): ReadonlyMap<string, ReadRule> {
  const choices = new Map(
    Object.entries(source).map(([name, rule]) => [
      name,
      rule.choices
        .split(' | ')
        .filter((choice) => !DROPPED_CHOICES[name]?.test(choice))
        .map((choice) => choice.split(' ').filter((token) => token !== '')),
    ]),
  );
  const heights = new Map<string, number>();
  const heightOf = (choice: Choice): number =>
    Math.max(
      0,
      ...choice.map((token) => (token.startsWith('<') ? (heights.get(token.slice(1, -1)) ?? Infinity) : 0)),
    ) + 1;
  for (let changed = true; changed;) {
    changed = false;
    for (const [name, alternatives] of choices) {
      const height = source[name]?.optional ? 0 : Math.min(...alternatives.map(heightOf));
      if (height < (heights.get(name) ?? Infinity)) {
        heights.set(name, height);
        changed = true;
      }
    }
  }
  return new Map(
    Object.entries(source).map(([name, { optional = false, separator }]) => {
      const alternatives = choices.get(name) ?? [];
      return [
        name,
        {
          optional,
          separator,
          choices: alternatives,
          heights: alternatives.map(heightOf),
        },
      ];
    }),
  );
}
