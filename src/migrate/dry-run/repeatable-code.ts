import { CodeStructure } from './code-structure';
import { KEYWORDS } from './code-tokens';

/** What the language and the ORMs bring, and what compilers write. */
const KNOWN =
  /^(?:this|null|true|false|undefined|NaN|Infinity|arguments|Promise|Object|Array|JSON|Math|Number|String|Boolean|Date|BigInt|Symbol|Buffer|exports|module|__esModule|_?typeorm(?:_\d+)?|_?[sS]equelize(?:_\d+)?|DataTypes|QueryTypes|Op|uuid|(?:node_)?crypto)$/;

/** Functions that only compute, and those in which compilers wrap code. */
const CALLED =
  /^(?:String|Number|Boolean|BigInt|Symbol|Array|parseInt|parseFloat|isNaN|In|Not|IsNull|Like|uuid|v4|uuidv4|randomUUID|literal|fn|col|cast|__awaiter|__await|tslib_\d+)$/;

/** Classes that only hold what they are given. */
const MADE =
  /^(?:Date|Map|Set|Array|RegExp|Error|TypeError|RangeError|Table(?:Column|Index|ForeignKey|Unique|Check|Exclusion)?|View)$/;

/** Methods that only compute; types of Sequelize are in capitals. */
const COMPUTES =
  /^(?:[A-Z]+|v4|randomUUID|randomBytes|all|allSettled|resolve|reject|then|catch|finally|keys|values|entries|fromEntries|from|isArray|of|isInteger|isNaN|isFinite|stringify|parse|now|UTC|floor|ceil|round|max|min|abs|pow|sqrt|random|map|flatMap|filter|reduce|reduceRight|find|findIndex|findLast|some|every|includes|indexOf|lastIndexOf|join|slice|concat|flat|at|has|toSorted|toReversed|with|split|trim|trimStart|trimEnd|replace|replaceAll|match|matchAll|startsWith|endsWith|padStart|padEnd|repeat|charAt|charCodeAt|substring|toLowerCase|toUpperCase|toString|toFixed|toISOString|toJSON|getTime|getFullYear|getMonth|getDate|localeCompare|normalize|forEach|literal|fn|col|cast|json|escape|quoteIdentifier|quoteTable|findColumnByName|__awaiter)$/;

/** Those of them that call what they are given. */
const CALLS_BACK =
  /^(?:then|catch|finally|map|flatMap|filter|reduce|reduceRight|find|findIndex|findLast|some|every|forEach|replace|replaceAll|toSorted|from|sort)$/;

/** Methods that change the value on which they are called, or which they are given. */
const MUTATES =
  /^(?:push|pop|shift|unshift|splice|sort|reverse|fill|copyWithin|set|get|add|delete|clear|test|exec|next|assign|freeze|setHours|setDate|setMonth|setFullYear)$/;

/** Methods of the query runner and of the query interface, which only send statements. */
const SENDS =
  /^(?:query|transaction|commit|rollback|(?:create|drop)(?:Table|Index|Indices|ForeignKeys?|PrimaryKey|UniqueConstraints?|CheckConstraints?|Schema|View|Enum|Function|Trigger)|(?:add|drop|change|rename)Columns?|updatePrimaryKeys|has(?:Table|Column|Schema)|tableExists|getTables?|getViews?|getCurrent(?:Schema|Database)|renameTable|removeColumn|(?:add|remove)(?:Index|Constraint)|describeTable|show(?:AllTables|AllSchemas|Index|Constraint)|bulk(?:Insert|Update|Delete)|select|rawSelect|getForeignKeyReferencesForTable)$/;

