import 'reflect-metadata';
import { createDsqlDataSource, runInTransaction } from 'aurora-dsql-orm/typeorm';
import { Column, Entity, PrimaryColumn } from 'typeorm';

@Entity('lambda_counter')
class Counter {
  @PrimaryColumn({ type: 'text' })
  name!: string;

  @Column({ type: 'integer', default: 0 })
  value!: number;
}

// Outside of the handler, so that warm calls reuse the connection; one, because a function has one call at a time.
const dataSource = createDsqlDataSource({ entities: [Counter], synchronize: true, extra: { max: 1 } });
const ready = dataSource.initialize();

/** What API Gateway sends, as far as it is used. */
export interface Event {
  readonly pathParameters: { readonly name: string };
}

/** Counts the calls by a name. */
export async function handler({ pathParameters: { name } }: Event) {
  await ready;
  const value = await runInTransaction(dataSource, async (manager) => {
    const counter =
      (await manager.findOneBy(Counter, { name })) ?? manager.create(Counter, { name, value: 0 });
    counter.value++;
    await manager.save(counter);
    return counter.value;
  });
  return { statusCode: 200, body: JSON.stringify({ name, value }) };
}
