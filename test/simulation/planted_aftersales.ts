/** Bugs of after-sales, planted on purpose: each takes one safeguard away. */
import { ok } from '#kit/base/result.ts';
import { frozen } from './memory/frozen.ts';
import { isHoldOfChange, type Change } from '../../services/aftersales/domain/change.ts';
import type { Plant } from './plant.ts';

export const PLANTED_AFTERSALES: Readonly<Record<string, Plant>> = {
  'a change that voids the old ticket before the new one can be had': {
    change_peers: (peers, world) => ({
      ...peers,
      places: {
        ...peers.places,
        async hold(change, hold_id) {
          for (const { item_id } of change.items) {
            const old = [...world.ticket_db.tickets.values()].find((ticket) => ticket.item_id === item_id && ticket.state === 'VALID');
            if (old !== undefined) world.ticket_db.tickets.set(old.ticket_id, frozen({ ...old, state: 'VOID' as const }));
          }
          world.oracle.written(String(change.order_id));
          return peers.places.hold(change, hold_id);
        },
      },
    }),
  },
  'a change that can be given up after its pivot': {
    changes(store, db) {
      // To travellers PIVOTED is as good as PAID.
      const shown = (change: Change | undefined) => (change?.stage === 'PIVOTED' ? { ...change, stage: 'PAID' as const } : change);
      return {
        ...store,
        find: async (change_id) => shown(await store.find(change_id)),
        ofOrder: async (order_id) => (await store.ofOrder(order_id)).map((change) => shown(change)!),
        move: (change_id, from, to, more, actor) => store.move(change_id, to === 'UNDOING' && db.changes.get(change_id)?.stage === 'PIVOTED' ? 'PIVOTED' : from, to, more, actor),
      };
    },
  },
  'a change whose money goes back under an id made anew with each try': {
    change_peers: (peers, world) => ({ ...peers, money: { ...peers.money, refund: (wanted) => peers.money.refund({ ...wanted, refund_id: `${wanted.refund_id}-${world.scheduler.between(1, 1e9)}` }) } }),
  },
  'a change of some passengers that gives back the places of all': {
    change_peers: (peers) => ({ ...peers, places: { ...peers.places, release: (hold) => peers.places.release({ ...hold, item_nos: [] }) } }),
  },
  'a change given up that leaves its payment open': {
    change_peers: (peers) => ({ ...peers, money: { ...peers.money, close: async () => ok({ paid: false, closed: true }) } }),
  },
  'a change that does not give its new places back': {
    change_peers: (peers) => ({ ...peers, places: { ...peers.places, release: async (hold) => (isHoldOfChange(hold.hold_id) && hold.item_nos.length === 0 ? ok(undefined) : peers.places.release(hold)) } }),
  },
  'a refund that does not mind whether its ticket was used': {
    refund_peers: (peers) => ({ ...peers, tickets: { void: async (...args) => peers.tickets.void(...args).then((voided) => (voided.ok || voided.error.reason !== 'TICKET_NOT_VALID' ? voided : ok(undefined))) } }),
  },
  'a refund whose money goes back under an id made anew with each try': {
    refund_peers: (peers, world) => ({
      ...peers,
      money: {
        refund: (wanted) => peers.money.refund({ ...wanted, refund_id: `${wanted.refund_id}.${world.scheduler.between(1, 1e9)}` }),
        state: async (refund_id) => ok([...world.payment_db.refunds.values()].findLast((refund) => refund.refund_id.startsWith(`${refund_id}.`))?.state ?? 'DUE'),
      },
    }),
  },
};
