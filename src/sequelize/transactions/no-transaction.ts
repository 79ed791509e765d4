import type { Transaction } from 'sequelize';

/** Stands where Sequelize demands a transaction although each statement is to commit itself. It never reaches users. */
export const noTransaction = Symbol('each statement commits itself') as unknown as Transaction;
