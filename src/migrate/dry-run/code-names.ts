import type {
  AnyNode,
  ArrowFunctionExpression,
  FunctionDeclaration,
  FunctionExpression,
  Identifier,
  Program,
} from 'acorn';
import { childrenOf } from './parsed-code';

/** What a name stands for. */
export interface Declaration {
  readonly isFunction: boolean;
  /** Whether it belongs to the module: what is called twice finds it as the first call has left it. */
  readonly isOfModule: boolean;
  /** Whether it stands for what a function is given. */
  readonly isParameter: boolean;
}

type DeclarationKind = 'function' | 'parameter' | 'other';

/** A function of any form. */
export type AnyFunction = FunctionDeclaration | FunctionExpression | ArrowFunctionExpression;

/** Whether a node is a function, of any form. */
export function isFunction(node: AnyNode | undefined): node is AnyFunction {
  return (
    node !== undefined &&
    /^(?:FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node.type)
  );
}

/** Nodes in which names can be given that are known nowhere else. */
const SCOPES =
  /^(?:Program|BlockStatement|FunctionDeclaration|FunctionExpression|ArrowFunctionExpression|ForStatement|ForInStatement|ForOfStatement|CatchClause|SwitchStatement|ClassExpression)$/;

/** The nodes of code, what each is in, and the names that it gives. */
export class CodeNames {
  /** All of them, those before others first that they are in. */
  readonly nodes: readonly AnyNode[];
  /** The names of methods, of classes and of objects. */
  readonly methods = new Set<string>();
  readonly #parents = new Map<AnyNode, AnyNode>();
  readonly #declared = new Map<AnyNode, Map<string, Declaration>>();
  readonly #given = new Set<AnyNode>();

  constructor(program: Program) {
    const nodes: AnyNode[] = [program];
    for (const node of nodes) {
      for (const child of childrenOf(node)) {
        this.#parents.set(child, node);
        nodes.push(child);
      }
    }
    this.nodes = nodes;
    for (const node of nodes) this.#find(node);
  }

  parentOf(node: AnyNode): AnyNode | undefined {
    return this.#parents.get(node);
  }

  /** What a node is in, from the inside to the outside. */
  *around(node: AnyNode): Generator<AnyNode, void, undefined> {
    for (let outer = this.parentOf(node); outer; outer = this.parentOf(outer)) yield outer;
  }

  /** The innermost function that a node is in. */
  functionAround(node: AnyNode): AnyFunction | undefined {
    for (const outer of this.around(node)) if (isFunction(outer)) return outer;
    return undefined;
  }

  /** What a name stands for at its place. */
  find(name: Identifier): Declaration | undefined {
    for (const outer of this.around(name)) {
      const found = this.#declared.get(outer)?.get(name.name);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** Whether a name is given at its place, and not used. */
  isGiven(name: Identifier): boolean {
    return this.#given.has(name);
  }

  #find(node: AnyNode): void {
    switch (node.type) {
      case 'VariableDeclaration':
        for (const { id, init } of node.declarations) {
          const kind = isFunction(init ?? undefined) && id.type === 'Identifier' ? 'function' : 'other';
          const scope =
            node.kind === 'var' ? (this.functionAround(node) ?? this.nodes[0]) : this.#scopeOf(node);
          this.#declareAll(id, scope, kind);
        }
        return;
      case 'FunctionDeclaration':
      case 'FunctionExpression':
      case 'ArrowFunctionExpression':
        for (const each of node.params) this.#declareAll(each, node, 'parameter');
        if (node.type === 'FunctionDeclaration') this.#declareAll(node.id, this.#scopeOf(node), 'function');
        if (node.type === 'FunctionExpression') this.#declareAll(node.id ?? undefined, node, 'function');
        return;
      case 'ClassDeclaration':
        this.#declareAll(node.id, this.#scopeOf(node), 'other');
        return;
      case 'ClassExpression':
        this.#declareAll(node.id ?? undefined, node, 'other');
        return;
      case 'CatchClause':
        this.#declareAll(node.param ?? undefined, node, 'parameter');
        return;
      case 'ImportSpecifier':
      case 'ImportDefaultSpecifier':
      case 'ImportNamespaceSpecifier':
        this.#declareAll(node.local, this.nodes[0], 'other');
        return;
      case 'MethodDefinition':
      case 'Property': {
        const isMethod = node.type === 'MethodDefinition' || node.method;
        if (isMethod && node.key.type === 'Identifier') this.methods.add(node.key.name);
        return;
      }
      default:
    }
  }

  #scopeOf(node: AnyNode): AnyNode | undefined {
    for (const outer of this.around(node)) if (SCOPES.test(outer.type)) return outer;
    return undefined;
  }

  /** The names that a pattern gives; not those in it that are read. */
  #declareAll(pattern: AnyNode | null | undefined, scope: AnyNode | undefined, kind: DeclarationKind): void {
    if (scope === undefined) return;
    for (const given of targetsOf(pattern)) {
      if (given.type !== 'Identifier') continue;
      this.#given.add(given);
      const names = this.#declared.get(scope) ?? new Map<string, Declaration>();
      this.#declared.set(scope, names);
      names.set(given.name, {
        isFunction: kind === 'function',
        isOfModule: kind !== 'function' && scope.type === 'Program',
        isParameter: kind === 'parameter',
      });
    }
  }
}

/** What a pattern gives values to. */
export function targetsOf(pattern: AnyNode | null | undefined): readonly AnyNode[] {
  if (!pattern) return [];
  switch (pattern.type) {
    case 'ObjectPattern':
      return pattern.properties.flatMap((each) => targetsOf(each.type === 'Property' ? each.value : each));
    case 'ArrayPattern':
      return pattern.elements.flatMap(targetsOf);
    case 'AssignmentPattern':
      return targetsOf(pattern.left);
    case 'RestElement':
      return targetsOf(pattern.argument);
    default:
      return [pattern];
  }
}
