const { randomUUID } = require('node:crypto');

const people = ['Ada', 'Grace', 'Edsger', 'Barbara'];

module.exports = {
  async up(queryInterface) {
    const now = new Date();
    const customers = people.map((name) => ({
      id: randomUUID(),
      name,
      email: `${name.toLowerCase()}@example.org`,
      created_at: now,
      updated_at: now,
    }));
    await queryInterface.bulkInsert('customers', customers);
    await queryInterface.bulkInsert(
      'addresses',
      customers.map(({ id }, index) => ({
        id: randomUUID(),
        customer_id: id,
        street: `${index + 1} Main Street`,
        city: 'Springfield',
      })),
    );
  },

  async down(queryInterface) {
    await queryInterface.bulkDelete('customers', {
      email: people.map((name) => `${name.toLowerCase()}@example.org`),
    });
  },
};
