// How a CommonJS file is compiled where V8's cache of it is made, and where that is used: both must be alike.
'use strict';

const vm = require('vm');

// What Node.js puts around it, on lines of its own: what is within keeps its place.
const HEAD = '(function (exports, require, module, __filename, __dirname) {\n';
const TAIL = '\n})';
// Has its `import()` do what it does in any file. Nothing where Node.js does not know it.
const importModuleDynamically = vm.constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER;

// Run, it is the function of the file.
function script(source, filename, cachedData) {
  return new vm.Script(HEAD + source + TAIL, { filename, lineOffset: -1, cachedData, importModuleDynamically });
}

module.exports = { importModuleDynamically, script };
