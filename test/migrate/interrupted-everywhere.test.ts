import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { inspect, isDeepStrictEqual } from 'node:util';
import type { CutFault, TraceRecording } from 'aurora-dsql-orm/local';
import { useCluster } from '../cluster';
import { byForm, form } from '../form';
import { empty, schemaAndHashesOf } from './database-state';
import { MigratingProcess } from './processes';
import { sampleOf, type Orm, type Sample } from './sample';

const cluster = useCluster();

/** The process is killed, and the next one continues; or its connection is cut, and it continues itself. */
type Interruption = 'killed' | 'cut off';
type Case = readonly [orm: Orm, interruption: Interruption, at: CutFault['at']];

const CUTS: readonly CutFault['at'][] = ['after commit', 'before commit', 'statement'];
const ALL = (['TypeORM', 'Sequelize'] as const).flatMap((orm) =>
  (['cut off', 'killed'] as const).flatMap((how) => CUTS.map((at): Case => [orm, how, at])),
);
const some: readonly Case[] = [
  ['TypeORM', 'cut off', 'before commit'],
  ['Sequelize', 'killed', 'after commit'],
];
/**
 * How many of the migrations are interrupted, and each way to do it takes one of how many boundaries, at least one of each
 * migration: in the long form the six ways of an ORM share them all.
 */
const [MIGRATIONS, STRIDE] = byForm({ short: [5, 40], long: [13, 6], soak: [13, 1] });

/**
 * The boundaries of a migration, the first and the last, among all of a run: of statements, or of transactions that are
 * committed, each statement without BEGIN among them. How often a job is asked for may be another number in the next run.
 */
function boundariesOf(
  { roundTrips }: TraceRecording,
  migration: number,
  at: CutFault['at'],
): readonly [first: number, last: number] {
  const open = new Set<number>();
  let count = 0;
  // The first migration has the beginnings of all others, too.
  let first = migration === 1 ? 1 : undefined;
  for (const { connection, statements } of roundTrips) {
    for (const { text, kind } of statements) {
      if (text.includes('INSERT INTO "aurora_dsql_orm_migration" ')) first ??= count + 1;
      if (kind === 'begin') open.add(connection.id);
      const isCommitted = kind === 'commit' || !open.has(connection.id);
      if (kind === 'commit' || kind === 'rollback') open.delete(connection.id);
      if (at === 'statement' || isCommitted) count++;
    }
  }
  if (first === undefined) throw new Error('The migration was not begun.');
  return [first, count];
}

/** What was changed for good, other than the lease and the journal, with the values left out, and how many rows that were. */
function changesIn({ roundTrips }: TraceRecording): string[] {
  const changes: string[] = [];
  const open = new Map<number, string[]>();
  for (const { connection, statements } of roundTrips) {
    for (const { text, kind, sqlstate, rowCount, cut = 'after commit' } of statements) {
      const isDone = sqlstate === undefined && cut === 'after commit';
      if (kind === 'begin') open.set(connection.id, []);
      else if (kind === 'commit' || kind === 'rollback') {
        if (isDone && kind === 'commit') changes.push(...(open.get(connection.id) ?? []));
        open.delete(connection.id);
      } else if (isDone && rowCount !== 0 && isChange(text, kind)) {
        const change = text.replace(' IF NOT EXISTS', '').replaceAll(/\d+/g, '0');
        (open.get(connection.id) ?? changes).push(
          rowCount === undefined ? change : `${change}: ${rowCount} rows`,
        );
      }
    }
  }
  return changes.sort();
}

function isChange(text: string, kind: string): boolean {
  return /^(?:ddl|write)$/.test(kind) && !text.includes('aurora_dsql_orm');
}

