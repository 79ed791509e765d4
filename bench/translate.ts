import { parseArgs } from 'node:util';
import { loadParser, translate } from '../src/sql';
import { report, type Row } from './result';

/**
 * How many statements a second are translated, each text seen for the first time, as in migration files.
 *
 * Usage: npm run bench -- translate [--statements 30000]
 */

/** What the ORMs send most, with a number in place of `#` so that no text comes twice. */
const TYPICAL: readonly string[] = [
  'CREATE TABLE "t#" ("id" SERIAL NOT NULL, "name" character varying NOT NULL, "createdAt" TIMESTAMP WITH TIME ZONE NOT NULL DEFAULT now(), CONSTRAINT "PK_#" PRIMARY KEY ("id"))',
  'CREATE TABLE "u#" ("id" uuid NOT NULL DEFAULT uuid_generate_v4(), "tId" bigint REFERENCES "t#" ("id"), "flag" boolean NOT NULL DEFAULT true, PRIMARY KEY ("id"))',
  'CREATE INDEX "i#" ON "t#" ("name")',
  'CREATE UNIQUE INDEX "q#" ON "t#" USING btree (lower("name")) WHERE "name" IS NOT NULL',
  'ALTER TABLE "t#" ADD "a" integer NOT NULL DEFAULT \'5\'',
  'ALTER TABLE "t#" ADD CONSTRAINT "FK_#" FOREIGN KEY ("uId") REFERENCES "u#"("id") ON DELETE CASCADE',
  'ALTER TABLE "t#" ADD CONSTRAINT "UQ_#" UNIQUE ("a", "b")',
  'ALTER TABLE "t#" ALTER COLUMN "a" SET NOT NULL',
  'ALTER TABLE "t#" DROP COLUMN "a"',
  'COMMENT ON COLUMN "t#"."name" IS \'it\'\'s a name\'',
  'INSERT INTO "t#" ("name") VALUES ($1), ($2) RETURNING "id"',
  'DROP TABLE IF EXISTS "t#" CASCADE',
];

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { statements: { type: 'string', default: '30000' } } });
  const count = Number(values.statements);
  await loadParser();
  report({
    name: 'translate',
    title: `Translating ${count} statements`,
    unit: 'statements/s',
    better: 'more',
    series: ['on the clock', 'of processor time'],
    rows: [measure('one at a time', 1, count), measure('in files of 12', TYPICAL.length, count)],
    isPlotted: false,
  });
}

function measure(name: string, perText: number, count: number): Row {
  const texts = Array.from({ length: Math.ceil(count / perText) }, (_, text) =>
    Array.from({ length: perText }, (_each, index) => {
      const number = text * perText + index;
      return (TYPICAL[number % TYPICAL.length] ?? '').replaceAll('#', `${name.length}_${String(text)}`);
    }).join(';\n'),
  );
  const started = performance.now();
  const startedCpu = process.cpuUsage();
  let refused = 0;
  for (const text of texts) refused += translate(text).refusals.length;
  const seconds = (performance.now() - started) / 1000;
  if (refused > 0)
    throw new Error(`${String(refused)} statements were refused: this measures something else.`);
  const { user, system } = process.cpuUsage(startedCpu);
  const rate = (duration: number) => (texts.length * perText) / duration;
  return { name, values: [rate(seconds), rate((user + system) / 1e6)] };
}

void main();
