import type { MigrationInterface, QueryRunner } from 'typeorm';

export class Seed1700000001000 implements MigrationInterface {
  public async up(queryRunner: QueryRunner): Promise<void> {
    const rows = (await queryRunner.query(`SELECT id FROM account WHERE owner = 'nobody'`)) as { id: string }[];
    for (const { id } of rows) await queryRunner.query('DELETE FROM account WHERE id = $1', [id]);
    await queryRunner.query(`INSERT INTO account (owner) VALUES ('a'), ('b') ON CONFLICT DO NOTHING RETURNING id`);
    await queryRunner.manager
      .createQueryBuilder()
      .update('account')
      .set({ owner: 'c' })
      .where('owner = :owner', { owner: 'b' })
      .execute()
      .catch(() => undefined);
  }

  public async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`DELETE FROM account WHERE owner IN ('a', 'b')`);
  }
}
