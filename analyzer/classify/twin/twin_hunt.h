/* SPDX-License-Identifier: MIT
 *
 * A hunt: what one sender's segments lost between two dossiers of one connection; private to classify/twin*.c.
 *
 *     sender --- [ near ] --- X          [ far ] --- receiver
 */
#ifndef TCA_CLASSIFY_TWIN_HUNT_H
#define TCA_CLASSIFY_TWIN_HUNT_H

#include "classify/finding.h"
#include "classify/twin/twin_parts.h"

enum { TCA_HUNT_LIST_MAX = 16 }; /* no role keeps more marks of a side */

struct tca_hunt {
    const struct tca_dossier *near, *far;
    const struct tca_way *way;
    int near_view, far_view;   /* which captures of the way they are */
    int side, far_side;        /* the sender's role in near and in far */
    int64_t first_ns, last_ns; /* of the sender's segments that both hold, by the clock of near */
    struct tca_twins *twins;   /* what is found is kept there */
};

/* Marks of one side and role. */
struct tca_hunt_list {
    const struct tca_mark *mark[TCA_HUNT_LIST_MAX];
    const struct tca_mark *twin[TCA_HUNT_LIST_MAX]; /* the same segment in the other dossier */
    unsigned count;
    bool weak; /* some are told by their numbers alone: which of several copies it was is unknown */
};
struct tca_hunt_list tca_hunt_list(const struct tca_dossier *d, uint32_t role, int side);
/* The same segment among all marks of a side; NULL: none. */
const struct tca_mark *tca_hunt_find(const struct tca_dossier *d, int side, const struct tca_mark *mark);

/* Was far capturing when this segment should have passed it? TCA_NO: that is not known. */
enum tca_confidence tca_hunt_watched(const struct tca_hunt *h, const struct tca_mark *mark);
/* A segment was lost. `arrived`: the next copy in far, NULL if none; `far_capture`: where it should have passed;
 * `repeated`: its sender sent it again. NULL if it is not to be told. Valid until the next claim. */
struct tca_lost *tca_hunt_claim(const struct tca_hunt *h, enum tca_lost_kind kind,
                                const struct tca_mark *mark, const struct tca_mark *arrived,
                                uint32_t far_capture, bool repeated);
uint8_t tca_hunt_small(uint64_t count);

/* Payload that was sent again, or never passed far (twin_payload.c). */
void tca_hunt_payload(const struct tca_hunt *h);

/* ---- rows (twin_rows.c) ---- */
/* Is x nearer than y to the end with the role `side` in x? */
bool tca_twin_nearer(const struct tca_twins *twins, const struct tca_dossier *x, const struct tca_dossier *y,
                     int side);
/* The rows of one connection, with what was found. 0 or TCA_EMEMORY. */
int tca_twins_rows(struct tca_twins *twins, const struct tca_dossier *d, size_t count);

#endif
