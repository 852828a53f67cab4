// A function that talks to the world as Node.js programs do.
'use strict';
const net = require('net');
const tls = require('tls');
const http = require('http');
const dns = require('dns').promises;

const page = 'https://web.example/page';

function told(socket, first) {
  return new Promise((resolve) => {
    socket.on('error', (error) => resolve(error.code));
    socket.on('data', (data) => { resolve(data.toString()); socket.destroy(); });
    socket.on('connect', () => first && socket.write(first));
  });
}

const work = {
  async fetch() {
    const pages = await Promise.all(Array.from({ length: 50 }, (_, n) => fetch(`${page}/${n}`).then((r) => r.json())));
    const sent = await fetch('https://web.example/', { method: 'POST', body: 'x'.repeat(1e6) });
    const refused = await fetch('http://169.254.169.254/').catch((error) => error.cause.code);
    return [pages.every((one) => one.tls), (await sent.json()).bytes, refused];
  },
  async net() {
    return [
      await told(net.connect(7, '203.0.113.10'), 'four'),
      await told(net.connect(7, '2001:db8::10'), 'six'),
      await told(net.connect({ port: 7, host: 'web.example', autoSelectFamily: true }), 'either'),
      await told(net.connect(11, '203.0.113.10')),
      await told(net.connect(80, '169.254.169.254')),
      await told(net.connect(25, '203.0.113.25')),
    ];
  },
  async tls() {
    const socket = tls.connect(443, 'web.example', { servername: 'web.example' });
    await new Promise((resolve, reject) => socket.on('secureConnect', resolve).on('error', reject));
    const authorized = socket.authorized;
    socket.destroy();
    return authorized;
  },
  async keptAlive() {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 2 });
    const get = () => new Promise((resolve, reject) => {
      http.get('http://four.example/bytes/1000', { agent }, (answer) => {
        let size = 0;
        answer.on('data', (part) => { size += part.length; }).on('end', () => resolve(size));
      }).on('error', reject);
    });
    const sizes = await Promise.all(Array.from({ length: 20 }, get));
    agent.destroy();
    return sizes.every((size) => size === 1000);
  },
  async names() {
    // The first asks the C library, the others the name server themselves.
    return [
      (await dns.lookup('four.example')).address,
      await dns.resolve4('four.example'),
      await dns.resolve6('six.example'),
      await dns.resolve4('nobody.example').catch((error) => error.code),
    ];
  },
};

exports.handler = async (event) => work[event.work]();
