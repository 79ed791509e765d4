import type { MigrationInterface, QueryRunner } from 'typeorm';

export class CreateBank1760000000001 implements MigrationInterface {
  name = 'CreateBank1760000000001';

  public async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
            CREATE TABLE "branch" (
                "id" uuid NOT NULL DEFAULT gen_random_uuid(),
                "name" text NOT NULL,
                "mpath" character varying DEFAULT '',
                "parentId" uuid,
                "addressStreet" text,
                "addressCity" text,
                CONSTRAINT "FK_f36f272d6f21d49663f0bcf431f" FOREIGN KEY ("parentId") REFERENCES "branch" ("id") ON DELETE NO ACTION ON UPDATE NO ACTION,
                CONSTRAINT "PK_2e39f426e2faefdaa93c5961976" PRIMARY KEY ("id")
            )
        `);
    await queryRunner.query(`
            CREATE TABLE "customer" (
                "id" uuid NOT NULL DEFAULT gen_random_uuid(),
                "email" text NOT NULL,
                "kind" text CHECK ("kind" IN ('private', 'business')) NOT NULL DEFAULT 'private',
                "settings" jsonb,
                "createdAt" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(),
                "deletedAt" TIMESTAMP WITH TIME ZONE,
                "branchId" uuid,
                CONSTRAINT "FK_b10df423257342deeacfeaa742c" FOREIGN KEY ("branchId") REFERENCES "branch" ("id") ON DELETE
                SET NULL ON UPDATE NO ACTION,
                    CONSTRAINT "PK_a7a13f4cacb744524e44dfdad32" PRIMARY KEY ("id")
            )
        `);
    await queryRunner.query(`
            CREATE TABLE "card" (
                "id" uuid NOT NULL DEFAULT gen_random_uuid(),
                "lastDigits" character(4) NOT NULL,
                "customerId" uuid,
                CONSTRAINT "REL_24417d8b8b30d2d57943ba2461" UNIQUE ("customerId"),
                CONSTRAINT "FK_24417d8b8b30d2d57943ba2461b" FOREIGN KEY ("customerId") REFERENCES "customer" ("id") ON DELETE CASCADE ON UPDATE NO ACTION,
                CONSTRAINT "PK_9451069b6f1199730791a7f4ae4" PRIMARY KEY ("id")
            )
        `);
    await queryRunner.query(`
            CREATE TABLE "account" (
                "id" uuid NOT NULL DEFAULT gen_random_uuid(),
                "owner" text NOT NULL,
                "balance" integer NOT NULL,
                "customerId" uuid,
                CONSTRAINT "account_balance" CHECK (balance >= 0),
                CONSTRAINT "FK_295cfbf4cba51e0e67a6984ab8f" FOREIGN KEY ("customerId") REFERENCES "customer" ("id") ON DELETE NO ACTION ON UPDATE NO ACTION,
                CONSTRAINT "PK_54115ee388cdb6d86bb4bf5b2ea" PRIMARY KEY ("id")
            )
        `);
    await queryRunner.query(`
            CREATE TABLE "transfer" (
                "id" uuid NOT NULL DEFAULT gen_random_uuid(),
                "amount" integer NOT NULL,
                "fromId" uuid NOT NULL,
                "toId" uuid NOT NULL,
                CONSTRAINT "transfer_amount" CHECK (amount > 0),
                CONSTRAINT "FK_9bc2f01e5bc90eab1015548b5ab" FOREIGN KEY ("fromId") REFERENCES "account" ("id") ON DELETE NO ACTION ON UPDATE NO ACTION,
                CONSTRAINT "FK_06b33ebdc8919ff5d34646c6fe3" FOREIGN KEY ("toId") REFERENCES "account" ("id") ON DELETE NO ACTION ON UPDATE NO ACTION,
                CONSTRAINT "PK_fd9ddbdd49a17afcbe014401295" PRIMARY KEY ("id")
            )
        `);
    await queryRunner.query(`
            CREATE UNIQUE INDEX ASYNC "IDX_fdb2f3ad8115da4c7718109a6e" ON "customer" ("email")
        `);
    await queryRunner.query(`
            CREATE INDEX ASYNC "IDX_9bc2f01e5bc90eab1015548b5a" ON "transfer" ("fromId")
        `);
    await queryRunner.query(`
            CREATE INDEX ASYNC "IDX_06b33ebdc8919ff5d34646c6fe" ON "transfer" ("toId")
        `);
  }

  public async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
            DROP INDEX "public"."IDX_06b33ebdc8919ff5d34646c6fe"
        `);
    await queryRunner.query(`
            DROP INDEX "public"."IDX_9bc2f01e5bc90eab1015548b5a"
        `);
    await queryRunner.query(`
            DROP INDEX "public"."IDX_fdb2f3ad8115da4c7718109a6e"
        `);
    await queryRunner.query(`
            ALTER TABLE "transfer" DROP CONSTRAINT "FK_06b33ebdc8919ff5d34646c6fe3"
        `);
    await queryRunner.query(`
            ALTER TABLE "transfer" DROP CONSTRAINT "FK_9bc2f01e5bc90eab1015548b5ab"
        `);
    await queryRunner.query(`
            DROP TABLE "transfer"
        `);
    await queryRunner.query(`
            ALTER TABLE "account" DROP CONSTRAINT "FK_295cfbf4cba51e0e67a6984ab8f"
        `);
    await queryRunner.query(`
            DROP TABLE "account"
        `);
    await queryRunner.query(`
            ALTER TABLE "card" DROP CONSTRAINT "FK_24417d8b8b30d2d57943ba2461b"
        `);
    await queryRunner.query(`
            DROP TABLE "card"
        `);
    await queryRunner.query(`
            ALTER TABLE "customer" DROP CONSTRAINT "FK_b10df423257342deeacfeaa742c"
        `);
    await queryRunner.query(`
            DROP TABLE "customer"
        `);
    await queryRunner.query(`
            ALTER TABLE "branch" DROP CONSTRAINT "FK_f36f272d6f21d49663f0bcf431f"
        `);
    await queryRunner.query(`
            DROP TABLE "branch"
        `);
  }
}
