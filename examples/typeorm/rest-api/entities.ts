import 'reflect-metadata';
import {
  Check,
  Column,
  CreateDateColumn,
  DeleteDateColumn,
  Entity,
  Index,
  JoinColumn,
  JoinTable,
  ManyToMany,
  ManyToOne,
  OneToMany,
  OneToOne,
  PrimaryGeneratedColumn,
  Tree,
  TreeChildren,
  TreeParent,
} from 'typeorm';
import type { Relation } from 'typeorm';

@Entity()
export class Region {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column({ type: 'varchar', length: 64, unique: true })
  name!: string;

  @OneToMany(() => Country, (country) => country.region)
  countries!: Relation<Country>[];
}

@Entity()
export class Currency {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column({ type: 'char', length: 3, unique: true })
  code!: string;

  @Column({ type: 'text' })
  name!: string;
}

@Entity()
export class Language {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column({ type: 'char', length: 3, unique: true })
  code!: string;

  @Column({ type: 'text' })
  name!: string;
}

@Entity()
export class Country {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column({ type: 'char', length: 3, unique: true })
  code!: string;

  @Column({ type: 'text' })
  name!: string;

  @Column({ type: 'double precision' })
  area!: number;

  @ManyToOne(() => Region, (region) => region.countries, { nullable: false })
  region!: Relation<Region>;

  @ManyToMany(() => Currency)
  @JoinTable({
    name: 'country_currency',
    joinColumn: { name: 'countryId' },
    inverseJoinColumn: { name: 'currencyId' },
  })
  currencies!: Relation<Currency>[];

  @ManyToMany(() => Language)
  @JoinTable({
    name: 'country_language',
    joinColumn: { name: 'countryId' },
    inverseJoinColumn: { name: 'languageId' },
  })
  languages!: Relation<Language>[];

  @ManyToMany(() => Country)
  @JoinTable({
    name: 'country_border',
    joinColumn: { name: 'countryId' },
    inverseJoinColumn: { name: 'neighbourId' },
  })
  borders!: Relation<Country>[];
}

/** What an entity embeds. */
export class Address {
  @Column({ type: 'text', nullable: true })
  street!: string | null;

  @Column({ type: 'text', nullable: true })
  city!: string | null;
}

/** A branch of the bank, and those that report to it. */
@Entity()
@Tree('materialized-path')
export class Branch {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column({ type: 'text' })
  name!: string;

  @Column(() => Address)
  address!: Address;

  @TreeParent()
  parent!: Relation<Branch> | null;

  @TreeChildren()
  children!: Relation<Branch>[];
}

@Entity()
export class Customer {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Index({ unique: true })
  @Column({ type: 'text' })
  email!: string;

  @Column({ type: 'enum', enum: ['private', 'business'], default: 'private' })
  kind!: 'private' | 'business';

  @Column({ type: 'jsonb', nullable: true })
  settings!: { readonly language?: string } | null;

  @ManyToOne(() => Branch, { nullable: true, onDelete: 'SET NULL' })
  branch!: Relation<Branch> | null;

  @OneToOne(() => Card, (card) => card.customer, { cascade: true })
  card!: Relation<Card> | null;

  @OneToMany(() => Account, (account) => account.customer)
  accounts!: Relation<Account>[];

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt!: Date;

  @DeleteDateColumn({ type: 'timestamptz' })
  deletedAt!: Date | null;
}

@Entity()
export class Card {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column({ type: 'char', length: 4 })
  lastDigits!: string;

  @OneToOne(() => Customer, (customer) => customer.card, { onDelete: 'CASCADE' })
  @JoinColumn()
  customer!: Relation<Customer>;
}

@Entity()
@Check('account_balance', 'balance >= 0')
export class Account {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column({ type: 'text' })
  owner!: string;

  @Column({ type: 'integer' })
  balance!: number;

  @ManyToOne(() => Customer, (customer) => customer.accounts, { nullable: true })
  customer!: Relation<Customer> | null;
}

@Entity()
@Check('transfer_amount', 'amount > 0')
export class Transfer {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Index()
  @ManyToOne(() => Account, { nullable: false })
  from!: Relation<Account>;

  @Index()
  @ManyToOne(() => Account, { nullable: false })
  to!: Relation<Account>;

  @Column({ type: 'integer' })
  amount!: number;
}
