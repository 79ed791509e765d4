import 'reflect-metadata';
import { Column, Entity, Index, ManyToOne, OneToMany, PrimaryGeneratedColumn, type Relation } from 'typeorm';

@Entity('cli_author')
export class Author {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column({ type: 'text', unique: true })
  name!: string;

  @OneToMany(() => Book, (book) => book.author)
  books!: Relation<Book>[];
}

@Entity('cli_book')
export class Book {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column({ type: 'text' })
  title!: string;

  @Index()
  @ManyToOne(() => Author, (author) => author.books, { nullable: false })
  author!: Relation<Author>;
}
