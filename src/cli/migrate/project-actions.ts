import type { PlannedMigration } from '../../check';
import { quotedTable } from '../../sql';
import { canRewriteLine, ProgressLine } from './progress-line';
import { planText } from './reports';
import { estimateRows, type RowEstimate } from './row-estimates';
import type { MigrationProject, RunOptions } from './project';

/** What the arguments say of an action on a project. */
export interface ProjectOptions extends RunOptions {
  readonly json: boolean;
  readonly dryRun: boolean;
}

type Action = (project: MigrationProject, options: ProjectOptions) => Promise<number>;

/** `migrate up`. */
export const up: Action = async (project, options) => {
  if (options.dryRun) return plan(project, options);
  const run = (watched: RunOptions) => project.up(watched);
  const total = async () => named(await project.pending(), options.to).length;
  return report('up', await watch(project, options, run, total), options);
};

/** `migrate down`. */
export const down: Action = async (project, options) =>
  report('down', await watch(project, options, (watched) => project.down(watched)), options);

/** Says on a terminal how far the migrations have come. */
async function watch(
  project: MigrationProject,
  options: ProjectOptions,
  run: (options: RunOptions) => Promise<readonly string[]>,
  countAll?: () => Promise<number>,
): Promise<readonly string[]> {
  const given = runOptions(options);
  if (!canRewriteLine(process.stderr, process.env)) return run(given);
  const line = new ProgressLine(process.stderr, await countAll?.());
  const clear = () => {
    line.clear();
  };
  project.beforeLogging(clear);
  options.signal?.addEventListener('abort', clear);
  try {
    return await run({ ...given, onProgress: line.follow });
  } finally {
    clear();
  }
}

/** Those up to one. */
function named(pending: readonly string[], to: string | undefined): readonly string[] {
  return pending.slice(0, to === undefined ? pending.length : pending.indexOf(to) + 1);
}

/** `migrate baseline`. */
export const baseline: Action = async (project, options) =>
  report('baseline', await project.baseline(runOptions(options)), options);

/** `migrate plan`. */
export const plan: Action = async (project, { to, json }) => {
  const planned = await project.plan(named(await project.pending(), to));
  const tables = planned.flatMap(({ statements }) => statements.flatMap(({ table }) => table ?? []));
  const estimates = await estimateRows(tables, (sql) => project.query(sql));
  print(json ? asJson({ migrations: planned.map(withRows(estimates)) }) : planText(planned, estimates));
  return planned.some(({ refusals, failure }) => refusals.length > 0 || failure !== undefined) ? 1 : 0;
};

/** For the report as JSON: `rows` is missing where the table is not there yet; there may be more with `rowsAreLeast`. */
function withRows(estimates: ReadonlyMap<string, RowEstimate>) {
  return ({ statements, ...migration }: PlannedMigration) => ({
    ...migration,
    statements: statements.map(({ table, ...statement }) => {
      const { rows, isLeast } = (table && estimates.get(quotedTable(table))) ?? {};
      return { ...statement, rows, rowsAreLeast: isLeast };
    }),
  });
}

/** `migrate verify`. */
export const verify: Action = async (project, { json }) => {
  const differences = await project.differences();
  if (json) print(asJson({ differences }));
  else if (differences.length === 0) print('The schema is what the code says.\n');
  else
    print(
      `The schema differs from what the code says:\n${differences.map((each) => `  ${each}\n`).join('')}`,
    );
  return differences.length === 0 ? 0 : 1;
};

/** Another process that holds the lease is an error here, also where it is skipped: the exit status tells the two apart. */
function runOptions({ to, signal, whileHeld, steal }: ProjectOptions): RunOptions {
  return { to, signal, steal, whileHeld: whileHeld === 'skip' ? 'fail' : whileHeld };
}

const VERBS = { up: 'run', down: 'reverted', baseline: 'recorded' } as const;

function report(action: keyof typeof VERBS, migrations: readonly string[], { json }: ProjectOptions): number {
  if (json) print(asJson({ action, migrations }));
  else if (migrations.length === 0) print('Nothing was to be done.\n');
  else print(migrations.map((name) => `${name} was ${VERBS[action]}.\n`).join(''));
  return 0;
}

function asJson(report: object): string {
  return `${JSON.stringify({ version: 1, ...report }, undefined, 2)}\n`;
}

function print(text: string): void {
  process.stdout.write(text);
}
