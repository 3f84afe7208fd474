/* SPDX-License-Identifier: MIT
 *
 * The states of one TCP endpoint (RFC 9293 section 3.3.2) and what can happen to it.
 */
#ifndef TCA_MIRROR_STATE_H
#define TCA_MIRROR_STATE_H

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

/* RFC 9293's eleven, in its order, and UNKNOWN: the capture began in the middle, or nothing decides. */
enum tca_state {
    TCA_LISTEN,
    TCA_SYN_SENT,
    TCA_SYN_RECV, /* SYN-RECEIVED, in netstat's spelling; on Linux a request, or the child of a fast open */
    TCA_ESTABLISHED,
    TCA_FIN_WAIT1,
    TCA_FIN_WAIT2,
    TCA_CLOSE_WAIT,
    TCA_CLOSING,
    TCA_LAST_ACK,
    TCA_TIME_WAIT,
    TCA_CLOSED,
    TCA_UNKNOWN,
    TCA_STATE_COUNT,
};

/* What a segment or a clock means to ONE endpoint. Whether it counts at all (sequence numbers, windows, PAWS)
 * is decided before; see event.c. */
enum tca_event {
    TCA_EVENT_NONE,
    TCA_SENT_SYN,    /* it sent a SYN without ACK */
    TCA_SENT_SYNACK, /* it sent SYN+ACK, acknowledging the peer's SYN */
    TCA_SENT_OPEN,   /* it acknowledged the peer's SYN+ACK, or sent anything only an open connection sends */
    TCA_SENT_FIN,
    TCA_SENT_RST,
    TCA_GOT_SYN,    /* an acceptable SYN without ACK */
    TCA_GOT_SYNACK, /* SYN+ACK that acknowledges its SYN */
    TCA_GOT_ACK_OF_SYN,
    TCA_GOT_FIN, /* in order */
    TCA_GOT_ACK_OF_FIN,
    TCA_GOT_RST,         /* one that the endpoint accepts */
    TCA_GOT_UNREACHABLE, /* ICMP error for its SYN */
    TCA_TIMER_2MSL,      /* TIME-WAIT is over */
    TCA_TIMER_USER, /* retransmissions given up, or an orphan's FIN-WAIT-2 expired: gone without a word */
    TCA_EVENT_COUNT,
};

/* RFC 9293 figure 5. The result is the same state where the event does not move, and TCA_STATE_COUNT where no
 * endpoint can see this event in this state. */
enum tca_state tca_transition(enum tca_state state, enum tca_event event);

/* netstat's spelling: "ESTABLISHED", "SYN_RECV", ... Static text. */
const char *tca_state_name(enum tca_state state);
const struct tca_word *tca_state_word(enum tca_state state); /* the same */
const char *tca_event_name(enum tca_event event);

/* SYN received and acknowledged on both ways: ESTABLISHED and everything after it (RFC 9293 "synchronized").
 */
static inline bool tca_state_synchronized(enum tca_state state)
{
    return state >= TCA_ESTABLISHED && state <= TCA_TIME_WAIT;
}

#endif
