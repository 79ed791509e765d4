import {
  Table,
  TableColumn,
  TableForeignKey,
  TableIndex,
  type MigrationInterface,
  type QueryRunner,
} from 'typeorm';

/** The history of a lending library, as TypeORM's generator writes it for PostgreSQL, and as people go on by hand. */
export class CreateMembers1700000000001 implements MigrationInterface {
  name = 'CreateMembers1700000000001';

  public async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`CREATE EXTENSION IF NOT EXISTS "uuid-ossp"`);
    await queryRunner.query(`CREATE TYPE "public"."member_role_enum" AS ENUM('reader', 'librarian')`);
    await queryRunner.query(
      `CREATE TABLE "member" ("id" uuid NOT NULL DEFAULT uuid_generate_v4(), "email" character varying NOT NULL, "firstName" character varying(80) NOT NULL, "role" "public"."member_role_enum" NOT NULL DEFAULT 'reader', "active" boolean NOT NULL DEFAULT true, "createdAt" TIMESTAMP NOT NULL DEFAULT now(), "updatedAt" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(), CONSTRAINT "UQ_1945f9202fcfbce1b439b47b77d" UNIQUE ("email"), CONSTRAINT "PK_97cbbe986ce9d14ca5894fdc072" PRIMARY KEY ("id"))`,
    );
    await queryRunner.query(`INSERT INTO "member" ("email", "firstName") VALUES ($1, $2)`, [
      'a@x.test',
      'Ann',
    ]);
    await queryRunner.query(
      `INSERT INTO "member" ("id", "email", "firstName", "role") VALUES (uuid_generate_v4(), 'b@x.test', 'Bob', 'librarian'::"public"."member_role_enum")`,
    );
  }

  public async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`DROP TABLE "member"`);
    await queryRunner.query(`DROP TYPE "public"."member_role_enum"`);
  }
}

export class CreateBooks1700000000002 implements MigrationInterface {
  name = 'CreateBooks1700000000002';

