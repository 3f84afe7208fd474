/* SPDX-License-Identifier: MIT
 *
 * Facts: what a judge cannot do without, asked of a case once for all judges.
 *
 * Nearly every finding is of something that a healthy connection has none of: a reset, a repeat, an older connection. Each
 * entry of findings.def names such facts (.needs); where one of them is missing its judge would say no, so it is not
 * asked. A fact may hold too often, never too seldom: it decides nothing. A build with the option check_ways asks all
 * judges all the same and stops where the flow is then judged otherwise.
 */
#ifndef TCA_CLASSIFY_FACTS_H
#define TCA_CLASSIFY_FACTS_H

#include <stdint.h>

struct tca_case;

enum tca_fact {
    /* The opening. */
    TCA_FACT_SYN_UNSEEN = 1 << 0,     /* no SYN of the client that certainly is this connection's */
    TCA_FACT_SYN_BACK = 1 << 1,       /* a SYN of the server, or a SYN+ACK of the client */
    TCA_FACT_SYN_AGAIN = 1 << 2,      /* the client repeated its SYN */
    TCA_FACT_SYN_DATA = 1 << 3,       /* a SYN bears payload, perhaps */
    TCA_FACT_TFO = 1 << 4,            /* the client's SYN has the option of TCP Fast Open */
    TCA_FACT_ANSWERED = 1 << 5,       /* a SYN+ACK of the server */
    TCA_FACT_ANSWERED_AGAIN = 1 << 6, /* more than one */
    TCA_FACT_UNOPENED = 1 << 7,       /* by what the client sent it was not open, but for its first ACK */
    TCA_FACT_NO_CHILD = 1 << 8,       /* the server has not shown that it was open */
    TCA_FACT_UNSETTLED = 1 << 9,      /* one of the last two */
    TCA_FACT_NEVER_OPEN = 1 << 10,    /* not both ends were open, or may have been */
    TCA_FACT_CHALLENGE = 1 << 11,     /* a challenge ACK, of an older connection perhaps */

    /* What was before it on its ports, and comes after. */
    TCA_FACT_PRIOR = 1 << 12,           /* an older connection */
    TCA_FACT_WITNESS = 1 << 13,         /* a segment of another one is kept as evidence */
    TCA_FACT_IN_TIME_WAIT = 1 << 14,    /* a segment reached TIME_WAIT */
    TCA_FACT_TIME_WAIT_ASKED = 1 << 15, /* one of the last two */
    TCA_FACT_TAKEN_OVER = 1 << 16,      /* the next connection came before it was closed */

    /* The close. */
    TCA_FACT_RST = 1 << 17,
    TCA_FACT_NO_FIN = 1 << 18,
    TCA_FACT_HALF_CLOSED = 1 << 19, /* one end sent FIN and the other did not */
    TCA_FACT_BOTH_FINS = 1 << 20,
    TCA_FACT_FINS_CROSS = 1 << 21, /* neither first FIN acknowledges the other */
    TCA_FACT_FIN_AGAIN = 1 << 22,  /* one was repeated */
    TCA_FACT_LATE_DATA = 1 << 23,  /* payload after its receiver's FIN */

    /* On the way. */
    TCA_FACT_ICMP = 1 << 24,
    TCA_FACT_PROBES = 1 << 25,     /* of an idle peer or of a closed window */
    TCA_FACT_DATA_AGAIN = 1 << 26, /* payload was repeated, or counts as sent again */
    TCA_FACT_REPEATS = 1 << 27,    /* payload, a FIN or a SYN+ACK came again */
    TCA_FACT_TROUBLE = 1 << 28, /* something that liveness counts: stalls, gaps, copies, bytes not captured */

    /* What others show. */
    TCA_FACT_PRESSED = 1 << 29, /* the attempts of others say something of this one */
    TCA_FACT_OTHERS = 1 << 30   /* its listener's queue was full at some time; a twin holds more of it */
};

/* All facts that hold. */
uint32_t tca_facts_of(const struct tca_case *c);

#endif
