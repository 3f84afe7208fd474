/* SPDX-License-Identifier: MIT
 *
 * Filters: BPF expressions as tcpdump takes them, compiled for each link type that is met, matched in user space.
 * Names of hosts and networks are refused before libpcap sees them: it would ask the resolver, and an offline
 * program must not tell the network what it is looking at. Names of ports and protocols come from local
 * tables and are allowed.
 *
 * What only a live capture knows beside a packet, libpcap compiles to a look at an address where no packet is. Of these,
 * the direction may stand in a capture beside the packet as well: then the program is made for both of them. The index of
 * the interface is no part of any capture but in a header that has it.
 */
#ifndef TCA_CAPTURE_FILTER_H
#define TCA_CAPTURE_FILTER_H

#include <pcap/pcap.h>

#include "capture/link.h"
#include "tcpautopsy/error.h"
#include "tcpautopsy/record.h"

/* An expression for one link type. */
struct tca_filter_program {
    int link;
    bool fits;     /* else it cannot be said of such packets: none is chosen */
    bool directed; /* it asks which way a packet went, which is not told in such packets */
    struct bpf_program bpf,
        outward;    /* the latter where directed, of packets sent; the other one then of those received */
    uint64_t unfit; /* packets left out because it does not fit */
    uint64_t undirected; /* and because it depends on their direction, which is not told */
};

struct tca_filter {
    char *expression; /* owned; NULL: all packets are wanted */
    struct tca_filter_program program[TCA_LINKS_DECODED];
    size_t programs;
};

/* Copies the expression, which may be NULL or empty. 0 or TCA_EMEMORY. */
int tca_filter_init(struct tca_filter *filter, const char *expression);
void tca_filter_done(struct tca_filter *filter);

/* The expression for this link type, compiled when it is first asked for; borrowed. NULL where all packets are wanted:
 * without an expression, and where the link type is not decoded, since such packets have nothing to choose by. If it
 * does not fit, words in *err (which may be NULL) the first time. */
struct tca_filter_program *tca_filter_for(struct tca_filter *filter, int link, struct tca_error *err);

/* Is this record chosen? `program` may be NULL. */
bool tca_filter_match(struct tca_filter_program *program, const struct tca_record *record);

/* Would this expression compile for a link type? 0, TCA_EUSAGE or TCA_EMEMORY, words in *err. */
int tca_filter_check(const char *expression, int link, struct tca_error *err);

#endif
