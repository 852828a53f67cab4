// A streamed response: what the handler writes leaves at once, as chunks of one request. Loaded at the
// first use: `stream` is slow to load.
'use strict';

const { Writable } = require('stream');

const errors = require('./lambkin-errors.cjs');

const HTTP_PRELUDE = 'application/vnd.awslambda.http-integration-response';
// Ends the prelude that says status, headers and cookies.
const DELIMITER = Buffer.alloc(8);

class ResponseStream extends Writable {
  #open;
  #request = null;
  #contentType = 'application/octet-stream';
  #failure = null;
  #finished = false;

  // `open(contentType)` starts the request, with the first bytes or at the end.
  constructor(open, options) {
    super({ highWaterMark: options.highWaterMark });
    this.#open = open;
  }

  setContentType(contentType) {
    if (this.#request) throw new errors.InvalidStreamingOperation('Cannot set content-type, too late.');
    this.#contentType = contentType;
  }

  // Values other than text and bytes are written as their JSON.
  write(chunk, encoding, done) {
    const plain = typeof chunk === 'string' || chunk instanceof Uint8Array;
    return super.write(plain ? chunk : JSON.stringify(chunk), encoding, done);
  }

  // The end that tells the caller that the handler has failed midway.
  fail(error) {
    this.#failure = errors.describe(error);
    if (this.writableFinished) return;
    if (this.destroyed || this.writableEnded) this.#finish();
    else this.end();
  }

  _write(chunk, _encoding, done) {
    this.#start();
    // A chunk without bytes would end the body.
    if (chunk.length === 0) done();
    else this.#request.write(chunk, done);
  }

  _final(done) {
    this.#finish();
    done();
  }

  _destroy(error, done) {
    // Destroyed before its end: the request has to end all the same.
    if (!this.writableFinished && error) this.#failure ??= errors.describe(error);
    if (!this.writableFinished) this.#finish();
    done(error);
  }

  #start() {
    if (this.#request) return;
    this.#request = this.#open(this.#contentType);
    this._onBeforeFirstWrite?.((piece) => this.#request.write(Buffer.from(piece), () => {}));
  }

  #finish() {
    if (this.#finished) return;
    this.#finished = true;
    this.#start();
    this.#request.end(this.#failure);
  }
}

class HttpResponseStream {
  // Sets status, headers and cookies of an HTTP response whose body the stream is.
  static from(stream, prelude) {
    stream.setContentType(HTTP_PRELUDE);
    stream._onBeforeFirstWrite = (write) => {
      write(JSON.stringify(prelude));
      write(DELIMITER);
    };
    return stream;
  }
}

module.exports = { HttpResponseStream, ResponseStream };
