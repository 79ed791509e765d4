import {
  Column,
  CreateDateColumn,
  Entity,
  Index,
  JoinTable,
  ManyToMany,
  ManyToOne,
  OneToMany,
  PrimaryGeneratedColumn,
  Unique,
  UpdateDateColumn,
} from 'typeorm';
import { Attachment } from './attachment';
import { Comment } from './comment';
import { Label } from './label';
import { Project } from './project';
import { User } from './user';

export enum IssueStatus {
  Open = 'open',
  InProgress = 'in progress',
  InReview = 'in review',
  Closed = 'closed',
}

@Entity()
@Unique('UQ_issue_project_number', ['project', 'number'])
@Index('IDX_issue_status_priority', ['status', 'priority'])
export class Issue {
  @PrimaryGeneratedColumn()
  id!: number;

  @ManyToOne(() => Project, (project) => project.issues, { nullable: false, onDelete: 'CASCADE' })
  project!: Project;

  @Column()
  number!: number;

  @Column({ length: 200 })
  title!: string;

  @Column({ type: 'text', default: '' })
  body!: string;

  @Column({ type: 'enum', enum: IssueStatus, default: IssueStatus.Open })
  status!: IssueStatus;

  @Column({ default: 0 })
  priority!: number;

  @Index('IDX_issue_reporter')
  @ManyToOne(() => User, { nullable: false })
  reporter!: User;

  @Index('IDX_issue_assignee')
  @ManyToOne(() => User, { nullable: true, onDelete: 'SET NULL' })
  assignee!: User | null;

  @ManyToMany(() => Label)
  @JoinTable({ name: 'issue_labels' })
  labels!: Label[];

  @OneToMany(() => Comment, (comment) => comment.issue)
  comments!: Comment[];

  @OneToMany(() => Attachment, (attachment) => attachment.issue)
  attachments!: Attachment[];

  @CreateDateColumn()
  createdAt!: Date;

  @UpdateDateColumn()
  updatedAt!: Date;
}
