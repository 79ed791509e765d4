#!/usr/bin/env node
import { checkCommand } from './check-command';
import type { Command } from './command';
import { localCommand } from './local-command';
import { migrateCommand } from './migrate-command';

const commands: Readonly<Record<string, Command>> = {
  check: checkCommand,
  local: localCommand,
  migrate: migrateCommand,
};

async function main([name, ...args]: readonly string[]): Promise<number> {
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    process.stdout.write(overview());
    return name === undefined ? 2 : 0;
  }
  const command = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (!command) {
    process.stderr.write(`aurora-dsql-orm: there is no command ${JSON.stringify(name)}\n\n${overview()}`);
    return 2;
  }
  try {
    return await command.run(args);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    process.stderr.write(`aurora-dsql-orm ${name}: ${message}\n`);
    if (isArgumentError(error)) process.stderr.write(`\n${command.usage}`);
    return isArgumentError(error) ? 2 : 1;
  }
}

function overview(): string {
  const lines = Object.entries(commands).map(([name, { summary }]) => `  ${name.padEnd(10)}${summary}\n`);
  return `Usage: aurora-dsql-orm <command> [options]\n\n${lines.join('')}\naurora-dsql-orm <command> --help says more.\n`;
}

/** What `node:util` throws for options it was not told of, and what commands throw for values they cannot use. */
function isArgumentError(error: unknown): boolean {
  return (
    error instanceof RangeError ||
    (error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_PARSE_ARGS'))
  );
}

void main(process.argv.slice(2)).then((status) => {
  process.exitCode = status;
});
