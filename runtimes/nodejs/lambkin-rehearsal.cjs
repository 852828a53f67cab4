// Where a first event is played before there is a function: what is compiled and looked up at its first use is so before
// it is needed. Nothing of it leaves the process, and the function that comes finds nothing of it.
'use strict';

const Module = require('module');
const net = require('net');

const { RuntimeApi } = require('./lambkin-api.cjs');

// A module that answers its event.
const ROOT = '/var/runtime';
const HANDLER = 'lambkin-rehearsed.handler';
const FILE = '/var/runtime/lambkin-rehearsed.js';
const EVENT =
  'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nlambda-runtime-aws-request-id: -\r\n' +
  'lambda-runtime-deadline-ms: 1\r\nlambda-runtime-invoked-function-arn: -\r\ncontent-length: 7\r\n\r\n{"n":1}';
const TAKEN = 'HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n';
// More make it no faster.
const EVENTS = 2;

class Stage {
  #socket;

  // Speaks into the void.
  api() {
    const nothing = () => 0;
    const names = ['readStart', 'readStop', 'ref', 'unref', 'close', 'writeUtf8String'];
    const handle = Object.fromEntries(names.map((name) => [name, nothing]));
    return new RuntimeApi('', () => (this.#socket = new net.Socket({ handle, readable: true, writable: true })));
  }

  // Events until those who take them know the way; one that is not answered never is, and nobody misses it.
  async play() {
    for (let count = 0; count < EVENTS; count += 1) {
      this.#socket.push(Buffer.from(EVENT));
      for (let turn = 0; turn < 2; turn += 1) await new Promise(setImmediate);
      this.#socket.push(Buffer.from(TAKEN));
    }
  }
}

// Takes the module out of all that a function can look into.
function forget() {
  const module = Module._cache[FILE];
  const siblings = module?.parent?.children ?? [];
  if (siblings.includes(module)) siblings.splice(siblings.indexOf(module), 1);
  delete Module._cache[FILE];
  const paths = Module._pathCache;
  for (const key of Object.keys(paths)) if (paths[key] === FILE) delete paths[key];
}

// Whatever fails in it is nobody's failure.
async function run(rehearse) {
  process.setUncaughtExceptionCaptureCallback(() => {});
  try {
    await rehearse({ HANDLER, ROOT, Stage });
  } catch {
    // What is not rehearsed takes its time later.
  }
  forget();
  process.setUncaughtExceptionCaptureCallback(null);
}

module.exports = { run };
