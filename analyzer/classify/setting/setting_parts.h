/* SPDX-License-Identifier: MIT
 *
 * The parts of estimating; private to classify/setting*.c.
 *
 *     setting_ladder.c  what repetitions tell: how often, how soon, how long
 *     setting_fact.c    what one segment or one wait tells
 *     setting_clock.c   what the clocks of time stamps tell, over all connections of a host
 *     setting.c         listeners; from observations to estimates, and these against what is known
 */
#ifndef TCA_CLASSIFY_SETTING_PARTS_H
#define TCA_CLASSIFY_SETTING_PARTS_H

#include "classify/setting/setting.h"
#include "mirror/deviations.h"

/* An observation: the setting is at least `min` and at most `max`. */
struct tca_observation {
    uint8_t addr[16];
    uint32_t capture;
    uint16_t port;
    uint8_t family;
    uint8_t id; /* enum tca_setting_id */
    uint8_t by; /* of backlog: enum tca_backlog_basis */
    int64_t min, max, time_ns;
    uint64_t frame[2]; /* 0: none */
    uint64_t others;   /* connections that show the same beside the one */
};

/* A clock of time stamps, read once per connection. */
struct tca_reading {
    uint8_t addr[16];
    uint32_t capture;
    uint16_t port[2];
    uint8_t family;
    uint32_t tsval;
    int64_t time_ns;
    uint64_t frame;
};

struct tca_estimates {
    struct tca_observation *seen; /* owned */
    size_t count, room;
    struct tca_reading *clock; /* owned */
    size_t clocks, clock_room;
    struct tca_estimate *list; /* owned */
    size_t listed;
};

/* One judged flow, being asked. */
struct tca_gather {
    struct tca_estimates *all;
    const struct tca_case *c;
    const struct tca_dossier *d;
    const struct tca_verdict *v;
    int64_t capture_ns, end_ns;
    bool sifted; /* a filter left segments out: silence proves nothing */
    int error;
};

int tca_observation_add(struct tca_estimates *all, const struct tca_observation *one); /* 0 or TCA_EMEMORY */
/* Of the host in this role: the setting is at least `min` and at most `max`, by these segments. */
void tca_observe(struct tca_gather *g, int role, enum tca_setting_id id, int64_t min, int64_t max,
                 const struct tca_mark *from, const struct tca_mark *to);
/* The same by the first segment of a judgement; nothing if that is not kept. */
void tca_observe_found(struct tca_gather *g, int role, enum tca_setting_id id, int64_t min, int64_t max,
                       const struct tca_judgement *j);
/* What was judged of the flow, with this confidence or more; NULL: it was not. */
const struct tca_judgement *tca_gather_found(const struct tca_gather *g, enum tca_finding_id id,
                                             enum tca_confidence least);
/* The kept mark of this frame; NULL if there is none. */
const struct tca_mark *tca_gather_mark(const struct tca_dossier *d, uint64_t frame);
/* Every segment of this end passed the capture point, whatever became of it. */
bool tca_gather_near(const struct tca_case *c, int role);
bool tca_gather_linux(const struct tca_gather *g, int role);

void tca_estimate_ladders(struct tca_gather *g);
void tca_estimate_facts(struct tca_gather *g);
void tca_estimate_clock(struct tca_gather *g);
/* All flows are in: two connections of a system that no common clock explains. Gives the clocks away. 0 or
 * TCA_EMEMORY. */
int tca_estimate_clocks(struct tca_estimates *all);

#endif
