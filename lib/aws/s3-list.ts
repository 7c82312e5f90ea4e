import { ListObjectsV2Command, type ListObjectsV2CommandOutput } from '@aws-sdk/client-s3';
import { PipelineError } from '../core/errors.ts';
import type { CallOptions, ListEntry } from '../core/ports.ts';
import { factsOf } from './s3-fields.ts';
import { archiveKey, canBeginKey } from './s3-keys.ts';
import type { S3Context } from './s3-requests.ts';

export type ListOptions = CallOptions & { readonly startAfter?: string; readonly delimiter?: '/' };

/** In the order of UTF-8 bytes, which is S3's and, unlike that of JavaScript strings, that of code points. */
const compareText = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));

const nameOf = (entry: ListEntry): string => ('folder' in entry ? entry.folder : entry.key);

/** A page's objects and folders come as two lists, each in order; together they are what follows the last page. */
const entriesOf = (context: S3Context, page: ListObjectsV2CommandOutput): readonly ListEntry[] => {
  const { settings } = context;
  const objects = (page.Contents ?? []).map((object) => {
    const whole = object.Key ?? '';
    const key = archiveKey(settings.prefix, whole);
    return factsOf(settings, key, whole, { ...object, ContentLength: object.Size });
  });
  const folders = (page.CommonPrefixes ?? []).map(({ Prefix }) => ({
    folder: archiveKey(settings.prefix, Prefix ?? ''),
  }));
  return [...objects, ...folders].toSorted((a, b) => compareText(nameOf(a), nameOf(b)));
};

type PageQuestion = {
  readonly prefix: string;
  readonly startAfter?: string | undefined;
  readonly delimiter?: '/' | undefined;
  readonly token?: string | undefined;
  readonly mostKeys?: number;
};

const requestPage = async (
  context: S3Context,
  question: PageQuestion,
  options: CallOptions,
): Promise<ListObjectsV2CommandOutput> => {
  const { settings } = context;
  const { startAfter = '', delimiter, token, mostKeys } = question;
  const inBucket = (text: string): string => (settings.prefix === '' ? text : `${settings.prefix}/${text}`);
  return context.ask({
    operation: 'ListObjectsV2',
    key: inBucket(question.prefix),
    signal: options.signal,
    call: ({ client, signal }) => {
      const command = new ListObjectsV2Command({
        Bucket: settings.bucket,
        Prefix: inBucket(question.prefix),
        ...(delimiter !== undefined && { Delimiter: delimiter }),
        ...(startAfter !== '' && { StartAfter: inBucket(startAfter) }),
        ...(token !== undefined && { ContinuationToken: token }),
        ...(mostKeys !== undefined && { MaxKeys: mostKeys }),
      });
      return client.send(command, { abortSignal: signal });
    },
  });
};

/**
 * The folder that `startAfter` lies in, where a delimiter folds it. Whether it is listed when only some of its keys
 * come before `startAfter` is told by no documentation, and stores differ; so it is asked about by itself.
 */
const folderAround = (prefix: string, { startAfter = '', delimiter }: ListOptions): string | undefined => {
  if (delimiter === undefined || !startAfter.startsWith(prefix)) return undefined;
  const end = startAfter.indexOf(delimiter, prefix.length);
  return end === -1 ? undefined : startAfter.slice(0, end + 1);
};

const hasKeyAfter = async (
  context: S3Context,
  folder: string,
  startAfter: string | undefined,
  options: CallOptions,
): Promise<boolean> => {
  const page = await requestPage(context, { prefix: folder, startAfter, mostKeys: 1 }, options);
  return (page.Contents ?? []).length > 0;
};

const misconfigured = (context: S3Context, message: string): PipelineError =>
  new PipelineError('store-misconfigured', {
    message: `the listing of s3://${context.settings.bucket} ${message}`,
    hint: 'The store is no S3 general purpose bucket (directory buckets list in no order), or breaks the S3 API.',
  });

/**
 * Pages of up to 1,000 entries. Order is checked and not trusted: what resumes behind a remembered key, or merges two
 * listings, would otherwise skip objects in silence.
 *
 * @see ObjectStore.list
 */
export async function* listObjects(
  context: S3Context,
  prefix: string,
  options: ListOptions = {},
): AsyncGenerator<ListEntry, void, undefined> {
  options.signal?.throwIfAborted();
  if (!canBeginKey(prefix)) return;
  let token: string | undefined;
  let last: string | undefined;
  const { startAfter, delimiter } = options;
  const folder = folderAround(prefix, options);
  if (folder !== undefined && (await hasKeyAfter(context, folder, startAfter, options))) yield { folder };
  do {
    const page = await requestPage(context, { prefix, startAfter, delimiter, token }, options);
    for (const entry of entriesOf(context, page)) {
      const name = nameOf(entry);
      // The empty object that S3's console makes for the archive's own "folder".
      if (name === '' || name === folder) continue;
      if (last !== undefined && compareText(last, name) >= 0) {
        throw misconfigured(context, `names ${JSON.stringify(name)} behind ${JSON.stringify(last)}`);
      }
      last = name;
      yield entry;
    }
    const nextToken = page.IsTruncated === true ? page.NextContinuationToken : undefined;
    if (page.IsTruncated === true && (nextToken === undefined || nextToken === token)) {
      throw misconfigured(context, 'goes on without saying where');
    }
    token = nextToken;
  } while (token !== undefined);
}
