/* SPDX-License-Identifier: MIT
 *
 * Zeek's account of a connection: conn_state and history of conn.log, without its timers.
 *
 *      each end:  INACTIVE -> SYN_SENT | SYN_ACK_SENT | PARTIAL | ESTABLISHED -> CLOSED | RESET
 *      history:   a letter for what happened, upper case from the originator, lower case from the responder
 *
 * Its roles are its own: the originator sent the first segment, unless that came from a port where servers are likely.
 * No number is checked against a window, so what no host would accept moves the ends as well: that is how Zeek does it,
 * and the reason why none of our verdicts is made from this.
 *
 * A record is what Zeek logs in one line; a stream may hold several, and this is the newest.
 *
 * Checked against Zeek 8 (src/packet_analysis/protocol/tcp/TCPSessionAdapter.cc, src/analyzer/protocol/tcp/
 * TCP_Endpoint.cc and TCP_Reassembler.cc, scripts/base/protocols/conn/main.zeek) and lines of conn.log that its own tests
 * expect. Where it differs: docs/peers.md.
 */
#ifndef TCA_PEER_ZEEK_H
#define TCA_PEER_ZEEK_H

#include "peer/line.h"

enum tca_zeek_state {
    TCA_ZEEK_INACTIVE, /* nothing seen, or an ACK only that a SYN waits for */
    TCA_ZEEK_SYN_SENT,
    TCA_ZEEK_SYN_ACK_SENT, /* the originator's: its SYN was not seen */
    TCA_ZEEK_PARTIAL,      /* something else came first */
    TCA_ZEEK_ESTABLISHED,
    TCA_ZEEK_CLOSED,
    TCA_ZEEK_RESET,
};

enum {
    TCA_ZEEK_LETTERS = 30, /* of a history; Zeek's has no limit */
    TCA_ZEEK_BLOCKS = 4,   /* pieces of payload above a hole; Zeek keeps all */
};

/* What is told at its 1st, 10th, 100th... time. */
enum tca_zeek_count { TCA_ZEEK_BAD_SUM, TCA_ZEEK_GAP, TCA_ZEEK_AGAIN, TCA_ZEEK_NO_WINDOW, TCA_ZEEK_COUNTS };

/* Relative numbers have 64 bits; the SYN is 0, so the first byte is 1 whether a SYN was seen or not. */
struct tca_zeek_end {
    uint64_t whole;            /* relative: all below was seen, or is given up */
    uint32_t start, last, ack; /* first number; behind the last sent; highest that was acknowledged */
    uint16_t seq_wraps, ack_wraps;
    uint8_t state, before; /* enum tca_zeek_state: now; before the last change */
    uint8_t blocks;
    bool fin_seen, ignores; /* ignores: too much came above a hole that nothing acknowledges */
    uint32_t letter_seq[3]; /* of the last SYN, FIN, RST */
    uint32_t count[TCA_ZEEK_COUNTS];
    uint64_t fin;                       /* relative: behind the last FIN; 0: none of use */
    uint32_t block[TCA_ZEEK_BLOCKS][2]; /* low parts of relative numbers, ascending, all above `whole` */
};

struct tca_zeek {
    bool begun;
    bool partial; /* no SYN of the originator */
    bool cut;     /* the history went on */
    bool crossed; /* both ends sent a SYN: opened at once */
    uint8_t orig; /* key side of the originator */
    uint8_t letters;
    uint8_t once[2];            /* letters seen, by role */
    uint8_t first[2];           /* a segment of this role was seen */
    uint8_t easy[2];            /* by key side: of its next segment numbers may be all that is to note */
    struct tca_zeek_end end[2]; /* by key side */
    char history[TCA_ZEEK_LETTERS];
};

/* The next segment, sent by key side `side`. corrupt: its checksum tells that it was damaged. */
void tca_zeek_step(struct tca_zeek *zeek, const struct tca_segment *seg, int side, bool corrupt);

/* May the next segments of both ends be such that they change numbers only? */
static inline bool tca_zeek_is_easy(const struct tca_zeek *zeek)
{
    return zeek->easy[0] && zeek->easy[1];
}
/* It is easy: lend its numbers to the line; false: not these. And the view that they are of once the line took segments. */
bool tca_zeek_lend(const struct tca_zeek *zeek, struct tca_line *line);
void tca_zeek_settle(struct tca_zeek *zeek, const struct tca_line *line);

/* conn_state: static; "" before the first segment. */
const char *tca_zeek_conn_state(const struct tca_zeek *zeek);

/* A port where Zeek's own scripts expect servers (likely_server_ports). */
bool tca_zeek_likely_port(uint16_t port);

#endif
