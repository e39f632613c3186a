/** Proof 1: somebody outside of the mesh buys a ticket through the edge of the cluster, and its code is verified without a line. */
import test from 'ava';
import { EDGE_URL } from '../../scripts/mesh/addresses.ts';
import { openMesh } from './support/mesh.ts';

test('a purchase from the account to the verified ticket', async (t) => {
  const mesh = await openMesh();
  const { code, stdout, stderr } = await mesh.tryKubectl(['-n', 'chunyun-outside', 'exec', 'deploy/traveller', '--', 'node', 'scripts/demo.ts', '--page', EDGE_URL], { deadline_ms: 300_000 });
  t.is(code, 0, stderr);
  t.regex(stdout, /WAIT_PAY → .*SUCCESS/);
  t.regex(stdout, /verify its QR code offline .* valid/);
});
