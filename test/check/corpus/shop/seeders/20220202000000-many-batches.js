'use strict';

module.exports = {
  async up(queryInterface) {
    const rows = Array.from({ length: 2000 }, (_, number) => ({ code: String(number) }));
    await queryInterface.bulkInsert('Vouchers', rows);
    await queryInterface.bulkInsert('Vouchers', rows); // expect: many-rows
    await queryInterface.bulkInsert('Vouchers', rows);
  },

  async down(queryInterface) {
    await queryInterface.bulkDelete('Vouchers', { code: '1' });
  },
};
