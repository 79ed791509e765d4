import { reportOf } from './command-line';
import { migration, useProject } from './project';

const project = useProject();
const { write } = project;

const numbers = Array.from({ length: 24 }, (_, index) => index + 1);
const wide = `CREATE TABLE wide (id uuid PRIMARY KEY, ${numbers.map((n) => `c${String(n)} text`).join(', ')});\n`;
const index = (n: number) => `CREATE INDEX ASYNC wide_${String(n)} ON wide (c${String(n)});\n`;

describe('check predicts', () => {
  it('the twenty-fifth index of a table, where it is made, with the name of the table', async () => {
    write('1.sql', wide + numbers.slice(0, 22).map(index).join(''));
    write('2.sql', index(23) + index(24));
    const { findings } = await reportOf(project.folder);
    expect(findings).toMatchObject([
      {
        file: '2.sql',
        line: 2,
        rule: 'index-count',
        sqlstate: '54000',
        message: 'more than 24 indexes per table are not allowed',
        why: expect.stringContaining('Table wide would have 25 indexes') as string,
      },
    ]);
  });

  it('nothing where indexes are dropped in between, made again if they are not there, or become constraints', async () => {
    write(
      'a.sql',
      [
        wide,
        ...numbers.slice(0, 23).map(index),
        'DROP INDEX wide_1;\nCREATE UNIQUE INDEX ASYNC u ON wide (c24);\n',
        'ALTER TABLE wide ADD CONSTRAINT unique_24 UNIQUE USING INDEX u;\n',
        'CREATE INDEX ASYNC IF NOT EXISTS wide_2 ON wide (c2);\n',
      ].join(''),
    );
    expect((await reportOf(project.folder, '--severity', 'error')).findings).toEqual([]);
  });

  it('too many indexes of an entity, where it is declared', async () => {
    write(
      'data-source.js',
      `const { DataSource, EntitySchema } = require('typeorm');
const names = Array.from({ length: 25 }, (_, n) => 'c' + n);
const Wide = new EntitySchema({
  name: 'Wide',
  columns: { id: { type: 'uuid', primary: true }, ...Object.fromEntries(names.map((name) => [name, { type: 'text' }])) },
  indices: names.map((name) => ({ name: 'by_' + name, columns: [name] })),
});
exports.dataSource = new DataSource({ type: 'postgres', entities: [Wide] });`,
    );
    const { findings } = await reportOf(project.folder, '--severity', 'error');
    expect(findings.filter(({ rule }) => rule === 'index-count')).toMatchObject([
      { line: 4, why: expect.stringContaining('Table wide would have') as string },
    ]);
  });

  it.each([
    ['CREATE TABLE t (url varchar(2048) UNIQUE)', 't (url) is declared with 2,048 bytes'],
    ['CREATE TABLE t (a varchar(1000), b char(1000), c uuid, PRIMARY KEY (a, b, c))', '2,016 bytes'],
    [
      'CREATE TABLE t (id uuid PRIMARY KEY, a varchar(2000), b int); CREATE INDEX ASYNC ON t (a, b)',
      '2,004 bytes',
    ],
    [
      'CREATE TABLE t (id uuid PRIMARY KEY); ALTER TABLE t ADD COLUMN a varchar(2001); CREATE UNIQUE INDEX ASYNC ON t (a)',
      '2,001 bytes',
    ],
  ])('a key whose declared size is too large: %s', async (sql, fact) => {
    write(
      '1.ts',
      migration(
        sql
          .split('; ')
          .map((each) => `await queryRunner.query('${each}');`)
          .join('\n    '),
      ),
    );
    const { findings } = await reportOf(project.folder, '--severity', 'error');
    expect(findings).toMatchObject([
      {
        rule: 'declared-key-size',
        sqlstate: '54000',
        message: 'key size greater than 2000 bytes not supported',
        why: expect.stringContaining(fact) as string,
      },
    ]);
  });

  it('nothing for keys of text, of expressions, or of 2,000 bytes', async () => {
    write(
      'a.sql',
      'CREATE TABLE t (a text UNIQUE, b varchar(2000) PRIMARY KEY, c varchar(9000));\nCREATE INDEX ASYNC ON t (md5(c));\n',
    );
    expect((await reportOf(project.folder)).findings).toEqual([]);
  });
});
