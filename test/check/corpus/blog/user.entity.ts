import { Column, CreateDateColumn, Entity, JoinTable, ManyToMany, ManyToOne, OneToMany, PrimaryGeneratedColumn, Unique } from 'typeorm';

export enum Role {
  Admin = 'admin',
  Reader = 'reader',
}

@Entity()
@Unique(['email'])
export class User {
  @PrimaryGeneratedColumn()
  id!: number; // expect: serial

  @Column({ length: 320 })
  email!: string;

  @Column({ type: 'enum', enum: Role, default: Role.Reader })
  role!: Role; // expect: enum-type

  @Column('simple-json', { nullable: true })
  settings?: object;

  @CreateDateColumn({ type: 'timestamptz' })
  createdAt!: Date;

  @OneToMany(() => Post, (post) => post.author)
  posts!: Post[];
}

@Entity('articles')
export class Post {
  @PrimaryGeneratedColumn('uuid')
  id!: string; // expect: extension-function

  @Column({ type: 'tsvector', nullable: true })
  search?: string; // expect: column-type

  @ManyToOne(() => User, (user) => user.posts, { onDelete: 'CASCADE' })
  author!: User; // expect: add-constraint, foreign-key-without-index, int4-key

  @ManyToMany(() => Tag)
  @JoinTable()
  tags!: Tag[]; // expect: add-constraint, index-without-async
}

@Entity()
export class Tag {
  @PrimaryGeneratedColumn('uuid')
  id!: string; // expect: extension-function

  @Column({ unique: true })
  name!: string;
}
