// Callbacks reach payment through the edge as the very bytes that were signed.
import test from 'ava';
import { PaymentState } from '#gen/rail/payment/v1/payment_pb.ts';
import { signPart } from '#kit/external/signature.ts';
import { SERVICE_NAMES } from '../../scripts/stack/services.ts';
import { freePorts, startEdge, type Edge } from '../support/edge.ts';
import { open, post, reportOf, signedCallback, startPaymentWorld, until, type PaymentWorld } from './payment_world.ts';

let stack: PaymentWorld;
let edge: Edge;
test.before(async () => {
  stack = await startPaymentWorld();
  // Nobody else is there: callbacks need nothing but payment.
  const ports = await freePorts(SERVICE_NAMES.length + 1);
  const nobody = String(ports.at(-1));
  const env = Object.fromEntries(SERVICE_NAMES.map((name, index) => [`${name.toUpperCase()}_PORT`, String(ports[index])]));
  edge = await startEdge({ env: { ...env, IDENTITY_HTTP_PORT: nobody, NOTIFICATION_HTTP_PORT: nobody, PAYMENT_HTTP_PORT: new URL(stack.callbacks).port } });
});
test.after.always(() => Promise.all([edge?.stop(), stack?.stop()]));

for (const channel of ['alipay', 'wechat'] as const) {
  test(`a callback of ${channel} passes the edge byte for byte and is taken there`, async (t) => {
    const { payment } = await open(stack, channel);
    const callback = signedCallback(stack, reportOf(payment), { channel });
    t.is(await post(edge.url, { ...callback, bytes: Buffer.from(JSON.stringify(reportOf(payment, { amount_fen: 1 }))) }), 401);
    // Spaces, an escape and a letter of three bytes: whoever parses and writes it anew breaks the signature.
    const bytes = Buffer.from(`  ${JSON.stringify({ ...reportOf(payment), note: '票' }, undefined, 3).replace('CNY', '\\u0043NY')}\r\n`);
    const headers = { ...signPart({ method: 'POST', path: callback.path, body: bytes }, { key: stack.sandbox_keys[channel].sign_key, now_ms: Date.now() }) };
    t.is(await post(edge.url, { path: callback.path, bytes, headers }), 200);
    await until(stack, payment.paymentId, PaymentState.SUCCEEDED);
  });
}
