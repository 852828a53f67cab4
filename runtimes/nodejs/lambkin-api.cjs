// The Runtime API's client: HTTP/1.1 over one connection that stays open, on `net` alone.
//
// An answer leaves at once, the request for the next event after all that the function has left to run right away: what
// fails there ends the process before it has an event. While the function's code runs the socket does not keep the
// event loop alive: an empty loop is how Lambda knows that a handler is done.
'use strict';

// The function may change them later.
const { readSync } = require('fs');
const { setImmediate } = globalThis;
const net = require('net');

const VERSION = '/2018-06-01/runtime';
const NEXT = `GET ${VERSION}/invocation/next HTTP/1.1\r\nHost: runtime\r\n\r\n`;
const TRAILERS = ['Lambda-Runtime-Function-Error-Type', 'Lambda-Runtime-Function-Error-Body'];
// How long a process that ends stays for its last answer.
const TAKEN_MILLIS_MAX = 1000;
// What may stand in a header; a function's error may have any name.
const PLAIN = /^[\x21-\x7e][\x20-\x7e]*$/;

class RuntimeApi {
  #open;
  #socket;
  // Who waits for an answer, first asked first; the last may be one whose request is still to be sent.
  #waiting = [];
  #isEnding = false;
  #received = [];
  #receivedBytes = 0;
  #head = null;
  #reconnected = false;

  // With `open` it speaks through whatever that returns.
  constructor(address, open = () => connect(address)) {
    this.#open = open;
    this.#connect();
  }

