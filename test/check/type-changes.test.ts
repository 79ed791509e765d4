import { reportOf } from './command-line';
import { useProject } from './project';

const project = useProject();
const { write } = project;

const step = (up: string) => `exports.up = async (queryInterface, { DataTypes }) => {\n  ${up}\n};\n`;
const create = step(
  "await queryInterface.createTable('t', { id: { type: DataTypes.UUID, primaryKey: true }, n: DataTypes.INTEGER, mood: DataTypes.ENUM('a') });",
);

describe('of a type that a migration of an ORM changes, check', () => {
  it('says nothing where the table is not made in the history: the type may be the same', async () => {
    write(
      '1.js',
      step("await queryInterface.changeColumn('t', 'n', { type: DataTypes.INTEGER, allowNull: false });"),
    );
    expect(
      (await reportOf(project.folder)).findings.filter(({ rule }) => rule === 'alter-column-type'),
    ).toEqual([]);
  });

  it('says nothing of an enum with more values', async () => {
    write('1.js', create);
    write(
      '2.js',
      step("await queryInterface.changeColumn('t', 'mood', { type: DataTypes.ENUM('a', 'b') });"),
    );
    expect((await reportOf(project.folder)).findings).toEqual([]);
  });

  it('warns that the column must be empty', async () => {
    write('1.js', create);
    write('2.js', step("await queryInterface.changeColumn('t', 'n', { type: DataTypes.DATE });"));
    expect((await reportOf(project.folder)).findings).toMatchObject([
      { file: '2.js', rule: 'alter-column-type', severity: 'warning', sqlstate: null },
    ]);
  });
});
