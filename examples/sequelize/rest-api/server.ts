import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { Sequelize } from 'sequelize';
import { Customer, Product } from './models';
import { findOrder, placeOrder, RequestError, type OrderRequest } from './orders';

/** The shop as a REST service: `GET /products`, `GET /customers`, `POST /orders` and `GET /orders/:id`. */
export function createShopServer(sequelize: Sequelize): Server {
  return createServer((request, response) => {
    answer(sequelize, request).then(
      ({ status, body }) => {
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      },
      (error: unknown) => {
        const status = error instanceof RequestError ? error.status : 500;
        const message = error instanceof RequestError ? error.message : 'Something went wrong.';
        if (status === 500) console.error(error);
        response.writeHead(status, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ error: message }));
      },
    );
  });
}

async function answer(
  sequelize: Sequelize,
  request: IncomingMessage,
): Promise<{ readonly status: number; readonly body: unknown }> {
  const [, collection, id] = (request.url ?? '').split('/');
  switch (`${request.method ?? ''} ${collection ?? ''}`) {
    case 'GET products':
      return { status: 200, body: await Product.findAll({ order: ['sku'] }) };
    case 'GET customers':
      return { status: 200, body: await Customer.findAll({ attributes: ['id', 'name'], order: ['name'] }) };
    case 'GET orders':
      return { status: 200, body: await findOrder(id ?? '') };
    case 'POST orders':
      return { status: 201, body: { id: await placeOrder(sequelize, await readOrder(request)) } };
    default:
      throw new RequestError(404, 'There is nothing here.');
  }
}

async function readOrder(request: IncomingMessage): Promise<OrderRequest> {
  let text = '';
  for await (const chunk of request.setEncoding('utf8')) text += chunk as string;
  let order: Partial<OrderRequest> | null;
  try {
    order = JSON.parse(text) as Partial<OrderRequest> | null;
  } catch {
    throw new RequestError(400, 'The body is not JSON.');
  }
  const { customerId, quantities } = order ?? {};
  const amounts = Object.values(quantities ?? {});
  const isWhole = amounts.length > 0 && amounts.every((amount) => Number.isInteger(amount) && amount > 0);
  if (typeof customerId !== 'string' || quantities === undefined || !isWhole) {
    throw new RequestError(400, 'An order has a customerId, and quantities by SKU.');
  }
  return { customerId, quantities };
}
