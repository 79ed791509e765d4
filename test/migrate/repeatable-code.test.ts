import { isRepeatable } from '../../src/migrate/dry-run/repeatable-code';

/** The code of a migration of TypeORM, and of Sequelize. */
const up = (b: string) =>
  `class A1 { constructor() { this.name = 'A1'; } async up(queryRunner) { ${b} } async down(queryRunner) {} }`;
const seq = (b: string) =>
  `'use strict'; module.exports = { up: async (queryInterface, Sequelize) => { ${b} } , async down(queryInterface) { await queryInterface.dropTable('x'); } };`;
const Q = "await queryRunner.query('x');";
const REPEATABLE: readonly string[] = [
  up("const large = 1 > 0; return large ? queryRunner.query('a') : queryRunner.query('b');"),
  up(
    "const rows = await queryRunner.query('x'); await queryRunner.query('y', rows.map(String)); await queryRunner.query(`z ${rows.filter(Boolean).length}`);",
  ),
  seq(
    "await queryInterface.createTable('x', { connection: Sequelize.TEXT, logger: { type: Sequelize.STRING(9) }, 'models': Sequelize.JSON });",
  ),
  up(
    "const names = ['a']; names.sort(); for (const [at, name] of names.entries()) { if (at > 0) continue; await queryRunner.query(name); }",
  ),
  `function (queryInterface) { return queryInterface.dropTable('x'); }`,
  `export default { async up({ context }: { context: QueryInterface }) { const name: string = 'x' as const; await context.dropTable(name!); } } satisfies Migration;`,
  up(
    "const rows = await queryRunner.query('x'); await queryRunner.query('y', [rows.filter((row) => /a/.test(row.text)).map((row) => row.id)]);",
  ),
  up("const { a = 1 } = {}; const f = ({ b = 2 } = {}) => b; await queryRunner.query('x', [a]);"),

  seq(
    "const t = await queryInterface.sequelize.transaction(); try { await queryInterface.dropTable('x', { transaction: t }); await t.commit(); } catch (error) { await t.rollback(); throw error; }",
  ),

  `class a{async up(e){await e.query("x"),await e.query("y")}async down(t){await t.query("y")}}`,
  up('/* send() */ // send()\n' + Q),
  up('const d = 4 / 2; await queryRunner.query(`/ ${d / 2} /`);'),
  up("for (const t of ['a', 'b']) await queryRunner.query(`DROP TABLE ${t}`);"),
  up(
    "await queryRunner.dropColumns('x', ['a']); await queryRunner.createIndex('x', new typeorm_1.TableIndex({ name: 'i', columnNames: ['a'] }));",
  ),
  up(
    "const rows = await queryRunner.query('a'); const ids = rows.map((r) => r.id); if (ids.length) { await queryRunner.query('b', [ids]); }",
  ),
  up(
    "const rows = await queryRunner.query('a'); await Promise.all(rows.map(async (r) => { await queryRunner.query('b', [r.id]); }));",
  ),
  `class A1 { constructor() { this.name = 'A1'; this.names = ['x']; } async up(queryRunner) { for (const t of this.names) { await queryRunner.query(t); } } }`,
  `module.exports = {
  up: (queryInterface, Sequelize) => {
    return queryInterface.createTable('x', { id: Sequelize.INTEGER });
  },
  down: (queryInterface) => queryInterface.dropTable('x'),
};`,
  `'use strict';
/** @type {import('sequelize-cli').Migration} */
module.exports = {
  async up (queryInterface, Sequelize) {
    await queryInterface.addIndex('x', ['a'], { unique: true });
  },

  async down (queryInterface, Sequelize) {
    await queryInterface.removeIndex('x', ['a']);
  }
};`,
  seq(
    "const transaction = 1; const d = await queryInterface.describeTable('x'); if (!d.a) await queryInterface.addColumn('x', 'a', { type: Sequelize.DataTypes.DECIMAL(10, 2) });",
  ),

  up(Q),
  up('await queryRunner.query(`a ${1} b`, [1, "x"]);'),
  `class A1 {\n    name = 'A1'\n    async up(queryRunner) {\n        await queryRunner.query(\`x\`);\n    }\n    async down(q) {}\n}`,
  up(
    'await queryRunner.createTable(new typeorm_1.Table({ name: "a", columns: [{ name: "id", type: "int" }] }), true);',
  ),
  up(
    'if (!(await queryRunner.hasTable("x"))) { const t = await queryRunner.getTable("y"); const f = t.foreignKeys.find((k) => k.columnNames.indexOf("z") !== -1); await queryRunner.dropForeignKey("y", f); }',
  ),
  up('for (const { id } of await queryRunner.query("a")) { await queryRunner.query("b", [id]); }'),
  up('for (let i = 0; i < 10; i++) { await queryRunner.query("b", [i]); }'),
  up(
    'let n = 0; n += 1; const s = []; for (const x of ["a"]) s.push(x); await queryRunner.query(s.join(","));',
  ),
  up('await Promise.all([queryRunner.query("a"), queryRunner.query("b")]);'),
  up('await Promise.all(["a"].map((t) => queryRunner.query(t)));'),
  up('await queryRunner.manager.query("a");'),
  up('await queryRunner.query(`SET ${SCHEMA}`);'),
  up('await queryRunner.query(TABLE + " x");'),
  up('try { await queryRunner.query("a"); } catch (error) { await queryRunner.query("b"); }'),
  up('const [{ n }] = await queryRunner.query("c"); if (n > 0) await queryRunner.query("d");'),
  `class A1 { async up(q) { await this.step(q, "a"); } async step(q, t) { await q.query(t); } async down() {} }`,
  `class A1 { up(queryRunner) { return __awaiter(this, void 0, void 0, function* () { yield queryRunner.query("a"); }); } }`,
  seq(
    "await queryInterface.createTable('x', { id: { type: Sequelize.INTEGER, primaryKey: true }, s: { type: Sequelize.ENUM('a', 'b') }, createdAt: { defaultValue: Sequelize.literal('now()') } });",
  ),
  seq(
    "await queryInterface.sequelize.transaction(async (t) => { await queryInterface.addColumn('x', 'y', { type: Sequelize.STRING }, { transaction: t }); });",
  ),
  seq(
    "return queryInterface.sequelize.transaction((t) => { return Promise.all([queryInterface.addColumn('x', 'y', {}, { transaction: t }), queryInterface.addColumn('x', 'z', {}, { transaction: t })]); });",
  ),
  seq("await queryInterface.bulkInsert('x', [{ id: 1, createdAt: new Date() }], {});"),
  seq(
    "const [rows] = await queryInterface.sequelize.query('SELECT 1'); for (const row of rows) { await queryInterface.bulkUpdate('x', { a: row.b }, { id: row.id }); }",
  ),
  seq(
    "await queryInterface.addColumn('a', 'b', Sequelize.TEXT).then(() => queryInterface.removeColumn('a', 'c'));",
  ),
  `async ({ context: queryInterface }) => { await queryInterface.sequelize.query('x') }`,
  `async up({ context }) { await context.createTable('x', {}); }`,
  `'use strict';\nconst { DataTypes } = require('sequelize');\nconst TABLE = 'x';\nasync function up({ context: queryInterface }) {\n  await queryInterface.createTable(TABLE, { id: DataTypes.INTEGER });\n}\nasync function down({ context: queryInterface }) {\n  await queryInterface.dropTable(TABLE);\n}\nmodule.exports = { up, down };`,
  `import { DataTypes } from 'sequelize';\nexport const up = async ({ context: q }) => { await q.createTable('x', { id: DataTypes.INTEGER }); };\nexport const down = async ({ context: q }) => { await q.dropTable('x'); };`,
  `"use strict";\nObject.defineProperty(exports, "__esModule", { value: true });\nexports.down = exports.up = void 0;\nconst up = async ({ context }) => { await context.dropTable('x'); };\nexports.up = up;\nconst down = async () => {};\nexports.down = down;`,
  `import type { QueryInterface } from 'sequelize';\nexport async function up({ context }: { context: QueryInterface }): Promise<void> {\n  await context.dropTable('x');\n}`,
];
const DUBIOUS: readonly string[] = [
  up("const o = { f: (t) => queryRunner.query(t) }; await Promise.all(['a'].map(o.f));"),
  up("const f = 1 > 0 ? (t) => queryRunner.query(t) : undefined; ['a'].map(f);"),
  up("['a'].forEach(this.step);"),
  up("['a'].forEach((t) => { if (t) { queryRunner.query(t); } });"),
  up("['a'].forEach((t) => { const go = () => queryRunner.query(t); });"),
  up('for (this.n of [1]) ' + Q),
  up('[this.n] = [1]; ' + Q),
  up('(await this.seen).push(1); ' + Q),
  up('(0, queryRunner.query)("x");'),
  up('new (class { x = send(); })();'),
  up('const x = import.meta.url; ' + Q),
  up('const { [go()]: a } = {}; ' + Q),
  up('debugger; ' + Q),
  `class A1 { async up(q, go = send()) { await q.query('x'); } }`,
  `export * from './other'; export const up = async (q) => { await q.dropTable('x'); };`,
  `export { up } from './other';`,
  `enum Kind { A = send() } export const up = async (q: QueryInterface) => { await q.dropTable('x'); };`,
  `import fs = require('fs'); export const up = async (q: QueryInterface) => { fs.rmSync('x'); };`,
  'class A1 { async up(q) { await q.query( } }',
  up("if (1) /'/.test('x') && send(); '';"),
  up('let i = 1; i++ / 2; send(); 1 / 3;'),
  up('const o = {}; const x = o.of / 2; send(); 1 / 3;'),
  up("await queryRunner.query('x').then((x) => x, LOG);"),
  up('({ a: this.n } = { a: 1 });'),
  up("const a = 1; (a) /'/ 2; send(); '';"),
  up('\\u0073end();'),
  `class A1 { constructor(other) { this.other = other; } async up(q) { const { other } = this; await other.query('x'); } }`,
  `const WORD = /a/g; module.exports = { up: async (queryInterface) => { if (WORD.test('a')) await queryInterface.dropTable('x'); } };`,

  up("while (true) { await queryRunner.query('x').catch(() => 1); }"),
  up("while (true) { try { await queryRunner.query('x'); break; } catch { continue; } }"),
  up("for (const t of ['a']) { try { await queryRunner.query(t); } catch {} }"),

  seq(
    "const t = await queryInterface.sequelize.transaction(); await queryInterface.dropTable('x'); try { await t.commit(); } catch (error) { await t.rollback(); throw error; }",
  ),
  seq('const t = await queryInterface.sequelize.transaction(); try { await t.commit(); } finally { }'),

  seq("queryInterface.sequelize.options.logging = false; await queryInterface.dropTable('x');"),
  seq('queryInterface.n = 1;'),
  seq("await queryInterface.bulkInsert('x', require('./rows.json'));"),
  up('queryRunner.loadedTables = []; ' + Q),
  up("const x = () => queryRunner.query('x'); x(); " + Q),
  up("if (a) queryRunner.query('x')"),
  up("for (const x of [1]) queryRunner.query('x')"),
  up("queryRunner.query('a').then((rows) => rows.length);"),
  up("await ['a'].reduce((p, t) => p.then(() => { queryRunner.query(t); }), Promise.resolve());"),
  `class a{async up(e){await e.query("x"),t(1)}async down(t){await t.query("y")}}`,
  `class a{async up(e){const n=(t)=>t;await e.query("x"),t(1)}}`,
  up('const { a = helper() } = {}; ' + Q),
  up('const a = b; ' + Q),
  up('for (const x = go(); ; ) {}'),
  up("// '\n send(); /* ` */ " + Q),
  up('const r = /`/; send(`x`); ' + Q),
  up("const d = a / 2; send('/'); " + Q),
  up("x = /[/`]/.test('a') ? send() : 1;"),
  seq('await Sequelize.transaction();'),
  `@Injectable() class A1 { async up(q) { await q.query('x'); } }`,
  up('process.env.X++; ' + Q),
  up('delete process.env.X; ' + Q),
  up("await import('x')"),
  up('with (q) { send() }'),
  up('arguments[0].connection'),
  up("const { connection } = queryRunner; await connection.query('x')"),
  up('label: for (;;) { send(); }'),
  up("queryRunner?.query?.('x')"),
  up('async function* g() { yield send(); } for await (const x of g()) {}'),

  up("require('fs').writeFileSync('a', 'b');"),
  up("(await import('./x')).go();"),
  up("console.log('x'); " + Q),
  up('this.n = (this.n ?? 0) + 1; ' + Q),
  up('this.n++; ' + Q),
  up('++this.n; ' + Q),
  up('A1.n++;' + Q),
  up('this.seen.push(1);' + Q),
  up('const s = this.seen; s.push(1);' + Q),
  up("`${fs.readFileSync('x')}`"),
  up("await queryRunner.query('a' + mail.send())"),
  up('await queryRunner.query(`${audit()}`)'),
  up("CALLS.push('x');" + Q),
  up('CALLS.n++;' + Q),
  up('CALLS++;' + Q),
  up('LOG`a ${1}`;' + Q),
  up('LOG`a`;' + Q),
  up('const q = sql`a ${1}`;' + Q),
  up("await queryRunner.manager.getRepository('user').save({});"),
  up('await queryRunner.manager.save({})'),
  up("const m = queryRunner.manager; await m.delete('user', 1)"),
  up("const { manager } = queryRunner; await manager.query('x')"),
  up("await queryRunner.connection.query('x')"),
  up('await queryRunner.startTransaction(); ' + Q),
  up('await queryRunner.release()'),
  up("const s = await queryRunner.stream('x')"),
  up("eval('x')"),
  up("new Function('x')()"),
  up("[]['constructor']['constructor']('x')()"),
  up("globalThis.fetch('x')"),
  up("await fetch('x')"),
  up('process.exit(1)'),
  up("process.env.X = '1'; " + Q),
  up('setTimeout(() => {}, 1)'),
  up('await new Promise((r) => setTimeout(r, 1));'),
  up("this['step']()"),
  up('(0, helper_1.go)(queryRunner)'),
  up('await helper_1.go(queryRunner)'),
  up('new Client().go()'),
  up('await new Client({})'),
  up("await getConnection().query('x')"),
  up("typeorm_1.getManager().query('x')"),
  up('names.forEach(LOG)'),
  up('[1].forEach(save)'),
  up('[1].map(SAVE)'),
  up("queryRunner.query('a'); " + Q),
  up("void queryRunner.query('a'); " + Q),
  up("[1, 2].forEach(async (n) => { const [r] = await queryRunner.query('a'); });"),
  up("['a'].map(async (n) => { await queryRunner.query('a'); });"),
  up("const p = queryRunner.query('a'); await p;"),
  up("const p = []; p.push(queryRunner.query('a')); await Promise.all(p);"),
  `class A1 { async up(e) { t(e); } async down(t) { await t.query('x'); } }`,
  `class A1 { async up(e) { await t(e) } async down(e) { const t = (x) => e.query(x); await t('x'); } }`,
  `class A1 { static n = 0; async up(q) { if (A1.n++ > 0) await q.query('x'); } }`,
  `class A1 { static { send(); } async up(q) { await q.query('x'); } }`,
  `class A1 { #n = 0; async up(q) { this.#n++; await q.query('x'); } }`,
  `class A1 { seen = []; async up(q) { const all = this.seen; all.push(1); await q.query('x'); } }`,
  `class A1 extends Base { async up(q) { await q.query('x'); } }`,
  `class A1 { @Log() async up(q) { await q.query('x'); } }`,
  `class A1 { get x() { return send(); } async up(q) { this.x; } }`,
  `class A1 { async up(q) { await this.mailer.send('x'); } }`,
  `class A1 { async up(q) { await this.other.query('x'); } }`,
  `let n = 0; module.exports = { up: async (queryInterface) => { n++; await queryInterface.dropTable('x'); } };`,
  `let n = 0; module.exports = { up: async (queryInterface) => { if (n === 0) await queryInterface.dropTable('x'); n = 1; } };`,
  `const seen = []; module.exports = { up: async (queryInterface) => { seen.push(1); await queryInterface.dropTable('x'); } };`,
  `const seen = {}; module.exports = { up: async (queryInterface) => { seen.a = 1; await queryInterface.dropTable('x'); } };`,
  `const seen = {}; module.exports = { up: async (queryInterface) => { const all = seen; all.a = 1; await queryInterface.dropTable('x'); } };`,
  seq('await queryInterface.sequelize.models.User.create({});'),
  seq('await queryInterface.sequelize.models.User.bulkUpdate({});'),
  seq('const { User } = queryInterface.sequelize.models; await User.create({})'),
  seq('await queryInterface.sequelize.sync()'),
  seq("await queryInterface.sequelize.model('x').create({})"),
  seq("const X = queryInterface.sequelize.define('x', {}); await X.create({})"),
  seq(
    "const t = await queryInterface.sequelize.transaction(); await queryInterface.dropTable('x', { transaction: t }); await t.commit();",
  ),
  seq(
    "await queryInterface.sequelize.transaction(async (t) => { t.afterCommit(() => 1); await queryInterface.dropTable('x'); });",
  ),
  seq("const s = new Sequelize('x'); await s.query('x')"),
  seq('await queryInterface.sequelize.close()'),
  seq("queryInterface.sequelize.addHook('x', () => 1)"),
  `async ({ context }) => { context.logger.info('x'); }`,
  `async ({ context }) => { await context.mailer(); }`,
  `async ({ context: { send } }) => { await send(); }`,
  `async ({ context }) => { await context.send('x'); }`,
  `const fs = require('fs'); module.exports = { up: async (q) => { fs.writeFileSync('a', 'b'); } };`,
  `import { writeFileSync } from 'fs';\nexport const up = async (q) => { writeFileSync('a', 'b'); };`,
  `const helper = require('../helper'); module.exports = { up: (q) => helper.up(q) };`,
  `module.exports = { up: (q) => module.require('fs').writeFileSync('a', 'b') };`,
  seq("exports.n = 1; await queryInterface.dropTable('x');"),
  seq('Array.prototype.x = 1;'),
  seq('Object.assign(Sequelize, { a: 1 });'),
];
it('code that only computes and sends statements is repeatable', () => {
  expect(REPEATABLE.filter((code) => !isRepeatable(code))).toStrictEqual([]);
});

it('code that may do anything else is not', () => {
  expect(DUBIOUS.filter((code) => isRepeatable(code))).toStrictEqual([]);
});
