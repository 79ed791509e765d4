import {
  DataTypes,
  Model,
  type InferAttributes,
  type InferCreationAttributes,
  type Sequelize,
} from 'sequelize';
import { runInTransaction } from 'aurora-dsql-orm/sequelize';

export class Account extends Model<InferAttributes<Account>, InferCreationAttributes<Account>> {
  declare owner: string;
  declare balance: number;
}

export function defineModels(sequelize: Sequelize): void {
  Account.init(
    {
      owner: { type: DataTypes.TEXT, primaryKey: true },
      balance: { type: DataTypes.INTEGER, allowNull: false },
    },
    { sequelize, tableName: 'jest_account', timestamps: false },
  );
}

/** Adds to a balance, and returns it. */
export async function deposit(sequelize: Sequelize, owner: string, amount: number): Promise<number> {
  return runInTransaction(sequelize, async (transaction) => {
    const account = await Account.findByPk(owner, { transaction, rejectOnEmpty: true });
    await account.update({ balance: account.balance + amount }, { transaction });
    return account.balance;
  });
}
