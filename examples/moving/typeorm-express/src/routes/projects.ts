import { Router } from 'express';
import { dataSource } from '../data-source';
import { Project } from '../entities';

export const projects = Router();

projects.post('/', async (request, response) => {
  const { teamId, key, name, settings } = request.body as {
    readonly teamId: number;
    readonly key: string;
    readonly name: string;
    readonly settings?: Project['settings'];
  };
  const repository = dataSource.getRepository(Project);
  const project = await repository.save(repository.create({ team: { id: teamId }, key, name, settings }));
  response.status(201).json({ id: project.id, key: project.key });
});

/** How many issues a project has, by their status. */
projects.get('/:key/statistics', async (request, response) => {
  const rows = await dataSource.query<{ status: string; count: number }[]>(
    `SELECT "issue"."status", COUNT(*)::int AS "count"
       FROM "issue" JOIN "project" ON "project"."id" = "issue"."projectId"
      WHERE "project"."key" = $1
      GROUP BY "issue"."status" ORDER BY "issue"."status"`,
    [request.params.key],
  );
  response.json(Object.fromEntries(rows.map(({ status, count }) => [status, count])));
});

/** The projects whose settings ask for notifications. */
projects.get('/notified', async (_request, response) => {
  const found = await dataSource
    .getRepository(Project)
    .createQueryBuilder('project')
    .where(`project.settings ->> 'notify' = 'true'`)
    .orderBy('project.key')
    .getMany();
  response.json(found.map(({ key, issueCount }) => ({ key, issueCount })));
});
