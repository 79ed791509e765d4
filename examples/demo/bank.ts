/** What an example app did, for the demo to print and to check. */
export interface Report {
  countries: number;
  currencies: number;
  languages: number;
  borders: number;
  transfers: number;
  conflicts: number;
  retries: number;
  balanceBefore: number;
  balanceAfter: number;
}

/** How the money moves: so many workers at once, until so many transfers are done. */
export const bank = { accounts: 20, openingBalance: 5_000, workers: 20, transfers: 1_000 };

/** Lets `bank.workers` workers share `bank.transfers` transfers between random, different accounts. */
export async function moveMoney(
  accountIds: readonly string[],
  transfer: (fromId: string, toId: string, amount: number) => Promise<void>,
): Promise<void> {
  let left = bank.transfers;
  const work = async () => {
    while (left-- > 0) {
      const from = Math.floor(Math.random() * accountIds.length);
      const to = (from + 1 + Math.floor(Math.random() * (accountIds.length - 1))) % accountIds.length;
      await transfer(at(accountIds, from), at(accountIds, to), 1 + Math.floor(Math.random() * 20));
    }
  };
  await Promise.all(Array.from({ length: bank.workers }, work));
}

/** The sum of some numbers. */
export function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function at(ids: readonly string[], index: number): string {
  const id = ids[index];
  if (id === undefined) throw new Error(`There is no account number ${index}.`);
  return id;
}
