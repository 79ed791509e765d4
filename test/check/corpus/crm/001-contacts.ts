import type { QueryInterface } from 'sequelize';
import { DataTypes } from 'sequelize';

type Params = { name: string; context: QueryInterface };

export const up = async ({ context: queryInterface }: Params): Promise<void> => {
  await queryInterface.createTable('contacts', {
    id: { type: DataTypes.UUID, primaryKey: true, defaultValue: DataTypes.UUIDV4 },
    name: { type: DataTypes.STRING, allowNull: false },
    place: { type: DataTypes.GEOMETRY('POINT') }, // expect: extension-type
    phone: { type: DataTypes.STRING, unique: true },
  });
  await queryInterface.createTable('calls', {
    id: { type: DataTypes.BIGINT, primaryKey: true, autoIncrement: true },
    contactId: { type: DataTypes.UUID, references: { model: 'contacts', key: 'id' } },
    period: { type: DataTypes.RANGE(DataTypes.DATE) }, // expect: column-type
  });
  await queryInterface.addIndex('calls', { fields: ['contactId'] });
};

export const down = async ({ context }: Params): Promise<void> => {
  await context.dropTable('calls');
  await context.dropTable('contacts');
};
