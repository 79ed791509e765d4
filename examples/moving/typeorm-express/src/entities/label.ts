import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

@Entity()
export class Label {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column({ length: 40, unique: true })
  name!: string;

  @Column({ length: 7 })
  color!: string;
}
