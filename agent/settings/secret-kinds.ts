import { type Secret, secretOf } from './secret.ts';
import type { Kind } from './setting.ts';

/** Exactly so many bytes, in base64. */
export const secretBytes = (byteCount: number): Kind<Secret> => ({
  type: `secret (${byteCount} bytes in base64)`,
  parse: (value) => {
    const isBase64 = /^[A-Za-z0-9+/]+={0,2}$/.test(value) && value.length % 4 === 0;
    return isBase64 && Buffer.from(value, 'base64').byteLength === byteCount
      ? { value: secretOf(value) }
      : { problem: `must be ${byteCount} bytes in base64` };
  },
});

/** The URL of an HTTP proxy, which may hold a password. */
export const secretUrl: Kind<Secret> = {
  type: 'secret (URL)',
  parse: (value) => {
    const url = URL.parse(value);
    return url !== null && ['http:', 'https:'].includes(url.protocol)
      ? { value: secretOf(value) }
      : { problem: 'must be the URL of an HTTP proxy such as http://host:3128' };
  },
};