  public async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      `CREATE TABLE "book" ("id" SERIAL NOT NULL, "title" character varying NOT NULL, "pages" integer, "price" numeric(10,2) NOT NULL DEFAULT '0', "meta" jsonb, CONSTRAINT "PK_a3afef72ec8f80e6e5c310b28a4" PRIMARY KEY ("id"))`,
    );
    await queryRunner.query(
      `CREATE TABLE "loan" ("id" SERIAL NOT NULL, "bookId" integer, "memberId" uuid, "due" date NOT NULL DEFAULT CURRENT_DATE, CONSTRAINT "PK_4ceda725a323d254a5fd48bf95f" PRIMARY KEY ("id"))`,
    );
    await queryRunner.query(
      `ALTER TABLE "loan" ADD CONSTRAINT "FK_1465a9cb7d8ad0c9a7d9f2ff5b1" FOREIGN KEY ("bookId") REFERENCES "book"("id") ON DELETE CASCADE ON UPDATE NO ACTION`,
    );
    await queryRunner.query(
      `ALTER TABLE "loan" ADD CONSTRAINT "FK_6c6ea0d2a3b1c7a4b5e1b3a3c21" FOREIGN KEY ("memberId") REFERENCES "member"("id") ON DELETE SET NULL ON UPDATE NO ACTION`,
    );
    await queryRunner.query(
      `INSERT INTO "book" ("title", "pages") VALUES ('One', 100), ('Two', 200), ('Three', NULL)`,
    );
  }

  public async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TABLE "loan" DROP CONSTRAINT "FK_6c6ea0d2a3b1c7a4b5e1b3a3c21"`);
    await queryRunner.query(`ALTER TABLE "loan" DROP CONSTRAINT "FK_1465a9cb7d8ad0c9a7d9f2ff5b1"`);
    await queryRunner.query(`DROP TABLE "loan"`);
    await queryRunner.query(`DROP TABLE "book"`);
  }
}

export class IndexTitles1700000000003 implements MigrationInterface {
  name = 'IndexTitles1700000000003';

  public async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`CREATE INDEX "IDX_c10a44a29ef231062f22b1b7ac" ON "book" ("title") `);
    await queryRunner.query(
      `CREATE UNIQUE INDEX "IDX_7f1d7d9f6ea6d7e4ad3a6f8e50" ON "book" ("title", "pages") `,
    );
    await queryRunner.query(
      `CREATE INDEX "IDX_loan_due" ON "loan" USING btree ("due") WHERE "memberId" IS NOT NULL`,
    );
  }

  public async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`DROP INDEX "public"."IDX_loan_due"`);
    await queryRunner.query(`DROP INDEX "public"."IDX_7f1d7d9f6ea6d7e4ad3a6f8e50"`);
    await queryRunner.query(`DROP INDEX "public"."IDX_c10a44a29ef231062f22b1b7ac"`);
  }
}

export class AddIsbn1700000000004 implements MigrationInterface {
  name = 'AddIsbn1700000000004';

  public async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TABLE "book" ADD "isbn" character varying(17)`);
    await queryRunner.query(
      `ALTER TABLE "book" ADD CONSTRAINT "UQ_bd183604b9c828c0bdd92cafab7" UNIQUE ("isbn")`,
    );
    await queryRunner.query(`ALTER TABLE "book" ADD "copies" integer NOT NULL DEFAULT '1'`);
    await queryRunner.query(`ALTER TABLE "book" ADD "added" TIMESTAMP NOT NULL DEFAULT now()`);
  }

  public async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TABLE "book" DROP COLUMN "added"`);
    await queryRunner.query(`ALTER TABLE "book" DROP COLUMN "copies"`);
    await queryRunner.query(`ALTER TABLE "book" DROP CONSTRAINT "UQ_bd183604b9c828c0bdd92cafab7"`);
    await queryRunner.query(`ALTER TABLE "book" DROP COLUMN "isbn"`);
  }
}

export class MoreRoles1700000000005 implements MigrationInterface {
  name = 'MoreRoles1700000000005';

  public async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TYPE "public"."member_role_enum" RENAME TO "member_role_enum_old"`);
    await queryRunner.query(
      `CREATE TYPE "public"."member_role_enum" AS ENUM('reader', 'librarian', 'admin')`,
    );
    await queryRunner.query(`ALTER TABLE "member" ALTER COLUMN "role" DROP DEFAULT`);
    await queryRunner.query(
      `ALTER TABLE "member" ALTER COLUMN "role" TYPE "public"."member_role_enum" USING "role"::"text"::"public"."member_role_enum"`,
    );
    await queryRunner.query(`ALTER TABLE "member" ALTER COLUMN "role" SET DEFAULT 'reader'`);
    await queryRunner.query(`DROP TYPE "public"."member_role_enum_old"`);
  }

  public async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`CREATE TYPE "public"."member_role_enum_old" AS ENUM('reader', 'librarian')`);
    await queryRunner.query(`ALTER TABLE "member" ALTER COLUMN "role" DROP DEFAULT`);
    await queryRunner.query(
      `ALTER TABLE "member" ALTER COLUMN "role" TYPE "public"."member_role_enum_old" USING "role"::"text"::"public"."member_role_enum_old"`,
    );
    await queryRunner.query(`ALTER TABLE "member" ALTER COLUMN "role" SET DEFAULT 'reader'`);
    await queryRunner.query(`DROP TYPE "public"."member_role_enum"`);
    await queryRunner.query(`ALTER TYPE "public"."member_role_enum_old" RENAME TO "member_role_enum"`);
  }
}

export class RequirePages1700000000006 implements MigrationInterface {
  name = 'RequirePages1700000000006';

