import type { MigrationInterface, QueryRunner } from 'typeorm';

export class ChangeTitle1718200000000 implements MigrationInterface {
    async up(queryRunner: QueryRunner) {
        await queryRunner.query(`ALTER TABLE "post" ALTER COLUMN "title" TYPE text`); // expect: alter-column-type
        await queryRunner.query(`ALTER TYPE "public"."user_role_enum" ADD VALUE 'guest'`); // expect: alter-type
        await queryRunner.query(`COMMENT ON COLUMN "post"."title" IS 'Shown in lists'`);
        const [{ count }] = await queryRunner.query(`SELECT count(*) FROM "post"`);
        if (Number(count) > 0) throw new Error('not reached');
        await queryRunner.manager.query('DELETE FROM "post" WHERE "title" = $1', ['']); // expect: ddl-with-dml
    }

    async down(queryRunner: QueryRunner) {
        await queryRunner.query(`ALTER TABLE "post" ALTER COLUMN "title" TYPE character varying(200)`); // expect: alter-column-type
    }
}
