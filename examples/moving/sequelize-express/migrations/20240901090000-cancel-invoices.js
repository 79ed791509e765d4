'use strict';

module.exports = {
  async up(queryInterface) {
    await queryInterface.sequelize.query(
      `ALTER TYPE "enum_Invoices_status" ADD VALUE IF NOT EXISTS 'cancelled'`,
    );
  },

  // A value of an enum type cannot be taken away.
  async down() {},
};
