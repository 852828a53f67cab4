// Times the loading of the function's code, module by module, and tells the engine in a header of the first `next`.
//
// Shown by `lambkin why-slow`; nothing depends on it. Node.js gives a module its file name when its code begins to be
// loaded and calls it loaded at the end; setters of these two are in nobody's stack, and are gone from a module once
// it is loaded. ES modules are loaded without them: they are part of the handler's module.
'use strict';

const Module = require('module');

// What the engine keeps; it reads no more and cuts longer names.
const MODULES_MAX = 32;
const BYTES_MAX = 3500;
const NAME_CHARACTERS_MAX = 128;
const PACKAGES = '/node_modules/';
const FUNCTION = '/var/task/';

const now = process.hrtime;
let began = now();

let loadBegan;
let timing = false;
let handlerFile = '';
// Modules that are being loaded, the innermost last, and those that are.
const loading = [];
const loaded = [];

// What was loaded so far was nobody's.
function forget() {
  timing = false;
  delete Module.prototype.filename;
  loading.length = loaded.length = 0;
  handlerFile = '';
}

// What was before belongs to no function.
function runtimeBegins() {
  began = now();
}

function begin() {
  timing = true;
  loadBegan = now();
  Object.defineProperty(Module.prototype, 'filename', { get: () => null, set: named, configurable: true });
}

// The file with the handler: what others take in it is not its own.
function handlerIn(file) {
  handlerFile = file;
}

// What a property would be without us.
const plain = (value) => ({ value, writable: true, enumerable: true, configurable: true });
const watched = (value, set) => ({ get: () => value, set, enumerable: true, configurable: true });

function named(file) {
  const isLoad = timing && file !== null && Module._cache[file] === this;
  // The loader of ES modules names those that it only looks at, and again when it loads them.
  Object.defineProperty(this, 'filename', isLoad || !timing ? plain(file) : watched(file, named));
  if (!isLoad) return;
  while (loading.length > 0 && hasThrown(loading.at(-1))) loading.pop();
  loading.push({ module: this, file, start: sinceLoadBegan(), within: 0 });
  Object.defineProperty(this, 'loaded', watched(false, ended));
}

// Node.js forgets such a module at once.
function hasThrown({ file, module }) {
  return Module._cache[file] !== module;
}

function ended(value) {
  Object.defineProperty(this, 'loaded', plain(value));
  const at = loading.findLastIndex((one) => one.module === this);
  if (at < 0) return;
  const { file, start, within } = loading[at];
  loading.length = at;
  const total = sinceLoadBegan() - start;
  if (at > 0) loading[at - 1].within += total;
  loaded.push({ file, start, total, own: total - within, depth: at });
}

const micros = ([seconds, nanos]) => seconds * 1e6 + Math.floor(nanos / 1e3);
const sinceLoadBegan = () => micros(now(loadBegan));

// The header that tells what has been measured.
function end() {
  const load = sinceLoadBegan();
  timing = false;
  delete Module.prototype.filename;
  const own = addHandler(load);
  const runtime = micros(loadBegan) - micros(began);
  return `Lambkin-Start: {"runtime":${runtime},"load":${load},"init":${own},"modules":[${told()}]}\r\n`;
}

// The handler's module takes what the others leave; if it is an ES module it has not been timed.
function addHandler(load) {
  const at = loaded.findIndex((one) => one.depth === 0 && one.file === handlerFile);
  let within = 0;
  if (at >= 0) {
    const [{ total, own }] = loaded.splice(at, 1);
    within = total - own;
  } else {
    for (const one of loaded) {
      if (one.depth === 0) within += one.total;
      one.depth += 1;
    }
  }
  const own = Math.max(load - within, 0);
  loaded.push({ file: handlerFile, start: 0, total: load, own, depth: 0 });
  return own;
}

// The modules that took longest; each counts by what it loaded and what it did itself.
function told() {
  loaded.sort((one, other) => other.total + other.own - one.total - one.own);
  let texts = '';
  for (const { file, start, total, own, depth } of loaded.slice(0, MODULES_MAX)) {
    const text = `[${JSON.stringify(nameOf(file))},${start},${total},${own},${Math.min(depth, 255)}]`;
    if (Buffer.byteLength(texts) + Buffer.byteLength(text) < BYTES_MAX) texts += texts ? `,${text}` : text;
  }
  return texts;
}

function nameOf(file) {
  const packages = file.lastIndexOf(PACKAGES);
  const from = packages >= 0 ? packages + PACKAGES.length : file.startsWith(FUNCTION) ? FUNCTION.length : 0;
  // Of the control characters JSON leaves this one, which no header may have.
  return file.slice(from, from + NAME_CHARACTERS_MAX).replaceAll('\x7f', '?');
}

module.exports = { begin, end, forget, handlerIn, runtimeBegins };
