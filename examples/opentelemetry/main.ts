import { AsyncLocalStorage } from 'node:async_hooks';
import { createDsqlSequelize, runInTransaction } from 'aurora-dsql-orm/sequelize';
import { DataTypes } from 'sequelize';
import { reportDsql, type Telemetry } from './telemetry';

// In the place of `@opentelemetry/api`: what it is told is printed.
type Span = NonNullable<ReturnType<Telemetry['activeSpan']>>;
const spans = new AsyncLocalStorage<Span>();
const print = (...told: readonly unknown[]) => {
  console.log(...told.map((each) => (typeof each === 'string' ? each : JSON.stringify(each))));
};
const meter: Telemetry['meter'] = {
  createCounter: (name) => ({
    add: (value, attributes) => {
      print(name, value, attributes);
    },
  }),
  createHistogram: (name) => ({
    record: (value, attributes) => {
      print(name, name.endsWith('.duration') ? 'in seconds' : value, attributes);
    },
  }),
};
const inSpan = (name: string, work: () => Promise<void>) =>
  spans.run(
    {
      addEvent: (event, attributes) => {
        print(`${name}: ${event}`, attributes);
      },
    },
    work,
  );

async function main(): Promise<void> {
  const stop = reportDsql({ meter, labels: ['count'], activeSpan: () => spans.getStore() });
  const sequelize = createDsqlSequelize({ logging: false });
  const Counter = sequelize.define(
    'counter',
    { id: { type: DataTypes.INTEGER, primaryKey: true }, value: DataTypes.INTEGER },
    { tableName: 'otel_counter', timestamps: false },
  );
  await sequelize.sync();
  await Counter.upsert({ id: 1, value: 0 });

  let isFirst = true;
  await inSpan('POST /count', () =>
    runInTransaction(
      sequelize,
      async (transaction) => {
        await Counter.increment('value', { where: { id: 1 }, transaction });
        // Another one is faster, once.
        if (isFirst) await Counter.increment('value', { where: { id: 1 }, transaction: null });
        isFirst = false;
      },
      { label: 'count' },
    ),
  );
  await sequelize.close();
  stop();
}

void main();