  // Resolves when there is a connection.
  connected() {
    return new Promise((resolve) => this.#socket.once('connect', resolve));
  }

  // Calls back with the headers (names in lower case) and the body of the next event.
  next(onEvent, moreHeaders = '') {
    this.#send(`${NEXT.slice(0, -2)}${moreHeaders}\r\n`, [asEvent(onEvent)]);
  }

  // Whether no invoke runs.
  get isIdle() {
    return this.#waiting.at(-1)?.event === true;
  }

  respond(id, body, onEvent) {
    this.#postAndNext(`/invocation/${id}/response`, body, '', onEvent);
  }

  fail(id, body, errorType, onEvent) {
    this.#postAndNext(`/invocation/${id}/error`, body, errorType, onEvent);
  }

  // Asks for no further event. Calls back when the last answer has been taken.
  end(onTaken) {
    this.#isEnding = true;
    if (this.#waiting.length === 1) onTaken();
    else this.#waiting[0] = onTaken;
  }

  // Stays until the last answer has been taken: the end of the process must not be heard of before it.
  lingerSync() {
    if (!this.isIdle || this.#waiting.length === 1) return;
    const { fd } = this.#socket._handle ?? {};
    for (let millis = 0; fd >= 0 && millis < TAKEN_MILLIS_MAX && !isReadable(fd); millis += 1) {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }

  // The last words of an invoke whose process ends after them.
  failAndEnd(id, body, errorType, onSent) {
    this.#send(post(`/invocation/${id}/error`, body, errorType), [onSent]);
  }

  failInit(body, errorType, onSent) {
    this.#send(post('/init/error', body, errorType), [onSent]);
  }

  // A response whose size is not known; `onSent` hears that it has been taken.
  stream(id, contentType, onSent) {
    const head =
      `POST ${VERSION}/invocation/${id}/response HTTP/1.1\r\nHost: runtime\r\nContent-Type: ${contentType}\r\n` +
      'Lambda-Runtime-Function-Response-Mode: streaming\r\nTransfer-Encoding: chunked\r\n' +
      `Trailer: ${TRAILERS.join(', ')}\r\n\r\n`;
    this.#send(head, [onSent]);
    return {
      write: (chunk, done) => {
        this.#socket.cork();
        this.#socket.write(`${chunk.length.toString(16)}\r\n`);
        this.#socket.write(chunk);
        this.#socket.write('\r\n', done);
        this.#socket.uncork();
      },
      end: (error) => {
        this.#socket.write(`0\r\n${error ? trailers(error) : ''}\r\n`);
      },
    };
  }

  #postAndNext(path, body, errorType, onEvent) {
    // A refusal (the body is too large, the invoke has timed out) has been told to the caller by Lambda.
    this.#send(post(path, body, errorType), [() => {}, asEvent(onEvent)]);
    const socket = this.#socket; // another one is asked when it is made
    // Not taken back by `clearImmediate`: after a throw in another one Node.js stumbles over it for ever.
    setImmediate(() => this.#isEnding || socket.write(NEXT));
  }

  #connect() {
    const socket = this.#open();
    socket.on('data', (chunk) => this.#take(chunk));
    socket.on('error', () => {}); // 'close' follows
    socket.on('close', () => this.#closed());
    this.#socket = socket;
    socket.unref();
  }

  #send(text, waiters) {
    this.#waiting.push(...waiters);
    this.#socket.ref();
    this.#socket.write(text);
  }

  // Whoever refuses a body may close the connection; the request for the next event is lost with it.
  #closed() {
    const last = this.#waiting.pop();
    if (last === undefined) return;
    if (!last.event) process.exit(1);
    for (const waiter of this.#waiting.splice(0)) waiter();
    this.#received = [];
    this.#receivedBytes = 0;
    this.#head = null;
    if (this.#reconnected) process.exit(1);
    this.#reconnected = true;
    this.#connect();
    this.#send(NEXT, [last]);
  }

  #take(chunk) {
    this.#received.push(chunk);
    this.#receivedBytes += chunk.length;
    while (this.#receivedBytes > 0) {
      if (this.#head === null && !this.#takeHead()) return;
      if (this.#receivedBytes < this.#head.end) return;
      const { start, end, status, headers } = this.#head;
      const data = this.#joined();
      this.#received = data.length > end ? [data.subarray(end)] : [];
      this.#receivedBytes -= end;
      this.#head = null;
      this.#answer(status, headers, data.toString('utf8', start, end));
    }
  }

  #takeHead() {
    const data = this.#joined();
    const start = data.indexOf('\r\n\r\n') + 4;
    if (start < 4) return false;
    const [first, ...lines] = data.toString('utf8', 0, start - 4).split('\r\n');
    const headers = {};
    for (const line of lines) {
      const colon = line.indexOf(':');
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    const end = start + Number(headers['content-length'] ?? 0);
    this.#head = { start, end, status: Number(first.slice(9, 12)), headers };
    return true;
  }

  #joined() {
    if (this.#received.length > 1) this.#received = [Buffer.concat(this.#received, this.#receivedBytes)];
    return this.#received[0];
  }

  #answer(status, headers, body) {
    this.#reconnected = false;
    const waiter = this.#waiting.shift();
    if (this.#waiting.length === 0) this.#socket.unref();
    waiter(status, headers, body);
  }
}

function connect(address) {
  const colon = address.lastIndexOf(':');
  return net.connect({ host: address.slice(0, colon), port: Number(address.slice(colon + 1)), noDelay: true });
}

// Takes what there is to read, or the end.
function isReadable(fd) {
  try {
    return readSync(fd, Buffer.alloc(1)) >= 0;
  } catch (error) {
    return error.code !== 'EAGAIN';
  }
}

function asEvent(onEvent) {
  const waiter = (status, headers, body) => {
    if (status !== 200) throw new Error(`the Runtime API answered ${status} to next: ${body}`);
    // On a stack of its own, so that a trace of the function's code shows little else.
    queueMicrotask(() => onEvent(headers, body));
  };
  waiter.event = true;
  return waiter;
}

function trailers(error) {
  const type = PLAIN.test(error.errorType) ? error.errorType : 'Error';
  const values = [type, Buffer.from(JSON.stringify(error)).toString('base64')];
  return TRAILERS.map((name, at) => `${name}: ${values[at]}\r\n`).join('');
}

function post(path, body, errorType) {
  const kind = PLAIN.test(errorType) ? `Lambda-Runtime-Function-Error-Type: ${errorType}\r\n` : '';
  return (
    `POST ${VERSION}${path} HTTP/1.1\r\nHost: runtime\r\nContent-Type: application/json\r\n${kind}` +
    `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
  );
}

module.exports = { RuntimeApi };
