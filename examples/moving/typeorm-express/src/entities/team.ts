import { Column, Entity, OneToMany, PrimaryGeneratedColumn } from 'typeorm';
import { Membership } from './membership';
import { Project } from './project';

@Entity()
export class Team {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column()
  name!: string;

  @OneToMany(() => Membership, (membership) => membership.team)
  memberships!: Membership[];

  @OneToMany(() => Project, (project) => project.team)
  projects!: Project[];
}
