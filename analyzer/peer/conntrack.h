/* SPDX-License-Identifier: MIT
 *
 * Linux's connection tracking (nf_conntrack): the one state that `conntrack -L` shows of a connection, without its
 * clocks and without its window check, as with nf_conntrack_tcp_be_liberal=1. Original is the direction of the segment
 * that made the entry.
 *
 * Checked against net/netfilter/nf_conntrack_proto_tcp.c of 6.18, and against the entries of that kernel for random
 * conversations (docs/peers.md).
 */
#ifndef TCA_PEER_CONNTRACK_H
#define TCA_PEER_CONNTRACK_H

#include "peer/line.h"

enum tca_conntrack_state {
    TCA_CONNTRACK_NONE, /* no entry: none was made, or it was taken away again */
    TCA_CONNTRACK_SYN_SENT,
    TCA_CONNTRACK_SYN_RECV,
    TCA_CONNTRACK_ESTABLISHED,
    TCA_CONNTRACK_FIN_WAIT,
    TCA_CONNTRACK_CLOSE_WAIT,
    TCA_CONNTRACK_LAST_ACK,
    TCA_CONNTRACK_TIME_WAIT,
    TCA_CONNTRACK_CLOSE,
    TCA_CONNTRACK_SYN_SENT2,
    TCA_CONNTRACK_STATES,
};

struct tca_conntrack {
    uint8_t state;                 /* enum tca_conntrack_state */
    uint8_t original;              /* key side */
    uint8_t last_index, last_side; /* of the last segment that was not refused */
    bool replied;                  /* something of the other direction was not refused */
    bool assured;                  /* both directions spoke once it was open */
    bool close_begun;              /* a FIN began the end */
    bool crossed;                  /* both ends sent a SYN */
    bool challenge;                /* an ACK may answer the SYN that was passed over, and no FIN */
    bool max_ack_known[2];         /* by key side */
    uint32_t max_ack[2];           /* highest acknowledgment that this side sent */
    uint32_t last_end;             /* behind the last ACK, or the last segment that was passed over */
};

/* The next segment, sent by key side `side`, undamaged: damaged ones make and change no entry. */
void tca_conntrack_step(struct tca_conntrack *entry, const struct tca_segment *seg, int side);
/* Will the segments that this line takes, whose numbers are another view's, change nothing but numbers here? And the entry that
 * they are of once it took some. */
bool tca_conntrack_lends(const struct tca_conntrack *entry, const struct tca_line *line);
void tca_conntrack_settle(struct tca_conntrack *entry, const struct tca_line *line);
/* As /proc/net/nf_conntrack prints it; "" without an entry. Static. */
const char *tca_conntrack_name(const struct tca_conntrack *entry);

#endif
