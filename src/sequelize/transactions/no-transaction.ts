import type { Transaction } from 'sequelize';

/**
 * What Sequelize is given where it demands a transaction although each statement is an autocommit statement. A symbol, so
 * that no transaction of a user's can be taken for it; it never reaches users.
 */
export const noTransaction = Symbol('autocommit statements') as unknown as Transaction;