  public async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`UPDATE "book" SET "pages" = 0 WHERE "pages" IS NULL`);
    await queryRunner.query(`ALTER TABLE "book" ALTER COLUMN "pages" SET NOT NULL`);
    await queryRunner.query(`ALTER TABLE "book" ALTER COLUMN "pages" SET DEFAULT '0'`);
    await queryRunner.query(
      `ALTER TABLE "book" ADD CONSTRAINT "CHK_5ea1a4d1e8e5dbd5f1ce4b9f3a" CHECK ("pages" >= 0)`,
    );
  }

  public async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TABLE "book" DROP CONSTRAINT "CHK_5ea1a4d1e8e5dbd5f1ce4b9f3a"`);
    await queryRunner.query(`ALTER TABLE "book" ALTER COLUMN "pages" DROP DEFAULT`);
    await queryRunner.query(`ALTER TABLE "book" ALTER COLUMN "pages" DROP NOT NULL`);
  }
}

export class Authors1700000000007 implements MigrationInterface {
  name = 'Authors1700000000007';

  public async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      `CREATE TABLE "author" ("id" uuid NOT NULL DEFAULT gen_random_uuid(), "name" text NOT NULL, "parentId" uuid, CONSTRAINT "REL_f8c5e1d0a2b3c4d5e6f7a8b9c0" UNIQUE ("parentId"), CONSTRAINT "PK_5a0e79799d372fe56f2f3fa6871" PRIMARY KEY ("id"))`,
    );
    await queryRunner.query(
      `CREATE TABLE "book_authors_author" ("bookId" integer NOT NULL, "authorId" uuid NOT NULL, CONSTRAINT "PK_963de00068693ab6e5767de614b" PRIMARY KEY ("bookId", "authorId"))`,
    );
    await queryRunner.query(
      `CREATE INDEX "IDX_9bf58ffb2a12a8609a738ee8ca" ON "book_authors_author" ("bookId") `,
    );
    await queryRunner.query(
      `CREATE INDEX "IDX_a4cafdf2ec9974524a5321c751" ON "book_authors_author" ("authorId") `,
    );
    await queryRunner.query(
      `ALTER TABLE "author" ADD CONSTRAINT "FK_f8c5e1d0a2b3c4d5e6f7a8b9c0d" FOREIGN KEY ("parentId") REFERENCES "author"("id") ON DELETE NO ACTION ON UPDATE NO ACTION`,
    );
    await queryRunner.query(
      `ALTER TABLE "book_authors_author" ADD CONSTRAINT "FK_9bf58ffb2a12a8609a738ee8ca" FOREIGN KEY ("bookId") REFERENCES "book"("id") ON DELETE CASCADE ON UPDATE CASCADE`,
    );
    await queryRunner.query(
      `ALTER TABLE "book_authors_author" ADD CONSTRAINT "FK_a4cafdf2ec9974524a5321c751" FOREIGN KEY ("authorId") REFERENCES "author"("id") ON DELETE CASCADE ON UPDATE CASCADE`,
    );
  }

  public async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      `ALTER TABLE "book_authors_author" DROP CONSTRAINT "FK_a4cafdf2ec9974524a5321c751"`,
    );
    await queryRunner.query(
      `ALTER TABLE "book_authors_author" DROP CONSTRAINT "FK_9bf58ffb2a12a8609a738ee8ca"`,
    );
    await queryRunner.query(`ALTER TABLE "author" DROP CONSTRAINT "FK_f8c5e1d0a2b3c4d5e6f7a8b9c0d"`);
    await queryRunner.query(`DROP INDEX "public"."IDX_a4cafdf2ec9974524a5321c751"`);
    await queryRunner.query(`DROP INDEX "public"."IDX_9bf58ffb2a12a8609a738ee8ca"`);
    await queryRunner.query(`DROP TABLE "book_authors_author"`);
    await queryRunner.query(`DROP TABLE "author"`);
  }
}

export class LoanState1700000000008 implements MigrationInterface {
  name = 'LoanState1700000000008';

  public async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`CREATE TYPE "public"."loan_state" AS ENUM('open', 'late', 'back')`);
    await queryRunner.query(`ALTER TABLE "loan" ADD "state" "public"."loan_state" NOT NULL DEFAULT 'open'`);
    await queryRunner.query(`ALTER TABLE "book" ADD "lastState" "public"."loan_state"`);
  }

  public async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TABLE "book" DROP COLUMN "lastState"`);
    await queryRunner.query(`ALTER TABLE "loan" DROP COLUMN "state"`);
    await queryRunner.query(`DROP TYPE "public"."loan_state"`);
  }
}

export class LostLoans1700000000009 implements MigrationInterface {
  name = 'LostLoans1700000000009';

  public async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TYPE "public"."loan_state" ADD VALUE IF NOT EXISTS 'lost' AFTER 'late'`);
    await queryRunner.query(`ALTER TYPE "loan_state" RENAME VALUE 'back' TO 'returned'`);
  }

  public async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TYPE "loan_state" RENAME VALUE 'returned' TO 'back'`);
  }
}

export class Renames1700000000010 implements MigrationInterface {
  name = 'Renames1700000000010';

  public async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TABLE "member" RENAME COLUMN "firstName" TO "name"`);
    await queryRunner.query(`ALTER TABLE "loan" RENAME TO "lending"`);
    await queryRunner.query(
      `ALTER TABLE "lending" RENAME CONSTRAINT "PK_4ceda725a323d254a5fd48bf95f" TO "PK_5f8a7c1f3d1d4a9f7c9e1b2a3d4"`,
    );
    await queryRunner.query(`ALTER INDEX "IDX_loan_due" RENAME TO "IDX_lending_due"`);
  }

  public async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER INDEX "IDX_lending_due" RENAME TO "IDX_loan_due"`);
    await queryRunner.query(
      `ALTER TABLE "lending" RENAME CONSTRAINT "PK_5f8a7c1f3d1d4a9f7c9e1b2a3d4" TO "PK_4ceda725a323d254a5fd48bf95f"`,
    );
    await queryRunner.query(`ALTER TABLE "lending" RENAME TO "loan"`);
    await queryRunner.query(`ALTER TABLE "member" RENAME COLUMN "name" TO "firstName"`);
  }
}

