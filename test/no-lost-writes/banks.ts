/* eslint-disable jest/no-export -- the same is to hold of the banks of three files */
import { form, byForm, oneOfEvery } from '../form';
import { useStoppable } from '../stoppable';
import { runBank, type BankSize, type BankStatement, type Transfer } from './bank';
import type { TestCluster } from '../cluster';

const sizes = byForm<readonly BankSize[]>({
  short: [{ accounts: 20, transfers: 150, workers: 16 }],
  long: [
    { accounts: 50, transfers: 300, workers: 16 },
    { accounts: 5, transfers: 300, workers: 16 },
  ],
  soak: [
    { accounts: 200, transfers: 10_000, workers: 32 },
    { accounts: 5, transfers: 1_000, workers: 32 },
  ],
});

const hastySizes: readonly BankSize[] = (
  form === 'short' ? [{ accounts: 50, transfers: 150, workers: 16 }] : sizes
).map((size) => ({ ...size, isSlow: true }));

/** Ways to move money, by what they are called. */
export type Transfers = Readonly<Record<string, Transfer>>;

/** The banks of one host. */
export interface Banks {
  /** Their clients wait for the database. */
  readonly transfers?: Transfers;
  /** With `commitMarkers`, by which every outcome becomes known. */
  readonly markedTransfers?: Transfers;
  /** Their clients have a `query_timeout`, on a database that is slow now and then. */
  readonly hastyTransfers: Transfers;
}

/** Describes what must hold of each bank: its books agree with what it told its customers. */
export function describeBanks(
  cluster: TestCluster,
  { transfers = {}, markedTransfers = {}, hastyTransfers }: Banks,
): void {
  const stoppable = useStoppable();

  const books = async (name: string, size: BankSize, transfer: Transfer): Promise<BankStatement> => {
    const { connection, local } = cluster;
    const statement = await stoppable((signal) => runBank(connection, local.faults, size, transfer, signal));
    const { done, failed, unknown } = statement;
    if (form === 'soak') console.log(name, size, { done, failed, unknown });
    return statement;
  };
  const agree = { lost: [], ghosts: [], unbalanced: [] };
  for (const [name, transfer] of Object.entries(transfers)) {
    describe(`a bank that moves money through ${name}`, () => {
      it.each(sizes)(
        'has books that agree with what it told its customers: $transfers transfers, $accounts accounts',
        async (size) => {
          const { done, failed, unknown, ...found } = await books(name, size, transfer);
          expect(found).toStrictEqual(agree);
          expect(done).toBeGreaterThan(size.transfers / 2);
          expect(unknown).toBeGreaterThan(0);
          expect(failed).toBeLessThan(size.transfers / 2);
        },
      );
    });
  }

  for (const [name, transfer] of oneOfEvery(2, Object.entries(markedTransfers))) {
    describe(`a bank with commit markers that moves money through ${name}`, () => {
      it.each(sizes)(
        'knows the outcome of every transfer: $transfers transfers, $accounts accounts',
        async (size) => {
          const { done, failed, ...found } = await books(name, size, transfer);
          expect(found).toStrictEqual({ unknown: 0, ...agree });
          expect(done).toBeGreaterThan(size.transfers / 2);
          expect(done + failed).toBe(size.transfers);
        },
      );
    });
  }

  for (const [name, transfer] of oneOfEvery(2, Object.entries(hastyTransfers))) {
    describe(`a bank whose clients do not wait for a slow database, with ${name}`, () => {
      it.each(hastySizes)(
        'has books that agree with what it told its customers: $transfers transfers, $accounts accounts',
        async (size) => {
          const { lost, ghosts, unbalanced, done, unknown } = await books(name, size, transfer);
          expect({ lost, ghosts, unbalanced }).toStrictEqual(agree);
          expect(done).toBeGreaterThan(0);
          expect(unknown).toBeGreaterThan(0);
        },
      );
    });
  }
}