/** Modules that do nothing but compute. */
const HARMLESS_MODULE = /^['"](?:typeorm|sequelize|umzug|uuid|(?:node:)?crypto)['"]$/;

/** Types of TypeScript; and what is in a signature is a name of its own anyway. */
const TYPES =
  /^(?:string|number|boolean|any|unknown|never|object|type|as|interface|implements|Record|Partial|readonly|satisfies|override|public|private|protected|MigrationInterface|QueryRunner|QueryInterface|Migration|MigrationFn)$/;

/** By these the code reaches another connection, or what has hooks and subscribers. */
const ELSEWHERE =
  /^(?:connection|dataSource|driver|databaseConnection|connectionManager|models|hooks|subscribers|broadcaster|logger|constructor|prototype|__proto__|console|globalThis|eval|extends|import|require)$/;

/**
 * Whether code may be called once more for nothing but to see which statements it sends. That is said of what only computes,
 * and sends statements through what it was given, each of which it awaits. What calls anything else may write a file or send a
 * mail; what keeps something for later finds it there the second time; what awaits nothing may fail where nobody listens.
 *
 * @param code - all of it that may run, as JavaScript
 */
export function isRepeatable(code: string): boolean {
  const structure = CodeStructure.of(withoutImports(code));
  return structure !== undefined && new Repeatable(structure).is();
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

class Repeatable {
  readonly #code: CodeStructure;
  /** Whether it changes values. */
  #mutates = false;
  /** Whether it reads values that are there before it is called. */
  #shares = false;

  constructor(code: CodeStructure) {
    this.#code = code;
  }

  is(): boolean {
    const { tokens } = this.#code;
    const isAllowed = tokens.every(({ kind, text }, at) => {
      if (kind === 'name') return this.#isName(at);
      if (kind === 'symbol') return this.#isSymbol(at);
      return text !== 'pattern' || !/^[-+]$/.test(this.#code.textAt(at - 1));
    });
    return isAllowed && !(this.#mutates && this.#shares);
  }

  #isName(at: number): boolean {
    const code = this.#code;
    const [text, before, after] = [code.textAt(at), code.textAt(at - 1), code.textAt(at + 1)];
    // Of a method whose name is that of a word, too.
    if (code.members.has(at)) {
      // What a constructor is given may be anything.
      return text === 'constructor' ? code.textAt(at + 2) === ')' : !/^(?:get|set|__proto__)$/.test(text);
    }
    if (ELSEWHERE.test(text)) return false;
    if (text === 'manager') return code.isMember(at) && after === '.' && code.textAt(at + 2) === 'query';
    if (after === '`' || after === '${') return KEYWORDS.has(text) && !code.isMember(at);
    if (code.isMember(at)) return after !== '(' || this.#isMethodCall(at);
    const isKey = after === ':' && (before === '{' || before === ',');
    // It would be tried for ever what fails because nothing is done.
    if (text === 'catch' && this.#isInLoop(at)) return false;
    if (isKey || KEYWORDS.has(text)) return text !== 'delete' || this.#mayMutate(at + 1);
    if (before === 'new') return this.#isMade(at);
    if (/^(?:function|class)$/.test(before) || (before === '*' && code.textAt(at - 2) === 'function'))
      return true;
    if (after === '(') return this.#isCall(at);
    const found = code.find(at);
    if (found !== undefined) this.#shares ||= found.isOfModule;
    else if (text === 'this') this.#shares ||= !this.#isInConstructor(at) && code.textAt(at + 3) !== '(';
    else if (text === 'process') return after === '.' && code.textAt(at + 2) === 'env';
    else if (!KNOWN.test(text) && !TYPES.test(text)) return this.#isConstant(at);
    return true;
  }

  #isInLoop(at: number): boolean {
    const code = this.#code;
    for (let open = at; open >= 0; open = code.parentOf(open)) {
      const [before, head] = [code.textAt(open - 1), code.otherOf(open - 1) - 1];
      if (before === 'do' || (before === ')' && /^(?:for|while|await)$/.test(code.textAt(head)))) return true;
    }
    return false;
  }

  /** The value of something else, which is made a part of a text or is given to the ORM as a constant. */
  #isConstant(at: number): boolean {
    const code = this.#code;
    const [before, after] = [code.textAt(at - 1), code.textAt(at + 1)];
    this.#shares = true;
    if (/^(?:\.|\?\.|\[|=)$/.test(after) || before === '@') return false;
    const isInText = before === '${' || before === '+' || after === '+';
    const open = code.parentOf(at);
    const isCallback = code.textAt(open) === '(' && CALLS_BACK.test(code.textAt(open - 1));
    return isInText || (!isCallback && /^[A-Z][A-Z\d_]*$/.test(code.textAt(at)));
  }

  /** `new Table(…)`, `new typeorm_1.Table(…)` */
  #isMade(at: number): boolean {
    const code = this.#code;
    if (code.textAt(at + 1) !== '.') return MADE.test(code.textAt(at)) && !code.find(at)?.isFunction;
    return /^_?typeorm(?:_\d+)?$/.test(code.textAt(at)) && MADE.test(code.textAt(at + 2));
  }

  #isCall(at: number): boolean {
    const code = this.#code;
    const found = code.find(at);
    if (found?.isFunction === true) return this.#isAwaited(at);
    if (/^(?:super|this|import|require)$/.test(code.textAt(at))) return false;
    return CALLED.test(code.textAt(at)) && (found === undefined || found.isOfModule);
  }

  #isMethodCall(at: number): boolean {
    const code = this.#code;
    const name = code.textAt(at);
    const root = code.rootOf(at);
    const isOfThis = code.textAt(root) === 'this';
    if (code.textAt(root - 1) === 'new') return MADE.test(name) || root !== at - 2;
    if (isOfThis && at === root + 2 && code.methods.has(name)) return this.#isAwaited(at);
    if (name === 'forEach' || name === 'some' || name === 'every' || name === 'filter') {
      if (this.#sendsWithin(at + 1)) return false;
    }
    if (name === 'catch' && this.#isInLoop(at)) return false;
    if (COMPUTES.test(name)) return true;
    if (name === 'defineProperty') return code.textAt(at + 2) === 'exports' && code.parentOf(at) < 0;
    if (name === 'assign') return code.textAt(at + 2) === '{' || this.#mayMutate(at + 2);
    if (MUTATES.test(name)) return this.#mayMutate(root);
    if (!SENDS.test(name) || isOfThis) return false;
    const found = code.find(root);
    if (found === undefined ? code.textAt(root) !== '(' : found.isOfModule) return false;
    // What it does not end itself would stay open.
    const close = code.otherOf(at + 1);
    if (name === 'transaction' && !this.#hasFunction(at + 1, close) && !this.#isRolledBack(close))
      return false;
    return this.#isAwaited(at);
  }

  /** Whether what follows a call is tried, and a transaction rolled back where that fails. */
  #isRolledBack(close: number): boolean {
    const code = this.#code;
    const start = code.textAt(close + 1) === ';' ? close + 2 : close + 1;
    const behind = code.otherOf(start + 1) + 1;
    if (code.textAt(start) !== 'try' || code.textAt(behind) !== 'catch') return false;
    const block = code.textAt(behind + 1) === '(' ? code.otherOf(behind + 1) + 1 : behind + 1;
    return code.tokens.slice(block, code.otherOf(block)).some(({ text }) => text === 'rollback');
  }

  #sendsWithin(open: number): boolean {
    const code = this.#code;
    for (let at = open; at < code.otherOf(open); at++) {
      const isCall = code.textAt(at + 1) === '(' && code.tokens[at]?.kind === 'name';
      const isOwn = code.methods.has(code.textAt(at)) || code.find(at)?.isFunction === true;
      if (code.textAt(at) === 'async' || (isCall && (SENDS.test(code.textAt(at)) || isOwn))) return true;
    }
    return false;
  }

  #hasFunction(from: number, to: number): boolean {
    for (let at = from; at < to; at++) if (/^(?:=>|function)$/.test(this.#code.textAt(at))) return true;
    return false;
  }

  /** Whether what a call promises is awaited, and also what the function promises in which it is. */
  #isAwaited(at: number): boolean {
    const code = this.#code;
    const root = code.rootOf(at);
    if (!this.#isListened(root)) return false;
    for (let open = code.parentOf(root); open >= 0; open = code.parentOf(open)) {
      if (code.textAt(open) !== '(' || !this.#hasFunction(open, root)) continue;
      const name = code.textAt(open - 1);
      const isOfCall = code.tokens[open - 1]?.kind === 'name' && !KEYWORDS.has(name);
      if (!isOfCall) continue;
      const isKnown = /^(?:all|allSettled|map|flatMap|reduce|then|catch|finally|transaction|__awaiter)$/.test(
        name,
      );
      const outer = code.rootOf(open - 1);
      const isList = /^(?:map|flatMap)$/.test(name);
      if (!isKnown || !(isList ? this.#isInAll(outer) : this.#isListened(outer))) return false;
    }
    return true;
  }

  #isListened(root: number): boolean {
    const isListened = /^(?:await|return|=>|yield)$/.test(this.#code.textAt(root - 1));
    return isListened || this.#isInAll(root);
  }

  /** `Promise.all([…])`, `Promise.all(….map(…))` */
  #isInAll(root: number): boolean {
    const code = this.#code;
    const parent = code.parentOf(root);
    const open = code.textAt(parent) === '[' ? code.parentOf(parent) : parent;
    const isDirect = open === parent ? root === open + 1 : parent === open + 1;
    if (!isDirect || code.textAt(open) !== '(' || !/^all(?:Settled)?$/.test(code.textAt(open - 1)))
      return false;
    return this.#isListened(code.rootOf(open - 1));
  }

  #isSymbol(at: number): boolean {
    const code = this.#code;
    const [before, text, after] = [code.textAt(at - 1), code.textAt(at), code.textAt(at + 1)];
    if (/^[@'"`\\#]$/.test(text)) return false;
    // Where an expression could begin, too, nobody knows whether it divides or begins a pattern.
    if (text === '/' && /^[)}]$/.test(before)) return false;
    const endsValue = code.tokens[at - 1]?.kind === 'symbol' && /^[)\]]$/.test(before);
    // What was computed is called, or tags a template.
    if (text === '(' && (endsValue || before === '?.')) return false;
    if (/^[)\]]$/.test(text) && /^(?:`|\$\{)$/.test(after)) return false;
    if ((text === '+' || text === '-') && after === text) return this.#mayAssign(at, at + 2);
    if (text !== '=' || /^[=!<>]$/.test(before) || after === '=') return true;
    let end = at - 1;
    while (/^[-+*/%&|^?]$/.test(code.textAt(end))) end--;
    return this.#mayAssign(end + 1, at);
  }

  /** Whether what is in front of a place, or else behind it, may be given another value. */
  #mayAssign(end: number, behind: number): boolean {
    const code = this.#code;
    const last = code.tokens[end - 1];
    if (last?.kind === 'symbol' && /^[}\]]$/.test(last.text)) {
      const open = code.otherOf(end - 1);
      if (/^(?:const|let|var)$/.test(code.textAt(open - 1))) return true;
      this.#mutates = true;
      if (/^(?:[(,:]|\.\.\.)$/.test(code.textAt(open - 1))) return true;
      return last.text === ']' && this.#mayMutate(code.rootOf(end - 1));
    }
    const at = last?.kind === 'name' && !KEYWORDS.has(last.text) ? end - 1 : behind;
    if (code.members.has(at) || TYPES.test(code.textAt(at))) return true;
    if (code.isMember(at)) return this.#mayMutate(code.rootOf(at), at);
    if (code.textAt(at + 1) === '.') return this.#mayMutate(at);
    const found = code.find(at);
    const isNew = /^(?:const|let|var)$/.test(code.textAt(at - 1));
    // The type of a variable of TypeScript.
    const isType = code.textAt(at - 1) === ':';
    return isNew || isType || (found !== undefined && !found.isOfModule);
  }

  /** Whether what a chain begins with may be changed: not what was there before, unless that is done but once. */
  #mayMutate(root: number, at = root): boolean {
    const code = this.#code;
    const text = code.textAt(root);
    if (text === 'this') return this.#isInConstructor(at);
    if (/^(?:exports|module)$/.test(text)) return code.parentOf(at) < 0;
    const found = code.find(root);
    const isFresh = code.tokens[root]?.kind !== 'name';
    this.#mutates = true;
    return isFresh || (found !== undefined && !found.isOfModule && !found.isParameter);
  }

  #isInConstructor(at: number): boolean {
    const code = this.#code;
    const block = code.parentOf(at);
    return code.textAt(block) === '{' && code.textAt(code.otherOf(block - 1) - 1) === 'constructor';
  }
}
