/* SPDX-License-Identifier: MIT
 *
 * Kernel counters: what `nstat` of a host would have counted of the connections that the capture shows, as lower and
 * upper bounds.
 *
 *      flow, role --> tca_count_flow()      one end's contribution, from its dossier and verdict
 *      listener   --> tca_count_listener()  what belongs to its queues, not to one connection
 *      both, added up per host --> tca_counts_settle() --> the bounds to tell
 *
 * The lower bound rests on what the host's kernel must have counted to send what it sent, or to be where it was
 * proved to be. The upper bound holds only where the capture was taken at that host: everything else may have been
 * lost before it could be captured. A counter that no rule can bound is not in counter.def; docs/design/counters.md
 * lists those.
 */
#ifndef TCA_CLASSIFY_COUNTER_H
#define TCA_CLASSIFY_COUNTER_H

#include "classify/finding.h"

#define TCA_UNBOUNDED UINT64_MAX /* no upper bound */

enum tca_counter_id {
#define COUNTER(id, ...) TCA_COUNT_##id,
#include "classify/count/counter.def"
#undef COUNTER
    TCA_COUNTER_COUNT
};

struct tca_counting;
typedef struct tca_bounds tca_counter_fn(const struct tca_counting *k);

struct tca_counter {
    const char *name;    /* as nstat prints it */
    const char *meaning; /* when the kernel counts, and where: file, function */
    const char *basis;   /* how it was counted here */
    bool segments;       /* counts segments: what the capture missed widens it */
    bool by_absence; /* its lower bound rests on segments that did not come: it needs all of the capture */
    tca_counter_fn *count; /* of one end of a connection */
};
extern const struct tca_counter tca_counters[TCA_COUNTER_COUNT];

/* What the connections of a host must confirm to each other before it counts: sums and signs. */
struct tca_count_facts {
    uint64_t near,
        far;        /* connections whose vantage says that the capture was taken at this host, or elsewhere */
    uint64_t close; /* ... or at either end of a short path, so perhaps at this one */
    uint64_t
        sure_if_offload; /* RSTs that its kernel sent if its other segments leave with unfinished checksums */
    uint64_t opens_if_whole;   /* connects that only the peer's reset could disown */
    uint64_t waits_if_patient; /* TIME_WAITs of orphans, if FIN_WAIT2 lasts longer than four seconds here */
    uint64_t
        waits_if_kept; /* TIME_WAITs that nothing shows but that they were due, if there was room for them */
    uint64_t tw_room;  /* tcp_max_tw_buckets plus one, where it is known; 0: it is not */
    bool left_out;     /* records of the capture were left out by what the user asked for */
    bool missed;       /* segments passed that it lacks: others may be missing, too, and leave no sign */
    bool offload;      /* some segments leave so */
    bool patient, denied; /* FIN_WAIT2 does last; a TIME_WAIT that was due was not there */
};

/* What one host counted, or one connection's or listener's part of it. Starts as zeros. */
struct tca_counts {
    struct tca_bounds of[TCA_COUNTER_COUNT];
    struct tca_count_facts facts;
};

/* The contribution of one end of a connection. `v` must hold every finding, whatever the user wants to read. */
void tca_count_flow(const struct tca_case *c, const struct tca_verdict *v, int role, struct tca_counts *ret);
/* The contribution of a listener to its host. */
void tca_count_listener(const struct tca_listener *l, struct tca_counts *ret);
/* Saturating; no bound and anything is no bound. In whatever order, and in whatever parts. */
void tca_counts_add(struct tca_counts *sum, const struct tca_counts *part);
void tca_count_add(struct tca_counts *sum, unsigned id, struct tca_bounds bounds);
void tca_count_facts_add(struct tca_count_facts *sum, const struct tca_count_facts *part);
/* The capture of this connection lacks segments: seldom those of this connection alone. */
bool tca_count_sees_loss(const struct tca_case *c);
/* All parts of a host are in: without a capture taken there nothing is bounded from above. */
void tca_counts_settle(struct tca_counts *sum);
/* The capture was taken at this host. Of a settled total. */
bool tca_counts_near(const struct tca_counts *sum);
/* ... and lacks nothing that it might have shown: there are upper bounds. */
bool tca_counts_bounded(const struct tca_counts *sum);

#endif
