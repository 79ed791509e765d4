import {
  Column,
  Entity,
  JoinTable,
  ManyToMany,
  ManyToOne,
  OneToMany,
  PrimaryGeneratedColumn,
  UpdateDateColumn,
  type DataSource,
  type Relation,
} from 'typeorm';

@Entity()
export class Purchase {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column({ type: 'text', unique: true })
  number!: string;

  @OneToMany(() => Line, (line) => line.purchase, { cascade: true })
  lines?: Relation<Line>[];

  @ManyToMany(() => Label, { cascade: true })
  @JoinTable({ name: 'purchase_label' })
  labels?: Relation<Label>[];
}

@Entity()
export class Line {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column({ type: 'integer' })
  amount!: number;

  @ManyToOne(() => Purchase, (purchase) => purchase.lines)
  purchase?: Relation<Purchase>;
}

@Entity()
export class Label {
  @PrimaryGeneratedColumn('uuid')
  id!: string;

  @Column({ type: 'text' })
  name!: string;

  @UpdateDateColumn()
  seen!: Date;
}

export const purchases = [Purchase, Line, Label];

export const label = (name: string) => Object.assign(new Label(), { name });
export const line = (amount: number) => Object.assign(new Line(), { amount });

/** What a save of a new purchase with lines and labels writes to, in this order. */
export const TABLES_OF_PURCHASES = ['purchase', 'line', 'label', 'purchase_label'] as const;

/** A new one, with rows for each of {@link TABLES_OF_PURCHASES}. */
export const purchase = (number = 'a') =>
  Object.assign(new Purchase(), {
    number,
    lines: [line(1), line(2)],
    labels: [label(`${number} 1`), label(`${number} 2`)],
  });

/** How many rows each of {@link TABLES_OF_PURCHASES} has. */
export async function rowsOfPurchases(dataSource: DataSource): Promise<number[]> {
  const counts: number[] = [];
  for (const table of TABLES_OF_PURCHASES) {
    const [row] = await dataSource.query<{ count: number }[]>(`SELECT count(*)::int AS count FROM ${table}`);
    counts.push(row?.count ?? NaN);
  }
  return counts;
}
