// Writes a zip as it is made: files that are stored, below 4 GiB and 65536 of them.
'use strict';

const { crc32 } = require('zlib');

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const VERSION = 20;
// 1 January 1980, the first day that there is.
const DATE = 0x21;

class ZipWriter {
  #write;
  #written = 0;
  #central = [];
  #count = 0;

  constructor(write) {
    this.#write = write;
  }

  // The name is of ASCII.
  add(name, content) {
    const at = this.#written;
    const common = Buffer.alloc(26);
    common.writeUInt16LE(VERSION, 0);
    common.writeUInt16LE(DATE, 8);
    common.writeUInt32LE(crc32(content), 10);
    common.writeUInt32LE(content.length, 14);
    common.writeUInt32LE(content.length, 18);
    common.writeUInt16LE(name.length, 22);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(at, 10);
    this.#central.push(word(CENTRAL), half(VERSION), common, rest, Buffer.from(name));
    for (const part of [word(LOCAL), common, Buffer.from(name), content]) this.#put(part);
    this.#count += 1;
  }

  end() {
    const at = this.#written;
    const central = Buffer.concat(this.#central);
    const end = Buffer.alloc(18);
    end.writeUInt16LE(this.#count, 4);
    end.writeUInt16LE(this.#count, 6);
    end.writeUInt32LE(central.length, 8);
    end.writeUInt32LE(at, 12);
    for (const part of [central, word(END), end]) this.#put(part);
  }

  #put(bytes) {
    this.#write(bytes);
    this.#written += bytes.length;
  }
}

function word(value) {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function half(value) {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16LE(value);
  return bytes;
}

module.exports = { ZipWriter };
