/**
 * What a hostile page tries, in the browser: every way in which a page can make a browser send something to an address
 * that is not its own, and every way to look at what comes back. Served with `plan` in front of it.
 */
/* global plan */
'use strict';

const patienceMs = 20_000;

/** Ends as what it tried ended, or as `silent`. */
const within = (promise) =>
  Promise.race([
    promise,
    new Promise((resolve) => {
      setTimeout(() => resolve('silent'), patienceMs);
    }),
  ]);

/** What one can see of an answer. An opaque one has neither status nor text. */
const seen = async (response) => {
  const text = response.type === 'opaque' ? '' : await response.text();
  return `${response.type} ${response.status} ${text}`;
};

/** An element that loads `url`; it ends as `loaded` or `failed`. */
const element = (tag, attribute, url, more = {}) =>
  new Promise((resolve) => {
    const node = Object.assign(document.createElement(tag), more);
    node.addEventListener('load', () => resolve('loaded'));
    node.addEventListener('loadedmetadata', () => resolve('loaded'));
    node.addEventListener('error', () => resolve('failed'));
    node.setAttribute(attribute, url);
    document.body.append(node);
  });

/** A frame on `url`: what its document says, where the browser lets us look. */
const frame = async (url) => {
  const id = `i${Math.random().toString(36).slice(2)}`;
  await element('iframe', 'src', url, { id });
  const { contentDocument } = document.getElementById(id);
  return contentDocument === null ? 'hidden' : `shows ${contentDocument.body.textContent}`;
};

/** A form whose text/plain body is `body`: a name with an equals sign that the text can bear. */
const form = (url, body) =>
  new Promise((resolve) => {
    const name = `f${Math.random().toString(36).slice(2)}`;
    const target = Object.assign(document.createElement('iframe'), { name });
    const node = Object.assign(document.createElement('form'), {
      method: 'POST',
      enctype: 'text/plain',
      action: url,
      target: name,
    });
    const cut = body.lastIndexOf('=');
    const [key, value] = [body.slice(0, cut), body.slice(cut + 1)];
    node.append(Object.assign(document.createElement('input'), { name: key, value }));
    document.body.append(target, node);
    target.addEventListener('load', () => resolve('sent'));
    node.submit();
  });

const eventSource = (url) =>
  new Promise((resolve) => {
    const source = new EventSource(url);
    source.addEventListener('open', () => resolve('read: an event stream is open'));
    source.addEventListener('message', ({ data }) => resolve(`read ${data}`));
    source.addEventListener('error', () => {
      source.close();
      resolve('failed');
    });
  });

const webSocket = (url) =>
  new Promise((resolve) => {
    const socket = new WebSocket(url.replace(/^http/, 'ws'));
    socket.addEventListener('open', () => resolve('read: a socket is open'));
    socket.addEventListener('error', () => resolve('failed'));
  });

/** Ways to ask with GET. */
const looks = {
  'fetch GET': async (url) => seen(await fetch(url)),
  'fetch GET no-cors': async (url) => seen(await fetch(url, { mode: 'no-cors' })),
  'fetch GET with credentials': async (url) => seen(await fetch(url, { credentials: 'include' })),
  'fetch HEAD': async (url) => seen(await fetch(url, { method: 'HEAD' })),
  script: (url) => element('script', 'src', url),
  'script cors': (url) => element('script', 'src', url, { crossOrigin: 'anonymous' }),
  'import()': async (url) => `read ${Object.keys(await import(url)).join()}`,
  img: (url) => element('img', 'src', url),
  style: (url) => element('link', 'href', url, { rel: 'stylesheet' }),
  video: (url) => element('video', 'src', url, { preload: 'auto' }),
  object: (url) => element('object', 'data', url),
  frame,
  EventSource: eventSource,
  WebSocket: webSocket,
};

/** Ways to send a body with POST. */
const sends = {
  'fetch POST': async (url, body) => seen(await fetch(url, { method: 'POST', body })),
  'fetch POST no-cors': async (url, body) =>
    seen(await fetch(url, { method: 'POST', body, mode: 'no-cors' })),
  'fetch POST no-cors without referrer': async (url, body) =>
    seen(
      await fetch(url, { method: 'POST', body, mode: 'no-cors', referrerPolicy: 'no-referrer' }),
    ),
  'fetch POST with headers': async (url, body, headers) =>
    seen(await fetch(url, { method: 'POST', body, headers })),
  'fetch POST keepalive': async (url, body) =>
    seen(await fetch(url, { method: 'POST', body, mode: 'no-cors', keepalive: true })),
  'XMLHttpRequest POST': (url, body) =>
    new Promise((resolve) => {
      const request = new XMLHttpRequest();
      request.addEventListener('loadend', () =>
        resolve(
          request.status === 0 ? 'failed' : `basic ${request.status} ${request.responseText}`,
        ),
      );
      request.open('POST', url);
      request.send(body);
    }),
  form,
  sendBeacon: async (url, body) => `sent ${navigator.sendBeacon(url, body)}`,
};

const attempt = async (what, url, work) => {
  let outcome;
  try {
    outcome = await within(work());
  } catch (error) {
    outcome = `failed: ${error.message}`;
  }
  return { page: location.origin, what, url, outcome: String(outcome).slice(0, 500) };
};

const main = async () => {
  const attempts = plan.targets.flatMap(({ url, body, headers }) =>
    body === null
      ? Object.entries(looks).map(([what, look]) => attempt(what, url, () => look(url)))
      : Object.entries(sends).map(([what, send]) =>
          attempt(what, url, () =>
            send(url, body.replaceAll('WAY', what.replaceAll(/\W+/g, '_')), headers),
          ),
        ),
  );
  const results = await Promise.all(attempts);
  await fetch(plan.report, { method: 'POST', mode: 'no-cors', body: JSON.stringify(results) });
};

for (const url of plan.frames) void element('iframe', 'src', url);
void main();
