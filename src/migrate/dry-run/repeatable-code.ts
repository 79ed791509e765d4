import type { AnyNode, CallExpression, Identifier, MemberExpression, NewExpression } from 'acorn';
import { AwaitedCalls, calledName, outermost, rootOf } from './awaited-calls';
import { CodeNames, isFunction, targetsOf } from './code-names';
import {
  CALLED,
  CALLS_BACK,
  COMPUTES,
  ELSEWHERE,
  HARMLESS_MODULE,
  KNOWN,
  MADE,
  MUTATES,
  SENDS,
} from './known-names';
import { parseCode } from './parsed-code';

/** What code may be made of besides what is looked at here. */
const PLAIN: ReadonlySet<string> = new Set(
  (
    'Program ExpressionStatement BlockStatement EmptyStatement ReturnStatement IfStatement SwitchStatement SwitchCase BreakStatement ' +
    'ContinueStatement LabeledStatement ThrowStatement TryStatement WhileStatement DoWhileStatement ForStatement VariableDeclarator ' +
    'FunctionDeclaration FunctionExpression ArrowFunctionExpression ClassBody ObjectExpression ArrayExpression ObjectPattern ArrayPattern ' +
    'AssignmentPattern RestElement SpreadElement Literal TemplateLiteral TemplateElement BinaryExpression LogicalExpression ' +
    'ConditionalExpression SequenceExpression AwaitExpression YieldExpression ChainExpression ParenthesizedExpression ' +
    'ExportDefaultDeclaration ExportSpecifier ImportSpecifier ImportDefaultSpecifier ImportNamespaceSpecifier'
  ).split(' '),
);

/** Methods that call what they are given first. */
const CALLS_GIVEN =
  /^(?:then|catch|finally|map|flatMap|filter|reduce|reduceRight|find|findIndex|findLast|some|every|forEach)$/;

/**
 * Whether code may be called once more for nothing but to see which statements it sends. That is said of what only computes,
 * and sends statements through what it was given, each of which it awaits. What calls anything else may write a file or send a
 * mail; what keeps something for later finds it there the second time; what awaits nothing may fail where nobody listens.
 *
 * @param code - all of it that may run: JavaScript, or TypeScript where the project has a compiler
 */
export function isRepeatable(code: string): boolean {
  const program = parseCode(code);
  return program !== undefined && new Repeatable(new CodeNames(program)).is();
}

class Repeatable {
  readonly #names: CodeNames;
  readonly #calls: AwaitedCalls;
  /** Whether it changes values. */
  #mutates = false;
  /** Whether it reads values that are there before it is called. */
  #shares = false;

  constructor(names: CodeNames) {
    this.#names = names;
    this.#calls = new AwaitedCalls(names);
  }

  is(): boolean {
    return this.#names.nodes.every((node) => this.#isAllowed(node)) && !(this.#mutates && this.#shares);
  }

