import { setTimeout as sleep } from 'node:timers/promises';
import { dataSource } from './data-source';
import { AuditEvent, Job, JobStatus } from './entities';

/** Takes the oldest job that waits, which no other worker then gets. */
export async function takeJob(): Promise<Job | null> {
  return dataSource.transaction(async (manager) => {
    const job = await manager
      .createQueryBuilder(Job, 'job')
      .where('job.status = :status', { status: JobStatus.Queued })
      .orderBy('job.id')
      .limit(1)
      .setLock('pessimistic_write')
      .getOne();
    if (job === null) return null;
    job.status = JobStatus.Running;
    job.attempts++;
    return manager.save(job);
  });
}

/** Does a job, and notes that it was done, both or nothing. */
export async function runJob(job: Job): Promise<void> {
  await dataSource.transaction(async (manager) => {
    await manager.insert(AuditEvent, { action: `job.${job.kind}`, details: job.payload });
    await manager.update(Job, { id: job.id }, { status: JobStatus.Done });
  });
}

/** Works on the queue until it is told to stop. */
export async function work(signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const job = await takeJob();
    if (job !== null) await runJob(job);
    else await sleep(500, undefined, { signal }).catch(() => undefined);
  }
}
