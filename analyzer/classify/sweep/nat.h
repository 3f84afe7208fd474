/* SPDX-License-Identifier: MIT
 *
 * One connection twice in one capture: before and after its addresses were translated (tcpdump -i any on a router, a
 * firewall or a host of containers; a mirror port on both sides of one). Both have a row; the one whose SYN passed later is
 * said to be the other again (nat_of), and what is counted, is counted once:
 *
 *     client 10.0.0.2:40001 ---- router ---- 203.0.113.1:52011 server        source translated
 *            first row                second row, nat_of the first
 *
 * A socket stands at its own host only under the address that its own packets bear: the client's in the first row, the
 * server's in the second.
 *
 * Rows are to be known to be the same before anything is counted. So of each flow that began with a SYN a hint is kept while
 * the captures are read, its number and the second in which it came; where two flows have nearly the same hint, which is rare
 * without a translation, one more walk over the dossiers holds such flows against each other. Time n log n; of flows with
 * equal numbers each is held against a few neighbours.
 */
#ifndef TCA_CLASSIFY_NAT_H
#define TCA_CLASSIFY_NAT_H

#include "classify/read/dossier.h"

/* One row of a pair. */
struct tca_nat {
    uint32_t capture;
    uint8_t part; /* enum tca_nat_part */
    uint64_t id_frame, other_frame;
    uint64_t other_first;    /* the other row's first frame within this reading */
    int64_t later_ns;        /* AFTER: how much later its SYN passed than the one before the translation */
    uint8_t server_addr[16]; /* of the row before the translation: where it is counted */
    uint16_t server_port;
    bool same_addr[2]; /* by role: the other row has this end under the same address */
};

/* Does this end bear its own address in this row? Its socket and its counters are told by that row alone. */
static inline bool tca_nat_at_home(const struct tca_dossier *d, int role)
{
    return d->nat != (role == TCA_CLIENT ? TCA_NAT_AFTER : TCA_NAT_BEFORE);
}

/* Do both rows show this end under one address, and the other row is the one to tell of it? */
static inline bool tca_nat_told_there(const struct tca_dossier *d, int role)
{
    return d->nat_same_addr[role] && !tca_nat_at_home(d, role);
}

/* The mark by which a flow is known. */
static inline bool tca_nat_is_first_syn(const struct tca_mark *mark)
{
    return (mark->roles & TCA_MARK_SYN) && mark->side == TCA_CLIENT && mark->copy == 1 && !mark->witness;
}

/* 1. Of each flow with a SYN of its client, in any order: its number, and when its first copy passed. *known_as is 0 at first; a
 * flow that comes again with what it was given then replaces what it was. 0 or TCA_EMEMORY. */
struct tca_nat_hints {
    uint64_t *list; /* owned */
    size_t count, room;
};
int tca_nat_hint(struct tca_nat_hints *hints, uint32_t capture, uint32_t isn, int64_t syn_ns,
                 uint32_t *known_as);
/* What another reader of the capture has, whose list is then empty. 0 or TCA_EMEMORY. */
int tca_nat_hints_take(struct tca_nat_hints *hints, struct tca_nat_hints *other);
/* One of the list as it would be of another capture: with numbers of captures, or 0. */
uint64_t tca_nat_hint_of(uint64_t hint, uint32_t capture, uint32_t other);
/* One of a list, as it stands there. 0 or TCA_EMEMORY. */
int tca_nat_hints_add(struct tca_nat_hints *hints, uint64_t hint);
void tca_nat_hints_done(struct tca_nat_hints *hints);

struct tca_nats; /* opaque */

/* 2. All flows are in; no hint is needed any more. *ret_nats NULL: no row can be another one again, and 3 and 4 are not due.
 * 0 or TCA_EMEMORY. */
int tca_nats_new(struct tca_nat_hints *hints, struct tca_nats **ret_nats);
void tca_nats_free(struct tca_nats *nats); /* accepts NULL */
/* 3. Each dossier, in any order. 0 or TCA_EMEMORY. */
int tca_nats_add(struct tca_nats *nats, const struct tca_dossier *d);
/* False: a flow whose client began with this number, by a SYN that passed then, need not be added. */
bool tca_nats_wants(const struct tca_nats *nats, uint32_t capture, uint32_t isn, int64_t syn_ns);
/* 4. Find the pairs, forget the rest. 0 or TCA_EMEMORY. */
int tca_nats_link(struct tca_nats *nats);
/* Is there any row of which something is known? */
bool tca_nats_any(const struct tca_nats *nats);
/* What is known of this row; NULL: nothing. */
const struct tca_nat *tca_nats_find(const struct tca_nats *nats, uint32_t capture, uint64_t id_frame);

#endif
