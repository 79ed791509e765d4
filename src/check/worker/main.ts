import { CheckError } from '../check-error';
import { CheckRun } from '../check-run';
import { FileWatch } from './file-watch';
import type { Assignment, Progress } from './messages';

/** The status with which a process of its own ends when the one that has started it is gone. */
const ABANDONED = 1;

/** The process that runs the files of a check; `supervise` starts it, and ends it. */
async function work(assignment: Assignment): Promise<void> {
  const watch = new FileWatch({
    files: new Set(assignment.files),
    timeoutMs: assignment.fileTimeoutMs,
    onRunning: (file, timeoutMs) => send({ kind: 'running', file, timeoutMs }),
  });
  process.on('unhandledRejection', (reason) => {
    watch.failAstray(reason);
  });
  process.on('uncaughtException', (error) => {
    watch.failAstray(error);
  });
  // This process is no program of the project's: what one of its modules ends is that module alone.
  process.exit = (status) => watch.failExit(status ?? process.exitCode ?? 0);
  try {
    const run = new CheckRun(assignment, watch, send);
    await run.run();
    await send({ kind: 'done', failures: watch.takeFailures() });
  } catch (error) {
    if (!(error instanceof CheckError)) throw error;
    await send({ kind: 'impossible', message: error.message });
  }
}

/** Resolves when the message has left this process, whatever it does next. */
function send(progress: Progress): Promise<void> {
  return new Promise((resolve, reject) => {
    process.send?.(progress, undefined, undefined, (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}

const exit = process.exit.bind(process);
process.once('disconnect', () => exit(ABANDONED));
process.once('message', (assignment) => void work(assignment as Assignment));
