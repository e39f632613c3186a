import test from 'ava';
import { table } from './table.ts';

test('columns stand under one another, Chinese ones too', (t) => {
  t.is(table(['job', 'title', ''], [['a', '库存对账', 'x'], ['longer', 'ab', 'y']]), 'job     title     \na       库存对账  x\nlonger  ab        y');
});
