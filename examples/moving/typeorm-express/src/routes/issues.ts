import { Router } from 'express';
import { In } from 'typeorm';
import { dataSource } from '../data-source';
import { Attachment, AuditEvent, Comment, Issue, Job, Label, Project, type IssueStatus } from '../entities';

export const issues = Router();

/** Gives the issue the next number of its project; no two get the same one. */
issues.post('/', async (request, response) => {
  const {
    projectId,
    reporterId,
    title,
    body,
    labels = [],
  } = request.body as {
    readonly projectId: number;
    readonly reporterId: string;
    readonly title: string;
    readonly body?: string;
    readonly labels?: readonly string[];
  };
  const created = await dataSource.transaction(async (manager) => {
    const project = await manager.findOneOrFail(Project, {
      where: { id: projectId },
      lock: { mode: 'pessimistic_write' },
    });
    project.issueCount++;
    await manager.save(project);
    const issue = await manager.save(
      manager.create(Issue, {
        project,
        number: project.issueCount,
        reporter: { id: reporterId },
        title,
        body,
        labels: await manager.findBy(Label, { name: In(labels) }),
      }),
    );
    await manager.insert(AuditEvent, { action: 'issue.created', details: { issueId: issue.id } });
    if (project.settings.notify)
      await manager.insert(Job, { kind: 'notify', payload: { issueId: issue.id } });
    return { id: issue.id, name: `${project.key}-${issue.number}`, status: issue.status };
  });
  response.status(201).json(created);
});

issues.get('/', async (request, response) => {
  const { status, label } = request.query as { readonly status?: IssueStatus; readonly label?: string };
  response.json(
    await dataSource.getRepository(Issue).find({
      select: { id: true, number: true, title: true, status: true, priority: true },
      where: { status, ...(label && { labels: { name: label } }) },
      order: { priority: 'DESC', number: 'ASC' },
      take: 50,
    }),
  );
});

issues.get('/:id', async (request, response) => {
  response.json(
    await dataSource.getRepository(Issue).findOneOrFail({
      where: { id: Number(request.params.id) },
      relations: { labels: true, comments: { author: true }, attachments: true, assignee: true },
      order: { comments: { createdAt: 'ASC' } },
    }),
  );
});

issues.patch('/:id', async (request, response) => {
  const { status, priority, assigneeId } = request.body as {
    readonly status?: IssueStatus;
    readonly priority?: number;
    readonly assigneeId?: string;
  };
  const issue = await dataSource.transaction(async (manager) => {
    const found = await manager.findOneByOrFail(Issue, { id: Number(request.params.id) });
    manager.merge(Issue, found, { status, priority, ...(assigneeId && { assignee: { id: assigneeId } }) });
    await manager.insert(AuditEvent, { action: 'issue.changed', details: { issueId: found.id, status } });
    return manager.save(found);
  });
  response.json({ id: issue.id, status: issue.status, priority: issue.priority });
});

issues.post('/:id/comments', async (request, response) => {
  const { authorId, text } = request.body as { readonly authorId: string; readonly text: string };
  const comments = dataSource.getRepository(Comment);
  const comment = await comments.save(
    comments.create({ issue: { id: Number(request.params.id) }, author: { id: authorId }, text }),
  );
  response.status(201).json({ id: comment.id });
});

issues.post('/:id/attachments', async (request, response) => {
  const { fileName, size } = request.body as { readonly fileName: string; readonly size: string };
  const attachments = dataSource.getRepository(Attachment);
  await attachments.save(attachments.create({ issue: { id: Number(request.params.id) }, fileName, size }));
  response.status(201).json({ fileName, size });
});
