#!/usr/bin/env node
import { refuseOldNode } from '../node';
import { checkCommand } from './check-command';
import { ArgumentError, type Command } from './command';
import { doctorCommand } from './doctor/doctor-command';
import { messageOf } from './error-message';
import { localCommand } from './local/local-command';
import { migrateCommand } from './migrate/migrate-command';
import { ownVersion } from './own-version';
import { tokenCommand } from './token-command';

const commands: Readonly<Record<string, Command>> = {
  check: checkCommand,
  doctor: doctorCommand,
  local: localCommand,
  migrate: migrateCommand,
  token: tokenCommand,
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
  process.stderr.write(`${command}: ${messageOf(error)}\n`);
  if (!isArgumentError(error)) return failureStatus;
  process.stderr.write(`${command} --help says more.\n`);
  return 2;
}

/** An option of a connection, too, comes from an argument, or is missing among them. Its class would load the driver. */
function isArgumentError(error: unknown): boolean {
  return (
    error instanceof ArgumentError ||
    error instanceof RangeError ||
    (error instanceof Error && error.name === 'ConfigurationError')
  );
}

// Of `doctor | head -3` nobody reads the rest. The work goes on: a migration must not end because of that.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});

void main(process.argv.slice(2)).then((status) => {
  process.exitCode = status;
});
