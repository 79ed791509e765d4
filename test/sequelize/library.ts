import {
  DataTypes,
  Model,
  Op,
  type BelongsToManyAddAssociationMixin,
  type BelongsToManyCountAssociationsMixin,
  type BelongsToManyCreateAssociationMixin,
  type BelongsToManyGetAssociationsMixin,
  type BelongsToManyHasAssociationMixin,
  type BelongsToManyRemoveAssociationMixin,
  type BelongsToManySetAssociationsMixin,
  type BelongsToSetAssociationMixin,
  type CreationOptional,
  type ForeignKey,
  type HasManyAddAssociationMixin,
  type HasManyCountAssociationsMixin,
  type HasManyCreateAssociationMixin,
  type HasManyGetAssociationsMixin,
  type HasManyRemoveAssociationMixin,
  type HasManySetAssociationsMixin,
  type HasOneCreateAssociationMixin,
  type HasOneGetAssociationMixin,
  type HasOneSetAssociationMixin,
  type InferAttributes,
  type InferCreationAttributes,
  type NonAttribute,
  type Sequelize,
} from 'sequelize';
import type { TestCluster } from '../cluster';
import { useSequelize } from './use-sequelize';

export class Author extends Model<InferAttributes<Author>, InferCreationAttributes<Author>> {
  declare id: CreationOptional<string>;
  declare name: string;
  declare email: CreationOptional<string | null>;
  declare likes: CreationOptional<number>;
  declare details: CreationOptional<Record<string, unknown> | null>;
  declare createdAt: CreationOptional<Date>;
  declare updatedAt: CreationOptional<Date>;
  declare deletedAt: CreationOptional<Date | null>;
  declare books?: NonAttribute<Book[]>;
  declare profile?: NonAttribute<Profile>;
  declare getBooks: HasManyGetAssociationsMixin<Book>;
  declare setBooks: HasManySetAssociationsMixin<Book, string>;
  declare addBook: HasManyAddAssociationMixin<Book, string>;
  declare removeBook: HasManyRemoveAssociationMixin<Book, string>;
  declare countBooks: HasManyCountAssociationsMixin;
  declare createBook: HasManyCreateAssociationMixin<Book, 'authorId'>;
  declare getProfile: HasOneGetAssociationMixin<Profile>;
  declare setProfile: HasOneSetAssociationMixin<Profile, string>;
  declare createProfile: HasOneCreateAssociationMixin<Profile>;
}

export class Profile extends Model<InferAttributes<Profile>, InferCreationAttributes<Profile>> {
  declare id: CreationOptional<string>;
  declare text: string;
  declare authorId: ForeignKey<string | null>;
}

export class Book extends Model<InferAttributes<Book>, InferCreationAttributes<Book>> {
  declare id: CreationOptional<string>;
  declare title: string;
  declare copies: CreationOptional<number>;
  declare version: CreationOptional<number>;
  declare authorId: ForeignKey<string | null>;
  declare author?: NonAttribute<Author>;
  declare tags?: NonAttribute<(Tag & { BookTag: BookTag })[]>;
  declare setAuthor: BelongsToSetAssociationMixin<Author, string>;
  declare getTags: BelongsToManyGetAssociationsMixin<Tag>;
  declare setTags: BelongsToManySetAssociationsMixin<Tag, string>;
  declare addTag: BelongsToManyAddAssociationMixin<Tag, string>;
  declare removeTag: BelongsToManyRemoveAssociationMixin<Tag, string>;
  declare hasTag: BelongsToManyHasAssociationMixin<Tag, string>;
  declare countTags: BelongsToManyCountAssociationsMixin;
  declare createTag: BelongsToManyCreateAssociationMixin<Tag>;
}

export class Tag extends Model<InferAttributes<Tag>, InferCreationAttributes<Tag>> {
  declare id: CreationOptional<string>;
  declare name: string;
  declare books?: NonAttribute<Book[]>;
}

export class BookTag extends Model<InferAttributes<BookTag>, InferCreationAttributes<BookTag>> {
  declare bookId: string;
  declare tagId: string;
  declare weight: CreationOptional<number>;
}

/** Defines the models on an instance; only the last one has them. */
export function defineLibrary(sequelize: Sequelize): void {
  const id = () => ({ type: DataTypes.UUID, defaultValue: DataTypes.UUIDV4, primaryKey: true });
  Author.init(
    {
      id: id(),
      name: { type: DataTypes.STRING, allowNull: false, validate: { notEmpty: true } },
      email: { type: DataTypes.STRING, unique: true },
      likes: { type: DataTypes.INTEGER, allowNull: false, defaultValue: 0 },
      details: DataTypes.JSONB,
      createdAt: DataTypes.DATE,
      updatedAt: DataTypes.DATE,
      deletedAt: DataTypes.DATE,
    },
    {
      sequelize,
      tableName: 'author',
      paranoid: true,
      scopes: {
        liked: { where: { likes: { [Op.gt]: 0 } } },
        named: (name: string) => ({ where: { name } }),
      },
    },
  );
  const common = { sequelize, timestamps: false };
  Profile.init({ id: id(), text: DataTypes.STRING }, { ...common, tableName: 'profile' });
  Book.init(
    {
      id: id(),
      title: { type: DataTypes.STRING, allowNull: false },
      copies: { type: DataTypes.INTEGER, allowNull: false, defaultValue: 1 },
      version: { type: DataTypes.INTEGER, allowNull: false, defaultValue: 0 },
    },
    { ...common, tableName: 'book', version: true },
  );
  Tag.init(
    { id: id(), name: { type: DataTypes.STRING, allowNull: false, unique: true } },
    { ...common, tableName: 'tag' },
  );
  BookTag.init(
    {
      bookId: { ...uuidKey() },
      tagId: { ...uuidKey() },
      weight: { type: DataTypes.INTEGER, defaultValue: 1 },
    },
    { ...common, tableName: 'book_tag' },
  );
  Author.hasMany(Book, { foreignKey: 'authorId', as: 'books' });
  Author.hasOne(Profile, { foreignKey: 'authorId', as: 'profile' });
  Book.belongsTo(Author, { foreignKey: 'authorId', as: 'author' });
  Book.belongsToMany(Tag, { through: BookTag, foreignKey: 'bookId', otherKey: 'tagId', as: 'tags' });
  Tag.belongsToMany(Book, { through: BookTag, foreignKey: 'tagId', otherKey: 'bookId', as: 'books' });
}

const uuidKey = () => ({ type: DataTypes.UUID, primaryKey: true });

/** A library for the tests of one file, emptied after each of them. */
export function useLibrary(cluster: TestCluster) {
  const open = useSequelize(cluster);
  let library: ReturnType<typeof open> | undefined;
  beforeAll(async () => {
    library = open();
    defineLibrary(library);
    await library.sync();
    await library.getQueryInterface().addConstraint('book', {
      type: 'check',
      fields: ['copies'],
      name: 'book_copies_check',
      where: { copies: { [Op.gte]: 0 } },
    });
  });
  afterEach(async () => {
    for (const table of ['book_tag', 'tag', 'book', 'profile', 'author']) {
      await library?.query(`DELETE FROM ${table}`);
    }
  });
  return {
    open,
    get library() {
      if (library === undefined) throw new Error('The library is open inside tests and hooks only.');
      return library;
    },
  };
}
