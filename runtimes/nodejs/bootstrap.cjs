// Runs a Node.js function: loads its handler, then takes one event after the other from the Runtime API.
//
// Started by the engine, in the sandbox. CommonJS and its own HTTP client, because those start fastest.
// Node.js 24 is "modern": no callbacks, handlers found by `import` alone, failures of the process are its own.
'use strict';

const fs = require('fs');
const start = require('./lambkin-start.cjs'); // first: it notes when the runtime began
const { RuntimeApi } = require('./lambkin-api.cjs');
const compiled = require('./lambkin-compiled.cjs');
const { current, logFailure, patchConsole } = require('./lambkin-console.cjs');
const { InvokeStore, ofInvoke, setTrace } = require('./lambkin-context.cjs');
const errors = require('./lambkin-errors.cjs');
const { defineGlobals, load, streaming } = require('./lambkin-handler.cjs');

const FIRST_MODERN = 24;
const EXIT_UNHANDLED_REJECTION = 128;
const EXIT_UNCAUGHT_EXCEPTION = 129;

const NO_CALLBACKS =
  'ERROR: AWS Lambda has removed support for callback-based function handlers starting with Node.js 24. ' +
  'You need to modify this function to use a supported handler signature to use Node.js 24 or later. ' +
  'For more information see https://docs.aws.amazon.com/lambda/latest/dg/nodejs-handler.html.';

// The runtime that was asked for decides, which may not be the interpreter's version.
const version = /^AWS_Lambda_nodejs(\d+)/.exec(process.env.AWS_EXECUTION_ENV)?.[1] ?? process.versions.node;
const modern = parseInt(version, 10) >= FIRST_MODERN;

let api;
let invokeStore = new InvokeStore();
let handler;
let stream = null;
// What happens when the event loop runs empty while a handler has not answered.
let whenIdle = () => {};
// Ends a response that is being streamed with an error, then calls back.
let breakStream = null;

function connect() {
  api = new RuntimeApi(process.env.AWS_LAMBDA_RUNTIME_API);
  return api;
}

async function main() {
  patchConsole();
  defineGlobals(modern, invokeStore);
  if (modern) current.requestId = invokeStore.getRequestId();
  else watchProcess();
  process.on('exit', () => api.lingerSync());
  compiled.use();
  start.begin();
  try {
    handler = await load(process.env.LAMBDA_TASK_ROOT ?? '/var/task', process.env._HANDLER ?? '', modern);
    stream = streaming(handler);
    if (modern && handler.length >= 3 && !stream) throw new errors.CallbackHandlerDeprecated(NO_CALLBACKS);
  } catch (error) {
    logFailure(modern ? 'Init Error' : 'Uncaught Exception', error);
    return failInit(error, modern ? 1 : EXIT_UNCAUGHT_EXCEPTION);
  }
  api.next(onEvent, start.end());
}

function failInit(error, exitCode) {
  const report = errors.describe(error);
  api.failInit(JSON.stringify(report), report.errorType, () => process.exit(exitCode));
}

// Up to Node.js 22 Lambda answers for what nobody has caught, and ends the process.
function watchProcess() {
  const end = (what, error, exitCode) => {
    logFailure(what, error);
    const exit = () => process.exit(exitCode);
    if (current.requestId === undefined) return failInit(error, exitCode);
    if (api.isIdle) return api.end(exit);
    if (breakStream) return breakStream(error, exit);
    const report = errors.describe(error);
    api.failAndEnd(current.requestId, JSON.stringify(report), report.errorType, exit);
  };
  process.on('uncaughtException', (error) => end('Uncaught Exception', error, EXIT_UNCAUGHT_EXCEPTION));
  process.on('unhandledRejection', (reason, promise) => {
    const error = new errors.UnhandledPromiseRejection(reason, promise);
    end('Unhandled Promise Rejection', error, EXIT_UNHANDLED_REJECTION);
  });
  process.on('beforeExit', () => whenIdle());
}

function onEvent(headers, body) {
  const id = headers['lambda-runtime-aws-request-id'];
  current.requestId = id;
  current.tenantId = headers['lambda-runtime-aws-tenant-id'];
  setTrace(headers['lambda-runtime-trace-id']);
  const invoke = stream ? invokeStreaming : modern ? invokeModern : invokeClassic;
  invoke(id, headers, body);
}

function contextOf(headers) {
  const context = ofInvoke(headers);
  if (modern) {
    context.xRayTraceId = headers['lambda-runtime-trace-id'];
    invokeStore.begin(context);
  }
  return context;
}

