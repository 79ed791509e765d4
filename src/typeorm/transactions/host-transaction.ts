import type { QueryRunner } from 'typeorm';

/**
 * Runs work in a transaction of TypeORM's that is begun for it, once.
 *
 * @throws what `work` or its COMMIT throws; of a rollback that fails too nothing is said
 */
export async function inHostTransaction<T>(queryRunner: QueryRunner, work: () => Promise<T>): Promise<T> {
  await queryRunner.startTransaction();
  try {
    const result = await work();
    await queryRunner.commitTransaction();
    return result;
  } catch (error) {
    // The first error is the one to report.
    await queryRunner.rollbackTransaction().catch(() => undefined);
    throw error;
  }
}
