/* SPDX-License-Identifier: MIT
 *
 * A piece: what may be one file of a series, or is an input that is read as it is.
 *
 *      inputs --(index.c)--> pieces --(series.c)--> pieces with a unit --(plan.c)--> the plan
 */
#ifndef TCA_PLAN_PIECE_H
#define TCA_PLAN_PIECE_H

#include "capture/look.h"
#include "plan/sketch.h"

#include <tcpautopsy/inputs.h>
#include <tcpautopsy/plan.h>

/* An input as it was named. */
struct tca_plan_input {
    const char *path; /* borrowed */
    uint64_t bytes;   /* 0: not known */
    uint64_t print;   /* hash of what it is: name, size, time of change, first bytes */
    bool is_archive;
    bool is_file;
    uint64_t unpacked; /* bytes of all captures in it */
};

struct tca_piece {
    char *name;         /* owned */
    char *key;          /* owned: pieces with equal keys may belong together; NULL: to no other */
    const char *why;    /* static: it stands alone because of that; NULL: nothing is known */
    uint32_t input;     /* of the list */
    uint64_t number;    /* in the input; 0: the whole input */
    size_t inside;      /* in the archive it is called what follows here in its name; 0: in none */
    bool asked, looked; /* there is reason to look into it; `look` tells what is there */
    struct tca_look look;
    struct tca_sketch *sketch; /* owned; NULL: not needed, or no more */
    int64_t early_ns, late_ns; /* others overlap it up to the first, and from the second on */
    /* What series.c finds. */
    uint32_t unit;    /* from 1; 0: none so far */
    int64_t quiet_ns; /* as tca_plan_file tells */
    bool missing;
};

struct tca_pieces {
    struct tca_plan_input *input; /* owned */
    size_t inputs;
    struct tca_piece *one; /* owned */
    size_t count, room;
    uint64_t max_expanded;
    const volatile sig_atomic_t *stop; /* borrowed; may be NULL */
};

enum tca_series {
    TCA_SERIES_AUTO,
    TCA_SERIES_EACH,
    TCA_SERIES_ONE,
};

/* index.c: what the inputs hold, with the times of whatever may belong together. 0, TCA_EMEMORY, or TCA_EUSAGE where all are to
 * be one series and cannot be. */
int tca_pieces_find(struct tca_pieces *pieces, const struct tca_inputs *inputs, enum tca_series series,
                    struct tca_error *error);
void tca_pieces_done(struct tca_pieces *pieces);
/* Of every piece that has an empty sketch, the segments up to its `early_ns` and from its `late_ns` on. 0 or TCA_EMEMORY. */
int tca_pieces_sketch(struct tca_pieces *pieces);

static inline bool tca_pieces_stopped(const struct tca_pieces *pieces)
{
    return pieces->stop && __atomic_load_n(pieces->stop, __ATOMIC_RELAXED);
}

#endif
