import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { test } from 'node:test';
import { interruptsOf } from '../../../agent/host/interrupts.ts';
import { isPipelineError } from '../../../lib/core/errors.ts';

test('the first signal asks for an end in order, the second one gets it at once', () => {
  const emitter = new EventEmitter();
  const exits: number[] = [];
  const signal = interruptsOf(
    {
      on: (name, listener) => emitter.on(name, listener),
      exit: (status) => {
        exits.push(status);
      },
    },
    255,
  );
  assert.equal(signal.aborted, false);
  emitter.emit('SIGTERM');
  assert(isPipelineError(signal.reason, 'interrupted'));
  assert.match(signal.reason.message, /SIGTERM/);
  assert.deepEqual(exits, []);
  emitter.emit('SIGINT');
  assert.deepEqual(exits, [255]);
});
