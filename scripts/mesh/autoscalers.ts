/** HorizontalPodAutoscalers over the API of Kubernetes, by the token of a pod's ServiceAccount. */
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';

export type Autoscalers = {
  read(name: string): Promise<{ min: number; max: number }>;
  setMinimum(name: string, min: number): Promise<void>;
};

export type ApiSettings = {
  /** `https://kubernetes.default.svc`; the certificate of its authority is trusted by NODE_EXTRA_CA_CERTS. */
  url: string;
  namespace: string;
  /** Read for each call: the kubelet renews it. */
  token: () => string;
  /** Ends everything under way. */
  signal: AbortSignal;
  /** Before the second try; doubled before each further one. */
  pause_ms?: number;
};

const TRIES = 5;
const CALL_MS = 5_000;
const PAUSE_MS = 500;

/** minReplicas may be left out, which means 1. */
const answer = z.object({ spec: z.object({ minReplicas: z.number().optional(), maxReplicas: z.number() }) });

/** Reads and sets; both may be repeated, and are, when the API does not answer or is busy (429, 5xx). Throws what it last said. */
export function autoscalersOver(settings: ApiSettings): Autoscalers {
  const path = (name: string): string => `/apis/autoscaling/v2/namespaces/${encodeURIComponent(settings.namespace)}/horizontalpodautoscalers/${encodeURIComponent(name)}`;
  return {
    async read(name) {
      const { spec } = answer.parse(await request(settings, 'GET', path(name)));
      return { min: spec.minReplicas ?? 1, max: spec.maxReplicas };
    },
    async setMinimum(name, min) {
      await request(settings, 'PATCH', path(name), { spec: { minReplicas: min } });
    },
  };
}

async function request(settings: ApiSettings, method: string, path: string, body?: object): Promise<unknown> {
  const { signal, pause_ms = PAUSE_MS } = settings;
  for (let tried = 1; ; tried += 1) {
    const outcome = await once(settings, method, path, body);
    if ('body' in outcome) return outcome.body;
    if (!outcome.again || tried === TRIES || signal.aborted) throw new Error(`${method} ${path}: ${outcome.why}`);
    await sleep(pause_ms * 2 ** (tried - 1), undefined, { signal });
  }
}

type Outcome = { body: unknown } | { why: string; again: boolean };

async function once({ url, token, signal }: ApiSettings, method: string, path: string, body: object | undefined): Promise<Outcome> {
  try {
    const response = await fetch(new URL(path, url), {
      method,
      headers: { authorization: `Bearer ${token()}`, accept: 'application/json', ...(body === undefined ? {} : { 'content-type': 'application/merge-patch+json' }) },
      body: body === undefined ? null : JSON.stringify(body),
      signal: AbortSignal.any([signal, AbortSignal.timeout(CALL_MS)]),
    });
    if (response.ok) return { body: await response.json() };
    await response.body?.cancel();
    return { why: `answered ${response.status}`, again: response.status === 429 || response.status >= 500 };
  } catch (error) {
    return { why: error instanceof Error ? `${error.message} ${error.cause instanceof Error ? error.cause.message : ''}`.trim() : String(error), again: true };
  }
}
