import fc from 'fast-check';
import type { LocalDsql } from 'aurora-dsql-orm/local';
import type { Client, QueryResult } from 'pg';
import { CHANGED, ConflictModel, DELETE_ACTIONS, SCHEMA_CONFLICT } from './conflict-model';
import type {
  Answer,
  Changed,
  DeleteAction,
  Operation,
  SchemaChange,
  SessionNumber,
  Step,
} from './conflict-model';
import { connect } from './local-client';

/** How many steps a schedule has at most. */
const STEPS = 30;
const PARENTS = [1, 2, 3];
const TABLES: Readonly<Record<DeleteAction, string>> = {
  'no action': 'child_plain',
  cascade: 'child_cascade',
  'set null': 'child_set_null',
};

const id = fc.integer({ min: 1, max: 4 });
const childId = fc.integer({ min: 1, max: 3 });
const table = fc.constantFrom(...DELETE_ACTIONS);

/** What a session does inside of a transaction. */
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 4, arbitrary: fc.constant<Operation>({ op: 'read' }) },
  { weight: 6, arbitrary: fc.record({ op: fc.constant('update' as const), id }) },
  {
    weight: 6,
    arbitrary: fc.record({
      op: fc.constantFrom('delete' as const, 'for update' as const, 'for key share' as const),
      id,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ op: fc.constantFrom('insert' as const, 'upsert' as const), id, u: id }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ op: fc.constant('change key' as const), id, u: fc.integer({ min: 1, max: 6 }) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      op: fc.constantFrom('insert child' as const, 'insert child' as const, 'move child' as const),
      table,
      id: childId,
      parent: id,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      op: fc.constantFrom('update child' as const, 'delete child' as const),
      table,
      id: childId,
    }),
  },
);

const CHANGES: Readonly<Record<SchemaChange, (table: string, value: string) => string>> = {
  comment: (name) => `COMMENT ON TABLE ${name} IS 'changed'`,
  grant: (name) => `GRANT SELECT ON ${name} TO reader`,
  revoke: (name) => `REVOKE SELECT ON ${name} FROM reader`,
  default: (name, value) => `ALTER TABLE ${name} ALTER COLUMN ${value} SET DEFAULT 0`,
  elsewhere: () => "CREATE OR REPLACE FUNCTION elsewhere() RETURNS int LANGUAGE sql AS 'SELECT 1'",
};

const schemaChange: fc.Arbitrary<Operation> = fc.record({
  op: fc.constant('change schema' as const),
  change: fc.constantFrom<SchemaChange>('comment', 'grant', 'revoke', 'default', 'elsewhere'),
  of: fc.constantFrom<Changed>(...CHANGED),
});

/** One statement by itself, or a transaction. */
const transaction: fc.Arbitrary<Operation[]> = fc.oneof(
  { weight: 1, arbitrary: operation.map((one) => [one]) },
  { weight: 1, arbitrary: schemaChange.map((one) => [one]) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.array(operation, { maxLength: 1 }), schemaChange, fc.array(operation, { maxLength: 1 }))
      .map(([before, change, after]): Operation[] => [
        { op: 'begin' },
        ...before,
        change,
        ...after,
        { op: 'commit' },
      ]),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(
        fc.array(operation, { minLength: 1, maxLength: 4 }),
        fc.oneof(
          { weight: 6, arbitrary: fc.constant<Operation>({ op: 'commit' }) },
          { weight: 1, arbitrary: fc.constant<Operation>({ op: 'rollback' }) },
        ),
      )
      .map(([operations, end]): Operation[] => [{ op: 'begin' }, ...operations, end]),
  },
);

const program = fc
  .array(transaction, { minLength: 1, maxLength: 4 })
  .map((transactions) => transactions.flat());

/** What three sessions do, one step after the other: a program each, and whose turn it is. */
export const schedule: fc.Arbitrary<Step[]> = fc
  .tuple(
    fc.tuple(program, program, program),
    fc.array(fc.constantFrom<SessionNumber>(0, 1, 2), { minLength: STEPS, maxLength: STEPS }),
  )
  .map(([programs, turns]) => {
    const left = programs.map((operations) => [...operations]);
    return turns.flatMap((session): Step[] => {
      const next = left[session]?.shift();
      return next ? [{ session, operation: next }] : [];
    });
  });

/** Takes the steps of schedules in the model and in a local DSQL. */
export class ScheduleRunner {
  readonly #local: LocalDsql;
  #observer: Client | undefined;
  #sessions: Client[] = [];

  constructor(local: LocalDsql) {
    this.#local = local;
  }

