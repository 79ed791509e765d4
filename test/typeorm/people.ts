import 'reflect-metadata';
import {
  Column,
  CreateDateColumn,
  DeleteDateColumn,
  Entity,
  JoinColumn,
  JoinTable,
  ManyToMany,
  ManyToOne,
  OneToMany,
  OneToOne,
  PrimaryGeneratedColumn,
  RelationId,
  UpdateDateColumn,
  VersionColumn,
  type DataSource,
  type Relation,
} from 'typeorm';

/** What an entity embeds. */
export class Address {
  @Column({ type: 'text', nullable: true })
  city!: string | null;
}

@Entity()
export class Person {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column({ type: 'text' })
  name!: string;

  @Column({ type: 'text', nullable: true })
  nick!: string | null;

  @Column({ type: 'integer', default: 0 })
  score!: number;

  @Column({ type: 'integer', default: 7 })
  bonus!: number;

  @Column({ type: 'simple-json', nullable: true })
  settings!: { readonly colours: string[] } | null;

  @Column(() => Address)
  address!: Address;

  @VersionColumn()
  version!: number;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt!: Date;

  @UpdateDateColumn({ type: 'timestamptz' })
  updatedAt!: Date;

  @DeleteDateColumn({ type: 'timestamptz' })
  deletedAt!: Date | null;

  @OneToOne(() => Profile, { cascade: true, nullable: true })
  @JoinColumn({ name: 'profileId' })
  profile!: Relation<Profile> | null;

  @Column({ type: 'uuid', nullable: true })
  profileId!: string | null;

  @OneToMany(() => Post, (post) => post.author, { cascade: true })
  posts!: Relation<Post>[];

  @ManyToMany(() => Tag, { cascade: true })
  @JoinTable({ name: 'person_tag', joinColumn: { name: 'personId' }, inverseJoinColumn: { name: 'tagId' } })
  tags!: Relation<Tag>[];

  @RelationId((person: Person) => person.tags)
  tagIds!: string[];
}

@Entity()
export class Profile {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column({ type: 'text', nullable: true })
  bio!: string | null;
}

@Entity()
export class Post {
  /** A value of its own for it would be refused: 428C9. */
  @PrimaryGeneratedColumn('identity', { type: 'bigint', generatedIdentity: 'ALWAYS' })
  id!: string;

  @Column({ type: 'text' })
  title!: string;

  @VersionColumn()
  version!: number;

  @ManyToOne(() => Person, (person) => person.posts, { nullable: true, orphanedRowAction: 'delete' })
  author!: Relation<Person> | null;
}

@Entity()
export class Tag {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column({ type: 'text' })
  label!: string;
}

/** All of them. */
export const people = [Person, Profile, Post, Tag];

const tables = [
  'CREATE TABLE profile (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), bio text)',
  'CREATE TABLE tag (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), label text NOT NULL)',
  `CREATE TABLE person (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), name text NOT NULL, nick text,
    score integer NOT NULL DEFAULT 0, bonus integer NOT NULL DEFAULT 7, settings text, "addressCity" text,
    version integer NOT NULL, "createdAt" timestamptz NOT NULL DEFAULT now(),
    "updatedAt" timestamptz NOT NULL DEFAULT now(), "deletedAt" timestamptz, "profileId" uuid)`,
  `CREATE TABLE post (id bigint GENERATED ALWAYS AS IDENTITY (CACHE 1) PRIMARY KEY, title text NOT NULL,
    version integer NOT NULL, "authorId" uuid)`,
  'CREATE TABLE person_tag ("personId" uuid, "tagId" uuid, PRIMARY KEY ("personId", "tagId"))',
];

/** Creates the tables of {@link people}. */
export async function createPeople(dataSource: DataSource): Promise<void> {
  for (const table of tables) await dataSource.query(table);
}

/** Empties the tables of {@link people}. */
export async function emptyPeople(dataSource: DataSource): Promise<void> {
  for (const table of ['person_tag', 'post', 'person', 'tag', 'profile']) {
    await dataSource.query(`DELETE FROM ${table}`);
  }
}

/** A person with everything around it that a save cascades to. */
export function newPerson(name: string): Person {
  const person = new Person();
  person.name = name;
  person.settings = { colours: ['red'] };
  person.address = new Address();
  person.profile = new Profile();
  person.posts = ['first', 'second'].map((title) => Object.assign(new Post(), { title }));
  person.tags = [Object.assign(new Tag(), { label: 'new' })];
  return person;
}
