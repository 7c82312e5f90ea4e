import { Agent, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Hooks } from './temporary.ts';

/** What goes wrong with one request. Without one it passes. */
export type Fault =
  /** The proxy answers, and the server never hears of the request. */
  | {
      readonly kind: 'answer';
      readonly status: number;
      readonly code?: string;
      readonly headers?: Record<string, string>;
    }
  /** Nobody ever answers. */
  | { readonly kind: 'hang' }
  /** The connection breaks before the server hears of the request. */
  | { readonly kind: 'reset' }
  /** The server does its work, and the connection breaks instead of its answer. */
  | { readonly kind: 'lose answer' }
  /** The server gets the request twice, one after the other; the second answer is passed on. */
  | { readonly kind: 'twice' }
  /** The server gets so many bytes of the request's body, then the connection breaks. */
  | { readonly kind: 'cut request'; readonly afterBytes: number }
  /** Something happens right before the server gets the request. */
  | { readonly kind: 'meanwhile'; readonly work: () => Promise<unknown> }
  /** S3's word for an object that is absent, to whoever may not list the bucket: 403. */
  | { readonly kind: 'hide absence' }
  /** The answer comes late, and its body in small pieces. */
  | { readonly kind: 'slow'; readonly pieceBytes: number; readonly pauseMs: number }
  /** So many bytes of the answer's body arrive, then the connection breaks. */
  | { readonly kind: 'cut'; readonly afterBytes: number }
  /** So many bytes of the answer's body arrive, then nothing more. */
  | { readonly kind: 'stall'; readonly afterBytes: number }
  /** The answer's body arrives with one bit of its byte at this place turned over. */
  | { readonly kind: 'flip'; readonly at: number };

export type SeenRequest = {
  readonly method: string;
  /** Path and query, as sent. */
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
};

export type FaultProxy = {
  readonly endpoint: string;
  /** Everything that came in, in order. */
  readonly requests: readonly SeenRequest[];
  /** Asked for every request that comes in from now on; `number` counts them from 1. */
  inject(choose: (request: SeenRequest, number: number) => Fault | undefined): void;
};

type Exchange = { readonly incoming: IncomingMessage; readonly answer: ServerResponse; readonly target: URL };
const agent = new Agent({ keepAlive: false });

const forward = async ({ incoming, target }: Exchange, body: Uint8Array): Promise<IncomingMessage> => {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const url = new URL(incoming.url ?? '/', target);
  // The signature covers the Host header, so it goes on as it came.
  const outgoing = request(
    {
      agent,
      host: target.hostname,
      port: target.port,
      path: `${url.pathname}${url.search}`,
      method: incoming.method,
      headers: incoming.headers,
      setHost: false,
    },
    resolve,
  );
  outgoing.once('error', reject);
  outgoing.end(body);
  return promise;
};

const answerError = (
  { answer }: Exchange,
  { status, code, headers }: Extract<Fault, { kind: 'answer' }>,
): void => {
  answer.writeHead(status, { 'content-type': 'application/xml', 'x-amz-request-id': 'FAULT123', ...headers });
  answer.end(
    code === undefined
      ? ''
      : `<?xml version="1.0"?><Error><Code>${code}</Code><Message>injected</Message><RequestId>FAULT123</RequestId></Error>`,
  );
};

const cutRequest = async ({ incoming, target }: Exchange, begin: Uint8Array): Promise<void> => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { hostname: host, port } = target;
  const { method, headers, url: path } = incoming;
  const outgoing = request({ agent, host, port, path, method, headers, setHost: false });
  // The server may have answered already, or broken off by itself.
  outgoing.once('error', () => resolve()).once('close', () => resolve());
  outgoing.write(begin, () => outgoing.destroy());
  await promise;
};

async function* inPieces(body: AsyncIterable<Buffer>, pieceBytes: number, pauseMs: number) {
  await sleep(pauseMs);
  for await (const chunk of body) {
    for (let at = 0; at < chunk.byteLength; at += pieceBytes) {
      yield chunk.subarray(at, at + pieceBytes);
      await sleep(pauseMs);
    }
  }
}

async function* faulty(body: AsyncIterable<Buffer>, fault: Fault | undefined, answer: ServerResponse) {
  let passed = 0;
  for await (const chunk of body) {
    if (fault?.kind === 'flip' && fault.at >= passed && fault.at < passed + chunk.byteLength) {
      const at = fault.at - passed;
      chunk.writeUInt8(chunk.readUInt8(at) ^ 1, at);
    }
    const isLast =
      (fault?.kind === 'cut' || fault?.kind === 'stall') && passed + chunk.byteLength >= fault.afterBytes;
    if (!isLast) {
      passed += chunk.byteLength;
      yield chunk;
      continue;
    }
    yield chunk.subarray(0, fault.afterBytes - passed);
    // What was passed on has to leave this process before the connection breaks.
    await new Promise((resolve) => setImmediate(resolve));
    if (fault.kind === 'cut') answer.destroy();
    else await new Promise((resolve) => answer.once('close', resolve));
    return;
  }
}

const exchange = async (it: Exchange, fault: Fault | undefined): Promise<void> => {
  if (fault?.kind === 'hang') return;
  if (fault?.kind === 'reset') {
    it.incoming.socket.destroy();
    return;
  }
  const body = await buffer(it.incoming);
  if (fault?.kind === 'answer') {
    answerError(it, fault);
    return;
  }
  if (fault?.kind === 'cut request') {
    await cutRequest(it, body.subarray(0, fault.afterBytes));
    it.incoming.socket.destroy();
    return;
  }
  if (fault?.kind === 'meanwhile') await fault.work();
  if (fault?.kind === 'twice') await buffer(await forward(it, body));
  const answered = await forward(it, body);
  if (fault?.kind === 'lose answer') {
    await buffer(answered);
    it.incoming.socket.destroy();
    return;
  }
  if (fault?.kind === 'hide absence' && answered.statusCode === 404) {
    await buffer(answered);
    answerError(it, { kind: 'answer', status: 403, code: 'AccessDenied' });
    return;
  }
  it.answer.writeHead(answered.statusCode ?? 502, answered.headers);
  const content =
    fault?.kind === 'slow'
      ? inPieces(answered, fault.pieceBytes, fault.pauseMs)
      : faulty(answered, fault, it.answer);
  await pipeline(content, it.answer);
};

/** Starts an HTTP proxy before a server; it also serves as a forward proxy, to the same server. */
export const startFaultProxy = async (t: Hooks, target: string): Promise<FaultProxy> => {
  const requests: SeenRequest[] = [];
  let choose: (request: SeenRequest, number: number) => Fault | undefined = () => undefined;
  let number = 0;
  const server = createServer((incoming, answer) => {
    const seen = { method: incoming.method ?? '', url: incoming.url ?? '', headers: incoming.headers };
    requests.push(seen);
    number += 1;
    exchange({ incoming, answer, target: new URL(target) }, choose(seen, number)).catch(() => {
      // One of the two went away in the middle, which the other has to see.
      incoming.socket.destroy();
    });
  });
  const { promise: listening, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await listening;
  t.after(async () => {
    server.closeAllConnections();
    server.close();
  });
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    requests,
    inject: (next) => {
      number = 0;
      choose = next;
    },
  };
};