function serialize(result) {
  try {
    return JSON.stringify(result) ?? 'null';
  } catch {
    const Failure = modern ? errors.JSONStringifyError : Error;
    throw new Failure('Unable to stringify response body');
  }
}

function respond(id, result) {
  api.respond(id, serialize(result), onEvent);
}

function fail(id, error) {
  logFailure('Invoke Error', error);
  const report = errors.describe(error);
  api.fail(id, JSON.stringify(report), report.errorType, onEvent);
}

async function invokeModern(id, headers, body) {
  let text;
  try {
    const context = contextOf(headers);
    text = serialize(await handler(JSON.parse(body), context));
  } catch (error) {
    return fail(id, error);
  }
  api.respond(id, text, onEvent);
}

const isAsync = (handler) => handler.constructor?.name === 'AsyncFunction';

// Up to Node.js 22: a promise, a callback, or the three functions of the context end an invoke.
function invokeClassic(id, headers, body) {
  let waits = true;
  let answered = false;
  // Whoever comes first answers; a throw on the way leaves it open.
  const once = (answer) => (...values) => {
    if (answered) return;
    answer(...values);
    answered = true;
  };
  const done = (error, result) => {
    whenIdle = () => {};
    if (error === undefined || error === null) respond(id, result);
    else fail(id, error);
  };
  const callback = once((error, result) => {
    if ((error !== undefined && error !== null) || !waits) return done(error, result);
    whenIdle = () => setImmediate(done, null, result);
  });
  const ends = {
    succeed: once((result) => done(null, result)),
    fail: once((error) => done(error ?? 'handled')),
    done: once(done),
  };
  // Nothing is left that could settle an `async` handler's promise; others may end without an answer.
  whenIdle = () => {
    answered = true;
    done(isAsync(handler) ? new errors.NodeJsExit() : null, null);
  };
  try {
    const context = {
      get callbackWaitsForEmptyEventLoop() {
        return waits;
      },
      set callbackWaitsForEmptyEventLoop(value) {
        waits = value;
      },
      ...ends,
    };
    const result = handler(JSON.parse(body), Object.assign(context, contextOf(headers)), callback);
    if (typeof result?.then === 'function') result.then(context.succeed, context.fail).catch(context.fail);
  } catch (error) {
    callback(error);
  }
}

async function invokeStreaming(id, headers, body) {
  const { ResponseStream } = require('./lambkin-stream.cjs');
  let taken;
  const sent = new Promise((resolve) => (taken = resolve));
  const response = new ResponseStream((contentType) => api.stream(id, contentType, taken), stream);
  // Its failures reach the handler that writes; one that nobody listens to must not end the process.
  response.on('error', () => {});
  const context = Object.assign({ callbackWaitsForEmptyEventLoop: true }, contextOf(headers));
  const unfinished = () => {
    const error = new Error('Response stream is not finished.');
    logFailure('Invoke Error', error);
    response.fail(error);
  };
  whenIdle = unfinished;
  breakStream = (error, done) => {
    response.fail(error);
    sent.then(done);
  };
  try {
    const result = handler(JSON.parse(body), response, context);
    if (typeof result?.then !== 'function') throw new Error('Streaming does not support non-async handlers.');
    if ((await result) !== undefined) console.warn('Streaming handlers ignore return values.');
  } catch (error) {
    logFailure('Invoke Error', error);
    response.fail(error);
  }
  await sent;
  breakStream = (_error, done) => done();
  whenIdle = () => {};
  if (modern || !context.callbackWaitsForEmptyEventLoop) return setImmediate(() => api.next(onEvent));
  whenIdle = () => {
    whenIdle = () => {};
    api.next(onEvent);
  };
}

// Events of nobody's function, from its loading to its answers; afterwards all is as if they had not been.
async function rehearse({ HANDLER, ROOT, Stage }) {
  const stage = new Stage();
  api = stage.api();
  try {
    patchConsole();
    defineGlobals(modern, invokeStore);
    compiled.use();
    start.begin();
    handler = await load(ROOT, HANDLER, modern);
    stream = streaming(handler);
    api.next(onEvent, start.end());
    await stage.play();
  } finally {
    start.forget();
    delete globalThis.awslambda;
    handler = current.requestId = current.tenantId = undefined;
    invokeStore = new InvokeStore();
    whenIdle = () => {};
  }
}

// Whoever starts one late gives it nothing to read. Outside of a promise, as then.
if (fs.fstatSync(0).isFIFO()) {
  require('./lambkin-wait.cjs').wait(rehearse, connect).then(() => setImmediate(main));
} else {
  connect();
  main();
}
