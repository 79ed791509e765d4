import 'reflect-metadata';
import readline from 'node:readline';
import { createDsqlSequelize } from 'aurora-dsql-orm/sequelize';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import { DataTypes } from 'sequelize';
import {
  Column,
  CreateDateColumn,
  Entity,
  Index,
  ManyToOne,
  PrimaryColumn,
  PrimaryGeneratedColumn,
} from 'typeorm';

/*
 * A process that makes the schema of the cluster of its environment what the models say, as a pod does that starts: with
 * the ORM that each line of its standard input names.
 */

const host = process.env.CLUSTER_ENDPOINT ?? '';
const STATES = ['open', 'paid', 'sent'];

@Entity()
class Customer {
  @PrimaryGeneratedColumn('identity')
  declare id: number;

  @Column({ type: 'varchar', length: 200, unique: true })
  declare email: string;
}

@Entity()
@Index('order_state', ['state', 'placed'])
class Order {
  @PrimaryGeneratedColumn('uuid')
  declare id: string;

  @Column({ type: 'enum', enum: STATES, default: 'open' })
  declare state: string;

  @CreateDateColumn({ type: 'timestamptz' })
  declare placed: Date;

  @ManyToOne(() => Customer, { nullable: false })
  declare customer: Customer;
}

@Entity()
class Line {
  @PrimaryColumn('uuid')
  declare orderId: string;

  @PrimaryColumn('int')
  declare position: number;

  @Index('line_product')
  @Column('varchar')
  declare product: string;

  @ManyToOne(() => Order, { onDelete: 'CASCADE' })
  declare order: Order;
}

const synchronize: Readonly<Record<string, () => Promise<void>>> = {
  async typeorm() {
    const dataSource = createDsqlDataSource({ host, entities: [Customer, Order, Line], synchronize: true });
    try {
      await dataSource.initialize();
    } finally {
      if (dataSource.isInitialized) await dataSource.destroy();
    }
  },

  async sequelize() {
    const sequelize = createDsqlSequelize({ host, logging: false });
    const plain = { timestamps: false };
    const id = { type: DataTypes.INTEGER, primaryKey: true, autoIncrement: true };
    const customer = sequelize.define(
      'customer',
      { id, email: { type: DataTypes.STRING, unique: true } },
      plain,
    );
    const order = sequelize.define(
      'order',
      { id, state: { type: DataTypes.ENUM(...STATES), defaultValue: 'open' }, placed: DataTypes.DATE },
      { ...plain, indexes: [{ name: 'order_state', fields: ['state', 'placed'] }] },
    );
    const line = sequelize.define(
      'line',
      { position: { type: DataTypes.INTEGER, primaryKey: true }, product: DataTypes.STRING },
      { ...plain, indexes: [{ name: 'line_product', fields: ['product'] }] },
    );
    order.belongsTo(customer);
    line.belongsTo(order, { onDelete: 'CASCADE' });
    try {
      await sequelize.sync();
    } finally {
      await sequelize.close();
    }
  },
};

process.stdout.write('ready\n');
readline.createInterface(process.stdin).on('line', (line) => {
  const [round, orm = ''] = line.split(' ');
  const say = (outcome: string) => process.stdout.write(`${round} ${outcome}\n`);
  synchronize[orm]?.().then(
    () => say('done'),
    (error: unknown) => say(`failed ${String(error)}`),
  );
});
