// Loads files in all the ways there are, and tells what can be seen of it; and apart from that, which were compiled.
'use strict';

const fs = require('fs');
const Module = require('module');

const warnings = [];
process.on('warning', (warning) => warnings.push(warning.name));

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
  const text = fs.readFileSync(file, 'utf8').replace("'one'", "'two'");
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

// As where a function replaces the file system, or has no file left to open.
function unread() {
  const { openSync } = fs;
  fs.openSync = (name, ...more) => {
    if (name.startsWith('/var/compiled/')) throw new Error('no more files');
    return openSync(name, ...more);
  };
  try {
    return told(() => require('./either/unread'));
  } finally {
    fs.openSync = openSync;
  }
}

const look = () => ({
  around: require('./around'),
  circle: require('./circle').seen,
  commonjs: require('./folder/other.cjs'),
  elsewhere: require('./elsewhere').place,
  early: require('./early'),
  entry: require('./entry'),
  fails: [told(() => require('./fails')), told(() => require('./fails'))],
  importing: told(() => require('./either/imports').name),
  invalid: told(() => require('./invalid')),
  json: require('./data.json'),
  maps: ['./mapped', './mapped-amid', './mapped-behind', './mapped-not'].map((name) => require(name)()),
  named: require('./named')(),
  oneLine: require('./one-line').place,
  otherText: [require('./early'), otherText(require.resolve('./early'))],
  raised: told(require('./raises').handler),
  shebang: require('./shebang').place,
  unread: unread(),
  strict: require('./strict'),
  wrapped: wrappedOtherwise(),
  children: module.children.map((child) => child.id),
  prototype: [Module.prototype._compile.length, Object.keys(Module.prototype).includes('_compile')],
});

exports.handler = async () => {
  const seen = look();
  const imports = require('./either/imports');
  seen.imported = [(await imports.file()).default, Object.keys(await imports.module())];
  const texts = ['eval', 'function'].map((name) => require(`./either/${name}`)("import('../early.js')"));
  seen.evaluated = (await Promise.all(texts)).map((one) => one.default);
  seen.missing = await imports.missing().catch((error) => [error.code, error.message]);
  // They are told a moment later.
  await new Promise(setImmediate);
  Object.assign(seen, { warnings, falseTexts: globalThis.falseTexts ?? [] });
  const value = require('./value');
  const plain = place(require('./small').stack);
  const isCompiled = (one) => one.loadedIn !== undefined && place(one.loadedIn) !== plain && !one.id.includes('/either/');
  const compiled = Object.values(require.cache).filter(isCompiled).map((one) => one.id.slice('/var/task/'.length));
  return { seen, value, version: process.versions.node, compiled: compiled.sort() };
};
