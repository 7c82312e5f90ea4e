import { bare, both, type InheritedSetting, ignored, ignoredSecrets } from './inherited-row.ts';

const noStore = 'walwarden keeps archives on S3 and in directories';
const always = 'walwarden always does so';
const notOnS3 = 'the AWS SDK for JavaScript does well without';
const deltas = 'walwarden takes whole base backups only; deltas of WAL-G are read';

/** Names of WAL-G and WAL-E that have no counterpart here, each with the reason. */
export const withoutCounterpart: readonly InheritedSetting[] = [
  ...ignored(
    noStore,
    ...['GS', 'AZ', 'WABS', 'SWIFT', 'OSS', 'SSH'].flatMap((kind) => both(`${kind}_PREFIX`)),
    'WALG_FAILOVER_STORAGES',
    'WALG_FAILOVER_STORAGES_CHECK',
    'WALG_TARGET_STORAGE',
  ),
  ...ignoredSecrets(
    noStore,
    'GOOGLE_APPLICATION_CREDENTIALS',
    'WABS_ACCESS_KEY',
    'WABS_SAS_TOKEN',
    'AZURE_STORAGE_ACCESS_KEY',
    'AZURE_STORAGE_SAS_TOKEN',
    'SWIFT_PASSWORD',
    'SSH_PASSWORD',
    'WALG_SSH_PASSWORD',
  ),
  ...ignored(
    notOnS3,
    ...['USE_LIST_OBJECTS_V1', 'DISABLE_100_CONTINUE', 'SKIP_VALIDATION'].flatMap((name) =>
      bare(`S3_${name}`),
    ),
  ),
  ...ignored(
    'an interrupted read is always continued where it broke off',
    ...['RANGE_BATCH_ENABLED', 'RANGE_MAX_RETRIES'].flatMap((name) => bare(`S3_${name}`)),
  ),
  ...ignored(
    'set it on the bucket, where the host cannot take it back',
    ...['RETENTION_PERIOD', 'RETENTION_MODE', 'ENABLE_VERSIONING'].flatMap((name) => bare(`S3_${name}`)),
  ),
  ...ignored('name the endpoint itself in WALWARDEN_S3_ENDPOINT', ...bare('S3_ENDPOINT_SOURCE')),
  ...ignored('name the endpoint itself in WALWARDEN_S3_ENDPOINT', ...bare('S3_ENDPOINT_PORT')),
  ...ignored('name the endpoint itself in WALWARDEN_S3_ENDPOINT', ...bare('S3_ENDPOINT_PROTOCOL')),
  ...ignored('walwarden sends no headers of other people', ...bare('S3_REQUEST_ADDITIONAL_HEADERS')),
  ...ignored('the host deletes nothing', ...bare('S3_DELETE_BATCH_SIZE')),
  ...ignored(
    'each call archives the one file that PostgreSQL names',
    'WALG_UPLOAD_QUEUE',
    'TOTAL_BG_UPLOADED_LIMIT',
    'PG_READY_RENAME',
    'WALG_PREFETCH_DIR',
  ),
  ...ignored(
    always,
    'WALG_PREVENT_WAL_OVERWRITE',
    'WALG_VERIFY_PAGE_CHECKSUMS',
    'WALG_STORE_ALL_CORRUPT_BLOCKS',
    'WALG_DOWNLOAD_FILE_RETRIES',
    'WALG_USE_REVERSE_UNPACK',
    'WALG_SKIP_REDUNDANT_TARS',
  ),
  ...ignored('what is restored is always made durable', 'WALG_TAR_DISABLE_FSYNC'),
  ...ignored('the manifest holds more than that', 'WALG_UPLOAD_WAL_METADATA', 'WALG_WITHOUT_FILES_METADATA'),
  ...ignored(
    'the WAL itself and the server say it',
    'WALG_PG_WAL_SIZE',
    'WALG_PG_BLOCK_SIZE',
    'WALG_PG_WAL_PAGE_SIZE',
    'WALG_WAL_PAGE_SIZE',
  ),
  ...ignored(
    deltas,
    'WALG_DELTA_MAX_STEPS',
    'WALG_DELTA_ORIGIN',
    'WALG_USE_WAL_DELTA',
    'WALG_FORCE_WAL_DELTA',
    'WALG_DELTA_FROM_NAME',
    'WALG_DELTA_FROM_USER_DATA',
  ),
  ...ignored(
    'parts are made as they come',
    'WALG_USE_RATING_COMPOSER',
    'WALG_USE_COPY_COMPOSER',
    'WALG_USE_DATABASE_COMPOSER',
  ),
  ...ignored('say backup-push --add-user-data', 'WALG_SENTINEL_USER_DATA'),
  ...ignored('name the backup itself', 'WALG_FETCH_TARGET_USER_DATA'),
  ...ignored('files are read through the page cache', 'WALG_DIRECT_IO', 'WALG_DIRECT_IO_BLOCK_COUNT'),
  ...ignored('whole base backups are restored', 'WALG_DISABLE_PARTIAL_RESTORE'),
  ...ignored('the connection is watched all the time', 'WALG_ALIVE_CHECK_INTERVAL'),
  ...ignored('see WALWARDEN_COMMAND_DEADLINE_SECONDS', 'WALG_STOP_BACKUP_TIMEOUT'),
  ...ignored('gaps are judged beside the bucket', 'WALG_INTEGRITY_MAX_DELAYED_WALS'),
  ...ignored('walwarden is called for each file and has no daemon', 'WALG_DAEMON_WAL_UPLOAD_TIMEOUT'),
  ...ignored('walwarden does not stream WAL', 'WALG_SLOTNAME'),
  ...ignored('archives of pgBackRest are not read', 'PGBACKREST_STANZA'),
  ...ignored(
    'log lines go to the standard error',
    'WALG_LOG_DESTINATION',
    'WALE_LOG_DESTINATION',
    'WALE_SYSLOG_FACILITY',
  ),
  ...ignored(
    'walwarden serves no metrics by itself',
    'WALG_STATSD_ADDRESS',
    'WALG_STATSD_EXTRA_TAGS',
    'HTTP_LISTEN',
    'HTTP_EXPOSE_PPROF',
    'HTTP_EXPOSE_EXPVAR',
  ),
  ...ignored('that belongs to another setting that is refused', 'WALG_CSE_KMS_REGION'),
];
