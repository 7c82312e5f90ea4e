import { secretText, text } from './kinds.ts';
import { optional, type Take } from './setting.ts';

/**
 * Variables that the AWS SDK reads by itself, in the meaning that it gives them (AWS SDKs and Tools Reference Guide,
 * "Environment variables list"), and those for proxies that programs agree on. Named here so that they may come from a
 * settings directory too, are shown by `walwarden settings`, and the secrets among them are hidden. None is judged here,
 * because an archive in a directory does not care.
 */
export const awsTable = {
  AWS_ACCESS_KEY_ID: optional({
    variable: 'AWS_ACCESS_KEY_ID',
    group: 'aws',
    kind: text,
    doc: 'The access key; left out, a profile, a web identity, the container or the instance gives one.',
  }),
  AWS_SECRET_ACCESS_KEY: optional({
    variable: 'AWS_SECRET_ACCESS_KEY',
    group: 'aws',
    kind: secretText,
    secret: true,
    doc: "The access key's secret.",
  }),
  AWS_SESSION_TOKEN: optional({
    variable: 'AWS_SESSION_TOKEN',
    group: 'aws',
    kind: secretText,
    secret: true,
    doc: 'The token of temporary credentials.',
  }),
  AWS_REGION: optional({
    variable: 'AWS_REGION',
    group: 'aws',
    kind: text,
    doc: 'The region of the bucket.',
  }),
  AWS_PROFILE: optional({
    variable: 'AWS_PROFILE',
    group: 'aws',
    kind: text,
    doc: 'The profile of ~/.aws/config and ~/.aws/credentials.',
  }),
  AWS_CONFIG_FILE: optional({
    variable: 'AWS_CONFIG_FILE',
    group: 'aws',
    kind: text,
    doc: 'Another file than ~/.aws/config.',
  }),
  AWS_SHARED_CREDENTIALS_FILE: optional({
    variable: 'AWS_SHARED_CREDENTIALS_FILE',
    group: 'aws',
    kind: text,
    doc: 'Another file than ~/.aws/credentials.',
  }),
  AWS_ROLE_ARN: optional({
    variable: 'AWS_ROLE_ARN',
    group: 'aws',
    kind: text,
    doc: 'The role to assume with a web identity (IRSA on EKS).',
  }),
  AWS_WEB_IDENTITY_TOKEN_FILE: optional({
    variable: 'AWS_WEB_IDENTITY_TOKEN_FILE',
    group: 'aws',
    kind: text,
    doc: 'The file with the token of the web identity.',
  }),
  AWS_CONTAINER_AUTHORIZATION_TOKEN: optional({
    variable: 'AWS_CONTAINER_AUTHORIZATION_TOKEN',
    group: 'aws',
    kind: secretText,
    secret: true,
    doc: "The token for the container's credentials.",
  }),
  AWS_ENDPOINT_URL: optional({
    variable: 'AWS_ENDPOINT_URL',
    group: 'aws',
    kind: text,
    doc: 'Where every service of AWS is reached.',
  }),
  AWS_ENDPOINT_URL_S3: optional({
    variable: 'AWS_ENDPOINT_URL_S3',
    group: 'aws',
    kind: text,
    doc: 'Where S3 is reached; WALWARDEN_S3_ENDPOINT goes before it.',
  }),
  HTTPS_PROXY: optional({
    variable: 'HTTPS_PROXY',
    group: 'aws',
    kind: secretText,
    secret: true,
    doc: 'The proxy for https endpoints, where WALWARDEN_S3_PROXY is not set.',
  }),
  HTTP_PROXY: optional({
    variable: 'HTTP_PROXY',
    group: 'aws',
    kind: secretText,
    secret: true,
    doc: 'The proxy for http endpoints, where WALWARDEN_S3_PROXY is not set.',
  }),
  NO_PROXY: optional({
    variable: 'NO_PROXY',
    group: 'aws',
    kind: text,
    doc: 'Hosts to reach without a proxy, separated by commas.',
  }),
} as const;

/** By the variables' own names. */
export const readAwsSettings = (take: Take) => ({
  AWS_ACCESS_KEY_ID: take(awsTable.AWS_ACCESS_KEY_ID),
  AWS_SECRET_ACCESS_KEY: take(awsTable.AWS_SECRET_ACCESS_KEY),
  AWS_SESSION_TOKEN: take(awsTable.AWS_SESSION_TOKEN),
  AWS_REGION: take(awsTable.AWS_REGION),
  AWS_PROFILE: take(awsTable.AWS_PROFILE),
  AWS_CONFIG_FILE: take(awsTable.AWS_CONFIG_FILE),
  AWS_SHARED_CREDENTIALS_FILE: take(awsTable.AWS_SHARED_CREDENTIALS_FILE),
  AWS_ROLE_ARN: take(awsTable.AWS_ROLE_ARN),
  AWS_WEB_IDENTITY_TOKEN_FILE: take(awsTable.AWS_WEB_IDENTITY_TOKEN_FILE),
  AWS_CONTAINER_AUTHORIZATION_TOKEN: take(awsTable.AWS_CONTAINER_AUTHORIZATION_TOKEN),
  AWS_ENDPOINT_URL: take(awsTable.AWS_ENDPOINT_URL),
  AWS_ENDPOINT_URL_S3: take(awsTable.AWS_ENDPOINT_URL_S3),
  HTTPS_PROXY: take(awsTable.HTTPS_PROXY),
  HTTP_PROXY: take(awsTable.HTTP_PROXY),
  NO_PROXY: take(awsTable.NO_PROXY),
});

export type AwsSettings = Readonly<ReturnType<typeof readAwsSettings>>;
