import 'reflect-metadata';
import { Inject, Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  ClsPluginTransactional,
  InjectTransactionHost,
  Transactional,
  TransactionHost,
} from '@nestjs-cls/transactional';
import { TransactionalAdapterTypeOrm } from '@nestjs-cls/transactional-adapter-typeorm';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import { ClsModule } from 'nestjs-cls';
import { Column, DataSource, Entity, PrimaryGeneratedColumn } from 'typeorm';

@Entity('cls_account')
class Account {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column({ type: 'integer' })
  balance!: number;
}

@Injectable()
class Bank {
  constructor(@InjectTransactionHost() private readonly host: TransactionHost<TransactionalAdapterTypeOrm>) {}

  open(balance: number): Promise<Account> {
    return this.host.tx.save(Account, { balance } as Account);
  }

  /** It is run again as a whole when it conflicts: what it changes is loaded inside. */
  @Transactional()
  async transfer(from: string, to: string, amount: number): Promise<void> {
    await this.add(from, -amount);
    await this.add(to, amount);
  }

  /** In a transaction it becomes a part of it. */
  @Transactional()
  async add(id: string, amount: number): Promise<void> {
    const account = await this.host.tx.findOneByOrFail(Account, { id });
    account.balance += amount;
    await this.host.tx.save(account);
  }

  async balances(): Promise<number[]> {
    const accounts = await this.host.tx.find(Account, { order: { balance: 'ASC' } });
    return accounts.map(({ balance }) => balance);
  }
}

@Module({
  providers: [
    {
      provide: DataSource,
      useFactory: () => createDsqlDataSource({ entities: [Account], synchronize: true }).initialize(),
    },
  ],
  exports: [DataSource],
})
class DatabaseModule {
  constructor(@Inject(DataSource) private readonly dataSource: DataSource) {}

  onApplicationShutdown(): Promise<void> {
    return this.dataSource.destroy();
  }
}

@Module({
  imports: [
    DatabaseModule,
    ClsModule.forRoot({
      global: true,
      plugins: [
        new ClsPluginTransactional({
          imports: [DatabaseModule],
          adapter: new TransactionalAdapterTypeOrm({ dataSourceToken: DataSource }),
        }),
      ],
    }),
  ],
  providers: [Bank],
})
class AppModule {}

async function main(): Promise<void> {
  const app = await NestFactory.createApplicationContext(AppModule, { logger: ['error'] });
  const bank = app.get(Bank);
  const [from, to] = [await bank.open(100), await bank.open(100)];
  await Promise.all(Array.from({ length: 10 }, () => bank.transfer(from.id, to.id, 5)));
  console.log(`The balances are ${(await bank.balances()).join(' and ')}.`);
  await app.close();
}

void main();
