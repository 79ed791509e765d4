const { randomUUID } = require('node:crypto');

module.exports = {
  up: (queryInterface) => queryInterface.bulkInsert('shelf', [{ id: randomUUID() }]),
  down: (queryInterface) => queryInterface.bulkDelete('shelf', null, {}),
};
