import 'reflect-metadata';
import 'aurora-dsql-orm/sequelize/register';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Body, Controller, Get, Inject, Injectable, Module, Param, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { getConnectionToken, InjectModel, SequelizeModule } from '@nestjs/sequelize';
import { runInTransaction } from 'aurora-dsql-orm/sequelize';
import { Column, DataType, Default, Model, PrimaryKey, type Sequelize, Table } from 'sequelize-typescript';

@Table({ tableName: 'nest_dog', timestamps: false })
class Dog extends Model {
  @PrimaryKey
  @Default(DataType.UUIDV4)
  @Column(DataType.UUID)
  declare id: string;

  @Column({ type: DataType.STRING, allowNull: false })
  declare name: string;

  @Default(0)
  @Column(DataType.INTEGER)
  declare bones: number;
}

@Injectable()
class Dogs {
  constructor(
    @InjectModel(Dog) private readonly dogs: typeof Dog,
    @Inject(getConnectionToken()) private readonly sequelize: Sequelize,
  ) {}

  create(name: string): Promise<Dog> {
    return this.dogs.create({ name });
  }

  find(id: string): Promise<Dog> {
    return this.dogs.findByPk(id, { rejectOnEmpty: true });
  }

  /** However many come at once, each brings one bone. */
  giveBone(id: string): Promise<Dog> {
    return runInTransaction(this.sequelize, async (transaction) => {
      const dog = await this.dogs.findByPk(id, { transaction, rejectOnEmpty: true });
      return dog.update({ bones: dog.bones + 1 }, { transaction });
    });
  }
}

@Controller('dogs')
class DogsController {
  constructor(@Inject(Dogs) private readonly dogs: Dogs) {}

  @Post()
  create(@Body() { name }: { name: string }): Promise<Dog> {
    return this.dogs.create(name);
  }

  @Get(':id')
  find(@Param('id') id: string): Promise<Dog> {
    return this.dogs.find(id);
  }

  @Post(':id/bones')
  giveBone(@Param('id') id: string): Promise<Dog> {
    return this.dogs.giveBone(id);
  }
}

@Module({
  imports: [
    SequelizeModule.forRoot({ dialect: 'postgres', dsql: {}, logging: false, autoLoadModels: true }),
    SequelizeModule.forFeature([Dog]),
  ],
  controllers: [DogsController],
  providers: [Dogs],
})
class AppModule {}

async function main(): Promise<void> {
  const app = await NestFactory.create(AppModule, { logger: ['error'] });
  app.enableShutdownHooks();
  await app.listen(process.env.PORT ?? 3000);
  const address = (app.getHttpServer() as Server).address() as AddressInfo;
  console.log(`The dogs are on port ${address.port}.`);
}

void main();
