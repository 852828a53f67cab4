// What a Node.js does that is started before it is known for which function.
//
// It does once what takes longer the first time, connects to the Runtime API, and waits for its environment on standard
// input: `NAME=VALUE`, each ended by a zero byte, and then the end. From there on nothing may tell it from one that was
// started late.
'use strict';

const fs = require('fs');

const rehearsal = require('./lambkin-rehearsal.cjs');
const start = require('./lambkin-start.cjs');

async function wait(rehearse, connect) {
  // The loader of ES modules is set up by its first use.
  await import('data:text/javascript,');
  await rehearsal.run(rehearse);
  rehearseBecoming();
  const api = connect();
  await api.connected();
  const environment = fs.readFileSync(0, 'utf8');
  start.runtimeBegins();
  become(environment);
  closeInput();
  // The function's code has come to this folder; so far it was an empty one.
  process.chdir(process.env.LAMBDA_TASK_ROOT);
}

// Takes an environment, and what else a start would have given.
function become(text) {
  const names = new Set();
  for (const pair of text.split('\0')) {
    const equals = pair.indexOf('=');
    const name = pair.slice(0, equals);
    const value = pair.slice(equals + 1);
    names.add(name);
    // A time zone that is set is looked up, even if it was there before.
    if (equals > 0 && process.env[name] !== value) process.env[name] = value;
  }
  for (const name of Object.keys(process.env)) if (!names.has(name)) delete process.env[name];
}

function rehearseBecoming() {
  const own = Object.entries(process.env).map(([name, value]) => `${name}=${value}\0`).join('');
  become(`${own}LAMBKIN_REHEARSAL=1\0`);
  become(own);
  fs.closeSync(fs.openSync('/dev/null', 'r'));
  process.chdir('/');
}

function closeInput() {
  fs.closeSync(0);
  // The lowest number that is free.
  fs.openSync('/dev/null', 'r');
}

module.exports = { wait };
