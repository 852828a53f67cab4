// Loads files in all the ways there are, and tells what can be seen of it; and apart from that, which were compiled.
'use strict';

const Module = require('module');

// Where Node.js's loader calls a file's code; another place has called those that were compiled beforehand.
const place = (stack) => /Module\._compile \(node:internal\/modules\/cjs\/loader:([\d:]+)\)/.exec(stack)?.[1];
const withoutPlaces = (stack) => stack.replace(/(Module\._compile \(node:[^:]+:)[\d:]+/g, '$1');

function told(run) {
  try {
    return run();
  } catch (error) {
    return withoutPlaces(error.stack);
  }
}

function otherText(file) {
  const text = require('fs').readFileSync(file, 'utf8').replace("'one'", "'two'");
  const other = new Module(file, module);
  other.filename = file;
  other.paths = module.paths;
  other._compile(text, file);
  return other.exports;
}

function wrappedOtherwise() {
  const { wrap } = Module;
  Module.wrap = (text) => wrap(`globalThis.wrapped = true; ${text}`);
  try {
    require('./wrapped');
    return globalThis.wrapped;
  } finally {
    Module.wrap = wrap;
  }
}

const look = () => ({
  around: require('./around'),
  circle: require('./circle').seen,
  commonjs: require('./folder/other.cjs'),
  early: require('./early'),
  entry: require('./entry'),
  fails: [told(() => require('./fails')), told(() => require('./fails'))],
  importing: told(() => require('./imports').name),
  invalid: told(() => require('./invalid')),
  json: require('./data.json'),
  map: require('./mapped')(),
  named: require('./named')(),
  oneLine: require('./one-line').place,
  otherText: [require('./early'), otherText(require.resolve('./early'))],
  raised: told(require('./raises').handler),
  shebang: require('./shebang').place,
  strict: require('./strict'),
  wrapped: wrappedOtherwise(),
  children: module.children.map((child) => child.id),
  prototype: [Module.prototype._compile.length, Object.keys(Module.prototype).includes('_compile')],
});

exports.handler = async () => {
  const seen = look();
  seen.imported = [(await require('./imports').file()).default, Object.keys(await require('./imports').module())];
  seen.missing = await require('./imports').missing().catch((error) => [error.code, error.message]);
  const value = require('./value');
  const plain = place(require('./small').stack);
  const isCompiled = (one) => one.loadedIn !== undefined && place(one.loadedIn) !== plain && !one.id.includes('imports');
  const compiled = Object.values(require.cache).filter(isCompiled).map((one) => one.id.slice('/var/task/'.length));
  return { seen, value, compiled: compiled.sort() };
};
