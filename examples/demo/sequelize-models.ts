import {
  DataTypes,
  Model,
  type BelongsToManyAddAssociationsMixin,
  type CreationOptional,
  type ForeignKey,
  type InferAttributes,
  type InferCreationAttributes,
  type NonAttribute,
  type Sequelize,
} from 'sequelize';

// Functions, because Sequelize writes into the object that describes an attribute.
const id = () => ({ type: DataTypes.UUID, defaultValue: DataTypes.UUIDV4, primaryKey: true });
const code = () => ({ type: DataTypes.CHAR(3), allowNull: false, unique: true });
const text = () => ({ type: DataTypes.TEXT, allowNull: false });

export class Region extends Model<InferAttributes<Region>, InferCreationAttributes<Region>> {
  declare id: CreationOptional<string>;
  declare name: string;
}

export class Currency extends Model<InferAttributes<Currency>, InferCreationAttributes<Currency>> {
  declare id: CreationOptional<string>;
  declare code: string;
  declare name: string;
}

export class Language extends Model<InferAttributes<Language>, InferCreationAttributes<Language>> {
  declare id: CreationOptional<string>;
  declare code: string;
  declare name: string;
}

export class Country extends Model<InferAttributes<Country>, InferCreationAttributes<Country>> {
  declare id: CreationOptional<string>;
  declare code: string;
  declare name: string;
  declare area: number;
  declare regionId: ForeignKey<Region['id']>;
  declare region?: NonAttribute<Region>;
  declare currencies?: NonAttribute<Currency[]>;
  declare languages?: NonAttribute<Language[]>;
  declare borders?: NonAttribute<Country[]>;
  declare addCurrencies: BelongsToManyAddAssociationsMixin<Currency, string>;
  declare addLanguages: BelongsToManyAddAssociationsMixin<Language, string>;
  declare addBorders: BelongsToManyAddAssociationsMixin<Country, string>;
}

export class Account extends Model<InferAttributes<Account>, InferCreationAttributes<Account>> {
  declare id: CreationOptional<string>;
  declare owner: string;
  declare balance: number;
}

export class Transfer extends Model<InferAttributes<Transfer>, InferCreationAttributes<Transfer>> {
  declare id: CreationOptional<string>;
  declare fromId: ForeignKey<Account['id']>;
  declare toId: ForeignKey<Account['id']>;
  declare amount: number;
}

/** Makes the models known to an instance. */
export function defineModels(sequelize: Sequelize): void {
  const options = { sequelize, underscored: true, timestamps: false };
  Region.init({ id: id(), name: { type: DataTypes.STRING(64), allowNull: false, unique: true } }, options);
  Currency.init({ id: id(), code: code(), name: text() }, options);
  Language.init({ id: id(), code: code(), name: text() }, options);
  Country.init(
    { id: id(), code: code(), name: text(), area: { type: DataTypes.DOUBLE, allowNull: false } },
    options,
  );
  Account.init({ id: id(), owner: text(), balance: { type: DataTypes.INTEGER, allowNull: false } }, options);
  Transfer.init({ id: id(), amount: { type: DataTypes.INTEGER, allowNull: false } }, options);

  const through = (table: string) => ({
    through: sequelize.define(table, {}, { tableName: table, ...options }),
  });
  Region.hasMany(Country, { foreignKey: 'regionId', as: 'countries' });
  Country.belongsTo(Region, { foreignKey: 'regionId', as: 'region' });
  Country.belongsToMany(Currency, {
    ...through('country_currencies'),
    foreignKey: 'countryId',
    as: 'currencies',
  });
  Country.belongsToMany(Language, {
    ...through('country_languages'),
    foreignKey: 'countryId',
    as: 'languages',
  });
  Country.belongsToMany(Country, {
    ...through('country_borders'),
    foreignKey: 'countryId',
    otherKey: 'neighbourId',
    as: 'borders',
  });
  Transfer.belongsTo(Account, { foreignKey: 'fromId', as: 'from' });
  Transfer.belongsTo(Account, { foreignKey: 'toId', as: 'to' });
}
