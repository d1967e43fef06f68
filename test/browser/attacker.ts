/** The attacker's servers: one for its pages and what they report, and one on the port of each listener for DNS rebinding. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import net from 'node:net';
import path from 'node:path';

/** One address that a page tries. */
export interface Target {
  readonly url: string;
  /** Null: looked at with GET. Else sent with POST; `WAY` in it becomes the name of the way it was sent. */
  readonly body: string | null;
  readonly headers: Readonly<Record<string, string>>;
}

/** What a page does: tries targets, opens further pages in frames, reports. */
export interface Plan {
  readonly targets: readonly Target[];
  readonly frames: readonly string[];
}

/** What a page saw of one attempt. */
export interface Seen {
  readonly page: string;
  readonly what: string;
  readonly url: string;
  readonly outcome: string;
}

const script = readFileSync(path.join(import.meta.dirname, 'page.js'), 'utf8');

/** The path under which the attacker's page is served, on every address of the attacker's. */
export const pagePath = '/attack';

const pageOf = (plan: Plan, report: string): string => {
  const data = JSON.stringify({ ...plan, report }).replaceAll('<', '\\u003c');
  return `<!doctype html><title>x</title><body><script>const plan = ${data};\n${script}</script>`;
};

const isSeen = (value: unknown): value is Seen =>
  typeof value === 'object' &&
  value !== null &&
  ['page', 'what', 'url', 'outcome'].every((name) => name in value);

const isReport = (value: unknown): value is readonly Seen[] =>
  Array.isArray(value) && value.every((one: unknown) => isSeen(one));

export interface PageServer {
  readonly port: number;
  /** The reports so far, one per page. */
  readonly reports: readonly (readonly Seen[])[];
  close(): void;
}

/** Serves the page for each name, and takes reports. `planOf` gets the name under which the page was asked for. */
export const servePages = async (planOf: (host: string) => Plan): Promise<PageServer> => {
  const reports: (readonly Seen[])[] = [];
  const server = createServer((request, response) => {
    if (request.method === 'POST') {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const report: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
        if (isReport(report)) reports.push(report);
        response.end();
      });
      return;
    }
    if (request.url !== pagePath) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' });
    response.end(pageOf(planOf(request.headers.host ?? ''), reportTo));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const reportTo = `http://127.0.0.1:${address.port}/report`;
  return {
    port: address.port,
    reports,
    close() {
      server.close();
      server.closeAllConnections();
    },
  };
};

/**
 * What the visitor's browser finds behind a name that changes its address: first the attacker's page, then, under the same
 * name and port, the listener itself. The first is served here, on another loopback address; the rest is passed byte for byte.
 */
export const rebind = async (options: {
  readonly address: string;
  readonly port: number;
  readonly plan: Plan;
  readonly report: string;
}): Promise<{ readonly passed: () => number; close(): void }> => {
  const { address, port, plan, report } = options;
  const page = Buffer.from(pageOf(plan, report));
  let passed = 0;
  const open = new Set<net.Socket>();
  const server = net.createServer((visitor) => {
    open.add(visitor);
    visitor.on('close', () => open.delete(visitor));
    visitor.on('error', () => visitor.destroy());
    visitor.once('data', (head) => {
      if (head.toString('latin1').startsWith(`GET ${pagePath} `)) {
        visitor.end(
          `HTTP/1.1 200 OK\r\ncontent-type: text/html; charset=utf-8\r\ncontent-length: ${page.length}\r\nconnection: close\r\n\r\n${page.toString('latin1')}`,
          'latin1',
        );
        return;
      }
      passed += 1;
      const listener = net.connect(port, '127.0.0.1');
      listener.on('error', () => visitor.destroy());
      visitor.on('close', () => listener.destroy());
      listener.write(head);
      visitor.pipe(listener);
      listener.pipe(visitor);
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, resolve);
  });
  return {
    passed: () => passed,
    close() {
      server.close();
      for (const visitor of open) visitor.destroy();
    },
  };
};
