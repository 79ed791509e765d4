import 'reflect-metadata';
import { DataSource } from 'typeorm';

export const AppDataSource = new DataSource({
  type: 'postgres',
  url: process.env.DATABASE_URL ?? 'postgres://localhost/blog',
  entities: [__dirname + '/*.entity.{ts,js}'],
  migrations: [__dirname + '/*-*.ts'],
});
