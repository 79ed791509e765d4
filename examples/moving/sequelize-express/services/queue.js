'use strict';

const { setTimeout: sleep } = require('timers/promises');
const { Job, Note, sequelize } = require('../models');

/** Takes the oldest job that waits, which no other worker then gets. */
async function takeJob() {
  return sequelize.transaction(async (transaction) => {
    const job = await Job.findOne({
      where: { status: 'queued' },
      order: ['id'],
      lock: true,
      transaction,
    });
    if (job === null) return null;
    return job.update({ status: 'running', attempts: job.attempts + 1 }, { transaction });
  });
}

/** Does a job, and notes that it was done, both or nothing. */
async function runJob(job) {
  await sequelize.transaction(async (transaction) => {
    await Note.create({ invoiceId: job.payload.invoiceId, text: `${job.kind} done` }, { transaction });
    await Job.update({ status: 'done' }, { where: { id: job.id }, transaction });
  });
}

/** Works on the queue until it is told to stop. */
async function work(signal) {
  while (!signal.aborted) {
    const job = await takeJob();
    if (job !== null) await runJob(job);
    else await sleep(500, undefined, { signal }).catch(() => undefined);
  }
}

module.exports = { runJob, takeJob, work };
