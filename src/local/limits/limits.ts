import { quotedTable, refusalOf } from '../../sql';
import type { Refusal, Statement, TableName } from '../../sql';
import type { Ask } from './catalogue-checks';
import { CalledFunctions } from './called-functions';
import type { CatalogueReader } from '../concurrency/catalogue/catalogue-reader';
import { changedRowsOf, FEWEST_ROWS_OVER_LIMIT, mayOutgrowInput } from './written';

/** What comes of a look at an executed statement. */
export interface Findings {
  /** What it must fail with in spite of having been executed. */
  readonly refusal?: Refusal | undefined;
  /** How many rows it changed, where its command tag does not tell. */
  readonly rows?: number;
}

/** A look at what a statement does, on both sides of its execution. */
export interface Watch {
  before?(ask: Ask): Promise<void>;
  after(ask: Ask, tag: string): Promise<Findings>;
}

/** What libpg-query gives for INSERT. */
interface InsertTree {
  readonly selectStmt?: { readonly SelectStmt?: { readonly valuesLists?: readonly unknown[] } };
  readonly onConflictClause?: unknown;
}

/** Below the smallest limit of a size, that of a key: what a client sent in fewer bytes is within every one of them. */
const SMALL_BYTES = 1024;
const WITH = /\bwith\b/i;
/** The limits of a cluster on what statements change and define; those that only PostgreSQL can measure. */
export class Limits {
  readonly #reader: CatalogueReader;
  /** What statements do by way of functions. */
  readonly functions: CalledFunctions;
  #cascading: Promise<ReadonlySet<string>> | undefined;

  constructor(reader: CatalogueReader) {
    this.#reader = reader;
    this.functions = new CalledFunctions(reader);
  }

  /** The definitions of tables have changed. */
  forget(): void {
    this.#cascading = undefined;
  }

  /**
   * Says how to look at a statement; for most of them there is nothing to look at.
   *
   * @param inputBytes - how much the client sent for it, text and values
   * @param explicit - whether a COMMIT is to come, before which `mayExceedSize` is asked
   */
  async watch(statement: Statement, inputBytes: number, explicit: boolean): Promise<Watch | undefined> {
    if (statement.kind === 'ddl') return { after: exceededDefinition };
    if (!writes(statement)) return undefined;
    const { node, text, targets } = statement;
    const isCall = statement.calls !== undefined;
    const sizes = inputBytes > SMALL_BYTES || mayOutgrowInput(statement);
    const rows = isCall || node === 'ExplainStmt' || WITH.test(text) || (await this.#cascades(statement));
    if (!sizes && !rows && (explicit || node !== 'UpdateStmt')) return undefined;

    let changedBefore = 0;
    return {
      ...(rows && {
        before: async (ask) => {
          changedBefore = await changedRows(ask);
        },
      }),
      after: async (ask, tag) => {
        const changed = rows ? { rows: (await changedRows(ask)) - changedBefore } : {};
        const isMuch = sizes || changedRowsOf(tag) >= FEWEST_ROWS_OVER_LIMIT;
        const inAll = explicit ? 'each value' : 'all';
        return { ...changed, refusal: isMuch ? await exceededSize(ask, targets, inAll) : undefined };
      },
    };
  }

  /** Whether a statement may change rows of other tables than its own. */
  async #cascades({ node, tree, targets }: Statement): Promise<boolean> {
    if (node === 'CopyStmt' || (node === 'InsertStmt' && !(tree as InsertTree).onConflictClause))
      return false;
    this.#cascading ??= this.#cascadingTables();
    const cascading = await this.#cascading;
    if (cascading.size === 0) return false;
    return targets.some(({ schema, name }) =>
      [...cascading].some((table) =>
        schema === undefined ? table.endsWith(`.${name}`) : table === `${schema}.${name}`,
      ),
    );
  }

  async #cascadingTables(): Promise<ReadonlySet<string>> {
    const rows = await this.#reader.query('SELECT pg_dsql_local.cascading_tables()');
    return new Set(rows.map(([table]) => table ?? ''));
  }
}

/** A statement that only locks rows writes none; one that locks and has a WITH may. */
function writes({ kind, targets, locking, text }: Statement): boolean {
  if (targets.length === 0) return false;
  return kind === 'copy' || (kind === 'write' && (locking === undefined || WITH.test(text)));
}

async function exceededDefinition(ask: Ask): Promise<Findings> {
  const [row] = await ask('SELECT * FROM pg_dsql_local.exceeded_definition()');
  const [rule, part] = row ?? [];
  return { refusal: rule ? refusalOf(rule, { type: part ?? '' }) : undefined };
}

/**
 * What the rows exceed that the transaction has written to some tables.
 *
 * @param what - whether all of them together are looked at, or only the values, keys and rows one by one
 */
export async function exceededSize(
  ask: Ask,
  tables: readonly TableName[],
  what: 'all' | 'each value',
): Promise<Refusal | undefined> {
  const names = tables.map((_table, index) => `pg_catalog.to_regclass($${index + 1})`).join(', ');
  const [row] = await ask(
    `SELECT rule, part, total
       FROM pg_dsql_local.exceeded_size(pg_catalog.array_remove(ARRAY[${names}]::oid[], NULL), ${what === 'all'})`,
    tables.map(quotedTable),
  );
  const [rule, part, total] = row ?? [];
  if (!rule) return undefined;
  const refusal = refusalOf(rule, { type: part ?? '' });
  if (rule !== 'size-limit') return refusal;
  const megabytes = (Number(total) / 2 ** 20).toFixed(2);
  return { ...refusal, detail: `Current transaction size ${megabytes}mb > 10mb` };
}

async function changedRows(ask: Ask): Promise<number> {
  const [row] = await ask('SELECT pg_dsql_local.changed_rows()');
  return Number(row?.[0] ?? 0);
}
