/* SPDX-License-Identifier: MIT
 *
 * Readings of a group: in which way its queue was full. Each tells the episode in *e and narrows *g to what it holds; it
 * returns false where it does not apply, and then both are undefined.
 */
#ifndef TCA_CLASSIFY_READING_H
#define TCA_CLASSIFY_READING_H

#include "classify/sweep/group.h"

#define TCA_SHORT_CALM_NS INT64_C(1000000000) /* without a proof of accept(): shorter times are pauses */

/* All of it: the service accepted nothing, or too slowly. */
bool tca_read_whole(struct tca_board *b, struct tca_group *g, struct tca_episode *e);
/* The longest time without a proof of accept(). */
bool tca_read_core(struct tca_board *b, struct tca_group *g, struct tca_episode *e);
/* One of the stalls of a group that was told, of this level and confidence: when, and what the service did then. */
void tca_read_stall(struct tca_board *b, struct tca_group *g, struct tca_episode *e,
                    enum tca_confidence_level confidence);
/* A part of the drops of a slow service, and what does not contradict it. */
bool tca_read_parts(struct tca_board *b, struct tca_group *g, struct tca_episode *e);
/* Near the server, refused in both ways, though no number of candidates tells when. */
bool tca_read_both_ways(struct tca_board *b, struct tca_group *g, struct tca_episode *e);
/* One of several queues behind one port. (partial.c) */
bool tca_read_partial(struct tca_board *b, struct tca_group *g, struct tca_episode *e);
/* Those who stood in it from before it was full until its worker went on. */
struct tca_residents {
    size_t count;
    size_t in_hand;  /* of these, its worker may have taken so many before it stood still */
    bool in_order;   /* served in the order in which they came: they stood in one queue */
    int64_t last_ns; /* when the last was served; -1 without any */
};
struct tca_residents tca_partial_residents(const struct tca_board *b, const struct tca_episode *e);
/* Where the first of several stalls ends that a group holds from this instant on, of `g->count`. (stalls.c) */
size_t tca_stall_end(struct tca_board *b, const struct tca_group *g, size_t from);
/* Since when, at or after this moment, the queue was not empty: before, nobody had come. (stalls.c) */
int64_t tca_busy_since(const struct tca_board *b, int64_t from_ns);
/* How long somebody waited for the application between two proofs of accept(). (stalls.c) */
int64_t tca_waited_between(const struct tca_board *b, int64_t from_ns, int64_t to_ns);
/* A queue that was full when the capture began. (begun.c) */
bool tca_read_begun(struct tca_board *b, struct tca_group *g, struct tca_episode *e);

#endif