  /** Connects, and creates the tables if they are not there. */
  async open(): Promise<void> {
    [this.#observer, ...this.#sessions] = await Promise.all([0, 1, 2, 3].map(() => connect(this.#local)));
    await this.#observer?.query('CREATE ROLE reader WITH LOGIN');
    await this.#observer?.query(
      'CREATE TABLE IF NOT EXISTS parent (id int PRIMARY KEY, u int NOT NULL UNIQUE, v int NOT NULL)',
    );
    for (const [action, name] of Object.entries(TABLES)) {
      await this.#observer?.query(
        `CREATE TABLE IF NOT EXISTS ${name} (id int PRIMARY KEY, parent_id int REFERENCES parent ON DELETE ${action}, w int NOT NULL)`,
      );
    }
  }

  async close(): Promise<void> {
    const clients = this.#observer ? [this.#observer, ...this.#sessions] : [];
    await Promise.all(clients.map((client) => client.end()));
  }

  /**
   * Takes the steps of one schedule.
   *
   * @returns where the local DSQL did otherwise than the model, if it did
   */
  async firstDifference(steps: readonly Step[]): Promise<string | undefined> {
    const observer = this.#client(this.#observer);
    // Nobody begins with a catalogue of the schedule before.
    await Promise.all([observer, ...this.#sessions].map((client) => read(client).catch(() => undefined)));
    for (const name of Object.values(TABLES)) await observer.query(`DELETE FROM ${name}`);
    await observer.query('DELETE FROM parent');
    await observer.query(`INSERT INTO parent VALUES ${PARENTS.map((key) => `(${key}, ${key}, 0)`).join()}`);
    const model = new ConflictModel(PARENTS);
    try {
      for (const [index, step] of steps.entries()) {
        const { answer: expected, isVague, orConflict = false } = model.take(step);
        const answer = await run(this.#client(this.#sessions[step.session]), step.operation);
        const told = 'sqlstate' in answer ? answer.sqlstate : '';
        if (told === SCHEMA_CONFLICT) model.readsCatalogue(step.session);
        if (isVague || (orConflict && told.startsWith('40001'))) {
          if (told !== '') model.fail(step.session);
        } else if (JSON.stringify(answer) !== JSON.stringify(expected)) {
          return `step ${index}: ${JSON.stringify(step)}: ${JSON.stringify(answer)}, not ${JSON.stringify(expected)}`;
        }
      }
    } finally {
      for (const session of this.#sessions) await session.query('ROLLBACK');
    }
    const rows = JSON.stringify(await read(observer).catch(() => read(observer)));
    const expected = JSON.stringify(model.committedRows);
    return rows === expected ? undefined : `in the end: ${rows}, not ${expected}`;
  }

  #client(client: Client | undefined): Client {
    if (!client) throw new Error('there is no such session');
    return client;
  }
}

async function run(client: Client, step: Operation): Promise<Answer> {
  try {
    switch (step.op) {
      case 'begin':
      case 'commit':
      case 'rollback':
        return { tag: (await client.query(step.op)).command };
      case 'read':
        return { rows: await read(client) };
      default:
        return { rows: rows(await client.query<Row>(...statement(step))) };
    }
  } catch (error) {
    const { code = String(error), message } = error as Error & { code?: string };
    return { sqlstate: code === '40001' ? `${code} ${/OC\d+/.exec(message)?.[0]}` : code };
  }
}

interface Row {
  readonly value: unknown;
}

function rows({ rows: found }: QueryResult<Row>): string[] {
  return found.map(({ value }) => String(value)).sort();
}

async function read(client: Client): Promise<string[]> {
  const children = Object.entries(TABLES).map(
    ([action, name]) =>
      `SELECT '${action} ' || id || ' ' || coalesce(parent_id::text, '-') || ' ' || w FROM ${name}`,
  );
  const parents = `SELECT 'parent ' || id || ' ' || u || ' ' || v AS value FROM parent`;
  return rows(await client.query<Row>([parents, ...children].join(' UNION ALL ')));
}

/** The statement of a step; every second kind goes through the extended protocol. */
function statement(
  step: Exclude<Operation, { op: 'begin' | 'commit' | 'rollback' | 'read' }>,
): [string, unknown[]?] {
  switch (step.op) {
    case 'change schema':
      return step.of === 'parent'
        ? [CHANGES[step.change]('parent', 'v')]
        : [CHANGES[step.change](TABLES[step.of], 'w')];
    case 'update':
      return ['UPDATE parent SET v = v + 1 WHERE id = $1 RETURNING v AS value', [step.id]];
    case 'delete':
      return [`DELETE FROM parent WHERE id = ${step.id} RETURNING v AS value`];
    case 'for update':
      return ['SELECT v AS value FROM parent WHERE id = $1 FOR UPDATE', [step.id]];
    case 'for key share':
      return [`SELECT v AS value FROM parent WHERE id = ${step.id} FOR KEY SHARE`];
    case 'insert':
      return ['INSERT INTO parent VALUES ($1, $2, 1) RETURNING v AS value', [step.id, step.u]];
    case 'upsert':
      return [
        'INSERT INTO public.parent AS p VALUES ($1, $2, 1) ON CONFLICT (id) DO UPDATE SET v = p.v + 10 RETURNING v AS value',
        [step.id, step.u],
      ];
    case 'change key':
      return [`UPDATE parent SET u = ${step.u} WHERE id = ${step.id} RETURNING u AS value`];
    case 'insert child':
      return [
        `INSERT INTO ${TABLES[step.table]} VALUES ($1, $2, 0) RETURNING w AS value`,
        [step.id, step.parent],
      ];
    case 'move child':
      return [
        `UPDATE ${TABLES[step.table]} SET parent_id = ${step.parent} WHERE id = ${step.id} RETURNING w AS value`,
      ];
    case 'update child':
      return [`UPDATE ${TABLES[step.table]} SET w = w + 1 WHERE id = $1 RETURNING w AS value`, [step.id]];
    case 'delete child':
      return [`DELETE FROM ${TABLES[step.table]} WHERE id = ${step.id} RETURNING w AS value`];
  }
}
