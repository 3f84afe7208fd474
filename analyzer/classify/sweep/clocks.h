/* SPDX-License-Identifier: MIT
 *
 * The clocks behind one address: how the time stamps (RFC 7323) of its connections lie to each other in one capture.
 *
 *      stamp ^        /        /             ^  /    /              ^      /
 *            |  x  x /   x  x /              | x  / x               |   x /
 *            |    /     /                    |   x /  x             |    /       x
 *            +------------------> time       +------------>         +-------------->
 *            one                             several                restarted
 *
 * Two stamps lie on one line where the later one is what the clock, at its rate, would show then. Systems give each
 * connection, or each pair of addresses, an offset of its own by chance, so lines that differ between pairs tell nothing of
 * hosts; chance brings no two stamps onto one line, but a tuple that is used again keeps its offset. Several hosts are told
 * only where one pair of addresses shows two lines at one time, each of two tuples or more.
 */
#ifndef TCA_CLASSIFY_CLOCKS_H
#define TCA_CLASSIFY_CLOCKS_H

#include "classify/read/dossier.h"

enum tca_clock_kind {
    TCA_CLOCK_UNKNOWN,
    TCA_CLOCK_ALONE,          /* one connection: nothing to compare */
    TCA_CLOCK_ONE,            /* all on one line */
    TCA_CLOCK_PER_CONNECTION, /* each connection, or each pair of addresses, has its own */
    TCA_CLOCK_RESTARTED,      /* one line, then a lower one */
    TCA_CLOCK_SEVERAL,        /* two lines at a time */
};

/* The first stamp of one end of one stream. Its rows have the same one, and are told apart from other streams by it: the number of a
 * stream begins anew in each file of a series. */
struct tca_clock_stamp {
    uint32_t host, peer; /* their numbers */
    uint16_t port[2];    /* its own, the peer's */
    int64_t time_ns;
    uint32_t value;
    uint32_t hz; /* 0: its connection was too short to tell */
};

struct tca_clocks {
    struct tca_clock_stamp *stamp; /* owned */
    size_t count, room;
};

/* 0 or TCA_EMEMORY. */
int tca_clocks_add(struct tca_clocks *clocks, const struct tca_dossier *d);
/* In order of host, peer, tuple, time; each stamp once. */
void tca_clocks_sort(struct tca_clocks *clocks);
/* How many stamps from `at` on are of its host. */
size_t tca_clocks_group(const struct tca_clocks *clocks, size_t at);
/* Of one address in one capture, sorted. */
enum tca_clock_kind tca_clock_kind(const struct tca_clock_stamp *stamp, size_t count);
void tca_clocks_done(struct tca_clocks *clocks);

/* "" for TCA_CLOCK_UNKNOWN. Static. */
const char *tca_clock_kind_name(enum tca_clock_kind kind);

#endif
