/* SPDX-License-Identifier: MIT
 *
 * What other programs call a connection, computed beside our own verdicts and never used by them: the views see every
 * segment in the file's order, copies of the capture and late ones too, as those programs do.
 *
 * A view belongs to a stream (flow/stream.h), which is what tshark takes for one connection. Sides are those of the key:
 * side 0 has the lower address and port.
 */
#ifndef TCA_PEER_PEER_H
#define TCA_PEER_PEER_H

#include "decode/segment.h"
#include "peer/clock.h"
#include "peer/conntrack.h"
#include "peer/line.h"
#include "peer/zeek.h"

struct tca_peer {
    bool begun;                   /* a segment was seen */
    uint32_t good[2], corrupt[2]; /* finished checksums, by key side */
    struct tca_conntrack conntrack;
    struct tca_zeek zeek;
    struct tca_clock clock[2]; /* by key side */
};

/* The next segment of the stream, sent by key side `side`. strict: a bad checksum always counts; else only where good ones
 * are the rule, as for our own verdicts. */
void tca_peer_step(struct tca_peer *peer, const struct tca_segment *seg, int side, bool strict);

/* The same of a stream that lives, whose views may have lent their numbers to a line. All zero: no segment was seen. */
struct tca_peers {
    struct tca_line line;
    struct tca_peer peer; /* as it is once settled */
};
void tca_peers_step(struct tca_peers *peers, const struct tca_segment *seg, int side, bool strict);
/* The views know all that the line took; it is lent no more. */
void tca_peers_settle(struct tca_peers *peers);

#endif
