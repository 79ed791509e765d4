import { randomUUID } from 'node:crypto';
import { classifyError, DsqlPool, type ConnectionOptions } from 'aurora-dsql-orm';
import type { Faults } from 'aurora-dsql-orm/local';

/** Moves an amount between two accounts and writes a line in the ledger, or does neither. */
export type Transfer = (line: LedgerLine) => Promise<void>;

export interface LedgerLine {
  readonly id: string;
  readonly from: number;
  readonly to: number;
  readonly amount: number;
}

/** How large a run of the bank is. */
export interface BankSize {
  /** The database is slow now and then, so that clients with a `query_timeout` give up at any statement. */
  readonly isSlow?: boolean;
  readonly accounts: number;
  readonly transfers: number;
  readonly workers: number;
}

/** What the bank's customers were told, and what its books say. */
export interface BankStatement {
  readonly done: number;
  readonly failed: number;
  readonly unknown: number;
  /** Ids that were reported as done and are not in the ledger. */
  readonly lost: readonly string[];
  /** Ids that were reported as failed and are in the ledger. */
  readonly ghosts: readonly string[];
  /** Accounts whose balance is not what the ledger says. */
  readonly unbalanced: readonly number[];
}

/** How late an answer is when the database is slow. */
const SLOW_MS = 400;
/** What clients wait for an answer who do not want to wait for that one. */
export const BANK_QUERY_TIMEOUT_MS = SLOW_MS / 2;

/** One statement that does it all, and commits itself. */
export const moveAtOnce = `
  WITH line AS (INSERT INTO ledger (id, "from", "to", amount) VALUES ($1, $2, $3, $4) RETURNING "from", "to", amount)
  UPDATE account SET balance = balance + CASE WHEN account.id = line."to" THEN amount ELSE -amount END
  FROM line WHERE account.id IN (line."from", line."to")`;

/** A transfer in three statements. */
export const moveStatements = ({
  id,
  from,
  to,
  amount,
}: LedgerLine): readonly [text: string, values: unknown[]][] => [
  ['UPDATE account SET balance = balance - $1 WHERE id = $2', [amount, from]],
  ['UPDATE account SET balance = balance + $1 WHERE id = $2', [amount, to]],
  ['INSERT INTO ledger (id, "from", "to", amount) VALUES ($1, $2, $3, $4)', [id, from, to, amount]],
];

/** Makes the tables of the bank. */
export async function foundBank(connection: ConnectionOptions): Promise<void> {
  const pool = new DsqlPool(connection);
  await pool.query('CREATE TABLE account (id integer PRIMARY KEY, balance integer NOT NULL)');
  await pool.query(
    `CREATE TABLE ledger (id uuid PRIMARY KEY, "from" integer NOT NULL, "to" integer NOT NULL, amount integer NOT NULL)`,
  );
  await pool.end();
}

/** Opens the accounts, with nothing in them. */
export async function openAccounts(pool: DsqlPool, accounts: number): Promise<void> {
  const deleteSome = 'DELETE FROM ledger WHERE id IN (SELECT id FROM ledger LIMIT 3000)';
  while ((await pool.query(deleteSome)).rowCount !== 0);
  await pool.query('DELETE FROM account');
  await pool.query('INSERT INTO account SELECT id, 0 FROM generate_series(1, $1) AS id', [accounts]);
}

/** Every step of the protocol fails now and then; which ones follows from the seed. */
export function addFaults(faults: Faults, seed: number): void {
  const share = (value: number) => ({ share: value, seed: seed++ });
  faults.failCommit({ error: 'OC000', ...share(0.05) });
  faults.failCommit({ error: 'OC001', ...share(0.01) });
  faults.failCommit({ error: 'XX000', ...share(0.004) });
  faults.failCommit({ error: 'XX000', committed: true, ...share(0.004) });
  faults.failStatement({ error: 'OC000', kind: 'write', ...share(0.01) });
  faults.failStatement({ error: 'XX000', kind: 'read', ...share(0.002) });
  faults.cutConnection({ at: 'statement', kind: 'write', ...share(0.002) });
  faults.cutConnection({ at: 'before commit', ...share(0.004) });
  faults.cutConnection({ at: 'after commit', ...share(0.004) });
  faults.refuseConnections({ error: '53300', ...share(0.1) });
  faults.refuseConnections({ error: '53400', ...share(0.1) });
}

/** For the length of a few statements. */
function slowDown(faults: Faults): void {
  const latency = faults.addLatency(SLOW_MS);
  setTimeout(() => {
    latency.remove();
  }, SLOW_MS / 4);
}

/**
 * Lets the workers share the transfers, and then compares what they were told with what is in the database.
 *
 * @param signal - ends it early: no transfer begins any more, and those under way lose their connections
 */
export async function runBank(
  connection: ConnectionOptions,
  faults: Faults,
  { accounts, transfers, workers, isSlow = false }: BankSize,
  transfer: Transfer,
  signal: AbortSignal,
): Promise<BankStatement> {
  const pool = new DsqlPool(connection);
  // Its idle connections are ended now and then, too.
  pool.on('error', () => undefined);
  await openAccounts(pool, accounts);
  addFaults(faults, transfers);
  // However few are struck at COMMIT because they do not wait.
  if (isSlow) faults.cutConnection({ at: 'after commit', nth: 20 });
  signal.addEventListener('abort', () => {
    faults.clear();
    faults.endConnections();
  });
  const told = new Map<string, 'done' | 'failed' | 'unknown'>();
  let left = transfers;
  const work = async () => {
    while (left-- > 0 && !signal.aborted) {
      if (isSlow && left % 8 === 0) slowDown(faults);
      const from = 1 + Math.floor(Math.random() * accounts);
      const to = 1 + ((from + Math.floor(Math.random() * (accounts - 1))) % accounts);
      const line = { id: randomUUID(), from, to, amount: 1 + Math.floor(Math.random() * 100) };
      // A connection ends after an hour; here all of them do now and then.
      if (left % 500 === 250) faults.endConnections();
      told.set(
        line.id,
        await transfer(line).then(
          () => 'done',
          (error: unknown) => (classifyError(error).kind === 'outcome-unknown' ? 'unknown' : 'failed'),
        ),
      );
    }
  };
  await Promise.all(Array.from({ length: workers }, work));
  faults.clear();
  const statement = await readStatement(pool, told);
  await pool.end();
  return statement;
}

async function readStatement(
  pool: DsqlPool,
  told: ReadonlyMap<string, 'done' | 'failed' | 'unknown'>,
): Promise<BankStatement> {
  const ledger = (await pool.query<{ id: string }>('SELECT id FROM ledger')).rows.map(({ id }) => id);
  const inLedger = new Set(ledger);
  const ids = (what: string) => [...told].flatMap(([id, outcome]) => (outcome === what ? [id] : []));
  const { rows: unbalanced } = await pool.query<{ id: number }>(`
    SELECT account.id FROM account
    LEFT JOIN ledger ON account.id IN (ledger."from", ledger."to")
    GROUP BY account.id, account.balance
    HAVING account.balance <> coalesce(sum(
      CASE WHEN ledger."to" = account.id THEN ledger.amount ELSE 0 END
      - CASE WHEN ledger."from" = account.id THEN ledger.amount ELSE 0 END), 0)`);
  return {
    done: ids('done').length,
    failed: ids('failed').length,
    unknown: ids('unknown').length,
    lost: ids('done').filter((id) => !inLedger.has(id)),
    ghosts: ids('failed').filter((id) => inLedger.has(id)),
    unbalanced: unbalanced.map(({ id }) => id),
  };
}
