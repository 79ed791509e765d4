/** What the watchdog is told, as one line of JSON on its standard input. */
export interface WatchdogOrders {
  /** Removed when everything is over. */
  readonly directory: string;
  readonly account?: { readonly uid: number; readonly gid: number } | undefined;
  readonly env: NodeJS.ProcessEnv;
  /** The programs that create the data directory, one after the other. */
  readonly prepare: readonly Command[];
  /**
   * A folder that the data directory is copied from, in place of `prepare`; where it does not exist yet, it becomes a copy
   * of what `prepare` has made.
   */
  readonly template?: string | undefined;
  /** Is the server (`foreground`), or starts it and ends (`background`, as pg_ctl does). */
  readonly start: Command;
  readonly mode: 'foreground' | 'background';
  /** Ends a `background` server. */
  readonly stop?: Command;
  /** Where a `background` server writes its log. */
  readonly log?: string;
}

/** A program to run. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  /** The file that is its standard input. */
  readonly input?: string;
}

/**
 * The program that owns a server: it creates, starts and stops PostgreSQL and removes its directory, and lives until
 * its standard input ends, which happens when we close it and also when we are killed in whatever way. It prints
 * `ready` when the server accepts connections; PostgreSQL's log goes to its standard error.
 *
 * It is text for `node --eval`, because it must run as a process of its own both from the compiled package and where
 * the sources are TypeScript under a test runner, which may also rewrite the source of functions to count coverage.
 */
export const watchdogProgram = String.raw`
'use strict';
const { spawn } = require('node:child_process');
const { chownSync, closeSync, cpSync, existsSync, openSync, readdirSync, readFileSync, renameSync, rmSync } = require('node:fs');
const path = require('node:path');

let orders;
let child; // the program that runs now, in a process group of its own
let childIsServer = false;
let serverInBackground = false;
let ending = false;

// Ctrl-C in the terminal is for the process that owns us: when it ends, so do we.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => {});
// Our owner may be gone while we still have something to say; that must not keep us from cleaning up.
process.stdout.on('error', () => {});
process.stderr.on('error', () => {});

let input = '';
process.stdin.setEncoding('utf8');
process.stdin.on('data', (text) => {
  input += text;
  if (orders || !input.includes('\n')) return;
  orders = JSON.parse(input);
  process.chdir(orders.directory);
  if (orders.template && existsSync(orders.template)) copyTemplate();
  else begin();
});
process.stdin.on('end', end);
process.stdin.on('error', end);

function run({ file, args, input }, onExit) {
  const stdin = input === undefined ? 'ignore' : openSync(input);
  child = spawn(file, args, {
    ...orders.account,
    env: orders.env,
    cwd: orders.directory,
    stdio: [stdin, 'ignore', 'pipe'],
    detached: process.platform !== 'win32',
    windowsHide: true,
  });
  if (input !== undefined) closeSync(stdin);
  let log = '';
  let announced = false;
  child.stderr.on('data', (text) => {
    process.stderr.write(text);
    if (announced || !childIsServer) return;
    log += text;
    announced = log.includes('ready to accept connections');
    if (announced) process.stdout.write('ready\n');
  });
  child.once('error', (error) => {
    process.stderr.write(error.message + '\n');
    leave(1);
  });
  // After "close" nothing more is written; a server in the background may keep the pipe open for ever.
  child.once(orders.mode === 'foreground' ? 'close' : 'exit', (code) => {
    child = undefined;
    onExit(code === null ? 1 : code);
  });
}

function copyTemplate() {
  cpSync(orders.template, 'data', { recursive: true });
  const { account } = orders;
  if (account) {
    chownSync('data', account.uid, account.gid);
    for (const name of readdirSync('data', { recursive: true })) {
      chownSync(path.join('data', name), account.uid, account.gid);
    }
  }
  begin(orders.prepare.length);
}

// Under its name the template is whole: several servers may be made at once.
function keepTemplate() {
  const copy = orders.template + '-' + process.pid;
  try {
    cpSync('data', copy, { recursive: true });
    renameSync(copy, orders.template);
  } catch {
    // Another server was first, or there is no room.
    try { rmSync(copy, { recursive: true, force: true }); } catch {}
  }
}

function begin(step = 0) {
  if (step < orders.prepare.length) {
    return run(orders.prepare[step], (code) => {
      if (code !== 0 || ending) return leave(code);
      if (step === orders.prepare.length - 1 && orders.template) keepTemplate();
      begin(step + 1);
    });
  }
  childIsServer = orders.mode === 'foreground';
  run(orders.start, (code) => {
    if (childIsServer || code !== 0) return leave(ending ? 0 : code);
    serverInBackground = true;
    if (ending) return stopBackgroundServer();
    process.stdout.write('ready\n');
  });
}

function end() {
  if (ending) return;
  ending = true;
  if (serverInBackground) return stopBackgroundServer();
  if (!child) return leave(0);
  if (!childIsServer) return orders.mode === 'background' ? undefined : process.kill(-child.pid, 'SIGKILL');
  child.kill('SIGQUIT'); // PostgreSQL's immediate shutdown
  setTimeout(() => process.kill(-child.pid, 'SIGKILL'), 5000).unref();
}

function stopBackgroundServer() {
  run(orders.stop, leave);
}

function leave(code) {
  if (orders) {
    if (orders.log && existsSync(orders.log)) process.stderr.write(readFileSync(orders.log));
    process.chdir('..');
    rmSync(orders.directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  }
  process.exit(code);
}
`;
