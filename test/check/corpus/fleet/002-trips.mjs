export const up = async ({ context }) => {
  const { DataTypes } = await import('sequelize');
  await context.createTable('trips', {
    id: { type: DataTypes.UUID, primaryKey: true },
    vehicleId: { type: DataTypes.UUID, references: { model: 'vehicles', key: 'id' } }, // expect: foreign-key-without-index
    bits: { type: 'BIT(8)' }, // expect: column-type
  });
  await context.sequelize.query(`alter table trips add column distance real default 0`); // expect: add-column-with-constraint
};

export const down = ({ context }) => context.dropTable('trips');
