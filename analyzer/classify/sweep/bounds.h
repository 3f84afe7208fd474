/* SPDX-License-Identifier: MIT
 *
 * What the kernel of a listener counted: ListenOverflows and ListenDrops, at least and at most, as far as this capture's
 * connections caused them.
 */
#ifndef TCA_CLASSIFY_BOUNDS_H
#define TCA_CLASSIFY_BOUNDS_H

#include "classify/sweep/episode.h"

/* Set listen_overflows, listen_drops, hit_flows, lost_flows and drain_ns. `edge`: `count` edges of the listener by time,
 * followed by `undecided` SYNs that the capture's end left without an answer; l->episode is set. `conn`: all
 * connections of the sweep. 0 or TCA_EMEMORY. */
int tca_bounds_find(struct tca_listener *l, const struct tca_edge *edge, size_t count, size_t undecided,
                    const struct tca_conn *conn);

#endif
