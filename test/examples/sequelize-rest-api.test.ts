import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import { transactionCounters } from 'aurora-dsql-orm/sequelize';
import { defineModels, Order, OrderLine, Product } from '../../examples/sequelize/rest-api/models';
import { createShopServer } from '../../examples/sequelize/rest-api/server';
import { useCluster } from '../cluster';
import { sequelizeCli } from '../sequelize/sequelize-cli';
import { useSequelize } from '../sequelize/use-sequelize';

const folder = path.resolve(__dirname, '../../examples/sequelize/rest-api');
const cluster = useCluster();
const open = useSequelize(cluster);
let sequelize: ReturnType<typeof open>;
let server: Server;
let customers: { readonly id: string }[];

beforeAll(async () => {
  for (const command of ['db:migrate', 'db:seed:all']) {
    const { status, output } = await sequelizeCli(cluster, folder, command);
    if (status !== 0) throw new Error(output);
  }
  sequelize = open();
  defineModels(sequelize);
  server = createShopServer(sequelize).listen(0);
  await once(server, 'listening');
  customers = (await get('/customers')) as typeof customers;
});
afterAll(() => {
  server.close();
});

const call = (pathname: string, init?: RequestInit) =>
  fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${pathname}`, init);
const get = async (pathname: string): Promise<unknown> => (await call(pathname)).json();
const order = (body: unknown) => call('/orders', { method: 'POST', body: JSON.stringify(body) });

it('sells what there is to many customers at once, and no more', async () => {
  const stock = await Product.sum('stock');
  const statuses: number[] = [];
  let left = 120;
  const buy = async (worker: number) => {
    while (left-- > 0) {
      const customerId = customers[worker % customers.length]?.id;
      const quantities = { CUP: 1 + (left % 2), [left % 3 === 0 ? 'POT' : 'TEA']: 1 };
      statuses.push((await order({ customerId, quantities })).status);
    }
  };
  await Promise.all(Array.from({ length: 16 }, (_, worker) => buy(worker)));

  expect(statuses).toHaveLength(120);
  expect(new Set(statuses)).toStrictEqual(new Set([201, 409]));
  expect(await Order.count()).toBe(statuses.filter((status) => status === 201).length);
  expect((await OrderLine.sum('quantity')) + (await Product.sum('stock'))).toBe(stock);
  expect(transactionCounters(sequelize).conflicts).toBeGreaterThan(0);
});

it('shows an order with its customer and its products', async () => {
  const [customer] = customers;
  const { id } = (await (await order({ customerId: customer?.id, quantities: { POT: 2 } })).json()) as {
    id: string;
  };
  expect(await get(`/orders/${id}`)).toStrictEqual({
    id,
    status: 'placed',
    customer: 'Ada',
    city: 'Springfield',
    lines: [{ sku: 'POT', quantity: 2, price: '19.90' }],
  });
  expect(await get('/products')).toMatchObject([{ sku: 'CUP' }, { sku: 'POT', id: 3 }, { sku: 'TEA' }]);
});

it.each<[number, unknown]>([
  [400, { customerId: 'x' }],
  [400, 'no order'],
  [404, { customerId: '00000000-0000-4000-8000-000000000000', quantities: { TEA: 1 } }],
])('answers %i to %j', async (status, body) => {
  expect((await order(body)).status).toBe(status);
});

it('can be taken down again', async () => {
  for (const command of ['db:seed:undo:all', 'db:migrate:undo:all']) {
    if (command.includes('seed')) await sequelize.query('DELETE FROM orders');
    expect(await sequelizeCli(cluster, folder, command)).toMatchObject({ status: 0 });
  }
  const [tables] = await sequelize.query(
    "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE 'aurora_dsql_orm%'",
  );
  expect(tables).toStrictEqual([{ tablename: 'SequelizeMeta' }]);
});
