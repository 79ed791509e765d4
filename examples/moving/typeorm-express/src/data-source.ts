import 'reflect-metadata';
import { join } from 'node:path';
import { createDsqlDataSource } from 'aurora-dsql-orm/typeorm';
import {
  Attachment,
  AuditEvent,
  Comment,
  Issue,
  Job,
  Label,
  Membership,
  Project,
  Team,
  User,
} from './entities';

export const dataSource = createDsqlDataSource({
  entities: [Attachment, AuditEvent, Comment, Issue, Job, Label, Membership, Project, Team, User],
  migrations: [join(__dirname, 'migrations/*.{ts,js}')],
  migrationsTransactionMode: 'each',
});
