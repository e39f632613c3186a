import { useRef, useState } from 'react';
import { outcomeUnknown, readError } from '../api/errors.ts';
import type { ApiError } from '../api/errors.ts';
import { Intent } from '../api/intent.ts';

export type Action<Args extends unknown[], T> = { run: (...args: Args) => Promise<T | undefined>; busy: boolean; error?: ApiError; clear: () => void };

/**
 * A write a person asks for. Runs once at a time; hands the work a request id that stays the same while the outcome of the
 * same wish is unknown. Answers undefined when it failed; `error` says why.
 */
export function useAction<Args extends unknown[], T>(work: (request_id: string, ...args: Args) => Promise<T>): Action<Args, T> {
  const [state, setState] = useState<{ busy: boolean; error?: ApiError }>({ busy: false });
  const [intent] = useState(() => new Intent());
  const busy = useRef(false);
  const run = async (...args: Args): Promise<T | undefined> => {
    if (busy.current) return undefined;
    busy.current = true;
    setState({ busy: true });
    try {
      const value = await work(intent.idFor(JSON.stringify(args, plain)), ...args);
      intent.settle();
      setState({ busy: false });
      return value;
    } catch (thrown) {
      const error = readError(thrown);
      if (!outcomeUnknown(error)) intent.settle();
      setState({ busy: false, error });
      return undefined;
    } finally {
      busy.current = false;
    }
  };
  return { run, clear: () => setState({ busy: false }), ...state };
}

/** JSON has no bigint; for telling one wish from another its digits do. */
function plain(_key: string, value: unknown): unknown {
  return typeof value === 'bigint' ? String(value) : value;
}
