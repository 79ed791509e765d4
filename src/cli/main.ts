#!/usr/bin/env node
import { refuseOldNode } from '../node';
import { checkCommand } from './check-command';
import { ArgumentError, type Command } from './command';
import { localCommand } from './local/local-command';
import { migrateCommand } from './migrate-command';
import { ownVersion } from './own-version';

const commands: Readonly<Record<string, Command>> = {
  check: checkCommand,
  local: localCommand,
  migrate: migrateCommand,
};

async function main(args: readonly string[]): Promise<number> {
  try {
    refuseOldNode();
  } catch (error) {
    return failed('aurora-dsql-orm', error, 1);
  }
  const [name, ...others] = args[0] === 'help' ? [args[1] ?? '--help', '--help'] : args;
  if (name === '--version' || name === '-v') return print(`${ownVersion()}\n`);
  if (name === '--help' || name === '-h') return print(overview());
  if (name === undefined) {
    process.stderr.write(overview());
    return 2;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) {
    const known = Object.keys(commands).join(', ');
    process.stderr.write(
      `aurora-dsql-orm: there is no command ${JSON.stringify(name)}; the commands are ${known}\naurora-dsql-orm --help says more.\n`,
    );
    return 2;
  }
  if (isHelpAsked(others)) return print(command.usage);
  try {
    return await command.run(others);
  } catch (error) {
    return failed(`aurora-dsql-orm ${name}`, error, command.failureStatus);
  }
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}

function overview(): string {
  const lines = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(10)}${summary}\n`);
  return `Usage: aurora-dsql-orm <command> [options]\n\n${lines.join('')}\naurora-dsql-orm <command> --help says more, and --version which version this is.\n`;
}

/** What comes after `--` belongs to another program. */
function isHelpAsked(args: readonly string[]): boolean {
  const separator = args.indexOf('--');
  const own = separator < 0 ? args : args.slice(0, separator);
  return own.includes('--help') || own.includes('-h');
}

function failed(command: string, error: unknown, failureStatus: number): number {
  process.stderr.write(`${command}: ${error instanceof Error ? error.message : String(error)}\n`);
  if (!(error instanceof ArgumentError || error instanceof RangeError)) return failureStatus;
  process.stderr.write(`${command} --help says more.\n`);
  return 2;
}

void main(process.argv.slice(2)).then((status) => {
  process.exitCode = status;
});
