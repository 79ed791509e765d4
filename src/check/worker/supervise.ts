import { fork } from 'node:child_process';
import path from 'node:path';
import { CheckError } from '../check-error';
import type { Failure } from '../check-options';
import type { Reported } from '../reported';
import { lateMessage } from './file-watch';
import type { Assignment, Progress } from './messages';

/** What was found in all files. */
export interface Outcome {
  readonly reported: readonly Reported[];
  readonly failures: readonly Failure[];
}

/** How a process ended: all was checked, or it was running a file. */
type End = { readonly isDone: true } | { readonly isDone: false; readonly failure: Failure };

/** A file that waits is given up by the process itself, which can then go on; one that loops leaves it no chance. */
const GRACE_MS = 1000;

/** What modules that take their endpoint from the environment find where there is none: nothing connects to it. */
const NO_CLUSTER = 'abcdefghijklmnopqrstuvwxyz.dsql.us-east-1.on.aws';

/**
 * Checks files in a process of its own. One that a file brings to its end, or keeps busy for longer than
 * `fileTimeoutMs`, is started again without that file, for what was not checked to its end.
 *
 * @throws CheckError where nothing can be checked
 */
export async function supervise(
  first: Pick<Assignment, 'folder' | 'options' | 'fileTimeoutMs' | 'files'>,
): Promise<Outcome> {
  const reported: Reported[] = [];
  const failures: Failure[] = [];
  let assignment: Assignment = { ...first, withCheckedInstances: [], dataSource: undefined };
  const takeOver = (progress: Extract<Progress, { kind: 'checked' }>) => {
    const { files, instances, dataSource } = progress;
    reported.push(...progress.reported);
    failures.push(...progress.failures);
    const checked = new Set(files);
    assignment = {
      ...assignment,
      files: assignment.files.filter((file) => !checked.has(file)),
      withCheckedInstances: [...assignment.withCheckedInstances, ...instances],
      dataSource: dataSource ?? assignment.dataSource,
    };
  };
  for (;;) {
    const end = await runProcess(assignment, takeOver, (late) => failures.push(...late));
    if (end.isDone) return { reported, failures: each(failures) };
    const { failure } = end;
    failures.push(failure);
    const { dataSource } = assignment;
    assignment = {
      ...assignment,
      files: assignment.files.filter((file) => file !== failure.file),
      dataSource: dataSource === failure.file ? undefined : dataSource,
    };
  }
}

/** A file that is run again fails again. */
function each(failures: readonly Failure[]): Failure[] {
  const byKey = new Map(
    failures.map((failure) => [JSON.stringify([failure.file, failure.message]), failure]),
  );
  return [...byKey.values()];
}

function runProcess(
  assignment: Assignment,
  onChecked: (progress: Extract<Progress, { kind: 'checked' }>) => void,
  onFailures: (failures: readonly Failure[]) => void,
): Promise<End> {
  return new Promise((resolve, reject) => {
    // What modules print must not mix with the report.
    const child = fork(path.join(__dirname, `main${path.extname(__filename)}`), [], {
      stdio: ['ignore', 2, 2, 'ipc'],
      serialization: 'advanced',
      env: { CLUSTER_ENDPOINT: NO_CLUSTER, ...process.env },
    });
    let running: string | undefined;
    let timer: NodeJS.Timeout | undefined;
    const settle = (settled: () => void) => {
      clearTimeout(timer);
      child.removeAllListeners();
      if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) settled();
      else child.once('exit', settled);
      // A module may hold a timer, a server or a connection, and the process would never end by itself.
      child.kill('SIGKILL');
    };
    const giveUp = (message: string) => {
      const file = running;
      settle(() => {
        if (file === undefined) reject(new Error(`The process that runs the files ended: ${message}.`));
        else resolve({ isDone: false, failure: { file, message } });
      });
    };
    child.on('error', (error) => {
      settle(() => {
        reject(error);
      });
    });
    child.on('exit', (status, signal) => {
      giveUp(`it ends the process that runs it (${signal ?? `status ${String(status)}`})`);
    });
    child.on('message', (sent) => {
      const progress = sent as Progress;
      clearTimeout(timer);
      if (progress.kind === 'running') {
        running = progress.file;
        if (running === undefined) return;
        const message = lateMessage(assignment.fileTimeoutMs);
        timer = setTimeout(giveUp, progress.timeoutMs + GRACE_MS, message);
      } else if (progress.kind === 'checked') onChecked(progress);
      else if (progress.kind === 'impossible') {
        settle(() => {
          reject(new CheckError(progress.message));
        });
      } else {
        onFailures(progress.failures);
        settle(() => {
          resolve({ isDone: true });
        });
      }
    });
    child.send(assignment);
  });
}
