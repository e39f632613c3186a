import test from 'ava';
import { Health } from '#gen/grpc/health/v1/health_pb.ts';
import { implement } from './implement.ts';

test('handlers are checked against the contract by the compiler', (t) => {
  const watch = async function* (): AsyncIterable<{ status?: 1 }> {
    yield { status: 1 };
  };
  // @ts-expect-error A missing method does not compile.
  t.throws(() => implement(Health, { watch }), { message: /Check has no handler/ });
  // @ts-expect-error A streaming method cannot be answered by one message.
  implement(Health, { check: () => ({}), watch: () => ({ status: 1 }) });
  // @ts-expect-error An answer has the fields of its message only.
  implement(Health, { check: () => ({ state: 1 }), watch });
  implement(Health, { check: ({ service }) => ({ status: service === '' ? 1 : 3 }), watch });
});

test('a class instance keeps its this', (t) => {
  class State {
    answer = 1 as const;
    check(): { status: 1 } {
      return { status: this.answer };
    }
    async *watch(): AsyncIterable<{ status: 1 }> {
      yield { status: this.answer };
    }
  }
  const { handlers } = implement(Health, new State());
  t.deepEqual(handlers.check!(undefined as never, undefined as never), { status: 1 });
});
