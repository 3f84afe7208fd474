/* SPDX-License-Identifier: MIT
 *
 * What every judge of a handshake looks at, gathered from one dossier:
 *
 *      client                     server
 *      syn ... last_syn  ------>             copies of one ISN: a ladder
 *                        <------  challenge  an ACK of other numbers: an older connection answers
 *                        <------  synack ... last_synack
 *      ack               ------>             opened: the client acknowledged the server's ISN, or proved it later
 *                        <------  child      the server sent what only a full socket sends
 *
 * Invariants: `opened` rests on what the client sent, never on what passed towards it. A server that repeats SYN+ACK
 * after the ACK, or resets the request, is `stuck`: it never left SYN_RECV although the client did its part. Pointers
 * are borrowed from the dossier.
 */
#ifndef TCA_CLASSIFY_OPENING_H
#define TCA_CLASSIFY_OPENING_H

#include "classify/finding.h"
#include "mirror/deviations.h"

#define TCA_RUNG_NS  (1200 * TCA_MS) /* the first rung, lateness included, would have passed */
#define TCA_QUIET_NS (1300 * TCA_MS) /* the same, counted from the ACK */
#define TCA_TIMER_NS (100 * TCA_MS)  /* closer copies are no timer's work */

struct tca_opening {
    const struct tca_mirror *m;
    const struct tca_side *client, *server;
    const struct tca_mark *syn, *last_syn;       /* client's SYN copies, until it was opened */
    unsigned syn_copies;                         /* how many those are */
    const struct tca_mark *synack, *last_synack; /* server's, those that acknowledge the SYN */
    const struct tca_mark *ack;                  /* client's first acknowledgment of the server's ISN */
    const struct tca_mark *refusal;              /* server's first reset */
    const struct tca_mark *withdrawal;           /* client's first reset */
    const struct tca_mark *challenge;            /* first bare ACK of other numbers that answers a SYN */
    unsigned challenges;
    bool opened, child, stuck;
    int64_t end_ns; /* nothing was seen after this: capture or incarnation over */
};
struct tca_opening tca_opening_of(const struct tca_case *c);

/* By what this side sent itself it was open at some time. */
bool tca_opening_shown(const struct tca_side *side);
/* No SYN was seen. */
bool tca_opening_midstream(const struct tca_opening *o);
/* A socket that connected to its own address and port: its SYN and the SYN+ACK of its simultaneous open, with one number;
 * false: none. All of it passes in one direction. */
struct tca_self {
    const struct tca_mark *syn, *synack;
};
bool tca_opening_self(const struct tca_dossier *d, struct tca_self *ret_self);
/* SYN+ACKs that answer this SYN. One of another connection bears another acknowledgment. */
bool tca_opening_answered(const struct tca_side *client, const struct tca_mark *mark);
/* The server reset what it had answered by SYN+ACK, before it was open. */
bool tca_opening_request_reset(const struct tca_opening *o);
/* The n-th SYN+ACK (from 0) that the server's timer sent, not a repeated SYN. */
const struct tca_mark *tca_opening_rung(const struct tca_case *c, const struct tca_opening *o, unsigned n);
/* Near a listener that sent cookies, a SYN+ACK that no timer repeats is one, whatever its options. */
bool tca_opening_silent_cookie(const struct tca_case *c, const struct tca_opening *o);
/* A cookie's SYN+ACK, and time for a request's timer to repeat it: the server was never in SYN_RECV. */
bool tca_opening_no_request(const struct tca_case *c, const struct tca_opening *o);
/* The capture holds no client's ACK, and a request that had not got one would have repeated its SYN+ACK. */
bool tca_opening_ack_unseen(const struct tca_case *c, const struct tca_opening *o);
/* This SYN is older than the tuple's last connection, and the client answered the SYN+ACK as a host that did not ask
 * for it. */
bool tca_opening_disowned(const struct tca_case *c, const struct tca_opening *o);

#endif
