import {
  DataTypes,
  Model,
  type CreationOptional,
  type ForeignKey,
  type HasManyGetAssociationsMixin,
  type InferAttributes,
  type InferCreationAttributes,
  type NonAttribute,
  type Sequelize,
} from 'sequelize';

export class Customer extends Model<InferAttributes<Customer>, InferCreationAttributes<Customer>> {
  declare id: CreationOptional<string>;
  declare name: string;
  declare email: string;
  declare address?: NonAttribute<Address>;
  declare getOrders: HasManyGetAssociationsMixin<Order>;
}

export class Address extends Model<InferAttributes<Address>, InferCreationAttributes<Address>> {
  declare id: CreationOptional<string>;
  declare customerId: ForeignKey<Customer['id']>;
  declare street: string;
  declare city: string;
}

export class Product extends Model<InferAttributes<Product>, InferCreationAttributes<Product>> {
  /** An int8 in the database, as whatever is generated there, and a number here. */
  declare id: CreationOptional<number>;
  declare sku: string;
  declare name: string;
  declare price: string;
  declare stock: number;
  declare line?: NonAttribute<OrderLine>;
}

export class Order extends Model<InferAttributes<Order>, InferCreationAttributes<Order>> {
  declare id: CreationOptional<string>;
  declare customerId: ForeignKey<Customer['id']>;
  declare status: CreationOptional<'placed' | 'shipped'>;
  declare customer?: NonAttribute<Customer>;
  declare products?: NonAttribute<Product[]>;
}

export class OrderLine extends Model<InferAttributes<OrderLine>, InferCreationAttributes<OrderLine>> {
  declare orderId: ForeignKey<Order['id']>;
  declare productId: ForeignKey<Product['id']>;
  declare quantity: number;
  declare price: string;
}

/** Makes the models known to an instance: one customer has one address and many orders, an order has many products. */
export function defineModels(sequelize: Sequelize): void {
  const id = () => ({ type: DataTypes.UUID, defaultValue: DataTypes.UUIDV4, primaryKey: true });
  const text = () => ({ type: DataTypes.STRING, allowNull: false });
  const price = () => ({ type: DataTypes.DECIMAL(10, 2), allowNull: false });
  const whole = () => ({ type: DataTypes.INTEGER, allowNull: false });
  const options = { sequelize, underscored: true };
  const plain = { ...options, timestamps: false };

  Customer.init({ id: id(), name: text(), email: { ...text(), unique: true } }, options);
  Address.init({ id: id(), street: text(), city: text() }, plain);
  Product.init(
    {
      id: { type: DataTypes.INTEGER, primaryKey: true, autoIncrement: true },
      sku: { ...text(), unique: true },
      name: text(),
      price: price(),
      stock: whole(),
    },
    plain,
  );
  Order.init(
    { id: id(), status: { type: DataTypes.ENUM('placed', 'shipped'), defaultValue: 'placed' } },
    { ...options, version: true },
  );
  OrderLine.init({ quantity: whole(), price: price() }, plain);

  Customer.hasOne(Address, { foreignKey: 'customerId', as: 'address' });
  Customer.hasMany(Order, { foreignKey: 'customerId', as: 'orders' });
  Order.belongsTo(Customer, { foreignKey: 'customerId', as: 'customer' });
  Order.belongsToMany(Product, {
    through: OrderLine,
    foreignKey: 'orderId',
    otherKey: 'productId',
    as: 'products',
  });
}
