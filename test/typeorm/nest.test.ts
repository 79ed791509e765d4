import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { getRepositoryToken, InjectRepository, TypeOrmModule } from '@nestjs/typeorm';
import { createDsqlDataSource, runInTransaction, type DsqlDataSourceOptions } from 'aurora-dsql-orm/typeorm';
import { Column, DataSource, Entity, PrimaryGeneratedColumn, Repository } from 'typeorm';
import { useCluster } from '../cluster';

@Entity()
class Cat {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column({ type: 'text' })
  name!: string;

  @Column({ type: 'integer', default: 0 })
  lives!: number;
}

@Injectable()
class Cats {
  constructor(
    @InjectRepository(Cat) readonly repository: Repository<Cat>,
    readonly dataSource: DataSource,
  ) {}

  add(name: string): Promise<Cat> {
    return this.repository.save({ name, lives: 9 });
  }

  loseLife(id: string): Promise<void> {
    return runInTransaction(this.dataSource, async (manager) => {
      const cat = await manager.findOneByOrFail(Cat, { id });
      cat.lives--;
      await manager.save(cat);
    });
  }
}

@Module({ imports: [TypeOrmModule.forFeature([Cat])], providers: [Cats], exports: [Cats] })
class CatsModule {
  constructor(readonly cats: Cats) {}
}

const cluster = useCluster();

it('NestJS makes its data source with dataSourceFactory, loads entities by itself, and closes it', async () => {
  const module = await Test.createTestingModule({
    imports: [
      TypeOrmModule.forRootAsync({
        useFactory: () => ({ type: 'postgres', autoLoadEntities: true, synchronize: true }),
        dataSourceFactory: (options) =>
          Promise.resolve(createDsqlDataSource({ ...cluster.orm, ...(options as DsqlDataSourceOptions) })),
      }),
      CatsModule,
    ],
  }).compile();
  await module.init();
  const cats = module.get(Cats);
  const cat = await cats.add('Tom');
  await Promise.all(Array.from({ length: 6 }, () => cats.loseLife(cat.id)));
  const repository = module.get<Repository<Cat>>(getRepositoryToken(Cat));
  expect(await repository.findOneByOrFail({ id: cat.id })).toMatchObject({ name: 'Tom', lives: 3 });
  const dataSource = module.get(DataSource);
  await dataSource.dropDatabase();
  module.enableShutdownHooks();
  await module.close();
  expect(dataSource.isInitialized).toBe(false);
});
