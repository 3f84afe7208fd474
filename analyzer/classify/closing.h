/* SPDX-License-Identifier: MIT
 *
 * What every judge of a close looks at: FINs, their acknowledgments, the reset that ended the connection, and
 * who knew what when. Pure functions of one dossier; pointers are borrowed from it.
 */
#ifndef TCA_CLASSIFY_CLOSING_H
#define TCA_CLASSIFY_CLOSING_H

#include "classify/read/dossier.h"

struct tca_case;

struct tca_closing {
    const struct tca_case *c; /* NULL where only a dossier was at hand */
    const struct tca_dossier *d;
    const struct tca_mirror *m;
    int active, passive; /* roles: A sent the first FIN, P is the other end; -1 while no FIN was seen */
    const struct tca_mark *fin[2];     /* the first FIN of each side */
    const struct tca_mark *fin_ack[2]; /* this side's first acknowledgment of the other's FIN */
    int64_t until_ns;                  /* as far as this connection could be watched */
};
struct tca_closing tca_closing_gather(const struct tca_dossier *d);
/* The same of a case, which remembers it. */
struct tca_closing tca_closing_of(const struct tca_case *c);

/* This segment acknowledges the FIN of `fin_side`. */
bool tca_acks_fin_of(const struct tca_mirror *m, const struct tca_mark *mark, int fin_side);
bool tca_closing_covers_fin(const struct tca_closing *k, const struct tca_mark *mark, int fin_side);
bool tca_closing_both_fins(const struct tca_closing *k);
/* Round trip between the capture point and a side, ns; 0 where the opening does not tell. */
int64_t tca_closing_path_ns(const struct tca_closing *k, int side);
/* `segment` left its sender after `mark`, which went towards that sender, could have arrived. */
bool tca_closing_knew(const struct tca_closing *k, const struct tca_mark *segment,
                      const struct tca_mark *mark);
/* Both ends were open at some time, or may have been before the capture. */
bool tca_closing_opened(const struct tca_mirror *m);
/* One end acknowledges what the other sent, and nothing of that is in the capture: its silence is not its own. */
bool tca_closing_direction_missing(const struct tca_mirror *m);

/* How a reset ended the connection. Exactly one form holds. */
enum tca_reset_form {
    TCA_RESET_NONE,
    TCA_RESET_BOTH_FIN,      /* FIN and RST from the same side */
    TCA_RESET_HALF_THEN_RST, /* the same, the RST in answer to payload */
    TCA_RESET_BY_PASSIVE,    /* RST in answer to a FIN */
    TCA_RESET_ACTIVE,        /* no FIN, nothing provoked it */
    TCA_RESET_REPLY,         /* no FIN, in answer to a segment */
    TCA_RESET_LATE_REPLY,    /* FIN, its FIN_WAIT2 ran out, RST to what came later */
};
struct tca_reset {
    enum tca_reset_form form;
    const struct tca_mark *rst, *trigger; /* trigger: NULL if there is none */
};
struct tca_reset tca_closing_reset(const struct tca_closing *k);
/* The RST that ended the connection, NULL if none did: one that reaches TIME_WAIT or a closed end does not.
 */
const struct tca_mark *tca_closing_rst(const struct tca_closing *k);

/* CLOSE_WAIT longer than this is worth a word. An orphan's FIN_WAIT2 at the other end is over by then. */
#define TCA_LONG_CLOSE_WAIT_NS (60 * INT64_C(1000000000))
/* How long P has been idle in CLOSE_WAIT, -1 if it closed or never knew of A's FIN. */
int64_t tca_closing_idle_ns(const struct tca_closing *k);

/* The first copy of this side's FIN never passed: it acknowledged the other's from behind it, with a bare ACK. */
enum tca_unseen {
    TCA_UNSEEN_NOT,
    TCA_UNSEEN_BEFORE,   /* it was sent before the other's had come, since nothing else drew that ACK */
    TCA_UNSEEN_OR_AFTER, /* perhaps after it: that ACK may have answered another copy */
};
enum tca_unseen tca_closing_unseen(const struct tca_closing *k, int side);

/* Did a side pass through CLOSING? */
enum tca_through { TCA_THROUGH_NOT_TOLD, TCA_THROUGH_NOT_CLOSING, TCA_THROUGH_CLOSING };
struct tca_crossing {
    bool cross; /* neither first FIN acknowledges the other */
    bool sure;  /* false: which copy of a FIN was answered is a guess by time */
    enum tca_through through[2];
    unsigned closing; /* how many sides passed through CLOSING */
};
struct tca_crossing tca_closing_crossing(const struct tca_closing *k);

#endif
