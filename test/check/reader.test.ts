import { reportOf } from './command-line';
import { migration, useProject } from './project';

const project = useProject();

describe('the reader of check', () => {
  it('reads hundreds of template literals with several gaps each, and finds the one that is sent', async () => {
    const rows = Array.from(
      { length: 400 },
      (_, number) =>
        `await queryRunner.query(\`INSERT INTO t\${TABLE} VALUES (\${[{ a: \`_\${TABLE + '}'}\` }].length}, '\${TABLE}') /* ${String(number)} */\`);`,
    );
    project.write(
      'a.ts',
      migration([...rows, 'await queryRunner.query(`CREATE TABLE ${TABLE} (id serial)`);'].join('\n')),
    );
    const { findings, failures } = await reportOf(project.folder);
    expect(failures).toEqual([]);
    expect(findings).toMatchObject([
      { rule: 'ddl-with-dml', line: 405 },
      { rule: 'serial', line: 405 },
    ]);
  });

  it('reads templates that nest a hundred deep, and a sum of hundreds of texts', async () => {
    const nested = `${'`${'.repeat(100)}'id serial'${'}`'.repeat(100)}`;
    const sum = Array.from({ length: 400 }, () => "' '").join(' + ');
    project.write(
      'a.ts',
      migration(
        `const made = ${nested};\nawait queryRunner.query('CREATE TABLE a (' + ${sum} + 'id serial)');\nif (made === '') throw new Error();`,
      ),
    );
    const { findings, failures } = await reportOf(project.folder);
    expect(failures).toEqual([]);
    expect(findings).toMatchObject([{ rule: 'serial', line: 6 }]);
  });
});
