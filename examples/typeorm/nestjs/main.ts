import 'reflect-metadata';
import type { AddressInfo } from 'node:net';
import type { Server } from 'node:http';
import { Body, Controller, Get, Inject, Injectable, Module, Param, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { getDataSourceToken, InjectRepository, TypeOrmModule } from '@nestjs/typeorm';
import { createDsqlDataSource, runInTransaction, type DsqlDataSourceOptions } from 'aurora-dsql-orm/typeorm';
import { Column, DataSource, Entity, PrimaryGeneratedColumn, Repository } from 'typeorm';

@Entity('nest_cat')
class Cat {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column({ type: 'text' })
  name!: string;

  @Column({ type: 'integer', default: 9 })
  lives!: number;
}

@Injectable()
class Cats {
  constructor(
    @InjectRepository(Cat) private readonly repository: Repository<Cat>,
    @Inject(getDataSourceToken()) private readonly dataSource: DataSource,
  ) {}

  create(name: string): Promise<Cat> {
    return this.repository.save(this.repository.create({ name }));
  }

  find(id: string): Promise<Cat> {
    return this.repository.findOneByOrFail({ id });
  }

  /** However many come at once, each takes one life. */
  loseLife(id: string): Promise<Cat> {
    return runInTransaction(this.dataSource, async (manager) => {
      const cat = await manager.findOneByOrFail(Cat, { id });
      cat.lives--;
      return manager.save(cat);
    });
  }
}

@Controller('cats')
class CatsController {
  constructor(@Inject(Cats) private readonly cats: Cats) {}

  @Post()
  create(@Body() { name }: { name: string }): Promise<Cat> {
    return this.cats.create(name);
  }

  @Get(':id')
  find(@Param('id') id: string): Promise<Cat> {
    return this.cats.find(id);
  }

  @Post(':id/falls')
  fall(@Param('id') id: string): Promise<Cat> {
    return this.cats.loseLife(id);
  }
}

@Module({
  imports: [
    TypeOrmModule.forRootAsync({
      useFactory: () => ({ type: 'postgres', autoLoadEntities: true, synchronize: true }),
      dataSourceFactory: (options) => Promise.resolve(createDsqlDataSource(options as DsqlDataSourceOptions)),
    }),
    TypeOrmModule.forFeature([Cat]),
  ],
  controllers: [CatsController],
  providers: [Cats],
})
class AppModule {}

async function main(): Promise<void> {
  const app = await NestFactory.create(AppModule, { logger: ['error'] });
  app.enableShutdownHooks();
  await app.listen(process.env.PORT ?? 3000);
  const address = (app.getHttpServer() as Server).address() as AddressInfo;
  console.log(`The cats are on port ${address.port}.`);
}

void main();
