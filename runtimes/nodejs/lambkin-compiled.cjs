// Has Node.js take what was compiled of the function's CommonJS files beforehand, beside the package and not in it.
//
// It is V8's code cache, held against its source by CRC-32, as Node.js holds its own, and by V8 against the version and
// the flags. All else is left to Node.js: it has the module load a text that returns what a file's code is called with.
'use strict';

// The function may change them later.
const { existsSync, readFileSync } = require('fs');
const Module = require('module');

const FOLDER = '/var/compiled/';
const INDEX = `${FOLDER}index.json`;
// Node.js's own cache, which a package may bring along; coverage counts what is compiled as it is run.
const VARIABLES = ['NODE_COMPILE_CACHE', 'NODE_V8_COVERAGE'];
// Node.js's loader is in the stack of what a file runs while it is loaded. This stands there instead, and under its name:
// tools that look for a caller pass over that.
const LOADER = 'node:internal/modules/cjs/loader';
const COMPILE = `return function _compile(content, filename, format) {
  const compiled = find(content, filename, format);
  if (compiled === undefined) return apply(usual, this, arguments);
  const given = usual.call(this, compiled.returnsGiven, filename, format);
  executes(this, true);
  const result = apply(compiled.run, given[0], given);
  executes(this, false);
  return result;
}`;

// From now on, unless there is nothing, or the function's variables ask for another way.
function use() {
  if (!existsSync(INDEX) || VARIABLES.some((name) => name in process.env)) return;
  const entries = new Map(JSON.parse(readFileSync(INDEX, 'utf8')));
  const usual = Module.prototype._compile;
  const parts = { find: finder(entries), usual, apply: Reflect.apply, executes };
  const made = require('vm').compileFunction(COMPILE, Object.keys(parts), { filename: LOADER });
  const compile = made(...Object.values(parts));
  // Files that are not compiled do not meet it at all, in time or in stacks.
  Object.defineProperty(Module.prototype, '_compile', {
    get() {
      return entries.has(this.filename) ? compile : usual;
    },
    set(value) {
      Object.defineProperty(this, '_compile', { value, writable: true, enumerable: true, configurable: true });
    },
    enumerable: true,
    configurable: true,
  });
  // So far stacks had that of the property.
  Object.defineProperty(usual, 'name', { value: '_compile', configurable: true });
}

// Finds a file's function, and the text of a file that returns what Node.js would call it with.
function finder(entries) {
  const { crc32 } = require('zlib');
  const { script } = require('./lambkin-script.cjs');
  const { wrap, wrapper } = Module;
  const [head, tail] = wrapper;
  const isWrappedOtherwise = () =>
    Module.wrap !== wrap || Module.wrapper !== wrapper || wrapper[0] !== head || wrapper[1] !== tail;
  return (content, filename, format) => {
    const entry = entries.get(filename);
    if (entry === undefined || (format !== undefined && format !== 'commonjs') || isWrappedOtherwise()) return undefined;
    if (typeof content !== 'string' || crc32(content) !== entry.crc) return undefined;
    if (entry.imports) doNotWarn();
    const compiled = script(content, filename, readFileSync(FOLDER + entry.at));
    // As it will all others.
    if (compiled.cachedDataRejected) entries.clear();
    // With what tells its source map, which Node.js notes then.
    const map = entry.map === null ? '' : content.slice(entry.map);
    return { run: compiled.runInThisContext(), returnsGiven: `return arguments\n${map}` };
  };
}

// Node.js warns of the first `import()` in what is compiled like this.
let warned = false;
function doNotWarn() {
  if (warned) return;
  warned = true;
  const { emitWarning } = process;
  process.emitWarning = () => {};
  const { script } = require('./lambkin-script.cjs');
  script("return import('data:text/javascript,')", LOADER).runInThisContext()().catch(() => {});
  process.emitWarning = emitWarning;
}

// Node.js notes at a module whether its code runs, by which it knows circles.
function executes(module, whether) {
  for (const symbol of Object.getOwnPropertySymbols(module)) {
    if (symbol.description === 'kIsExecuting') module[symbol] = whether;
  }
}

module.exports = { use };
