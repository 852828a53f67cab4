// Has Node.js take what was compiled of the function's CommonJS files beforehand, beside the package and not in it.
//
// It is V8's code cache, held against its source by CRC-32, as Node.js holds its own, and by V8 against the version and
// the flags. All else is left to Node.js: it has the module load a text that returns what a file's code is called with.
// Where anything is unusual, or goes wrong, all is left to it.
'use strict';

// The function may change them later.
const { existsSync, readFileSync } = require('fs');
const Module = require('module');

const FOLDER = '/var/compiled/';
const INDEX = `${FOLDER}index.json`;
const ENTRY = '/var/runtime/bootstrap.cjs';
// Node.js's own cache, which a package may bring along; coverage counts what is compiled as it is run.
const VARIABLES = ['NODE_COMPILE_CACHE', 'NODE_V8_COVERAGE'];
// With others code may run before, watch or change how files are loaded, or be forbidden what is done here.
const FLAGS = new Set([
  '--dns-result-order', '--enable-source-maps', '--expose-gc', '--max-http-header-size', '--max-old-space-size',
  '--no-deprecation', '--no-warnings', '--unhandled-rejections',
]);
// How Node.js loads a file, as far as it is relied on.
const WRAPPED = '(function (exports, require, module, __filename, __dirname) { \n});';
const LOADING = /\bwrapSafe\(/;
// Node.js's loader is in the stack of what a file runs while it is loaded. This stands there instead, and under its name:
// tools that look for a caller pass over that.
const LOADER = 'node:internal/modules/cjs/loader';
const COMPILE = `'use strict'; return function _compile(content, filename, format) {
  const compiled = find(content, filename, format);
  if (compiled === undefined) return apply(usual, this, arguments);
  const given = apply(usual, this, [compiled.returnsGiven, filename, format]);
  executes(this, true);
  const result = apply(compiled.run, given[0], given);
  executes(this, false);
  return result;
}`;

// From now on, unless there is nothing, or anything is unusual. Called before any code of the function.
function use() {
  try {
    if (existsSync(INDEX) && isUsual()) install(new Map(JSON.parse(readFileSync(INDEX, 'utf8'))));
  } catch {
    // It does without.
  }
}

// Whether Node.js was started as ever, and nobody has run before or changed how it loads files.
function isUsual() {
  const { env, execArgv } = process;
  const flags = [...execArgv, ...(env.NODE_OPTIONS ?? '').split(' ')].filter((flag) => flag !== '');
  if (!flags.every((flag) => FLAGS.has(flag.split('=')[0])) || VARIABLES.some((name) => name in env)) return false;
  if (process.mainModule?.filename !== ENTRY || Module.wrap('') !== WRAPPED) return false;
  const compile = Object.getOwnPropertyDescriptor(Module.prototype, '_compile');
  return compile.configurable && LOADING.test(Function.prototype.toString.call(compile.value));
}

function install(entries) {
  const usual = Module.prototype._compile;
  const parts = { find: finder(entries), usual, apply: Reflect.apply, executes };
  const made = require('vm').compileFunction(COMPILE, Object.keys(parts), { filename: LOADER });
  const compile = made(...Object.values(parts));
  doNotWarn();
  // So far stacks had that of the property.
  Object.defineProperty(usual, 'name', { value: '_compile', configurable: true });
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
}

// Finds a file's function, and the text of a file that returns what Node.js would call it with.
function finder(entries) {
  const { crc32 } = require('zlib');
  const { script } = require('./lambkin-script.cjs');
  const { getCompileCacheDir, wrap, wrapper } = Module;
  const [head, tail] = wrapper;
  const isWrappedOtherwise = () =>
    Module.wrap !== wrap || Module.wrapper !== wrapper || wrapper[0] !== head || wrapper[1] !== tail;
  // Node.js's own cache would be of the text that is given instead.
  const isCachedOtherwise = () => getCompileCacheDir?.() !== undefined;
  const find = (content, filename, format) => {
    const entry = entries.get(filename);
    if (entry === undefined || (format !== undefined && format !== 'commonjs')) return undefined;
    if (isWrappedOtherwise() || isCachedOtherwise()) return undefined;
    if (typeof content !== 'string' || crc32(content) !== entry.crc) return undefined;
    const compiled = script(content, filename, readFileSync(FOLDER + entry.at));
    if (compiled.cachedDataRejected) {
      // As it will all others.
      entries.clear();
      return undefined;
    }
    // Node.js notes the source map that V8 has read of, in whatever place.
    const { sourceMapURL } = compiled;
    const map = sourceMapURL === undefined ? '' : `//# sourceMappingURL=${sourceMapURL}`;
    return { run: compiled.runInThisContext(), returnsGiven: `return arguments\n${map}` };
  };
  return (content, filename, format) => {
    try {
      return find(content, filename, format);
    } catch {
      entries.delete(filename);
      return undefined;
    }
  };
}

// Node.js warns of the first `import()` in what is compiled like this. It never comes to one here: what warns throws.
function doNotWarn() {
  const { script } = require('./lambkin-script.cjs');
  const { emitWarning } = process;
  process.emitWarning = () => {
    throw new Error('not now');
  };
  try {
    script("return import('')", LOADER).runInThisContext()().catch(() => {});
  } finally {
    process.emitWarning = emitWarning;
  }
}

// Node.js notes at a module whether its code runs, by which it knows circles.
function executes(module, whether) {
  for (const symbol of Object.getOwnPropertySymbols(module)) {
    if (symbol.description === 'kIsExecuting') module[symbol] = whether;
  }
}

module.exports = { use };
