import { readFileSync } from 'node:fs';

/** The identity of an operating-system account, as `spawn` takes it. */
export interface SystemUser {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

const USUAL_ACCOUNTS = ['postgres', 'node', 'nobody'];

/**
 * The account to run PostgreSQL as: none when we are an ordinary user; when we are root, which PostgreSQL refuses to
 * run as, the preferred account or the first of `postgres`, `node` and `nobody` that exists. No account is created.
 *
 * @throws Error when we are root and no such account exists
 */
export function serverAccount(preferred: string | undefined): SystemUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const accounts = new Map(
    readFileSync('/etc/passwd', 'utf8')
      .split('\n')
      .map((line) => line.split(':'))
      // The account `nobody` of macOS has the number -2, which the kernel reads as unsigned.
      .map(([name = '', , uid, gid]) => [name, { name, uid: Number(uid) >>> 0, gid: Number(gid) >>> 0 }]),
  );
  const candidates = preferred ? [preferred] : USUAL_ACCOUNTS;
  const account = candidates.map((name) => accounts.get(name)).find((found) => found && found.uid !== 0);
  if (!account) {
    throw new Error(
      `PostgreSQL does not run as root, and of the accounts ${candidates.join(', ')} none exists here. ` +
        'Name an existing account in DSQL_LOCAL_PG_USER, or run as an ordinary user.',
    );
  }
  return account;
}
