/* SPDX-License-Identifier: MIT
 *
 * The rungs of a ladder of SYN+ACKs, as one flow shows them: every repeat classified once, and which shape they
 * have together. What caused it is asked of ladder.h.
 *
 *     SYN+ACK    first
 *     SYN  SYN+ACK  answer    right after a repeated SYN: no timer's work
 *     SYN+ACK    silent    by timer, before the client's first ACK passed
 *     SYN+ACK    crossed   by timer, before that ACK could have arrived
 *     SYN+ACK    stuck     by timer, although the ACK could have arrived: it made no child
 */
#ifndef TCA_CLASSIFY_RUNGS_H
#define TCA_CLASSIFY_RUNGS_H

#include "classify/read/dossier.h"

/* The repeats of a flow, read from its marks. All marks are borrowed from the dossier, NULL where there is
 * none. */
struct tca_ladder {
    const struct tca_mark *first, *last; /* SYN+ACKs */
    const struct tca_mark *first_rung;   /* first repeat by timer */
    const struct tca_mark *first_stuck;
    const struct tca_mark *ack;               /* the client's first ACK */
    const struct tca_mark *named;             /* the first rung whose TSecr names an ACK of the client */
    unsigned answers, silent, crossed, stuck; /* repeats of each kind, among those kept */
    unsigned rungs;  /* silent + crossed + stuck, counting those beyond the kept ones */
    unsigned syns;   /* copies of the client's SYN kept */
    int64_t gap_ns;  /* first SYN+ACK to first rung; -1 without a rung */
    bool early_data; /* payload or FIN of the client before the first stuck rung */
    bool child;      /* a child was proved: what follows is no ladder */
    bool mixed;      /* SYN+ACKs of different ISNs: not one request, or not one server */
    bool withdrawn;  /* the client sent an RST and never an ACK */
    bool echo_known; /* timestamps tell which SYN+ACK the client's ACK answers */
    bool acks_first; /* then: it answers the first one, though repeats had passed */
    bool slow_path;  /* the client's later answers take as long as that ACK took from the first one */
    bool unsure;     /* the first timer or an answer to a repeated SYN: both were due */
    bool in_vain;    /* ... taken for the answer, and it left before the client's ACK could arrive */
};
void tca_ladder_read(const struct tca_dossier *d, struct tca_ladder *ret_ladder);

/* What the flow alone tells: the first row of the decision table that holds. */
enum tca_ladder_shape {
    TCA_LADDER_NONE,       /* no repeat */
    TCA_LADDER_SPURIOUS,   /* the client acknowledged the first copy, later than the first rung */
    TCA_LADDER_DUP_ANSWER, /* all repeats answer repeated SYNs */
    TCA_LADDER_LATE_ACK,  /* rungs, then an ACK of a later copy: earlier ones were lost or the client was slow
                           */
    TCA_LADDER_WITHDRAWN, /* rungs, then the client's RST */
    TCA_LADDER_NO_ACK,
    TCA_LADDER_DEFERRED,       /* one rung where TCP_DEFER_ACCEPT puts it, two or more steps late */
    TCA_LADDER_DEFERRED_STUCK, /* the same start, then more: deferred and refused */
    TCA_LADDER_ONE_RUNG,       /* one rung after the ACK: three causes, the listener decides */
    TCA_LADDER_STUCK,          /* two or more rungs after the ACK */
};
enum tca_ladder_shape tca_ladder_shape(const struct tca_ladder *l);

/* Does a timer of this interval fire after this time? Never early (but for rounding), late by up to an eighth. */
bool tca_fits_timer(int64_t gap_ns, int64_t interval_ns);

/* The next copy of the client's SYN after `after` (NULL: the first) that nothing answered, NULL at the end. A
 * copy is answered by whatever the server, or an ICMP error, says before the next one; a SYN+ACK answers the
 * copy that its TSecr names. Copies after that meet a request, not the listener, and are not told, unless one
 * met no request, or the client chose a later SYN+ACK with another sequence number: then there was none. */
const struct tca_mark *tca_syn_unanswered(const struct tca_dossier *d, const struct tca_mark *after);

/* Near the server: the last copy of the client's SYN that nothing answered although a SYN+ACK had been sent before; NULL
 * if there is none. Its request would have answered (tcp_minisocks.c tcp_check_req), so there was none: a SYN cookie, or
 * given up. */
const struct tca_mark *tca_syn_met_no_request(const struct tca_dossier *d);

/* The client's bare ACK made the server's child at once: the server spoke, or closed, before the client sent anything else, and its
 * SYN+ACK was not repeated. Where TCP_DEFER_ACCEPT is set that does not happen (tcp_minisocks.c tcp_check_req). */
bool tca_prompt_child(const struct tca_dossier *d);

/* When the server forgets the request if nothing makes a child of it: the interval after its last rung is
 * over. */
int64_t tca_ladder_expiry_ns(const struct tca_dossier *d, const struct tca_ladder *l);

#endif
