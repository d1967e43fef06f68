/** nginx, twice: as the yardstick in front of the mock provider, and as a provider that answers faster than Node can. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from './ports.ts';
import { findProgram, startPart, type Part } from './processes.ts';
import type { Provider } from './wire.ts';

export interface Nginx extends Part {
  /** `proxy_buffering on`: for whole replies of each provider. */
  readonly ports: Readonly<Record<Provider, number>>;
  /** `proxy_buffering off`: for streams, which the provider in Node sends. */
  readonly streamPort: number;
}

/** One process, no log, connections kept for ever; `inner` is what it serves. */
const configuration = (dir: string, inner: string): string => {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((name) => `  ${name}_temp_path ${join(dir, name)};`)
    .join('\n');
  return `daemon off;
master_process off;
pid ${join(dir, 'nginx.pid')};
error_log ${join(dir, 'error.log')} crit;
worker_rlimit_nofile 16384;
events { worker_connections 8192; }
http {
${temporary}
  access_log off;
  tcp_nodelay on;
  keepalive_requests 100000000;
  client_body_buffer_size 1m;
  client_max_body_size 64m;
${inner}
}
`;
};

/** A server on `port` that passes everything to `upstreamPort`. */
const proxy = (port: number, upstreamPort: number, buffering: 'on' | 'off'): string => `
  upstream to${port} { server 127.0.0.1:${upstreamPort}; keepalive 1024; keepalive_requests 100000000; }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / {
      proxy_pass http://to${port};
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_buffering ${buffering};
    }
  }`;

/** True when nginx is installed here. */
export const hasNginx = findProgram('nginx') !== null;

const start = async (dir: string, inner: string, port: number, core: number): Promise<Part> => {
  const command = findProgram('nginx');
  if (command === null) throw new Error('nginx is not installed');
  mkdirSync(dir);
  const path = join(dir, 'nginx.conf');
  writeFileSync(path, configuration(dir, inner));
  const part = startPart({
    command,
    args: ['-p', dir, '-c', path, '-e', join(dir, 'error.log')],
    core,
    logPath: join(dir, 'nginx.log'),
  });
  for (let waitedMs = 0; waitedMs < 10_000 && part.isRunning(); waitedMs += 50) {
    const answered = await fetch(`http://127.0.0.1:${port}/`).then(
      async (response) => {
        await response.text();
        return true;
      },
      () => false,
    );
    if (answered) return part;
    await sleep(50);
  }
  const said =
    readFileSync(join(dir, 'error.log'), 'utf8') + readFileSync(join(dir, 'nginx.log'), 'utf8');
  throw new Error(`nginx did not start: ${said}`);
};

/** Starts nginx in front of the providers. Throws when it does not answer. */
export const startNginx = async (
  dir: string,
  upstreams: Readonly<Record<Provider, number>>,
  core: number,
): Promise<Nginx> => {
  const ports = { nginx: await freePort(), node: await freePort() };
  const streamPort = await freePort();
  const servers = [
    proxy(ports.nginx, upstreams.nginx, 'on'),
    proxy(ports.node, upstreams.node, 'on'),
    proxy(streamPort, upstreams.node, 'off'),
  ];
  const part = await start(join(dir, 'nginx'), servers.join(''), ports.nginx, core);
  return { ...part, ports, streamPort };
};

/** Starts nginx in front of one server that takes large bodies. */
export const startProxy = async (
  dir: string,
  upstreamPort: number,
  core: number,
): Promise<Part & { readonly port: number }> => {
  const port = await freePort();
  const part = await start(join(dir, 'nginx'), proxy(port, upstreamPort, 'on'), port, core);
  return { ...part, port };
};

/** Starts a provider that answers every request with `body` at once, at a third of the CPU of one in Node. */
export const startNginxMock = async (
  dir: string,
  body: string,
  core: number,
): Promise<Part & { readonly port: number }> => {
  const port = await freePort();
  const inner = `  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / { default_type application/json; return 200 '${body}'; }
  }`;
  return { ...(await start(join(dir, 'nginx-mock'), inner, port, core)), port };
};
