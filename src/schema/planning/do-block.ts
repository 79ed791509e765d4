import { DsqlError } from '../../connection';
import { asksForItsOwn, literal, parseQuery, strings, tokensOf, walk, type BlockStep } from '../../sql';
import { isThere } from './is-there';
import { together, type PlannedChange, type Planning } from './planning';

/** Plans one statement of a block. */
type PlanStatement = (text: string) => Promise<PlannedChange | 'as it is' | 'refused'>;

/** What a column of an answer holds; a number or JSON as the text that the server gave, because JavaScript's numbers round. */
type Value = string | boolean | null | { readonly sql: string };

/** The value of a variable: what a query gave, by the names of its columns. */
type Row = Readonly<Record<string, Value>>;

/** A row as JSON, and each of its values as text. */
interface Answered {
  readonly row: Readonly<Record<string, unknown>>;
  readonly texts: Readonly<Record<string, string>>;
}

/** A DO block would end with the error that it raises itself. */
export class RaisedExceptionError extends DsqlError {
  override readonly name = 'RaisedExceptionError';
  /** SQLSTATE of raise_exception. */
  readonly code = 'P0001';

  /** @param text - what is raised, as it is written */
  constructor(text: string) {
    super(`A DO block ends with an error: ${text}. Nothing was sent of it.`);
  }
}

/** How far the steps of a block are taken. */
type Taken = 'all' | 'returned' | 'refused';

/**
 * Plans the steps of a DO block: what the block would have asked the database is asked now, and what it would have done is
 * done in its stead, one statement after the other.
 *
 * @returns `refused` where an answer may depend on what the block itself does before
 * @throws RaisedExceptionError when the block would raise one
 */
export async function planBlock(
  steps: readonly BlockStep[],
  planning: Planning,
  plan: PlanStatement,
): Promise<'refused' | PlannedChange> {
  const block = new Block(planning, plan);
  const taken = await block.take(steps);
  return taken === 'refused' ? taken : together(block.changes);
}

class Block {
  readonly changes: PlannedChange[] = [];
  readonly #planning: Planning;
  readonly #plan: PlanStatement;
  readonly #done: string[] = [];
  readonly #variables = new Map<string, Row>();

  constructor(planning: Planning, plan: PlanStatement) {
    this.#planning = planning;
    this.#plan = plan;
  }

  async take(steps: readonly BlockStep[]): Promise<Taken> {
    for (const step of steps) {
      const taken = await this.#step(step);
      if (taken !== 'all') return taken;
    }
    return 'all';
  }

  async #step(step: BlockStep): Promise<Taken> {
    switch (step.kind) {
      case 'statement':
        return this.#send(this.#withValues(step.text));
      case 'guarded':
        return this.#guarded(step.guard, this.#withValues(step.text));
      case 'execute': {
        const rows = await this.#ask(`SELECT ${step.expression} AS text`);
        const text = rows?.[0]?.text;
        return typeof text === 'string' ? this.#send(text) : 'refused';
      }
      case 'assign': {
        const rows = await this.#ask(step.query);
        if (rows === undefined) return 'refused';
        const [row = {}] = rows;
        const values = Object.values(row);
        const [first = '', ...others] = step.variables;
        // One variable may take a whole row.
        this.#variables.set(first, others.length === 0 ? row : { value: values[0] ?? null });
        others.forEach((name, at) => this.#variables.set(name, { value: values[at + 1] ?? null }));
        return 'all';
      }
      case 'if':
        return this.#if(step.branches);
      case 'loop': {
        const rows = await this.#ask(step.query);
        for (const row of rows ?? []) {
          this.#variables.set(step.variable, row);
          const taken = await this.take(step.steps);
          if (taken !== 'all') return taken;
        }
        return rows === undefined ? 'refused' : 'all';
      }
      case 'raise':
        throw new RaisedExceptionError(step.text);
      case 'return':
        return 'returned';
    }
  }

  async #if(branches: Extract<BlockStep, { kind: 'if' }>['branches']): Promise<Taken> {
    for (const { condition, steps } of branches) {
      if (condition === undefined) return this.take(steps);
      const rows = await this.#ask(`SELECT ${condition} AS holds`);
      if (rows === undefined) return 'refused';
      if (rows[0]?.holds === true) return this.take(steps);
      this.changes.push({ statements: [], notes: [`${condition} does not hold.`] });
    }
    return 'all';
  }

  async #guarded(guard: 'unless there' | 'if there', text: string): Promise<Taken> {
    const isWanted = (await isThere(text, this.#planning)) === (guard === 'if there');
    if (isWanted) return this.#send(text);
    const reason = guard === 'if there' ? 'It is not there.' : 'It is there already.';
    this.changes.push({ statements: [], notes: [reason] });
    return 'all';
  }

  async #send(text: string): Promise<Taken> {
    const planned = await this.#plan(text);
    if (typeof planned === 'string') return 'refused';
    this.#done.push(text);
    this.changes.push(planned);
    return 'all';
  }

  /** The rows of a query; nothing where they may depend on what was done before. */
  async #ask(query: string): Promise<readonly Row[] | undefined> {
    const text = this.#withValues(query);
    if (asksForItsOwn(text, this.#done)) return undefined;
    const { enums, read, readTables } = this.#planning;
    const asked = await enums.asked(text, readTables);
    const texts = '(SELECT json_object_agg(key, value) FROM json_each_text(row_to_json(q)))';
    const rows = await read(
      `SELECT json_build_object('row', q, 'texts', ${texts})::text AS answer FROM (${asked}) q`,
    );
    return (rows as readonly { readonly answer: string }[]).map(({ answer }) =>
      rowOf(JSON.parse(answer) as Answered),
    );
  }

  /** A text with the values of the variables that it names. */
  #withValues(text: string): string {
    if (this.#variables.size === 0) return text;
    const [statement] = parseQuery(text).statements;
    if (statement === undefined) return text;
    const places: { readonly start: number; readonly end: number; readonly value: string }[] = [];
    const bytes = Buffer.from(text);
    walk(statement.node, statement.tree as object, ({ name, body }) => {
      if (name !== 'ColumnRef') return true;
      const { fields, location = 0 } = body as {
        readonly fields: Parameters<typeof strings>[0];
        location?: number;
      };
      const [variable = '', column, ...others] = strings(fields);
      const row = this.#variables.get(variable);
      if (row === undefined || others.length > 0) return true;
      const values = Object.values(row);
      const value = column === undefined ? values[0] : row[column];
      if (column === undefined ? values.length !== 1 : value === undefined) return true;
      const start = bytes.subarray(0, location).toString().length;
      const tokens = tokensOf(text, start);
      let end = start;
      for (let at = 0; at < (column === undefined ? 1 : 3); at++) end = tokens.next().value?.end ?? end;
      places.push({ start, end, value: written(value) });
      return true;
    });
    places.sort((a, b) => b.start - a.start);
    return places.reduce(
      (now, { start, end, value }) => `${now.slice(0, start)}${value}${now.slice(end)}`,
      text,
    );
  }
}

function rowOf({ row, texts }: Answered): Row {
  const valueOf = (name: string, value: unknown): Value => {
    if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
    const text = texts[name] ?? '';
    return { sql: typeof value === 'number' ? `(${text})` : `${literal(text)}::jsonb` };
  };
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, valueOf(name, value)]));
}

/** A value as SQL. */
function written(value: Value | undefined): string {
  if (value === null || value === undefined) return 'NULL';
  if (typeof value === 'boolean') return String(value);
  return typeof value === 'string' ? literal(value) : value.sql;
}
