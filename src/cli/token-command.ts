import { parseArguments, wholeNumber } from './arguments';
import { ArgumentError, type Command } from './command';
import { connectionArguments, connectionOf, connectionUsage } from './connection-arguments';

const usage = `Usage: aurora-dsql-orm token [options]

Prints a token to connect with, for psql and other clients that take a password:

  PGPASSWORD="$(npx aurora-dsql-orm token --user reporting)" psql --host … --username reporting

It is signed on this machine: nothing is connected. It opens connections until it expires; they may last longer.

${connectionUsage}  --admin          the role admin, the same as --user admin
  --expires-in-seconds N  how long it opens connections, up to 604800 (default: 900)
  --help           show this

It exits with 0, with 1 where it cannot be signed, and with 2 for wrong arguments.
`;

/** `aurora-dsql-orm token`. */
export const tokenCommand: Command = {
  summary: 'print a token for psql',
  usage,
  failureStatus: 1,
  run,
};

async function run(args: readonly string[]): Promise<number> {
  const { values } = parseArguments(
    args,
    {
      ...connectionArguments,
      admin: { type: 'boolean', default: false },
      'expires-in-seconds': { type: 'string' },
    },
    false,
  );
  if (values.admin && values.user !== undefined && values.user !== 'admin') {
    throw new ArgumentError('--admin cannot be combined with --user');
  }
  const { resolveConnection } = await import('../connection/without-driver');
  const { signToken } = resolveConnection({
    ...connectionOf(values),
    ...(values.admin && { user: 'admin' }),
    tokenDurationSecs: wholeNumber('--expires-in-seconds', values['expires-in-seconds']),
  });
  process.stdout.write(`${await signToken()}\n`);
  return 0;
}
