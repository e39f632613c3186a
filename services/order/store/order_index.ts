/** Orders in an index that speaks Elasticsearch's protocol: to be found by what people at the counter know, across all shards. */
import { Client, errors } from '@opensearch-project/opensearch';
import { StoreUnavailable } from '#kit/store/errors.ts';
import type { OrderIndex, OrderQuery } from '../app/ports.ts';
import { orderDocument } from './order_document.ts';

const REQUEST_MS = 1_500;
const BULK_MS = 20_000;
/** No analyser: everything is looked up as it is. Nothing of a person but the blind index is in it. */
const KEYWORD = { type: 'keyword' } as const;
const LONG = { type: 'long' } as const;
const MAPPING = {
  dynamic: 'strict',
  properties: {
    order_no: LONG, account_id: KEYWORD, tenant: KEYWORD, run_ids: KEYWORD, service_dates: KEYWORD, persons: KEYWORD,
    state: KEYWORD, payment_id: KEYWORD, create_ms: LONG,
  },
} as const;

/** `name` is an alias; the indexes behind it are `<name>-<time>`. */
export function openOrderIndex({ url, name }: { url: string; name: string }): OrderIndex & { close(): Promise<void> } {
  const client = new Client({ node: url, maxRetries: 1, requestTimeout: REQUEST_MS });
  return {
    search: (query) => typed(() => search(client, name, query)),
    put: (orders) => typed(async () => {
      const operations = orders.flatMap((order) => [{ index: { _index: name, _id: order.order_id, version: order.version, version_type: 'external' as const } }, orderDocument(order)]);
      await bulk(client, operations, { require_alias: true });
    }),
    create: (now_ms) => typed(async () => {
      const index = `${name}-${now_ms}`;
      await client.indices.create({ index, body: { settings: { number_of_replicas: 0, refresh_interval: '1s' }, mappings: MAPPING } }).catch(unlessThere);
      return index;
    }),
    fill: (index, orders) => typed(async () => {
      const operations = orders.flatMap((order) => [{ index: { _index: index, _id: order.order_id, version: order.version, version_type: 'external' as const } }, orderDocument(order)]);
      if (operations.length > 0) await bulk(client, operations, {});
    }),
    adopt: (index) => typed(() => adopt(client, name, index)),
    ensure: (now_ms) => typed(async () => {
      if ((await client.indices.existsAlias({ name })).body) return true;
      // An index that was just made knows nothing of before: somebody has to fill it.
      const index = `${name}-${now_ms}`;
      await client.indices.create({ index, body: { settings: { number_of_replicas: 0, refresh_interval: '1s' }, mappings: MAPPING, aliases: { [name]: {} } } }).catch(unlessThere);
      return false;
    }),
    ready: async () => client.cluster.health({}, { requestTimeout: REQUEST_MS }).then(({ body }) => body.status !== 'red', () => false),
    close: () => client.close(),
  };
}

async function search(client: Client, name: string, query: OrderQuery): Promise<string[]> {
  const { body } = await client.search({
    index: name,
    body: {
      query: { bool: { filter: filtersOf(query) } },
      sort: [{ order_no: { order: 'desc' } }],
      size: query.limit,
      _source: false,
      ...(query.before === undefined ? {} : { search_after: [query.before] }),
    },
  });
  return body.hits.hits.map((hit) => String(hit._id));
}

function filtersOf({ account_id, tenant, run_id, person, payment_id, states, create_from_ms, create_to_ms, service_date_from, service_date_to }: OrderQuery) {
  const terms = Object.entries({ account_id, tenant, run_ids: run_id, persons: person, payment_id }).flatMap(([field, value]) => (value === undefined ? [] : [{ term: { [field]: { value } } }]));
  return [
    ...terms,
    ...(states.length === 0 ? [] : [{ terms: { state: states } }]),
    ...rangeOf('create_ms', { gte: create_from_ms, lt: create_to_ms }),
    ...rangeOf('service_dates', { gte: service_date_from, lte: service_date_to }),
  ];
}

function rangeOf(field: string, bounds: Record<string, string | number | undefined>) {
  const given = Object.fromEntries(Object.entries(bounds).filter(([, value]) => value !== undefined));
  return Object.keys(given).length === 0 ? [] : [{ range: { [field]: given } }];
}

/** The alias moves in one step; what was behind it goes. */
async function adopt(client: Client, name: string, index: string): Promise<void> {
  const before = await client.indices.getAlias({ name }).then(({ body }) => Object.keys(body), () => []);
  const old = before.filter((one) => one !== index);
  const actions = [...old.map((one) => ({ remove_index: { index: one } })), { add: { index, alias: name } }];
  await client.indices.refresh({ index });
  await client.indices.updateAliases({ body: { actions } });
}

async function bulk(client: Client, body: Record<string, unknown>[], options: { require_alias?: boolean }): Promise<void> {
  const answer = await client.bulk({ body, ...options }, { requestTimeout: BULK_MS });
  // 409: the index has this version of the order or a newer one.
  const failed = answer.body.errors ? answer.body.items.find(({ index }) => index?.error !== undefined && index.status !== 409) : undefined;
  if (failed !== undefined) throw new Error(`the index refused order ${failed.index?._id}: ${failed.index?.error?.reason}`);
}

function unlessThere(error: unknown): void {
  if (!(error instanceof errors.ResponseError) || !/resource_already_exists/.test(error.message)) throw error;
}

/** An index that is away, overloaded or gone is an outage: nothing was done, it may be done again. */
async function typed<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    const status = error instanceof errors.ResponseError ? error.statusCode : undefined;
    const away = error instanceof errors.OpenSearchClientError && (status === undefined || status === 404 || status === 429 || status >= 500);
    if (away) throw new StoreUnavailable('the search index is away', { cause: error });
    throw error;
  }
}
