import type { LocalDsql } from '../../local';

/** Variables that would make the AWS SDK look past, or spoil, the access key of the local DSQL. */
export const FOREIGN_CREDENTIALS = ['AWS_PROFILE', 'AWS_SESSION_TOKEN'];

/** The lines that give a shell the environment of the local DSQL. */
export function shellLines(env: Readonly<Record<string, string>>): string {
  const foreign = FOREIGN_CREDENTIALS.filter((name) => process.env[name] !== undefined);
  const unset = foreign.length > 0 ? `unset ${foreign.join(' ')}\n` : '';
  const lines = Object.entries(env).map(
    ([name, value]) => `export ${name}='${value.replaceAll("'", `'\\''`)}'\n`,
  );
  return unset + lines.join('');
}

/** The environment to reach a local DSQL, by each of its endpoints where there are several. */
export async function environmentOf(local: LocalDsql): Promise<Readonly<Record<string, string>>> {
  const env = await local.env();
  return local.endpoints.length < 2 ? env : { ...env, DSQL_LOCAL_ENDPOINTS: JSON.stringify(local.endpoints) };
}
