// Evaluates the expressions in the attributes of the admin's theme without compiling them, so that
// the policy of the pages need not allow 'unsafe-eval'. What the theme uses is understood, and no
// more: values, operators, assignments, calls, `if`, and functions of one expression. Of the page
// only the theme's own functions can be reached.
(() => {
  const GLOBALS = new Set([
    "theme", "searchForm", "searchDropdown", "searchCommand", "getCurrentTab", "sortRecords",
    "moveRecords", "localStorage",
  ]);
  // Of the window, only where it is.
  const WINDOW = Object.freeze({ location });
  // The way from any value to the Function constructor.
  const FORBIDDEN = new Set(["constructor", "__proto__", "prototype"]);
  const LITERALS = { true: true, false: false, null: null, undefined: undefined };
  const TOKEN = new RegExp(
    "\\s*(?:([\\p{L}$_][\\p{L}\\p{N}$_]*)|(\\d+(?:\\.\\d+)?)|('(?:[^'\\\\]|\\\\.)*'|\"(?:[^\"\\\\]|\\\\.)*\")" +
      "|(=>|===|!==|\\?\\.|\\?\\?|[=!<>]=|&&|\\|\\||[-+*/%=!<>?:;,.()\\[\\]{}]))", "uys");
  const LEVELS = [
    ["??"], ["||"], ["&&"], ["==", "!=", "===", "!=="], ["<", ">", "<=", ">="], ["+", "-"], ["*", "/", "%"],
  ];
  const OPERATORS = {
    "??": (a, b) => a() ?? b(), "||": (a, b) => a() || b(), "&&": (a, b) => a() && b(),
    "==": (a, b) => a() == b(), "!=": (a, b) => a() != b(),
    "===": (a, b) => a() === b(), "!==": (a, b) => a() !== b(),
    "<": (a, b) => a() < b(), ">": (a, b) => a() > b(),
    "<=": (a, b) => a() <= b(), ">=": (a, b) => a() >= b(),
    "+": (a, b) => a() + b(), "-": (a, b) => a() - b(), "*": (a, b) => a() * b(),
    "/": (a, b) => a() / b(), "%": (a, b) => a() % b(),
  };
  const UNARY = { "!": (a) => !a, "-": (a) => -a, "+": (a) => +a, typeof: (a) => typeof a };

  function tokens(text) {
    const found = [];
    TOKEN.lastIndex = 0;
    while (text.slice(TOKEN.lastIndex).trim()) {
      const at = TOKEN.lastIndex;
      const one = TOKEN.exec(text);
      if (!one) throw new SyntaxError(`not understood at ${at}: ${text}`);
      const [, name, number, string, sign] = one;
      if (name) found.push({ name });
      else if (number) found.push({ value: Number(number) });
      else if (string) found.push({ value: string.slice(1, -1).replace(/\\(.)/gs, "$1") });
      else found.push({ sign });
    }
    return found;
  }

  // Each node is a function of the scope; a place also has `set`, and `call` with its owner as
  // `this`.
  function parse(text) {
    const list = tokens(text);
    let at = 0;
    const is = (sign, ahead = 0) => list[at + ahead]?.sign === sign || list[at + ahead]?.name === sign;
    const take = (sign) => is(sign) && Boolean(++at);
    const need = (sign) => {
      if (!take(sign)) throw new SyntaxError(`no ${sign} where one is needed: ${text}`);
    };

    const statements = (end) => {
      const all = [];
      while (at < list.length && !is(end)) if (!take(";")) all.push(statement());
      return (scope) => all.reduce((_, one) => one(scope), undefined);
    };
    const block = () => {
      if (!take("{")) return statement();
      const inside = statements("}");
      need("}");
      return inside;
    };
    const statement = () => {
      if (!(is("if") && is("(", 1))) return expression();
      at += 2;
      const test = expression();
      need(")");
      const yes = block();
      const no = take("else") ? block() : () => undefined;
      return (scope) => (test(scope) ? yes(scope) : no(scope));
    };
    const expression = () => {
      const left = conditional();
      if (!left.set || !take("=")) return left;
      const right = expression();
      return (scope) => left.set(scope, right(scope));
    };
    const conditional = () => {
      const test = binary(0);
      if (!take("?")) return test;
      const yes = expression();
      need(":");
      const no = expression();
      return (scope) => (test(scope) ? yes(scope) : no(scope));
    };
    const binary = (level) => {
      if (level === LEVELS.length) return unary();
      let left = binary(level + 1);
      for (;;) {
        const sign = LEVELS[level].find((one) => take(one));
        if (!sign) return left;
        const [first, second] = [left, binary(level + 1)];
        left = (scope) => OPERATORS[sign](() => first(scope), () => second(scope));
      }
    };
    const unary = () => {
      const sign = Object.keys(UNARY).find((one) => take(one));
      if (!sign) return postfix();
      const value = unary();
      return (scope) => UNARY[sign](value(scope));
    };
    const postfix = () => {
      let node = primary();
      for (;;) {
        if (take(".")) node = member(node, constant(list[at++].name));
        else if (take("?.")) node = member(node, constant(list[at++].name), true);
        else if (take("[")) {
          node = member(node, expression());
          need("]");
        } else if (take("(")) node = call(node, items(")"));
        else return node;
      }
    };
    const items = (end) => {
      const all = [];
      while (!take(end)) {
        all.push(expression());
        if (!is(end)) need(",");
      }
      return all;
    };
    const pairs = () => {
      const all = [];
      while (!take("}")) {
        const token = list[at++];
        const key = token.name ?? token.value;
        all.push([key, take(":") ? expression() : place(key)]);
        if (!is("}")) need(",");
      }
      return (scope) => Object.fromEntries(all.map(([key, value]) => [key, value(scope)]));
    };
    const primary = () => {
      if (take("(")) {
        if (take(")")) return arrow([]);
        const inside = expression();
        need(")");
        return (scope) => inside(scope);
      }
      if (take("[")) {
        const all = items("]");
        return (scope) => all.map((one) => one(scope));
      }
      if (take("{")) return pairs();
      const token = list[at++];
      if (token && "value" in token) return constant(token.value);
      if (!token?.name) throw new SyntaxError(`not understood: ${text}`);
      if (is("=>")) return arrow([token.name]);
      return token.name in LITERALS ? constant(LITERALS[token.name]) : place(token.name);
    };
    const arrow = (names) => {
      need("=>");
      const body = expression();
      return (scope) => (...values) =>
        body(Alpine.mergeProxies([Object.fromEntries(names.map((name, n) => [name, values[n]])), scope]));
    };

    const program = statements("");
    if (at < list.length) throw new SyntaxError(`not understood: ${text}`);
    return program;
  }

  const constant = (value) => () => value;

  // Every element leads to the document, and from there to everything.
  function kept(value) {
    if (value === document || (value != null && value.window === value)) {
      throw new TypeError("the page cannot be used here");
    }
    return value;
  }

  function place(name) {
    const get = (scope) => {
      if (name in scope) return scope[name];
      if (GLOBALS.has(name)) return window[name];
      if (name === "window") return WINDOW;
      throw new ReferenceError(`${name} is not defined`);
    };
    get.set = (scope, value) => (scope[name] = value);
    get.call = (scope, values) => get(scope).apply(scope, values);
    return get;
  }

  function member(owner, key, maybe = false) {
    const name = (scope) => {
      const found = key(scope);
      if (FORBIDDEN.has(String(found))) throw new TypeError(`${found} cannot be used here`);
      return found;
    };
    const of = (value, scope) => (maybe && value == null ? undefined : kept(value[name(scope)]));
    const get = (scope) => of(owner(scope), scope);
    get.set = (scope, value) => (owner(scope)[name(scope)] = value);
    get.call = (scope, values) => {
      const value = owner(scope);
      return maybe && value == null ? undefined : value[name(scope)](...values);
    };
    return get;
  }

  const call = (node, values) => (scope) => {
    const given = values.map((one) => one(scope));
    return kept(Object.hasOwn(node, "call") ? node.call(scope, given) : node(scope)(...given));
  };

  const parsed = new Map();
  function program(text) {
    if (!parsed.has(text)) parsed.set(text, parse(text));
    return parsed.get(text);
  }

  // The interface of Alpine.js: its own evaluator compiles the expression here.
  function evaluator(element, expression) {
    const stack = [{ $el: element }, ...Alpine.closestDataStack(element)];
    return (receive = () => {}, { scope = {}, params = [] } = {}) => {
      const whole = Alpine.mergeProxies([scope, ...stack]);
      try {
        const run = typeof expression === "function" ? expression : program(expression);
        let value = run === expression ? run.apply(whole, params) : run(whole);
        if (typeof value === "function") value = value.apply(whole, params);
        receive(value);
      } catch (error) {
        setTimeout(() => { throw error; });
      }
    };
  }

  document.addEventListener("alpine:init", () => Alpine.setEvaluator(evaluator));
})();
