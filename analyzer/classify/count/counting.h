/* SPDX-License-Identifier: MIT
 *
 * What the rules of counter.def share: one end of one connection, and the words in which they answer. Private to
 * counter.c, count_open.c, count_sent.c and count_close.c.
 */
#ifndef TCA_CLASSIFY_COUNTING_H
#define TCA_CLASSIFY_COUNTING_H

#include "classify/count/counter.h"

struct tca_counting {
    const struct tca_case *c;
    const struct tca_dossier *d;
    const struct tca_mirror *m;
    const struct tca_verdict *v;
    const struct tca_side *me, *peer;
    int role;
    bool near; /* the capture was taken at this end's host: what passes towards it reaches its kernel */
};

/* Bytes of the first congestion window (RFC 6928): ten segments of what the peer takes, or of the smallest default. */
static inline uint64_t tca_counting_window(const struct tca_counting *k)
{
    return 10 * (uint64_t)(k->peer->has_mss && k->peer->mss ? k->peer->mss : 536);
}

static inline struct tca_bounds count_exactly(uint64_t n)
{
    return (struct tca_bounds){n, n};
}

static inline struct tca_bounds count_up_to(uint64_t n)
{
    return (struct tca_bounds){0, n};
}

static inline struct tca_bounds count_between(uint64_t min, uint64_t max)
{
    return (struct tca_bounds){min < max ? min : max, max};
}

static inline struct tca_bounds count_one_if(bool sure, bool possible)
{
    return (struct tca_bounds){sure, sure || possible};
}

/* The confidence of this finding in the flow's verdict; TCA_NO where it does not hold. */
enum tca_confidence tca_counting_told(const struct tca_counting *k, enum tca_finding_id id);
/* The same, if this end did it. */
enum tca_confidence tca_counting_did(const struct tca_counting *k, enum tca_finding_id id);
/* Some segment of this end proves that it was open. */
bool tca_counting_opened(const struct tca_side *side);
/* Of several counts for the same thing, the sum. */
struct tca_bounds tca_counting_sum(struct tca_bounds a, struct tca_bounds b);

/* The state of this end before the n-th step of its settled history. */
enum tca_state tca_counting_before(const struct tca_counting *k, unsigned n);
/* Did it pass through this state? */
enum tca_passage { TCA_PASSED_NEVER, TCA_PASSED_MAYBE, TCA_PASSED_ASSUMED, TCA_PASSED_PROVED };
enum tca_passage tca_counting_passed(const struct tca_side *side, enum tca_state state);

/* Its SYN looks like a connect(), and nothing came that would disown it, and nothing that proves it. */
bool tca_counting_presumed_opens(const struct tca_counting *k);

/* Its RSTs, by who built them. */
struct tca_rst_count {
    uint64_t kernel;  /* by its TCP */
    uint64_t replies; /* by its TCP, or by its firewall: only the checksums of its other segments tell */
    uint64_t unsure;  /* by either, or by somebody on the way */
    uint64_t foreign; /* not by its TCP */
};
struct tca_rst_count tca_counting_resets(const struct tca_counting *k);

/* What a host's other connections must confirm before a TIME_WAIT counts. */
struct tca_wait_count {
    bool due;   /* it was in TIME_WAIT */
    bool shown; /* and answered from there */
    bool
        orphan; /* through FIN_WAIT2 for four seconds or less, without its program: that may count elsewhere */
    bool patient; /* ... or for longer */
    bool denied;  /* it answered with a reset what TIME_WAIT would have taken */
    bool missed;  /* the one before it on these ports was not there any more */
};
struct tca_wait_count tca_counting_waits(const struct tca_counting *k);

#define COUNTER(id, text, function, ...) tca_counter_fn function;
#include "classify/count/counter.def"
#undef COUNTER

/* Copies that may have been segments of their own after all: a request answers each copy of a SYN that the network made
 * alike. Where every segment has one, they are the capture's. */
static inline uint64_t count_copies(const struct tca_side *side)
{
    return side->capture_copies < side->pkts ? side->capture_copies : 0;
}

#endif
