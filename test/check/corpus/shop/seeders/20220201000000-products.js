'use strict';

module.exports = {
  async up(queryInterface) {
    await queryInterface.bulkInsert('Products', [{ name: 'book' }, { name: 'pen' }]);
    await queryInterface.bulkInsert( // expect: row-limit
      'Products',
      Array.from({ length: 3500 }, (_, number) => ({ name: `product ${number}` })),
    );
  },

  async down(queryInterface) {
    await queryInterface.bulkDelete('Products', null, {}); // expect: many-rows
  },
};
