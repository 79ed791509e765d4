exports.up = async ({ context: queryInterface }) => {
  await queryInterface.bulkInsert('teams', [{ name: 'Blue' }, { name: 'Red' }]);
  await queryInterface.sequelize.query(`UPDATE teams SET level = $1 WHERE name = $2`, { bind: ['pro', 'Red'] });
  const [rows] = await queryInterface.sequelize.query('SELECT id FROM teams');
  const teams = await queryInterface.sequelize.query('SELECT id FROM teams', { type: 'SELECT' });
  if (rows.length + teams.length > 0) throw new Error('Nothing is there.');
};

exports.down = async ({ context: queryInterface }) => {
  await queryInterface.bulkDelete('teams', { name: ['Blue', 'Red'] });
};
