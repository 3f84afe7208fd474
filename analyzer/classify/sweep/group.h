/* SPDX-License-Identifier: MIT
 *
 * A group: a run of instants that may be one episode. It is told at a level, the number of candidates at which the queue
 * was full if it was; the readings (reading.h) then judge whether that makes sense.
 */
#ifndef TCA_CLASSIFY_GROUP_H
#define TCA_CLASSIFY_GROUP_H

#include "classify/sweep/board.h"

/* Neighbouring drops belong together up to the third gap of a classic SYN ladder (4 s, an eighth late): a
 * client that retries is then never lost between two of its own copies while the queue may still be full.
 * While nothing at all is accepted or answered they belong together however far they are apart. */
#define TCA_GROUP_GAP_NS INT64_C(4500000000)

enum {
    TCA_LEVEL_SLACK = 2, /* the level is known within this: one in hand, one in flight */
    TCA_SEPARATION = 70, /* percent: drops at the level or above, less answers there, each of its own total */
};

struct tca_group {
    const struct tca_instant *instant;
    size_t count;
    int64_t since_ns;               /* answers count since then; 0: since a gap before the first instant */
    int64_t first_ns, last_ns;      /* of those that count */
    uint32_t level;                 /* the number of candidates at which the queue was full */
    uint32_t separation;            /* percent, how well that level tells drops from answers */
    uint32_t strong;                /* instants that have no other explanation of their own, */
    uint32_t at_level, near, below; /* at the level or above, within the slack of it, below that */
    uint32_t asked;                 /* strong instants at which most candidates waited for an answer */
    uint32_t flows, stuck_flows, refused_flows;
    bool burst; /* they came together after a pause: nobody knows that the service stood still */
    bool begun; /* full when the capture began: told by what was answered afterwards */
};

/* Tell the episode at the group's level: count what belongs to it. False if nothing does. */
bool tca_group_tell_at_level(struct tca_board *b, struct tca_group *g, struct tca_episode *e);
/* The same at the level that best separates drops from answers, which it finds. */
bool tca_group_tell(struct tca_board *b, struct tca_group *g, struct tca_episode *e);
/* The same of one of several queues: its level is the usual number of those that waited too long. */
void tca_group_tell_stalled(struct tca_board *b, struct tca_group *g, struct tca_episode *e);

/* The episode is judged: those join it whom it shows to have been refused. Returns how many of them had been taken for
 * children until then. */
size_t tca_group_join_doubts(struct tca_board *b, struct tca_group *g, struct tca_episode *e);

/* Does this instant belong to an episode at this level? */
bool tca_group_holds(const struct tca_instant *one, uint32_t level);
/* Does the level tell drops from answers? */
bool tca_group_level_decides(const struct tca_group *g);
/* Did drops and answers follow the free places? (slots.c) */
bool tca_group_slots_decide(const struct tca_board *b, const struct tca_group *g);
/* Segments of open connections were refused while SYNs were dropped. */
bool tca_group_refused_among_drops(const struct tca_group *g, const struct tca_episode *e);

/* Sort, and keep one of each. Returns how many are left. */
size_t tca_sort_unique(uint64_t *number, size_t count);

#endif
