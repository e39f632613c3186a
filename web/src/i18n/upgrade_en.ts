import type { upgrade_zh } from './upgrade_zh.ts';

/** Words of asking for a better train with a ticket that is held, in English. */
export const upgrade_en: typeof upgrade_zh = {
  title: 'Wait with your ticket for a better train', wait: 'Wait with ticket', wait_few: (count) => `Only ${count} · wait with ticket`, wait_train: (train) => `Wait with your ticket for ${train}`, ride_hint: 'You can wait for a class that is sold out: your ticket stays valid, and is changed once there is a seat.',
  lead: 'Your ticket stays valid until there is a seat; only then does it move to the new train. You pay nothing now, and if no seat comes you travel as planned.',
  tickets: 'Tickets to change', tickets_hint: 'Passengers are those of the tickets', group: 'These tickets are all changed or none is: you are matched when there are seats for everybody.', classes_any: 'Whichever of these classes has a seat first is taken.', difference_now: (seat_class) => `${seat_class}, at today’s fares:`, on_sale: (seat_class) => `${seat_class} is on sale now, no need to wait: you can change at once.`, change_now: 'Change now',
  deadline_first: 'by the last of the trains or your own, whichever leaves first',
  limit: 'The most I would pay on top (yuan, fees included)', limit_hint: 'Empty means any amount. Seats that cost more are not held for you, and no difference is charged before you pay it.', limit_short: 'At most on top', limit_any: 'any amount',
  problems: { no_wish: 'Please choose at least one train', no_class: 'Please choose a class for each train', too_many: (max) => `At most ${max} trains and classes together; please remove some`, bad_limit: 'Please enter an amount such as 120 or 120.50; leave it empty for any' },
  submit: 'Wait with my ticket', agree: 'When there are seats and a difference is due, please pay it in time; otherwise the seats go to the next and your ticket stays as it is. When nothing is due, your ticket is changed by itself and what is left over comes back. A ticket can be changed once. You can leave at any time.',
  no_tickets: 'This order has no such tickets. Please choose again from the order.', to_order: 'See that order', already: 'Some of these tickets wait for a better train already, and a ticket can wait once at a time. Please leave that standby first, then ask anew.', see_open: 'See that standby',
  above: (train, seat_class, amount) => `${train}, ${seat_class} would cost at least ${amount} on top now.`, raise: (amount) => `Accept up to ${amount}`, remove: (train, seat_class) => `Please remove ${train}, ${seat_class}, or choose another train.`, remove_any: 'Please remove this train, or choose another one.', tickets_again: 'Choose tickets again',
  open_title: 'Waiting for a better train', open_until: (time) => `until ${time}`, open_see: 'See how it goes', choose_again: 'Choose another train',
};