export class Shelves1700000000011 implements MigrationInterface {
  name = 'Shelves1700000000011';

  public async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.createTable(
      new Table({
        name: 'shelf',
        columns: [
          { name: 'id', type: 'int', isPrimary: true, isGenerated: true, generationStrategy: 'increment' },
          { name: 'room', type: 'varchar', length: '20' },
          { name: 'kind', type: 'enum', enum: ['low', 'high'], default: "'low'" },
        ],
      }),
    );
    await queryRunner.addColumn('book', new TableColumn({ name: 'shelfId', type: 'int', isNullable: true }));
    await queryRunner.createForeignKey(
      'book',
      new TableForeignKey({
        name: 'FK_book_shelf',
        columnNames: ['shelfId'],
        referencedTableName: 'shelf',
        referencedColumnNames: ['id'],
      }),
    );
    await queryRunner.createIndex('shelf', new TableIndex({ name: 'IDX_shelf_room', columnNames: ['room'] }));
  }

  public async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.dropForeignKey('book', 'FK_book_shelf');
    await queryRunner.dropColumn('book', 'shelfId');
    await queryRunner.dropTable('shelf');
  }
}

export class ShelveBooks1700000000012 implements MigrationInterface {
  public async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`INSERT INTO "shelf" ("room") VALUES ('A'), ('B')`);
    const books = (await queryRunner.query(`SELECT "id" FROM "book" ORDER BY "id"`)) as { id: number }[];
    for (const { id } of books) {
      await queryRunner.query(`UPDATE "book" SET "shelfId" = $1 WHERE "id" = $2`, [(id % 2) + 1, id]);
    }
  }

  public async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`UPDATE "book" SET "shelfId" = NULL`);
    await queryRunner.query(`DELETE FROM "shelf"`);
  }
}

export class Comments1700000000013 implements MigrationInterface {
  name = 'Comments1700000000013';

  public async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`COMMENT ON COLUMN "book"."isbn" IS 'with its dashes'`);
    await queryRunner.query(`COMMENT ON TABLE "lending" IS 'who has what'`);
    await queryRunner.query(`ALTER TABLE "book" ALTER COLUMN "meta" SET DEFAULT '{}'`);
    await queryRunner.query(`ALTER TABLE "member" ALTER COLUMN "updatedAt" TYPE TIMESTAMP WITH TIME ZONE`);
  }

  public async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TABLE "book" ALTER COLUMN "meta" DROP DEFAULT`);
    await queryRunner.query(`COMMENT ON TABLE "lending" IS NULL`);
    await queryRunner.query(`COMMENT ON COLUMN "book"."isbn" IS NULL`);
  }
}

export class Concurrently1700000000014 implements MigrationInterface {
  name = 'Concurrently1700000000014';
  transaction = false as const;

  public async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`CREATE INDEX CONCURRENTLY IF NOT EXISTS "IDX_member_name" ON "member" ("name")`);
    await queryRunner.query(`CREATE INDEX CONCURRENTLY "IDX_member_lower" ON "member" (lower("email"))`);
  }

  public async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`DROP INDEX CONCURRENTLY IF EXISTS "IDX_member_lower"`);
    await queryRunner.query(`DROP INDEX CONCURRENTLY "IDX_member_name"`);
  }
}

export class Views1700000000015 implements MigrationInterface {
  name = 'Views1700000000015';

  public async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(
      `CREATE VIEW "late" AS SELECT "bookId", "due" FROM "lending" WHERE "due" < CURRENT_DATE`,
    );
  }

  public async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`DROP VIEW "late"`);
  }
}

export class SeveralAtOnce1700000000016 implements MigrationInterface {
  name = 'SeveralAtOnce1700000000016';

  public async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE "member"
        ADD COLUMN "phone" character varying(40),
        ADD COLUMN "points" bigint NOT NULL DEFAULT 10 CHECK ("points" >= 0),
        ALTER COLUMN "active" DROP NOT NULL;
      CREATE INDEX "IDX_member_phone" ON "member" ("phone");
      UPDATE "member" SET "phone" = '1' WHERE "email" = 'a@x.test';
    `);
  }

  public async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`
      ALTER TABLE "member" DROP COLUMN "phone", DROP COLUMN "points", ALTER COLUMN "active" SET NOT NULL;
    `);
  }
}

export class ReplaceUnique1700000000017 implements MigrationInterface {
  name = 'ReplaceUnique1700000000017';

