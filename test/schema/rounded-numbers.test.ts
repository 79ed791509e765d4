import 'reflect-metadata';
import { createDsqlSequelize } from 'aurora-dsql-orm/sequelize';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import { DataTypes } from 'sequelize';
import { AbstractLogger, Column, Entity, PrimaryColumn, type LogLevel, type LogMessage } from 'typeorm';
import { useCluster } from '../cluster';

const cluster = useCluster();

type Message = string | number | LogMessage;

@Entity()
class Price {
  @PrimaryColumn('int') id!: number;
  @Column('numeric') amount!: string;
  @Column('numeric', { precision: 30, scale: 10 }) exact!: string;
}

it('synchronize of TypeORM warns once of a column that is numeric without a precision', async () => {
  const warnings: string[] = [];
  class Logger extends AbstractLogger {
    protected writeLog(_: LogLevel, message: Message | Message[]): void {
      const said = [message].flat().map((each) => (typeof each === 'object' ? each.message : each));
      warnings.push(...said.map(String));
    }
  }
  const dataSource = createDsqlDataSource({
    ...cluster.orm,
    entities: [Price],
    logger: new Logger(['warn']),
  });
  await dataSource.initialize();
  try {
    for (let times = 0; times < 2; times++) await dataSource.synchronize();
  } finally {
    await dataSource.destroy();
  }
  expect(warnings.filter((each) => each.includes('which rounds'))).toStrictEqual([
    expect.stringMatching(/^amount is numeric without a precision.*CREATE TABLE "price"/),
  ]);
});

it('sync of Sequelize warns once of a column that is DECIMAL without a precision', async () => {
  const logged: string[] = [];
  const sequelize = createDsqlSequelize({ ...cluster.orm, logging: (text) => logged.push(text) });
  sequelize.define(
    'cost',
    { amount: DataTypes.DECIMAL, exact: DataTypes.DECIMAL(30, 10) },
    { timestamps: false },
  );
  try {
    for (let times = 0; times < 2; times++) await sequelize.sync();
    await sequelize.getQueryInterface().addColumn('costs', 'tax', { type: DataTypes.DECIMAL });
  } finally {
    await sequelize.close();
  }
  expect(logged.filter((each) => each.includes('which rounds'))).toStrictEqual([
    expect.stringContaining('Warning: costs.amount is numeric without a precision'),
    expect.stringContaining('Warning: costs.tax is numeric without a precision'),
  ]);
});
