/* SPDX-License-Identifier: MIT
 *
 * A short queue in which segments wait between the file and the flow table, so that a capture whose records stand in the
 * wrong order (several queues of one card, files merged carelessly) can be mended: a segment whose time lies before that
 * of waiting ones of the same connection takes its place among them. Nothing moves between connections, so numbers that
 * follow the file's order are given before the queue. Places keep their frame numbers, so that these are the order of use.
 *
 *      tca_order_slot -> fill it -> tca_order_add ... tca_order_next until NULL ... at the end: drain
 *
 * A segment waits until a record comes that is ORDER_WINDOW_NS later, or ORDER_SLOTS others came: in a sound capture it
 * costs no more than that. One time far ahead of all others lets go only what came before it. A lane is what the caller
 * keeps of one connection. The caller may let up to ORDER_BATCH of those that have waited long enough come together: its
 * code for the one half of the work and for the other do not fit into a processor's instruction cache at once. Nothing
 * passes one that has waited long enough, so results are the same.
 */
#ifndef TCA_ARTEFACT_ORDER_H
#define TCA_ARTEFACT_ORDER_H

#include "decode/segment.h"

enum {
    TCA_ORDER_SLOTS = 1024, /* segments that may have to wait longer */
    TCA_ORDER_BATCH = 16,   /* more that have waited long enough */
    TCA_ORDER_LANE_MAX = 32 /* segments of one connection that one may pass */
};
#define TCA_ORDER_WINDOW_NS INT64_C(50000000)
#define TCA_ORDER_BATCH_NS  INT64_C(1000000) /* so much longer may those of a batch wait */

/* Segments of one connection in the queue. All zero: none. Zeroed memory that lives as long as one of them waits. */
struct tca_lane {
    uint64_t newest; /* number of the newest one waiting, from 1 */
};

/* One that waits; the caller's to read until the next call that is given the queue. */
struct tca_waiting {
    struct tca_segment seg; /* frame: of its place, see moved.h */
    uint64_t record;        /* the queue's: the frame number in the file */
    void *tuple, *stream;   /* of the caller: what it found when the segment came */
    uint64_t stream_frame;  /* likewise */
    bool left_out;          /* as of the record */
    uint64_t before;        /* the next older one of its lane; the queue's */
    struct tca_lane *lane;
};

struct tca_order {
    struct tca_waiting *slot; /* owned: TCA_ORDER_SLOTS + TCA_ORDER_BATCH */
    uint64_t head, tail;      /* numbers of the oldest and of the one to be filled next, from 1 */
    uint64_t ripe;            /* of the oldest that has not waited long enough; maybe the tail */
    int64_t newest_ns;        /* the latest time of a segment */
    int64_t now_ns;           /* the time of the newest record */
};

/* 0 or TCA_EMEMORY. */
int tca_order_init(struct tca_order *order);
void tca_order_done(struct tca_order *order);

/* The slot to fill next: its content is old. There is always one as long as tca_order_next() is asked until NULL when
 * tca_order_is_batch(). */
struct tca_waiting *tca_order_slot(struct tca_order *order);
/* What is in that slot waits from now on, in its place in this lane. */
void tca_order_add(struct tca_order *order, struct tca_lane *lane);
/* The time of a record that is no segment also passes. */
void tca_order_time(struct tca_order *order, int64_t time_ns);
/* Have so many waited long enough, or one for longer, that they have to be taken out? */
bool tca_order_is_batch(struct tca_order *order);
/* The one that comes so many after the next; NULL: there is none yet. */
const struct tca_waiting *tca_order_peek(struct tca_order *order, unsigned ahead);
/* The next one that has waited long enough (all: any), or NULL. */
struct tca_waiting *tca_order_next(struct tca_order *order, bool all);

#endif
