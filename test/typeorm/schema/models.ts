import 'reflect-metadata';
import {
  Check,
  ChildEntity,
  Column,
  CreateDateColumn,
  DeleteDateColumn,
  Entity,
  Generated,
  Index,
  JoinColumn,
  JoinTable,
  ManyToMany,
  ManyToOne,
  OneToMany,
  OneToOne,
  PrimaryColumn,
  PrimaryGeneratedColumn,
  TableInheritance,
  Tree,
  TreeChildren,
  TreeParent,
  Unique,
  UpdateDateColumn,
  VersionColumn,
  ViewColumn,
  ViewEntity,
  type Relation,
} from 'typeorm';

// --- keys ---

@Entity()
export class IncrementKey {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column({ nullable: true })
  name!: string;
}

@Entity()
export class IdentityKey {
  @PrimaryGeneratedColumn('identity', { type: 'int', generatedIdentity: 'ALWAYS' })
  id!: number;

  @ManyToOne(() => IncrementKey)
  increment!: Relation<IncrementKey>;

  @Column({ nullable: true })
  incrementId!: number;

  @OneToOne(() => IdentityKey)
  @JoinColumn()
  twin!: Relation<IdentityKey> | null;
}

@Entity()
export class BigKey {
  @PrimaryGeneratedColumn({ type: 'bigint' })
  id!: string;

  @Column('int8', { default: 7 })
  count!: string;
}

@Entity()
export class RowidKey {
  @PrimaryGeneratedColumn('rowid')
  id!: string;

  @Column({ default: 'x' })
  name!: string;
}

@Entity()
export class UuidKey {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column()
  @Generated('uuid')
  token!: string;
}

@Entity()
export class NamedKey {
  @PrimaryColumn({ primaryKeyConstraintName: 'pk_named', type: 'int' })
  first!: number;

  @PrimaryColumn({ primaryKeyConstraintName: 'pk_named', length: 10 })
  second!: string;
}

@Entity()
export class Ticket {
  @PrimaryColumn('uuid')
  id!: string;

  @Column()
  @Generated('increment')
  number!: number;
}

// --- columns ---

export enum Colour {
  Red = 'red',
  Quoted = "it's",
  Slashed = 'a\\b',
}

export enum Level {
  Low,
  High,
}

@Entity({ comment: 'everything that a column can be' })
export class AllColumns {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column('smallint', { default: -3 })
  small!: number;

  @Column('int')
  int!: number;

  @Column('bigint')
  big!: string;

  @Column('real')
  real!: number;

  @Column('float')
  float!: number;

  @Column('numeric')
  numeric!: string;

  @Column('numeric', { precision: 12, scale: 3, default: 1.5 })
  exact!: string;

  @Column('decimal', { precision: 7 })
  whole!: string;

  @Column('char')
  char!: string;

  @Column('char', { length: 4 })
  chars!: string;

  @Column('varchar', { length: 40, comment: "a note, isn't it" })
  varchar!: string;

  @Column('text', { default: "it''s" })
  text!: string;

  @Column('bytea')
  bytea!: Buffer;

  @Column('date')
  date!: string;

  @Column('time', { precision: 3 })
  time!: string;

  @Column('timetz')
  timetz!: string;

  @Column('timestamp', { precision: 0 })
  timestamp!: Date;

  @Column('timestamptz', { default: () => 'CURRENT_TIMESTAMP' })
  timestamptz!: Date;

  @Column('interval')
  interval!: unknown;

  @Column({ default: true })
  bool!: boolean;

  @Column('uuid', { nullable: true })
  uuid!: string | null;

  @Column('json', { default: { a: [1] } })
  json!: unknown;

  @Column('jsonb', { default: () => `'[]'` })
  jsonb!: unknown;

  @Column('simple-array')
  simpleArray!: string[];

  @Column('simple-json')
  simpleJson!: { readonly deep: { readonly list: number[] } };

