import type { PlannedMigration, PlannedStatement } from '../../check';
import type { HalfDoneMigration, MigrationStatus } from '../../migrate';
import { quotedTable } from '../../sql';
import type { RowEstimate } from './row-estimates';

/** What `status` prints. */
export function statusText({ holder, halfDone, jobs }: MigrationStatus, pending?: readonly string[]): string {
  const lines = halfDone.flatMap((run) => [
    `${run.migration} is ${halfOf(run)}: ${run.finished} statements are finished (${run.history}).`,
    ...run.stopped.map(
      ({ position, state, sql, error }) =>
        `  statement ${position}, ${state}: ${onOneLine(sql)}${error === null ? '' : `\n    ${error}`}`,
    ),
  ]);
  if (holder !== undefined) {
    const { process: id, host, since, expiresAt } = holder;
    lines.push(
      `Process ${id} on ${host} has been changing the schema since ${since.toISOString()}; its lease ends at ${expiresAt.toISOString()} unless it is renewed.`,
    );
  }
  for (const { jobId, type, object, status, startedAt } of jobs) {
    lines.push(
      `Job ${jobId} (${type}${object === null ? '' : ` of ${object}`}) is ${status} since ${startedAt.toISOString()}.`,
    );
  }
  if (halfDone.length === 0 && holder === undefined) lines.unshift('No migration is half-done.');
  if (pending !== undefined)
    lines.push(pending.length === 0 ? 'None is pending.' : `Pending: ${pending.join(', ')}`);
  return `${lines.join('\n')}\n`;
}

/** Which half of a migration is done. */
export function halfOf({ direction }: HalfDoneMigration): string {
  return direction === 'up' ? 'half-done' : 'half-undone';
}

/** What `plan` prints. */
export function planText(
  plan: readonly PlannedMigration[],
  estimates: ReadonlyMap<string, RowEstimate>,
): string {
  if (plan.length === 0) return 'Nothing is pending.\n';
  const lines = plan.flatMap(({ name, statements, refusals, failure }) => [
    name,
    ...statements.map(
      (statement, index) => `  ${String(index + 1).padStart(3)}  ${lineOf(statement, estimates)}`,
    ),
    ...refusals.map(
      ({ message, instead }) => `  refused: ${message}${instead === undefined ? '' : `  (${instead})`}`,
    ),
    ...(failure === undefined ? [] : [`  its code could not be followed further: ${failure}`]),
  ]);
  const refused = plan.flatMap(({ refusals }) => refusals).length;
  const statements = plan.flatMap((each) => each.statements);
  const jobs = statements.filter(({ kind }) => kind === 'job').length;
  lines.push(
    `${plan.length} migrations, ${statements.length} statements, ${jobs} index builds, ${refused} refused. Nothing was sent.`,
  );
  return `${lines.join('\n')}\n`;
}

const KINDS: Readonly<Record<PlannedStatement['kind'], string>> = {
  ddl: 'schema',
  job: 'index build',
  validate: 'validation',
  dml: 'rows',
  transaction: 'transaction',
  session: 'session',
};

function lineOf(
  { sql, kind, isRepeated, table, notes }: PlannedStatement,
  estimates: ReadonlyMap<string, RowEstimate>,
): string {
  const repeated = isRepeated ? ', until it touches no row' : '';
  const estimate = table && estimates.get(quotedTable(table));
  const rows = estimate === undefined ? '' : `, ${rowsIn(estimate)}`;
  const noted = notes.map((note) => `\n         ${note}`).join('');
  return `[${KINDS[kind]}${repeated}${rows}] ${onOneLine(sql)}${noted}`;
}

function rowsIn({ rows, isLeast }: RowEstimate): string {
  const written = rows.toLocaleString('en-US');
  if (isLeast) return `${written} rows or more in the table`;
  return `about ${written} ${rows === 1 ? 'row' : 'rows'} in the table`;
}

function onOneLine(sql: string): string {
  return sql.replaceAll(/\s+/g, ' ').trim();
}
