import { Column, Entity, ManyToOne, PrimaryGeneratedColumn, Unique } from 'typeorm';
import { Team } from './team';
import { User } from './user';

@Entity()
@Unique('UQ_membership_user_team', ['user', 'team'])
export class Membership {
  @PrimaryGeneratedColumn()
  id!: number;

  @ManyToOne(() => User, (user) => user.memberships, { nullable: false, onDelete: 'CASCADE' })
  user!: User;

  @ManyToOne(() => Team, (team) => team.memberships, { nullable: false, onDelete: 'CASCADE' })
  team!: Team;

  @Column({ default: false })
  isOwner!: boolean;
}
