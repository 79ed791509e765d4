'use strict';

module.exports = {
  async up(queryInterface, DataTypes) {
    await queryInterface.addColumn('Orders', 'state', { type: DataTypes.STRING(10), allowNull: false, defaultValue: 'cart' });
    await queryInterface.sequelize.query(
      `ALTER TABLE "Orders" ADD COLUMN "sentAt" TIMESTAMP NOT NULL DEFAULT NOW()`, // expect: add-column-with-constraint
    );
    await queryInterface.sequelize.query('UPDATE "Orders" SET "state" = :state WHERE "total" > 0', { // expect: ddl-with-dml
      replacements: { state: 'paid' },
    });
    const table = await queryInterface.describeTable('Orders');
    if (!table.state) throw new Error('It was added.');
    await queryInterface.changeColumn('Orders', 'total', { type: DataTypes.DECIMAL(12, 2) }); // expect: alter-column-type
    await queryInterface.addConstraint('Orders', { fields: ['state'], type: 'check', where: { state: ['cart', 'paid'] } });
  },

  async down(queryInterface) {
    await queryInterface.removeColumn('Orders', 'state');
    await queryInterface.sequelize.query('ALTER TABLE "Orders" DROP COLUMN "sentAt"');
    await queryInterface.sequelize.query('DROP EXTENSION citext'); // expect: drop-object
  },
};
