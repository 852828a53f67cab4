// From the handler's name to the function: Lambda's rules, which changed with Node.js 24.
'use strict';

const fs = require('fs');
const path = require('path');
const { createRequire } = require('module');
const { pathToFileURL } = require('url');

const errors = require('./lambkin-errors.cjs');
const { handlerIn } = require('./lambkin-start.cjs');

const STREAMING = Symbol.for('aws.lambda.runtime.handler.streaming');
const HIGH_WATER_MARK = Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark');
// The file that requires the function's code on Lambda; the stack of a failed require shows it.
const requireAsLambda = createRequire('/var/runtime/index.mjs');

async function load(root, name, modern) {
  if (name.includes('..')) {
    throw new errors.MalformedHandlerName(
      `'${name}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`,
    );
  }
  const base = path.basename(name);
  const dot = base.indexOf('.');
  if (dot < 0) throw new errors.MalformedHandlerName('Bad handler');
  const folder = name.slice(0, name.indexOf(base));
  const module = await loadModule(root, folder, base.slice(0, dot), modern);
  return find(module, base.slice(dot + 1), name, modern);
}

async function loadModule(root, folder, file, modern) {
  try {
    const found = await loadFile(path.resolve(root, folder, file), modern);
    if (found) return found;
    const elsewhere = requireAsLambda.resolve(file, { paths: [root, path.resolve(root, folder)] });
    handlerIn(elsewhere);
    return requireAsLambda(elsewhere);
  } catch (error) {
    if (error instanceof SyntaxError) throw syntaxError(error, modern);
    if (error?.code === 'MODULE_NOT_FOUND') throw new errors.ImportModuleError(error);
    throw error;
  }
}

function syntaxError(original, modern) {
  const error = new errors.UserCodeSyntaxError(original);
  // It begins with the place in the source.
  if (modern) error.stack = original.stack;
  return error;
}

async function loadFile(stem, modern) {
  for (const extension of ['', '.js', '.mjs', '.cjs']) {
    const file = stem + extension;
    if (!fs.existsSync(file)) continue;
    handlerIn(file);
    const imported = modern || extension === '.mjs' || (extension === '.js' && isInModulePackage(file));
    const module = imported ? await import(pathToFileURL(file).href) : requireAsLambda(file);
    if (module) return module;
  }
  return undefined;
}

// Whether the nearest package.json makes its .js files ES modules.
function isInModulePackage(file) {
  for (let folder = path.dirname(file); !folder.endsWith('/node_modules'); folder = path.dirname(folder)) {
    const description = path.join(folder, 'package.json');
    if (fs.existsSync(description)) {
      try {
        return JSON.parse(fs.readFileSync(description, 'utf8'))?.type === 'module';
      } catch (error) {
        console.warn(`${description} cannot be read, so its .js files are taken for CommonJS.`, error);
        return false;
      }
    }
    if (folder === '/') return false;
  }
  return false;
}

function find(module, property, name, modern) {
  const follow = (from) => property.split('.').reduce((value, key) => value && value[key], from);
  const handler = follow(module) || (modern ? follow(module.default) : undefined);
  if (!handler) throw new errors.HandlerNotFound(`${name} is undefined or not exported`);
  if (typeof handler !== 'function') throw new errors.HandlerNotFound(`${name} is not a function`);
  return handler;
}

// Whether the handler streams its response, and how much it lets wait.
function streaming(handler) {
  const kind = handler[STREAMING];
  if (kind === undefined || kind === null || kind === false) return null;
  if (kind !== 'response') throw new errors.MalformedStreamingHandler('Only response streaming is supported.');
  const highWaterMark = parseInt(handler[HIGH_WATER_MARK], 10);
  return Number.isNaN(highWaterMark) ? {} : { highWaterMark };
}

function defineGlobals(modern, invokeStore) {
  if (['1', 'true'].includes(process.env.AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA)) return;
  globalThis.awslambda = {
    streamifyResponse(handler, options) {
      handler[STREAMING] = 'response';
      if (typeof options?.highWaterMark === 'number') handler[HIGH_WATER_MARK] = Math.trunc(options.highWaterMark);
      return handler;
    },
    get HttpResponseStream() {
      return require('./lambkin-stream.cjs').HttpResponseStream;
    },
  };
  if (modern) globalThis.awslambda.InvokeStore = invokeStore;
}

module.exports = { defineGlobals, load, streaming };
