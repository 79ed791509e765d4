import { codeTokens, KEYWORDS, type CodeToken } from './code-tokens';

/** What the language and the ORMs bring, and what compilers write. */
const KNOWN =
  /^(?:this|null|true|false|undefined|NaN|Infinity|arguments|Promise|Object|Array|JSON|Math|Number|String|Boolean|Date|BigInt|Symbol|Set|Map|RegExp|Error|TypeError|RangeError|Buffer|console|parseInt|parseFloat|isNaN|exports|module|__esModule|__await(?:er)?|__(?:generator|values|read|rest|assign|spreadArray|asyncValues|publicField|name|importDefault|importStar)|tslib_\d+|_?async_?[tT]o_?[gG]enerator|_ts_generator|Table(?:Column|Index|ForeignKey|Unique|Check|Exclusion)?|View|_?typeorm(?:_\d+)?|_?[sS]equelize(?:_\d+)?|DataTypes|QueryTypes|Op|In|Not|IsNull|Like|uuid(?:_\d+)?|uuidv4|randomUUID|(?:node_)?crypto(?:_\d+)?)$/;

/** Modules that do nothing but compute. */
const HARMLESS_MODULE = /^['"](?:typeorm|sequelize|umzug|uuid|(?:node:)?crypto)['"]$/;

/** Types of TypeScript; and what is in a signature is a name of its own anyway. */
const TYPES =
  /^(?:string|number|boolean|any|unknown|never|object|type|as|interface|implements|Record|Partial|readonly|satisfies|override|public|private|protected|MigrationInterface|QueryRunner|QueryInterface|Migration|MigrationFn)$/;

/** By these the code reaches another connection, or ends the transaction that is not its own. */
const ELSEWHERE =
  /^(?:connection|dataSource|driver|databaseConnection|connectionManager|connect|release|createQueryRunner|startTransaction|commitTransaction|rollbackTransaction|stream|constructor|__proto__|exit|emit|close|destroy|initialize|authenticate|sync|addHook|logger)$/;

/** In front of these parentheses is no call, and no function. */
const STATEMENTS =
  /^(?:if|for|while|switch|with|catch|return|await|typeof|void|throw|in|of|yield|case|else|new|delete)$/;

/**
 * Whether code may be called once more for nothing but to see which statements it sends. That is said of what only computes,
 * and sends statements through what it was given. What calls anything else may write a file or send a mail.
 *
 * @param code - all of it that may run, as JavaScript
 */
export function isRepeatable(code: string): boolean {
  const tokens = codeTokens(withoutImports(code));
  if (tokens === undefined) return false;
  const own = ownNames(tokens);
  return tokens.every(
    ({ kind }, at) => kind !== 'name' || own.members.has(at) || isHarmless(tokens, at, own),
  );
}

/** `import` and `require` of what only computes declare names; every other one stays, and is not harmless. */
function withoutImports(code: string): string {
  const declared = (whole: string, names: string, module: string) =>
    HARMLESS_MODULE.test(module) ? `const ${names.replace(/\b(?:type|as)\b|\*/g, ' ')};` : whole;
  return code
    .replaceAll(/^\s*import\s+(?:type\s+)?([\w*{}\s,$]+?)\s+from\s+(['"][^'"]+['"]);?/gm, declared)
    .replaceAll(
      /\b(?:const|let|var)\s+([\w{}\s,:$]+?)\s*=\s*require\(\s*(['"][^'"]+['"])\s*\)(?:\.\w+)*/g,
      declared,
    );
}

function isHarmless(tokens: readonly CodeToken[], at: number, { declared }: OwnNames): boolean {
  const text = tokens[at]?.text ?? '';
  const before = tokens[at - 1]?.text;
  const after = tokens[at + 1]?.text;
  if (before === '.' || before === '?.') return !ELSEWHERE.test(text);
  const isKey = after === ':' && (before === '{' || before === ',');
  if (isKey || KEYWORDS.has(text) || KNOWN.test(text) || TYPES.test(text)) return text !== 'extends';
  // A name of the code itself may stand for what the code was given.
  if (declared.has(text)) return !ELSEWHERE.test(text);
  if (text === 'process') return after === '.' && tokens[at + 2]?.text === 'env';
  // The value of something else, which is made a part of a text or is given to the ORM as a constant.
  const isCalled = after === '(' || after === '`' || before === 'new';
  const isInText = before === '${' || before === '+' || after === '+';
  return !isCalled && (isInText || /^[A-Z][A-Z\d_]*$/.test(text));
}

/** The names that code gives. */
interface OwnNames {
  /** To variables, parameters and functions: a name in the code is one of these, if it is among them. */
  readonly declared: ReadonlySet<string>;
  /** Where it names a field or a method: the same name elsewhere stands for something else. */
  readonly members: ReadonlySet<number>;
}

function ownNames(tokens: readonly CodeToken[]): OwnNames {
  const names = new Set<string>();
  const members = new Set<number>();
  const addAll = (from: number, to: number) => {
    for (const { kind, text } of tokens.slice(from, to)) if (kind === 'name') names.add(text);
  };
  let depth = 0;
  tokens.forEach(({ kind, text, isFirstOfLine }, at) => {
    const next = tokens[at + 1];
    const isMember = depth === 1 && tokens[0]?.text === 'class' && kind === 'name';
    if (text === '{' || text === '${') depth++;
    else if (text === '}') depth--;
    // A field of the class.
    if (isMember && (isFirstOfLine || /^[{};]$|^static$/.test(tokens[at - 1]?.text ?? ''))) members.add(at);
    if (/^(?:const|let|var)$/.test(text) && kind === 'name') {
      addAll(at + 1, endOfPattern(tokens, at + 1));
    } else if (/^(?:class|function)$/.test(text) && next?.kind === 'name') names.add(next.text);
    else if (text === 'catch' && next?.text === '(') addAll(at + 2, closing(tokens, at + 1));
    else if (text === '=>') {
      const last = tokens[at - 1];
      if (last?.kind === 'name') names.add(last.text);
      else if (last?.text === ')') addAll(opening(tokens, at - 1), at);
    } else if (text === '(' && isOfFunction(tokens, at)) {
      if (tokens[at - 2]?.text !== 'function') members.add(at - 1);
      addAll(at + 1, closing(tokens, at));
    }
  });
  return { declared: names, members };
}

/** Whether parentheses hold the parameters of a function or of a method: a block follows them in the same line. */
function isOfFunction(tokens: readonly CodeToken[], at: number): boolean {
  const name = tokens[at - 1];
  if (name?.kind !== 'name' && name?.text !== '*' && name?.text !== ']') return false;
  if (STATEMENTS.test(name.text) || tokens[at - 2]?.text === '.' || tokens[at - 2]?.text === 'new')
    return false;
  let after = closing(tokens, at) + 1;
  if (tokens[after]?.text === ':') {
    // The type that TypeScript says of what is returned.
    while (after < tokens.length && !/^[{;=]$/.test(tokens[after]?.text ?? '')) after++;
  }
  const block = tokens[after];
  return block?.text === '{' && !block.isFirstOfLine;
}

/** Where what is declared ends, and its value begins. */
function endOfPattern(tokens: readonly CodeToken[], from: number): number {
  let depth = 0;
  for (let at = from; at < tokens.length; at++) {
    const text = tokens[at]?.text ?? '';
    if (/^[{[(]$/.test(text)) depth++;
    else if (/^[}\])]$/.test(text)) depth--;
    else if (depth === 0 && /^(?:=|;|of|in)$/.test(text)) return at;
    if (depth < 0) return at;
  }
  return tokens.length;
}

function closing(tokens: readonly CodeToken[], open: number): number {
  let depth = 0;
  for (let at = open; at < tokens.length; at++) {
    const text = tokens[at]?.text;
    if (text === '(') depth++;
    else if (text === ')' && --depth === 0) return at;
  }
  return tokens.length;
}

function opening(tokens: readonly CodeToken[], close: number): number {
  let depth = 0;
  for (let at = close; at >= 0; at--) {
    const text = tokens[at]?.text;
    if (text === ')') depth++;
    else if (text === '(' && --depth === 0) return at;
  }
  return 0;
}
