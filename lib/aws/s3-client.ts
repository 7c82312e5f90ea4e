import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { S3Client } from '@aws-sdk/client-s3';
import { NodeHttpHandler } from '@smithy/node-http-handler';
import type { S3Settings } from './s3-settings.ts';

const agentOptions = ({ proxy, concurrency }: S3Settings) => ({
  keepAlive: true,
  // Bounded by the slots that each request takes first; see s3-slots.ts.
  maxSockets: Number.POSITIVE_INFINITY,
  maxFreeSockets: concurrency,
  ...(proxy && {
    proxyEnv: {
      HTTP_PROXY: proxy.url,
      HTTPS_PROXY: proxy.url,
      ...(proxy.noProxy !== undefined && { NO_PROXY: proxy.noProxy }),
    },
  }),
});

/**
 * The header asks S3 for the object's checksum. The SDK would ask and check by itself, but only what one answer
 * brings; we check the whole object across resumed and parallel reads.
 */
const askForChecksums = (client: S3Client): void => {
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const { request } = args;
      const isRead = context.commandName === 'GetObjectCommand';
      if (isRead && typeof request === 'object' && request !== null && 'headers' in request) {
        Object.assign(Object(request.headers), { 'x-amz-checksum-mode': 'ENABLED' });
      }
      return next(args);
    },
    { step: 'build', name: 'walwardenChecksumMode' },
  );
};

/** One client with one pool of connections; `destroy()` closes it. */
export const createS3Client = (settings: S3Settings): S3Client => {
  const { checksumMode } = settings;
  const client = new S3Client({
    ...(settings.region !== undefined && { region: settings.region }),
    ...(settings.profile !== undefined && { profile: settings.profile }),
    ...(settings.endpoint !== undefined && { endpoint: settings.endpoint }),
    ...(settings.credentials !== undefined && {
      credentials: {
        accessKeyId: settings.credentials.accessKeyId,
        secretAccessKey: settings.credentials.secretAccessKey,
        ...(settings.credentials.sessionToken !== undefined && {
          sessionToken: settings.credentials.sessionToken,
        }),
      },
    }),
    forcePathStyle: settings.forcePathStyle ?? false,
    // Retries are ours (s3-requests.ts), so that requests can be counted and a deadline bounds them all.
    maxAttempts: 1,
    // It would cost every segment a second round trip, to save a body in the rare case of an early refusal.
    expectContinueHeader: false,
    requestChecksumCalculation: checksumMode === 'when-supported' ? 'WHEN_SUPPORTED' : 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    requestHandler: new NodeHttpHandler({
      httpAgent: new HttpAgent(agentOptions(settings)),
      httpsAgent: new HttpsAgent(agentOptions(settings)),
      connectionTimeout: settings.connectTimeoutMs,
      // Of a socket without any traffic, in either direction: before the answer as well as inside a body.
      socketTimeout: settings.stallMs,
    }),
  });
  if (checksumMode === 'when-supported') askForChecksums(client);
  return client;
};
