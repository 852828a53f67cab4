// The console as Lambda patches it: one record a call, in the text or the JSON format.
'use strict';

const fs = require('fs');

const STDOUT = 1;
const LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];
let asJson = false;

// The invoke that runs now. Before the first one there is none, and each version says so in its own way.
const current = { requestId: undefined, tenantId: undefined };

// Needed with the first line, which many functions never write.
const format = (...values) => require('util').format(...values);

// A record is one event of the log, whatever lines it has: a byte that no text has, before a line feed, says that the
// record goes on. The engine knows it too.
function bytes(record) {
  const data = Buffer.from(record);
  if (data.indexOf('\n') === data.length - 1) return data;
  return Buffer.from(data.toString('latin1', 0, data.length - 1).replaceAll('\n', '\xff\n') + '\n', 'latin1');
}

// Synchronous: a record is in the pipe before the answer is sent.
function write(record) {
  let data = bytes(record);
  while (data.length > 0) {
    try {
      data = data.subarray(fs.writeSync(STDOUT, data));
    } catch (error) {
      if (error.code !== 'EAGAIN') return; // nobody reads any more
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

function textLine(level, values) {
  return `${new Date().toISOString()}\t${current.requestId}\t${level}\t${format(...values)}\n`;
}

function errorMembers(error) {
  return {
    errorType: error.constructor?.name ?? 'UnknownError',
    errorMessage: error.message,
    stackTrace: typeof error.stack === 'string' ? error.stack.split('\n') : [],
  };
}

function withErrors(_key, value) {
  return value instanceof Error ? { ...errorMembers(value), ...value } : value;
}

function jsonLine(level, values) {
  const record = { timestamp: new Date().toISOString(), level, requestId: current.requestId };
  if (current.tenantId) record.tenantId = current.tenantId;
  if (values.length === 1) {
    try {
      return `${JSON.stringify({ ...record, message: values[0] }, withErrors)}\n`;
    } catch {
      // A cycle or a BigInt: it is shown as text.
      return `${JSON.stringify({ ...record, message: format(values[0]) })}\n`;
    }
  }
  const error = values.find((value) => value instanceof Error);
  return `${JSON.stringify({ ...record, message: format(...values), ...(error && errorMembers(error)) })}\n`;
}

function patchConsole() {
  asJson = process.env.AWS_LAMBDA_LOG_FORMAT?.toUpperCase() === 'JSON';
  const line = asJson ? jsonLine : textLine;
  const lowest = LEVELS.indexOf(process.env.AWS_LAMBDA_LOG_LEVEL?.toUpperCase());
  LEVELS.forEach((level, at) => {
    console[level.toLowerCase()] = at < lowest ? () => {} : (...values) => write(line(level, values));
  });
  console.log = console.info;
}

function withStack(_key, value) {
  if (!(value instanceof Error)) return value;
  const shown = { errorType: value.name, errorMessage: value.message, code: value.code, ...value };
  return typeof value.stack === 'string' ? { ...shown, stack: value.stack.split('\n') } : shown;
}

// What the runtime itself says of a failure.
function logFailure(what, thrown) {
  const error = thrown instanceof Error ? thrown : new Error(thrown);
  if (asJson) return console.error(error);
  let shown;
  try {
    shown = JSON.stringify(error, withStack);
  } catch {
    shown = JSON.stringify(require('./lambkin-errors.cjs').describe(error));
  }
  console.error(what, `\t${shown}`);
}

module.exports = { current, logFailure, patchConsole };