  public async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TABLE "member" DROP CONSTRAINT "UQ_1945f9202fcfbce1b439b47b77d"`);
    await queryRunner.query(
      `ALTER TABLE "member" ADD CONSTRAINT "UQ_member_email_name" UNIQUE ("email", "name")`,
    );
  }

  public async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TABLE "member" DROP CONSTRAINT "UQ_member_email_name"`);
    await queryRunner.query(
      `ALTER TABLE "member" ADD CONSTRAINT "UQ_1945f9202fcfbce1b439b47b77d" UNIQUE ("email")`,
    );
  }
}

export class FewerStates1700000000018 implements MigrationInterface {
  name = 'FewerStates1700000000018';

  public async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TYPE "public"."loan_state" RENAME TO "loan_state_old"`);
    await queryRunner.query(
      `CREATE TYPE "public"."lending_state_enum" AS ENUM('open', 'late', 'lost', 'returned')`,
    );
    await queryRunner.query(`ALTER TABLE "lending" ALTER COLUMN "state" DROP DEFAULT`);
    await queryRunner.query(
      `ALTER TABLE "lending" ALTER COLUMN "state" TYPE "public"."lending_state_enum" USING "state"::"text"::"public"."lending_state_enum"`,
    );
    await queryRunner.query(`ALTER TABLE "lending" ALTER COLUMN "state" SET DEFAULT 'open'`);
    await queryRunner.query(`ALTER TABLE "book" DROP COLUMN "lastState"`);
    await queryRunner.query(`DROP TYPE "public"."loan_state_old"`);
  }

  public async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`CREATE TYPE "public"."loan_state" AS ENUM('open', 'late', 'lost', 'returned')`);
    await queryRunner.query(`ALTER TABLE "book" ADD "lastState" "public"."loan_state"`);
    await queryRunner.query(
      `ALTER TABLE "lending" ALTER COLUMN "state" DROP DEFAULT, ALTER COLUMN "state" TYPE "public"."loan_state" USING "state"::text::"public"."loan_state", ALTER COLUMN "state" SET DEFAULT 'open'`,
    );
    await queryRunner.query(`DROP TYPE "public"."lending_state_enum"`);
  }
}

export class Counter1700000000019 implements MigrationInterface {
  name = 'Counter1700000000019';

  public async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`CREATE SEQUENCE "card_number" START WITH 1000`);
    await queryRunner.query(`ALTER TABLE "member" ADD "card" integer DEFAULT nextval('card_number')`);
    await queryRunner.query(`ALTER TABLE "lending" ADD "number" SERIAL NOT NULL`);
  }

  public async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TABLE "lending" DROP COLUMN "number"`);
    await queryRunner.query(`ALTER TABLE "member" DROP COLUMN "card"`);
    await queryRunner.query(`DROP SEQUENCE "card_number"`);
  }
}

export class LastColumns1700000000020 implements MigrationInterface {
  name = 'LastColumns1700000000020';

  public async up(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`SET LOCAL lock_timeout = '5s'`);
    await queryRunner.query(`ALTER TABLE "author" ADD COLUMN IF NOT EXISTS "born" date`);
    await queryRunner.query(
      `DO $$ BEGIN
         ALTER TABLE "author" ADD CONSTRAINT "CHK_name" CHECK ("name" <> '');
       EXCEPTION WHEN duplicate_object THEN null; END $$;`,
    );
    await queryRunner.query(`
      DO $$
      BEGIN
        IF NOT EXISTS (SELECT 1 FROM information_schema.columns WHERE table_name = 'author' AND column_name = 'died') THEN
          ALTER TABLE "author" ADD "died" date; -- there is none yet
          CREATE INDEX "IDX_author_died" ON "author" ("died");
        END IF;
      END
      $$`);
    await queryRunner.query(
      `DO $$ BEGIN CREATE INDEX "IDX_author_died" ON "author" ("died"); EXCEPTION WHEN duplicate_table THEN NULL; END $$`,
    );
    await queryRunner.query(
      `ALTER TABLE "author" ADD "countryCode" character(2) NOT NULL DEFAULT 'xx', ADD CONSTRAINT "CHK_country" CHECK ("countryCode" <> '')`,
    );
    await queryRunner.query(
      `ALTER TABLE "lending" ADD "by" uuid CONSTRAINT "FK_lending_by" REFERENCES "member"("id") ON DELETE SET NULL`,
    );
  }

  public async down(queryRunner: QueryRunner): Promise<void> {
    await queryRunner.query(`ALTER TABLE "lending" DROP COLUMN "by"`);
    await queryRunner.query(
      `ALTER TABLE "author" DROP COLUMN "countryCode", DROP COLUMN IF EXISTS "born", DROP COLUMN "died", DROP CONSTRAINT "CHK_name"`,
    );
  }
}