  #isAllowed(node: AnyNode): boolean {
    switch (node.type) {
      case 'Identifier':
        return this.#isName(node);
      case 'ThisExpression':
        return this.#isThis(node);
      case 'MemberExpression':
        return this.#isMember(node);
      case 'CallExpression':
        return this.#isCall(node);
      case 'NewExpression':
        return this.#isMade(node);
      case 'AssignmentExpression':
        return this.#mayAssign(node.left);
      case 'UpdateExpression':
        return this.#mayAssign(node.argument);
      case 'UnaryExpression':
        return node.operator !== 'delete' || this.#mayAssign(node.argument);
      case 'ForInStatement':
      case 'ForOfStatement':
        return node.left.type === 'VariableDeclaration' || this.#mayAssign(node.left);
      case 'VariableDeclaration':
        return /^(?:const|let|var)$/.test(node.kind);
      case 'CatchClause':
        // It would be tried for ever what fails because nothing is done.
        return !this.#isInLoop(node);
      case 'ClassDeclaration':
      case 'ClassExpression':
        return !node.superClass;
      case 'MethodDefinition':
        // What a constructor is given may be anything.
        return node.kind === 'constructor'
          ? node.value.params.length === 0
          : node.kind === 'method' && !node.computed;
      case 'PropertyDefinition':
        return !node.computed && node.key.type !== 'PrivateIdentifier';
      case 'Property':
        return this.#isField(node);
      case 'ImportDeclaration':
        return HARMLESS_MODULE.test(String(node.source.value));
      case 'ExportNamedDeclaration':
        return !node.source;
      default:
        return PLAIN.has(node.type);
    }
  }

  #isField({ kind, key, computed }: Extract<AnyNode, { type: 'Property' }>): boolean {
    const isOfPattern = this.#names.parentOf(key)?.type === 'Property' && this.#isInPattern(key);
    const name = key.type === 'Identifier' ? key.name : String((key as { value?: unknown }).value);
    if (kind !== 'init' || (computed && isOfPattern)) return false;
    if (computed) return true;
    return isOfPattern ? !ELSEWHERE.test(name) && name !== 'manager' : name !== '__proto__';
  }

  #isInPattern(key: AnyNode): boolean {
    const property = this.#names.parentOf(key);
    return property !== undefined && this.#names.parentOf(property)?.type === 'ObjectPattern';
  }

  #isThis(node: AnyNode): boolean {
    const member = this.#names.parentOf(node);
    const call = member && this.#names.parentOf(member);
    const isOfCall = call?.type === 'CallExpression' && call.callee === member;
    this.#shares ||= !isOfCall && !this.#isInConstructor(node);
    return true;
  }

  #isMember({ property, computed }: MemberExpression): boolean {
    if (property.type === 'PrivateIdentifier') return false;
    if (computed && property.type !== 'Literal') return true;
    const name =
      property.type === 'Identifier' ? property.name : String((property as { value?: unknown }).value);
    if (ELSEWHERE.test(name)) return false;
    if (name !== 'manager') return true;
    const outer = this.#names.parentOf(this.#names.parentOf(property) ?? property);
    return !computed && outer?.type === 'MemberExpression' && nameIn(outer) === 'query';
  }

  /** Whether a name is that of a field or a label, and stands for nothing by itself. */
  #isLabel(node: Identifier): boolean {
    const outer = this.#names.parentOf(node);
    switch (outer?.type) {
      case 'MemberExpression':
        return outer.property === node && !outer.computed;
      case 'Property':
        return outer.key === node && !outer.computed;
      case 'MethodDefinition':
      case 'PropertyDefinition':
        return outer.key === node;
      case 'ImportSpecifier':
        return outer.imported === node;
      case 'ExportSpecifier':
        return outer.exported === node && outer.local !== node;
      default:
        return /^(?:Labeled|Break|Continue)Statement$/.test(outer?.type ?? '');
    }
  }

  #isName(node: Identifier): boolean {
    if (this.#isLabel(node) || this.#names.isGiven(node)) return true;
    const { name } = node;
    const outer = this.#names.parentOf(node);
    if (name === 'require') return this.#isOfRequired(outer);
    if (ELSEWHERE.test(name)) return false;
    // Of a call that is looked at, too.
    if (outer?.type === 'CallExpression' && outer.callee === node) return true;
    if (outer?.type === 'NewExpression' && outer.callee === node) return true;
    const found = this.#names.find(node);
    if (found !== undefined) {
      this.#shares ||= found.isOfModule && this.#names.functionAround(node) !== undefined;
      return !found.isFunction || outer?.type !== 'CallExpression';
    }
    if (name === 'process') return outer?.type === 'MemberExpression' && nameIn(outer) === 'env';
    return KNOWN.test(name) || this.#isConstant(node, outer);
  }

  /** The value of something else, which is made a part of a text or is given to the ORM as a constant. */
  #isConstant(node: Identifier, outer: AnyNode | undefined): boolean {
    this.#shares = true;
    switch (outer?.type) {
      case 'MemberExpression':
        return outer.object !== node;
      case 'TemplateLiteral':
        return true;
      case 'BinaryExpression':
        return outer.operator === '+';
      case 'CallExpression':
        if (CALLS_BACK.test(calledName(outer) ?? '')) return false;
        break;
      default:
    }
    return /^[A-Z][A-Z\d_]*$/.test(node.name);
  }

  /** `const { DataTypes } = require('sequelize')`, or a member of that. */
  #isOfRequired(node: AnyNode | undefined): boolean {
    const root = node && rootOf(node);
    if (root?.type !== 'Identifier' || root.name !== 'require') return false;
    const call = this.#names.parentOf(root);
    if (call?.type !== 'CallExpression' || call.callee !== root) return false;
    const [module] = call.arguments;
    const declarator = this.#names.parentOf(outermost(call, this.#names));
    return (
      module?.type === 'Literal' &&
      HARMLESS_MODULE.test(String(module.value)) &&
      declarator?.type === 'VariableDeclarator'
    );
  }

  /** `new Table(…)`, `new typeorm_1.Table(…)` */
  #isMade({ callee }: NewExpression): boolean {
    if (callee.type === 'Identifier')
      return MADE.test(callee.name) && this.#names.find(callee)?.isFunction !== true;
    if (callee.type !== 'MemberExpression' || callee.object.type !== 'Identifier') return false;
    return /^_?typeorm(?:_\d+)?$/.test(callee.object.name) && MADE.test(nameIn(callee) ?? '');
  }

  #isCall(call: CallExpression): boolean {
    const { callee, optional } = call;
    if (optional) return false;
    if (callee.type === 'Identifier') {
      const found = this.#names.find(callee);
      if (found?.isFunction === true) return this.#calls.isAwaited(call);
      if (callee.name === 'require') return this.#isOfRequired(call);
      return CALLED.test(callee.name) && (found === undefined || found.isOfModule);
    }
    const name = callee.type === 'MemberExpression' ? nameIn(callee) : undefined;
    return callee.type === 'MemberExpression' && name !== undefined && this.#isMethodCall(call, callee, name);
  }

  #isMethodCall(call: CallExpression, callee: MemberExpression, name: string): boolean {
    const root = rootOf(callee.object);
    const isOfThis = root.type === 'ThisExpression';
    if (callee.object.type === 'ThisExpression' && this.#names.methods.has(name))
      return this.#calls.isAwaited(call);
    if (/^(?:forEach|some|every|filter)$/.test(name) && this.#calls.sendWithin(call.arguments)) return false;
    if (name === 'catch' && this.#isInLoop(call)) return false;
    const [first] = call.arguments;
    if (CALLS_GIVEN.test(name) && first !== undefined && !this.#isKnownFunction(first)) return false;
    if (COMPUTES.test(name)) return true;
    if (name === 'defineProperty') {
      const isOfExports = first?.type === 'Identifier' && first.name === 'exports';
      return isOfExports && this.#names.functionAround(call) === undefined;
    }
    if (name === 'assign')
      return first?.type === 'ObjectExpression' || (first !== undefined && this.#mayMutate(first));
    if (MUTATES.test(name)) return this.#mayMutate(callee.object);
    if (!SENDS.test(name) || isOfThis || root.type !== 'Identifier') return false;
    const found = this.#names.find(root);
    if (found === undefined || found.isOfModule) return false;
    // What it does not end itself would stay open.
    const isEnded = call.arguments.some(isFunction) || this.#calls.isRolledBack(call);
    return (name !== 'transaction' || isEnded) && this.#calls.isAwaited(call);
  }

  /** Whether what is called back is written there, or only computes: what has a name may send something that nobody awaits. */
  #isKnownFunction(given: AnyNode): boolean {
    if (given.type !== 'Identifier' && given.type !== 'MemberExpression') return true;
    const root = rootOf(given);
    return root.type === 'Identifier' && this.#names.find(root) === undefined && KNOWN.test(root.name);
  }

  #isInLoop(node: AnyNode): boolean {
    for (const outer of this.#names.around(node)) {
      if (/^(?:For|ForIn|ForOf|While|DoWhile)Statement$/.test(outer.type)) return true;
    }
    return false;
  }

  /** Whether something may be given another value. */
  #mayAssign(target: AnyNode): boolean {
    return targetsOf(target).every((each) => {
      if (each.type === 'MemberExpression') return this.#mayMutate(each.object);
      const found = each.type === 'Identifier' ? this.#names.find(each) : undefined;
      return found !== undefined && !found.isOfModule;
    });
  }

  /** Whether a value may be changed: not one that was there before, unless that is done but once. */
  #mayMutate(value: AnyNode): boolean {
    const root = rootOf(value);
    if (root.type === 'ThisExpression') return this.#isInConstructor(root);
    if (root.type === 'Identifier' && /^(?:exports|module)$/.test(root.name)) {
      return this.#names.functionAround(root) === undefined;
    }
    this.#mutates = true;
    if (root.type !== 'Identifier') return true;
    const found = this.#names.find(root);
    return found !== undefined && !found.isOfModule && !found.isParameter;
  }

  #isInConstructor(node: AnyNode): boolean {
    const around = this.#names.functionAround(node);
    const method = around && this.#names.parentOf(around);
    return method?.type === 'MethodDefinition' && method.kind === 'constructor';
  }
}

/** The name of a member, where that is written. */
function nameIn({ property, computed }: MemberExpression): string | undefined {
  return !computed && property.type === 'Identifier' ? property.name : undefined;
}
