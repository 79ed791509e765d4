import { Column, Entity, ManyToOne, PrimaryGeneratedColumn } from 'typeorm';
import { Issue } from './issue';

@Entity()
export class Attachment {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @ManyToOne(() => Issue, (issue) => issue.attachments, { nullable: false, onDelete: 'CASCADE' })
  issue!: Issue;

  @Column()
  fileName!: string;

  /** In bytes; a string, because files may be larger than a number is exact. */
  @Column({ type: 'bigint' })
  size!: string;
}
