import type { changeZh } from './change_zh.ts';

/** Words of the pages for a change of train, in English. */
export const changeEn: typeof changeZh = {
  start: 'Change train', title: 'Change of train', back_to_order: 'Back to the order', steps_label: 'Steps of the change', step_of: (step, all) => `Step ${step} of ${all}`,
  steps: { tickets: 'Tickets', ride: 'Train', quote: 'Check', pay: 'Settle', done: 'Done' },
  old_ride: 'Your journey now', new_ride: 'New journey',
  tickets: {
    title: 'Which tickets shall be changed?', next: 'Next: choose a train', none_chosen: 'Please choose at least one ticket.', nothing: 'No ticket of this order can be changed.', once: 'A ticket can be changed once. Your old ticket stays valid until the new seat is held and the difference is settled.', with_others: 'Choose them as well', other_left: 'A child travels with an adult: please change the children’s tickets as well.', adult_needed: 'A child travels with an adult: please choose at least one adult of the journey.',
    obstacles: {
      changed: 'Changed once already; a second change is not possible', changing: 'Being changed', refunding: 'Being refunded', closed: 'Given back, or the order is closed', not_issued: 'Not issued yet', cancelled: 'The train does not run; the fare goes back in full', used: 'Used at a gate', departed: 'The train has left; a counter at the station can change it today', gate_closed: 'Boarding is closed; please go to a counter at the station',
    },
  },
  ride: {
    title: 'Which train instead?', from: 'From', to: 'To', from_hint: 'From the same city as your ticket.', destination_hint: 'Another city is a change of destination: possible until 48 hours before departure.', fares_note: (count) => (count > 1 ? `For ${count} passengers. Prices are per ticket; the next step shows the difference and the fee.` : 'Prices are fares; the next step shows the difference and the fee.'), own: 'Yours now', choose: (train) => `Change to ${train}`,
  },
  quote: {
    title: 'Check the price', passenger: 'Passenger', old_fare: 'Old fare', new_fare: 'New fare', fee: 'Fee', difference: 'Difference', total: 'Total', pay: 'You pay', back: 'You get back', paid: 'You paid', even: 'Nothing to pay', free: 'free', rule: 'The rule', fee_in: 'When the new fare is lower, the difference comes back less the refund fee on it.', dearest: 'For berths this is the price of the dearest one; you pay for the one you get, which is never more.',
    good_until: (time, left) => `Good until ${time}, ${left} left`, expired: 'These figures are no longer good. Please check again.', again: 'Check again', seat_after: 'The seat is held once you confirm; until then your old ticket is valid.',
    confirm_pay: (amount) => `Change and pay ${amount}`, confirm_back: (amount) => `Change and get ${amount} back`, confirm_even: 'Change', stale: 'The figures have changed and nothing was done. Please check the new ones and confirm again.', stale_same: 'The order has changed, the amount has not; nothing was done. Please confirm again.', stale_was: (was, now) => `Before: ${was}. Now: ${now}.`,
  },
  sending: { title: 'Changing your tickets', calm: 'One moment, the new seats are being held. Reloading the page never changes twice.', unknown: 'We do not know yet whether it worked. Asking again repeats the same request and never changes twice.', ask: 'Ask again' },
  pay: { title: 'Pay the difference', locked: 'The new seats are held; the cashier is being prepared.', confirming: 'Waiting for the payment. This page updates by itself.', go: (amount) => `Pay ${amount}`, preparing: 'The cashier is being prepared; one moment please.', give_up: 'Give the change up', give_up_body: 'The new seats go back at once and your old ticket stays valid. Give up?', giving_up: 'Giving up…', keep: 'Go on', old_valid: 'Until it is paid your old ticket is valid.' },
  pivoted: { title: 'Your new ticket counts', body: 'It is being issued and the old seat goes back. The old ticket can no longer be used; one moment please.' },
  done: { title: 'Changed', body: 'Travel with your new ticket; the old one is void.', back: (amount) => `${amount} is on its way back the way it came.`, new_tickets: 'New tickets', old_tickets: 'Old tickets (void)' },
  given_up: {
    title: 'Not changed', still: 'Your old ticket is valid; travel as planned.', money: 'If you paid a difference, it goes back the way it came.', undoing: 'Your old ticket is being restored; a moment later you can change or refund it again.', again: 'Change again',
    because: { cancelled: 'You gave the change up; the new seats went back.', expired: 'The difference was not paid in time; the new seats went back.', places: 'The seats could not be held. Please try another train or class.', quote: 'The price changed while you confirmed, so nothing was done at the old one. Please check the new price.', ticketing: 'The railway could not register the new ticket. Please try later, or another train.', used: 'Your old ticket was used at a gate meanwhile and cannot be changed.', departed: 'The new train has left. Please choose another.', run_cancelled: 'The new train does not run. Please choose another.', overlap: 'A passenger has another journey at that time. Please choose another train.', unknown: 'The change did not work. Please try later, or another train.' },
  },
  advice: {
    tickets: 'Choose tickets again', ride: 'Choose another train', order: 'Back to the order', quote: 'Check the price again',
    rules: { once: 'This ticket was changed once already. You can refund it and buy another.', state: 'The ticket is being changed or refunded; the order shows how far that is.', used: 'The ticket was used at a gate and cannot be changed.', child_with_adult: 'A child travels with an adult; please change their tickets together.', from_station: 'The new train must leave from the same city.', destination_48h: 'Another destination is possible until 48 hours before departure. Choose the city on your ticket, or refund it and buy another.', later_day: 'The rules do not allow this day any more. Please choose a train on the day of your ticket or earlier.', pivoted: 'The new ticket counts already and cannot be given up.' },
    at_counter: 'This can no longer be done online. A counter at the station can change it on the same day.',
  },
  list: { title: 'Changes of train', to: (train, date, time) => `To ${train}, ${date} ${time}`, see: 'Details', pay: 'Pay the difference', left: (time) => `${time} left`, stages: { locked: 'Seats held', await_pay: 'To pay', pivoted: 'Swapping tickets', done: 'Changed', cancelled: 'Not changed' }, tag: 'Changed' },
};
