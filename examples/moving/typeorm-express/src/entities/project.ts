import { Column, Entity, ManyToOne, OneToMany, PrimaryGeneratedColumn } from 'typeorm';
import { Issue } from './issue';
import { Team } from './team';

@Entity()
export class Project {
  @PrimaryGeneratedColumn()
  id!: number;

  @ManyToOne(() => Team, (team) => team.projects, { nullable: false })
  team!: Team;

  @Column({ length: 10, unique: true })
  key!: string;

  @Column()
  name!: string;

  @Column({ type: 'jsonb', default: {} })
  settings!: { readonly notify?: boolean; readonly color?: string };

  @Column({ default: 0 })
  issueCount!: number;

  @OneToMany(() => Issue, (issue) => issue.project)
  issues!: Issue[];
}