/** Adds what was expected and not sent, because there was nothing to drop: the next process has seen that in the catalogue. */
function withNeedless(changes: readonly string[], expected: readonly string[]): readonly string[] {
  const left = [...changes];
  const missing = expected.filter((change) => {
    const at = left.indexOf(change);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
  return [...changes, ...missing.filter((change) => change.startsWith('DROP TABLE IF EXISTS '))].sort();
}

/** What a run of the sample has left, and has changed. */
interface Outcome {
  readonly state: unknown;
  readonly changes: readonly string[];
}

/** One case: the migrations of an ORM are interrupted in one way, one after the other. */
class Interruptions {
  readonly #sample: Sample;
  readonly #case: Case;
  /** How many migrations were run; nothing where nobody knows. */
  #ran: number | undefined;
  /** Loaded, and waiting for what it is to do. */
  #waiting: Promise<MigratingProcess> | undefined;
  /** Whether `down` leaves something of the migration: PostgreSQL has no way to take a label of an enum away. */
  #isLeftByDown = false;
  #cuts = 0;
  #faults: unknown[] = [];

  constructor(ofCase: Case) {
    this.#case = ofCase;
    this.#sample = sampleOf(ofCase[0], cluster.orm);
  }

  /** From what a process has compiled that came to its end the next ones start faster. */
  async begin(): Promise<void> {
    this.#startNext();
    if (this.#waiting !== undefined) await this.#runInProcess(MIGRATIONS, () => undefined);
  }

  /**
   * Runs a migration with a cut at each of some of its boundaries in turn.
   *
   * @returns how many cuts there were, and after which of them it ended as it should not
   */
  async interrupt(upTo: number): Promise<{ readonly cuts: number; readonly faults: readonly unknown[] }> {
    const [, , at] = this.#case;
    this.#isLeftByDown = false;
    this.#cuts = 0;
    this.#faults = [];
    if (this.#ran !== upTo - 1) await this.#restore(upTo - 1);
    this.#ran = undefined;
    const before = await schemaAndHashesOf(cluster.connection);
    const { trace } = cluster.local;
    const undisturbed = trace.start();
    await this.#sample.up({ upTo, steal: true });
    undisturbed.stop();
    const expected = {
      state: await schemaAndHashesOf(cluster.connection),
      changes: changesIn(undisturbed),
    };
    for (const nth of this.#chosen(boundariesOf(undisturbed, upTo, at))) {
      await this.#undo(upTo, before);
      await this.#cut(upTo, nth, expected);
    }
    if (this.#faults.length === 0) this.#ran = upTo;
    return { cuts: this.#cuts, faults: this.#faults };
  }

  async end(): Promise<void> {
    (await this.#waiting)?.child.kill('SIGKILL');
  }

  #chosen([first, last]: readonly [number, number]): readonly number[] {
    const all = Array.from({ length: last - first + 1 }, (_, index) => first + index);
    const place = ALL.findIndex((each) => each.join() === this.#case.join());
    const chosen = all.filter((nth) => (nth + place) % STRIDE === 0);
    return chosen.length > 0 ? chosen : all.slice(place % all.length).slice(0, 1);
  }

  async #cut(upTo: number, nth: number, expected: Outcome): Promise<void> {
    const [, how, at] = this.#case;
    const { faults, trace } = cluster.local;
    let child: ChildProcess | undefined;
    const fault = faults.cutConnection({ at, nth, onCut: () => child?.kill('SIGKILL') });
    const recording = trace.start();
    try {
      if (how === 'killed') await this.#runInProcess(upTo, (started) => (child = started));
      // Nothing may be left to do but to give back the lease: that would be waited for otherwise.
      await this.#sample.up({ upTo, steal: how === 'killed' });
      fault.remove();
      const changes = withNeedless(changesIn(recording.stop()), expected.changes);
      const found = { state: await schemaAndHashesOf(cluster.connection), changes };
      if (!isDeepStrictEqual(found, expected)) this.#faults.push({ nth, found, expected });
    } catch (error) {
      this.#faults.push({ nth, error });
    } finally {
      fault.remove();
      recording.stop();
    }
    this.#cuts += fault.fired;
  }

  /** Runs the sample in a process of its own, and says when it begins: it may be killed. */
  async #runInProcess(upTo: number, started: (child: ChildProcess) => void): Promise<void> {
    const waiting = await this.#waiting;
    if (waiting === undefined) throw new Error('No process was started.');
    const { child } = waiting;
    const ended = once(child, 'close');
    started(child);
    child.stdin?.end(`${upTo}\n`);
    await ended;
    this.#startNext();
  }

  #startNext(): void {
    const [orm, how] = this.#case;
    if (how === 'killed') this.#waiting = MigratingProcess.run('sample.ts', cluster.local, orm);
  }

  /** Brings back what was there before a migration. */
  async #undo(migration: number, before: unknown): Promise<void> {
    if (!this.#isLeftByDown) {
      try {
        await this.#sample.down({ upTo: migration, steal: true });
      } catch (error) {
        if (this.#faults.length === 0) throw error;
      }
      if (isDeepStrictEqual(await schemaAndHashesOf(cluster.connection), before)) return;
      this.#isLeftByDown = this.#faults.length === 0;
    }
    await this.#restore(migration - 1);
  }

  async #restore(upTo: number): Promise<void> {
    await empty(cluster.connection);
    if (upTo > 0) await this.#sample.up({ upTo });
  }
}

describe.each(byForm({ short: some, long: ALL, soak: ALL }))('with %s, %s at every %s', (...each) => {
  let interruptions: Interruptions;
  beforeAll(async () => {
    interruptions = new Interruptions(each);
    await interruptions.begin();
  });
  afterAll(() => interruptions.end());

  it.each(Array.from({ length: MIGRATIONS }, (_, index) => index + 1))(
    'migration %i ends as an undisturbed one, and does nothing twice',
    async (upTo) => {
      const { cuts, faults } = await interruptions.interrupt(upTo);
      // It is hours before jest says what has failed.
      if (form === 'soak') {
        const line = `${new Date().toISOString()} ${each.join()}, migration ${upTo}: ${cuts} cuts`;
        process.stdout.write(`${line} ${faults.map((fault) => inspect(fault, { depth: 9 })).join('\n')}\n`);
      }
      expect(faults).toStrictEqual([]);
      expect(cuts).toBeGreaterThan(0);
    },
  );
});
