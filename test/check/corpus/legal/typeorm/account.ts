import { Column, Entity, Index, ManyToOne, PrimaryGeneratedColumn, RelationId, TableInheritance, ChildEntity, VersionColumn } from 'typeorm';

@Entity()
@TableInheritance({ column: { type: 'varchar', name: 'kind' } })
export class Party {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column({ type: 'enum', enum: ['new', 'known'], default: 'new' })
  standing!: string;

  @VersionColumn()
  version!: number;
}

@ChildEntity()
export class Person extends Party {
  @Column({ nullable: true })
  firstName?: string;
}

@Entity()
export class Account {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column({ type: 'decimal', precision: 12, scale: 2, default: 0 })
  balance!: string;

  @Index()
  @ManyToOne(() => Party, { onDelete: 'CASCADE', nullable: false })
  owner!: Party;
}