  @Column('enum', { enum: Colour, default: Colour.Red })
  colour!: Colour;

  @Column('enum', { enum: Colour, enumName: 'shared_colour', nullable: true })
  otherColour!: Colour | null;

  @Column('simple-enum', { enum: Level, default: Level.Low })
  level!: Level;

  @Column({ type: 'text', collation: 'C', nullable: true })
  sorted!: string | null;

  @Column('varchar', {
    transformer: { to: (value: string) => value, from: (value: string) => value.toUpperCase() },
  })
  loud!: string;

  @Column({ type: 'varchar', generatedType: 'STORED', asExpression: `"varchar" || '!'`, nullable: true })
  generated!: string;
}

class Money {
  @Column('numeric', { precision: 12, scale: 2 })
  amount!: string;

  @Column({ length: 3, default: 'EUR' })
  currency!: string;
}

@Entity()
export class Invoice {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column(() => Money)
  total!: Money;

  @Column(() => Money, { prefix: 'vat' })
  vat!: Money;

  @VersionColumn()
  version!: number;

  @CreateDateColumn()
  createdAt!: Date;

  @UpdateDateColumn({ type: 'timestamptz', precision: 3 })
  updatedAt!: Date;

  @DeleteDateColumn()
  deletedAt!: Date | null;
}

@Entity()
export class Lists {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column('text', { array: true, default: ['a', 'b c'] })
  words!: string[];

  @Column('int', { array: true, default: '{1,2}' })
  numbers!: number[];

  @Column('varchar', { array: true, default: () => 'ARRAY[]::varchar[]', length: 10 })
  empty!: string[];

  @Column('int', { array: true, nullable: true })
  none!: number[] | null;

  @Column('enum', { enum: Colour, array: true, default: [Colour.Red] })
  colours!: Colour[];

  @Column('timestamptz', { array: true, nullable: true })
  times!: Date[] | null;

  @Column('date', { array: true, nullable: true })
  days!: (Date | string)[] | null;
}

// --- indexes and constraints ---

@Entity()
@Index(['a', 'b'])
@Index('own_name', ['b'], { unique: true, where: '"b" IS NOT NULL' })
@Index('by_hand', { synchronize: false })
@Unique(['a', 'c'])
@Unique('uq_own', ['c'])
@Check('"a" >= 0')
@Check('chk_own', `"b" <> 'x' AND "a" < 1000`)
@Check('chk_not_null', '"d" IS NOT NULL')
@Check(`"d" IN ('p', 'q')`)
export class Indexed {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column()
  @Index()
  a!: number;

  @Column({ nullable: true })
  b!: string;

  @Column({ unique: true })
  c!: string;

  @Column('text', { nullable: true })
  d!: string | null;
}

// --- relations ---

@Entity()
export class Country {
  @PrimaryColumn({ length: 2 })
  code!: string;

  @OneToMany(() => City, (city) => city.country)
  cities!: Relation<City>[];

  /** With `City.country` a circle of foreign keys. */
  @OneToOne(() => City, { nullable: true, onDelete: 'SET NULL' })
  @JoinColumn()
  capital!: Relation<City> | null;
}

@Entity()
@Unique(['country', 'name'])
export class City {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column()
  name!: string;

  @ManyToOne(() => Country, (country) => country.cities, {
    nullable: false,
    onDelete: 'CASCADE',
    onUpdate: 'CASCADE',
  })
  country!: Relation<Country>;

  @ManyToOne(() => City, { onDelete: 'RESTRICT' })
  partner!: Relation<City> | null;

  @ManyToMany(() => City)
  @JoinTable()
  neighbours!: Relation<City>[];

  @OneToOne(() => Mayor, (mayor) => mayor.city)
  mayor!: Relation<Mayor>;
}

@Entity()
export class Mayor {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @OneToOne(() => City, (city) => city.mayor, { deferrable: 'INITIALLY DEFERRED', onDelete: 'NO ACTION' })
  @JoinColumn()
  city!: Relation<City>;

