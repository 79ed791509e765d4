import { Router } from 'express';
import { dataSource } from '../data-source';
import { AuditEvent, Job } from '../entities';

export const jobs = Router();

jobs.get('/', async (_request, response) => {
  response.json(
    await dataSource
      .getRepository(Job)
      .createQueryBuilder('job')
      .select('job.status', 'status')
      .addSelect('COUNT(*)::int', 'count')
      .addSelect('SUM(job.attempts)::int', 'attempts')
      .groupBy('job.status')
      .orderBy('job.status')
      .getRawMany(),
  );
});

jobs.get('/audit', async (_request, response) => {
  const events = await dataSource.getRepository(AuditEvent).find({ order: { id: 'DESC' }, take: 100 });
  response.json(events.map(({ action, details }) => ({ action, details })));
});
