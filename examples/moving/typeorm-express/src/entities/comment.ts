import { Column, CreateDateColumn, Entity, Index, ManyToOne, PrimaryGeneratedColumn } from 'typeorm';
import { Issue } from './issue';
import { User } from './user';

@Entity()
export class Comment {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Index('IDX_comment_issue')
  @ManyToOne(() => Issue, (issue) => issue.comments, { nullable: false, onDelete: 'CASCADE' })
  issue!: Issue;

  @ManyToOne(() => User, { nullable: false })
  author!: User;

  @Column({ type: 'text' })
  text!: string;

  @CreateDateColumn()
  createdAt!: Date;
}
