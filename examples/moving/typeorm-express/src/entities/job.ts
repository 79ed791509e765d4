import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

export enum JobStatus {
  Queued = 'queued',
  Running = 'running',
  Done = 'done',
}

@Entity()
export class Job {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column()
  kind!: string;

  @Column({ type: 'jsonb' })
  payload!: object;

  @Column({ type: 'enum', enum: JobStatus, default: JobStatus.Queued })
  status!: JobStatus;

  @Column({ default: 0 })
  attempts!: number;
}
