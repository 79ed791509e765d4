import 'reflect-metadata';
import { Column, Entity, JoinTable, ManyToMany, ManyToOne, OneToMany, PrimaryGeneratedColumn } from 'typeorm';
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

@Entity()
export class Account {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column({ type: 'text' })
  owner!: string;

  @Column({ type: 'integer' })
  balance!: number;
}

@Entity()
export class Transfer {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @ManyToOne(() => Account, { nullable: false })
  from!: Relation<Account>;

  @ManyToOne(() => Account, { nullable: false })
  to!: Relation<Account>;

  @Column({ type: 'integer' })
  amount!: number;
}
