import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import type { LocalDsql } from 'aurora-dsql-orm/local';

const root = path.resolve(__dirname, '../..');

/** A process of its own that migrates a local DSQL. */
export class MigratingProcess {
  readonly child: ChildProcess;
  #output = '';

  private constructor(child: ChildProcess) {
    this.child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (text: Buffer) => {
        this.#output += text.toString();
      });
    }
  }

  /** @param args - see migrating-process.ts */
  static start(local: LocalDsql, ...args: readonly string[]): Promise<MigratingProcess> {
    return MigratingProcess.run('migrating-process.ts', local, ...args);
  }

  /**
   * @param program - the name of a file beside this one
   * @param args - what it takes
   */
  static async run(program: string, local: LocalDsql, ...args: readonly string[]): Promise<MigratingProcess> {
    const register = path.join(root, 'test/typescript-register.cjs');
    const file = path.join(__dirname, program);
    const env = { ...process.env, ...(await local.env()) };
    return new MigratingProcess(spawn(process.execPath, ['-r', register, file, ...args], { env }));
  }

  /** Waits until it has said something, and returns that. */
  async says(text: string | RegExp): Promise<RegExpExecArray> {
    const pattern = typeof text === 'string' ? new RegExp(text) : text;
    for (;;) {
      const said = pattern.exec(this.#output);
      if (said !== null) return said;
      if (this.child.exitCode !== null) throw new Error(`The process has ended: ${this.#output}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  /** What it has said when it has ended. */
  async end(): Promise<string> {
    if (this.child.exitCode === null && this.child.signalCode === null) await once(this.child, 'close');
    return this.#output;
  }
}
