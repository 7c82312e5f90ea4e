import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { agentCommand, runAgent, shellQuoted, spawnAgent } from './agent.ts';
import { clusterUser } from './cluster-user.ts';
import { temporaryDirectory } from './temporary.ts';

/** A tree whose agent is a shell script, in a place whose name needs quoting. */
const rootWithAgent = (t: TestContext, script: string): string => {
  const root = join(temporaryDirectory(t), `it's 100 %p`);
  mkdirSync(join(root, 'agent'), { recursive: true });
  chmodSync(root, 0o755);
  chmodSync(join(root, 'agent'), 0o755);
  writeFileSync(join(root, 'agent', 'walwarden'), `#!/bin/sh\n${script}\n`);
  chmodSync(join(root, 'agent', 'walwarden'), 0o755);
  return root;
};

test('the agent reports its version', async () => {
  const { status, stdout, stderr } = await runAgent(['version']);
  assert.equal(status, 0, stderr);
  assert.match(stdout, /\d+\.\d+\.\d+/);
});

test('an agent gets arguments, input and variables, and gives status, output and events', async (t) => {
  const root = rootWithAgent(
    t,
    `read -r line; echo "$1 $line $EXTRA \${AWS_PROFILE-unset} $(id -u)"
     echo 'plain line' >&2; echo '{"action":"tested","format":"'$WALWARDEN_LOG_FORMAT'"}' >&2; exit 7`,
  );
  process.env.AWS_PROFILE = 'production';
  t.after(() => {
    delete process.env.AWS_PROFILE;
  });
  const result = await runAgent(['first'], { root, input: 'input\n', env: { EXTRA: 'extra' } });
  const uid = clusterUser?.uid ?? process.getuid?.();
  assert.deepEqual(result, {
    status: 7,
    signal: null,
    stdout: `first input extra unset ${uid}\n`,
    stderr: 'plain line\n{"action":"tested","format":"json"}\n',
    events: [{ action: 'tested', format: 'json' }],
  });
});

test('a killed agent takes with it what it runs', { timeout: 20_000 }, async (t) => {
  const root = rootWithAgent(t, 'sleep 60; true');
  const agent = spawnAgent([], { root });
  assert.equal(agent.kill('SIGKILL'), true);
  assert.equal(
    (await agent.finished).signal,
    'SIGKILL',
    'its pipes are closed although sleep held them open',
  );
  assert.equal(agent.kill('SIGKILL'), false);
});

test('an aborted agent is asked to end', async (t) => {
  const abortion = new AbortController();
  const root = rootWithAgent(
    t,
    `trap 'echo ending; exit 5' TERM; echo ready; while :; do read -r line; done`,
  );
  const finished = runAgent([], { root, signal: abortion.signal });
  abortion.abort();
  const { status, signal } = await finished;
  // The signal may arrive before the script has set its trap.
  assert(status === 5 || signal === 'SIGTERM', `status ${status}, signal ${signal}`);
});

test('the command for archive_command survives the shell and the placeholders of PostgreSQL', (t) => {
  const root = rootWithAgent(t, 'printf "%s|" "$@"');
  // What PostgreSQL does before it calls the shell.
  const command = `${agentCommand(root)} wal-push ${shellQuoted("a'b c")}`.replaceAll(/%(.)/g, (_, letter) =>
    letter === '%' ? '%' : 'replaced',
  );
  const { stdout } = spawnSync('/bin/sh', ['-c', command], { encoding: 'utf8' });
  assert.equal(stdout, "wal-push|a'b c|");
});
