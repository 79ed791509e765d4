module.exports = {
  async up(queryInterface) {
    await queryInterface.bulkInsert('cli_rooms', [
      { name: 'Babbage', kind: 'office', seats: 12 },
      { name: 'Lovelace', kind: 'lab', seats: 4 },
    ]);
  },

  async down(queryInterface) {
    await queryInterface.bulkDelete('cli_rooms', {});
  },
};
