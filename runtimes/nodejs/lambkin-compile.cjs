// Compiles the CommonJS files of a package, and writes what V8 would cache of them as a zip to the standard output.
//
// Runs in a sandbox of its own, before the function does, and runs nothing of it. Files that do not compile are left out:
// whoever loads them is told so then.
'use strict';

const fs = require('fs');
const path = require('path');
const { compileFunction } = require('vm');
const { crc32 } = require('zlib');

const { importModuleDynamically, script } = require('./lambkin-script.cjs');
const { ZipWriter } = require('./lambkin-zip.cjs');

const TASK = '/var/task';
const PARAMETERS = ['exports', 'require', 'module', '__filename', '__dirname'];
const SUFFIXES = ['.js', '.cjs'];
// Smaller files are compiled about as fast as anything is read; larger ones, and what comes of those, are data as a rule.
const SOURCE_BYTES_MIN = 8 << 10;
const SOURCE_BYTES_MAX = 12 << 20;
const COMPILED_BYTES_MAX = 16 << 20;
// Of larger files much never runs, and to load its compiled form takes longer than to compile what does.
const WHOLE_LETTERS_MAX = 4 << 20;
// Each takes up to 2 KB meanwhile.
const FUNCTIONS_MAX = 100_000;
// How they begin, and some blocks.
const FUNCTION = /=>|\)\s*\{/g;
const FILES_MAX = 10_000;
// Until then what is taken from a cache forgets how to import, and so do the texts that it evaluates.
const FIRST_THAT_IMPORTS = 22;
const IMPORT = /\bimport\s*[(/]/;
const EVALUATION = /\beval\b|\bAsyncFunction\s*[=(]|\bFunction\s*\((?!\s*(["'])return this\1\s*\))|\}\s*\)+\s*\.constructor\b/;

const imports = parseInt(process.versions.node, 10) >= FIRST_THAT_IMPORTS;

function main(bytesMax, secondsMax) {
  const ends = performance.now() + secondsMax * 1000;
  const zip = new ZipWriter((bytes) => writeAll(1, bytes));
  // Node.js before 20.12 and 20.15 has none of these.
  if (importModuleDynamically !== undefined && crc32 !== undefined) addAll(zip, bytesMax, ends);
  zip.end();
}

function addAll(zip, bytesMax, ends) {
  const compiler = new Compiler();
  const index = [];
  let left = bytesMax;
  for (const file of sources()) {
    if (performance.now() > ends || index.length === FILES_MAX) break;
    const compiled = compiler.compile(file);
    if (compiled === undefined || compiled.data.length > left) continue;
    const { data, crc } = compiled;
    left -= data.length;
    const at = String(index.length);
    zip.add(at, data);
    index.push([file, { at, crc }]);
  }
  if (index.length > 0) zip.add('index.json', Buffer.from(JSON.stringify(index)));
}

function writeAll(descriptor, bytes) {
  for (let at = 0; at < bytes.length; ) at += fs.writeSync(descriptor, bytes, at);
}

// The nearest first: there may be no time for all.
function* sources() {
  const folders = [TASK];
  for (const folder of folders) {
    for (const entry of entriesOf(folder)) {
      const file = path.join(folder, entry.name);
      if (entry.isDirectory()) folders.push(file);
      else if (entry.isFile() && SUFFIXES.includes(path.extname(file))) yield file;
    }
  }
}

function entriesOf(folder) {
  try {
    return fs.readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

// Nothing if it is not worth it.
function read(file) {
  const { size } = fs.statSync(file);
  return size >= SOURCE_BYTES_MIN && size <= SOURCE_BYTES_MAX ? fs.readFileSync(file, 'utf8') : undefined;
}

function isTaken(source) {
  if (!imports && (IMPORT.test(source) || EVALUATION.test(source))) return false;
  return !hasTooManyFunctions(source);
}

function hasTooManyFunctions(source) {
  const functions = source.matchAll(FUNCTION);
  for (let count = 0; count <= FUNCTIONS_MAX; count += 1) if (functions.next().done) return false;
  return true;
}

class Compiler {
  #session = new (require('inspector').Session)();
  #parsed;

  constructor() {
    this.#session.connect();
    this.#session.on('Debugger.scriptParsed', ({ params }) => (this.#parsed = params));
    this.#session.post('Debugger.enable');
  }

  // What V8 would cache, and what of it tells its source. Nothing if there is no use in it, or it cannot be had.
  compile(file) {
    try {
      const source = read(file);
      if (source === undefined || !isTaken(source)) return undefined;
      const data = this.#compile(source, file)?.createCachedData();
      return data === undefined || data.length > COMPILED_BYTES_MAX ? undefined : { data, crc: crc32(source) };
    } catch {
      return undefined;
    }
  }

  #compile(source, file) {
    // What is no body of a function could run outside of the one that is put around it.
    compileFunction(source, PARAMETERS);
    const compiled = script(source, file);
    // It only is the function, and V8 tells of it then.
    compiled.runInThisContext();
    // Node.js would call the file by the name that it gives itself.
    if (this.#parsed.hasSourceURL) return undefined;
    if (source.length <= WHOLE_LETTERS_MAX) this.#compileFunctions();
    return compiled;
  }

  // V8 compiles a function when it is called first, or when a debugger wants to know where it could stop.
  #compileFunctions() {
    const start = { scriptId: this.#parsed.scriptId, lineNumber: 0, columnNumber: 0 };
    this.#session.post('Debugger.getPossibleBreakpoints', { start });
  }
}

main(Number(process.argv[2]), Number(process.argv[3]));
