import { EntitySchema, type DataSource } from 'typeorm';
import { runInTransaction } from 'aurora-dsql-orm/typeorm';

export interface Account {
  readonly owner: string;
  readonly balance: number;
}

export const accounts = new EntitySchema<Account>({
  name: 'vitest_account',
  columns: {
    owner: { type: 'text', primary: true },
    balance: { type: 'integer' },
  },
});

/** Adds to a balance, and returns it. */
export async function deposit(dataSource: DataSource, owner: string, amount: number): Promise<number> {
  return runInTransaction(dataSource, async (manager) => {
    const { balance } = await manager.findOneByOrFail(accounts, { owner });
    await manager.update(accounts, { owner }, { balance: balance + amount });
    return balance + amount;
  });
}
