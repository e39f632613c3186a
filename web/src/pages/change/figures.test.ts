import { create } from '@bufbuild/protobuf';
import test from 'ava';
import { ChangeItemSchema, ChangeQuoteSchema } from '#gen/rail/aftersales/v1/change_pb.ts';
import { en } from '../../i18n/en.ts';
import { zh } from '../../i18n/zh.ts';
import { agreedDue, agreedTo, dueOf, dueWords, isAgreed, itemDue, signedDue } from './figures.ts';

const fen = (amountFen: bigint) => ({ amountFen, currency: 'CNY' });
const quote = (difference: bigint, fee = 0n) => create(ChangeQuoteSchema, { oldFare: fen(50_000n), newFare: fen(50_000n + difference - fee), fee: fen(fee), difference: fen(difference) });

test('[web] change: the difference goes one way or the other or none', (t) => {
  t.deepEqual(dueOf(quote(38_050n)), { way: 'pay', amount_fen: 38_050n });
  t.deepEqual(dueOf(quote(-36_150n, 1_900n)), { way: 'back', amount_fen: 36_150n });
  t.deepEqual(dueOf(quote(0n)), { way: 'even', amount_fen: 0n });
  t.is(dueWords(dueOf(quote(38_050n)), zh), '需补差额 ¥380.50');
  t.is(dueWords(dueOf(quote(-36_100n, 1_900n)), en), 'You get back ¥361');
  t.is(dueWords(dueOf(quote(0n)), zh), zh.change.quote.even);
  t.is(dueWords(dueOf(quote(38_050n)), zh, true), '已补差额 ¥380.50');
  t.deepEqual([38_050n, -1_900n, 0n].map((fen) => signedDue(dueOf(quote(fen)))), ['+¥380.50', '−¥19', '¥0']);
});

test('[web] change: what one ticket costs has its fee in it', (t) => {
  const item = (old_fen: bigint, new_fen: bigint, fee_fen: bigint) => itemDue(create(ChangeItemSchema, { oldFare: fen(old_fen), newFare: fen(new_fen), fee: fen(fee_fen) }));
  t.deepEqual(item(66_200n, 106_000n, 0n), { way: 'pay', amount_fen: 39_800n });
  t.deepEqual(item(106_000n, 66_200n, 1_990n), { way: 'back', amount_fen: 37_810n });
  t.deepEqual(item(1_000n, 900n, 100n), { way: 'even', amount_fen: 0n }, 'the fee eats what would come back');
});

test('[web] change: other figures are not what was agreed to, even where the sum is the same', (t) => {
  t.true(isAgreed(agreedTo(quote(100n)), quote(100n)));
  t.false(isAgreed(agreedTo(quote(100n)), quote(200n)));
  t.false(isAgreed(agreedTo(quote(100n, 0n)), quote(100n, 50n)));
  t.deepEqual(agreedDue(agreedTo(quote(-36_150n))), { way: 'back', amount_fen: 36_150n });
});
