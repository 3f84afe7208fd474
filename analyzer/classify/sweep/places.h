/* SPDX-License-Identifier: MIT
 *
 * The places in the queue, as an episode shows them: how many there are, who held them, and how long until they were
 * free again.
 */
#ifndef TCA_CLASSIFY_PLACES_H
#define TCA_CLASSIFY_PLACES_H

#include "classify/sweep/group.h"

/* Complete the episode, and narrow what is known of the listener's limit and how long it took to work the queue off.
 * `childless`: so many of the board's children of that time were none. */
void tca_places_tell(const struct tca_board *b, struct tca_listener *l, const struct tca_group *g,
                     struct tca_episode *e, size_t childless);
/* There are several queues: the peak of those that wait, of which none tells anything of another. */
void tca_places_peak_apart(struct tca_board *b, struct tca_listener *l);
/* A closed listener reset its whole queue: a bound of its limit. After all episodes. */
void tca_places_bound_by_burst(struct tca_listener *l);
/* Beside those that an episode counts, so many of other rows may have stood in its queue: `others`, one per episode of
 * the listener; NULL: nobody knows how many. */
void tca_places_widen(struct tca_listener *l, const size_t *others);
/* Nobody knows how many others waited: no upper bound. */
void tca_places_open(struct tca_listener *l);

#endif
