import { runInTransaction } from 'aurora-dsql-orm/sequelize';
import type { Sequelize } from 'sequelize';
import { Customer, Order, OrderLine, Product } from './models';

/** What a customer wants. */
export interface OrderRequest {
  readonly customerId: string;
  /** How many of each product, by its SKU. */
  readonly quantities: Readonly<Record<string, number>>;
}

/** A request that cannot be met, and the HTTP status that says so. */
export class RequestError extends Error {
  constructor(
    readonly status: 400 | 404 | 409,
    message: string,
  ) {
    super(message);
  }
}

/**
 * Takes the products from the stock and notes the order, both or nothing. Orders for the same product at the same time
 * conflict, and all but one of them are run again.
 */
export async function placeOrder(
  sequelize: Sequelize,
  { customerId, quantities }: OrderRequest,
): Promise<string> {
  return runInTransaction(sequelize, async (transaction) => {
    const customer = await Customer.findByPk(customerId, { transaction });
    if (customer === null) throw new RequestError(404, `There is no customer ${customerId}.`);
    const products = await Product.findAll({ where: { sku: Object.keys(quantities) }, transaction });
    const order = await Order.create({ customerId }, { transaction });
    for (const [sku, quantity] of Object.entries(quantities)) {
      const product = products.find((one) => one.sku === sku);
      if (product === undefined) throw new RequestError(404, `There is no product ${sku}.`);
      if (product.stock < quantity) throw new RequestError(409, `Only ${product.stock} of ${sku} are left.`);
      await product.update({ stock: product.stock - quantity }, { transaction });
      const { id: productId, price } = product;
      await OrderLine.create({ orderId: order.id, productId, quantity, price }, { transaction });
    }
    return order.id;
  });
}

/** An order with everything that belongs to it. */
export async function findOrder(id: string): Promise<object> {
  const order = await Order.findByPk(id, {
    include: [
      { association: 'customer', include: ['address'] },
      { association: 'products', through: { as: 'line', attributes: ['quantity', 'price'] } },
    ],
  });
  if (order === null) throw new RequestError(404, `There is no order ${id}.`);
  return {
    id: order.id,
    status: order.status,
    customer: order.customer?.name,
    city: order.customer?.address?.city,
    lines: order.products?.map(({ sku, line }) => ({ sku, quantity: line?.quantity, price: line?.price })),
  };
}
