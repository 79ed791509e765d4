import 'reflect-metadata';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import { Column, type DataSource, Entity, PrimaryGeneratedColumn } from 'typeorm';
import {
  addTransactionalDataSource,
  initializeTransactionalContext,
  StorageDriver,
  Transactional,
} from 'typeorm-transactional';

@Entity('transactional_account')
class Account {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column({ type: 'integer' })
  balance!: number;
}

class Bank {
  constructor(private readonly dataSource: DataSource) {}

  /** It is run again as a whole when it conflicts: what it changes is loaded inside. */
  @Transactional()
  async transfer(from: string, to: string, amount: number): Promise<void> {
    await this.add(from, -amount);
    await this.add(to, amount);
  }

  /** In a transaction it becomes a part of it. */
  @Transactional()
  async add(id: string, amount: number): Promise<void> {
    const accounts = this.dataSource.getRepository(Account);
    const account = await accounts.findOneByOrFail({ id });
    account.balance += amount;
    await accounts.save(account);
  }
}

async function main(): Promise<void> {
  initializeTransactionalContext({ storageDriver: StorageDriver.ASYNC_LOCAL_STORAGE });
  const dataSource = createDsqlDataSource({ entities: [Account], synchronize: true });
  await dataSource.initialize();
  // With a name, because typeorm-transactional looks for a class called DataSource otherwise.
  addTransactionalDataSource({ name: 'default', dataSource, patch: true });

  const accounts = dataSource.getRepository(Account);
  const [from, to] = await accounts.save([{ balance: 100 }, { balance: 100 }]);
  const bank = new Bank(dataSource);
  await Promise.all(Array.from({ length: 10 }, () => bank.transfer(from?.id ?? '', to?.id ?? '', 5)));
  const balances = await accounts.find({ order: { balance: 'ASC' } });
  console.log(`The balances are ${balances.map(({ balance }) => balance).join(' and ')}.`);
  await dataSource.destroy();
}

void main();