  @ManyToMany(() => Party, (party) => party.mayors)
  @JoinTable({ name: 'membership', joinColumn: { name: 'mayor' }, inverseJoinColumn: { name: 'party' } })
  parties!: Relation<Party>[];
}

@Entity()
export class Party {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column({ default: 1 })
  rank!: number;

  @ManyToMany(() => Mayor, (mayor) => mayor.parties)
  mayors!: Relation<Mayor>[];

  /** Refers to a unique column, and not to the key. */
  @ManyToOne(() => Alias, { onDelete: 'SET NULL', onUpdate: 'CASCADE' })
  @JoinColumn({ referencedColumnName: 'alias' })
  alias!: Relation<Alias> | null;
}

@Entity()
export class Alias {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column({ unique: true })
  alias!: string;
}

// --- trees ---

@Entity()
@Tree('closure-table')
export class ClosureNode {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column()
  name!: string;

  @TreeChildren({ cascade: true })
  children!: ClosureNode[];

  @TreeParent()
  parent!: ClosureNode | null;
}

@Entity()
@Tree('materialized-path')
export class PathNode {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column()
  name!: string;

  @TreeChildren({ cascade: true })
  children!: PathNode[];

  @TreeParent({ onDelete: 'CASCADE' })
  parent!: PathNode | null;
}

@Entity()
@Tree('nested-set')
export class NestedNode {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column()
  name!: string;

  @TreeChildren({ cascade: true })
  children!: NestedNode[];

  @TreeParent()
  parent!: NestedNode | null;
}

@Entity()
export class AdjacentNode {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column()
  name!: string;

  @OneToMany(() => AdjacentNode, (node) => node.parent, { cascade: true })
  children!: Relation<AdjacentNode>[];

  @ManyToOne(() => AdjacentNode, (node) => node.children)
  parent!: Relation<AdjacentNode> | null;
}

// --- inheritance, schemas, views ---

@Entity()
@TableInheritance({ column: { type: 'varchar', name: 'type' } })
export class Content {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column()
  title!: string;
}

@ChildEntity()
export class Photo extends Content {
  @Column('enum', { enum: Colour, nullable: true })
  tint!: Colour;
}

@ChildEntity('question')
export class Question extends Content {
  @Column({ nullable: true })
  @Index()
  answers!: number;

  @ManyToOne(() => Photo)
  photo!: Relation<Photo> | null;
}

abstract class Based {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @CreateDateColumn()
  createdAt!: Date;
}

@Entity({ schema: 'shop', name: 'order_of_shop' })
@Index(['state'], { where: `"state" = 'open'` })
export class Order extends Based {
  @Column('enum', { enum: ['open', 'done'], enumName: 'order_state', default: 'open' })
  state!: string;

  @ManyToOne(() => IncrementKey)
  customer!: Relation<IncrementKey> | null;

  @OneToMany(() => OrderLine, (line) => line.order, { cascade: true })
  lines!: Relation<OrderLine>[];
}

@Entity({ schema: 'shop' })
export class OrderLine {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column('enum', { enum: ['open', 'done'], enumName: 'order_state', default: 'open' })
  state!: string;

  @ManyToOne(() => Order, (order) => order.lines, { onDelete: 'CASCADE' })
  order!: Relation<Order>;
}

@ViewEntity({
  expression: (dataSource) =>
    dataSource
      .createQueryBuilder()
      .select('city.name', 'name')
      .addSelect('country.code', 'code')
      .from(City, 'city')
      .innerJoin(Country, 'country', 'country.code = city.countryCode'),
})
export class Place {
  @ViewColumn()
  name!: string;

  @ViewColumn()
  code!: string;
}

@ViewEntity({ expression: 'SELECT code, COUNT(*) AS places FROM place GROUP BY code', dependsOn: [Place] })
export class PlaceCount {
  @ViewColumn()
  code!: string;

  @ViewColumn()
  places!: string;
}
