/* SPDX-License-Identifier: MIT
 *
 * A piece: what may be one file of a series, or is an input that is read as it is.
 *
 *      inputs --(once.c)--> files --(index.c, contents.c, walk.c)--> pieces --(series.c)--> pieces with a unit --(plan.c)--> the plan
 */
#ifndef TCA_PLAN_PIECE_H
#define TCA_PLAN_PIECE_H

#include "capture/look.h"
#include "capture/stream.h"
#include "plan/sketch.h"

#include <tcpautopsy/inputs.h>
#include <tcpautopsy/plan.h>

struct tca_piece;

/* An input as it was named. */
struct tca_plan_input {
    const char *path; /* borrowed */
    char *key;        /* owned: of the file itself, whatever is in it */
    bool company;     /* other inputs have that key */
    bool is_file, is_archive;
    bool single;           /* whatever it holds is one capture, or a fault */
    uint64_t captures;     /* of an archive, and faults among them */
    char *note;            /* owned: what was passed over in an archive; NULL: nothing */
    uint64_t bytes;        /* as stored; 0: not known */
    uint64_t unpacked;     /* of all captures in an archive */
    uint64_t print;        /* hash of what it is: name, size, time of change, first bytes */
    struct tca_piece *one; /* owned, until all are in one list: what is in it */
    size_t count, room;
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
    /* Names that were left out; the first of them in the list, and the one that it is read as, borrowed from the inputs. */
    size_t again, again_at;
    const char *again_name, *again_as;
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

/* once.c: the inputs, each file once. 0 or TCA_EMEMORY. */
int tca_pieces_name(struct tca_pieces *pieces, const struct tca_inputs *inputs);

/* contents.c: the pieces of one input; with the look that was taken, where it has company, is an archive, or `all` are asked for.
 * 0 or TCA_EMEMORY. */
int tca_pieces_of(struct tca_pieces *pieces, uint32_t input, enum tca_series series);
/* Pieces with this key may belong together: the folder of the input, that inside an archive behind `common` bytes of its name,
 * and the name without digits. NULL without memory. */
char *tca_piece_key(const char *path, const char *name, size_t inside, size_t common);
/* It is no part of anything: its input is read as it is. */
void tca_piece_set_whole(struct tca_piece *piece, const char *why);
void tca_piece_done(struct tca_piece *piece);
extern const char tca_no_capture[], tca_not_looked[]; /* why a piece stands alone */

/* walk.c: fn(pieces, 0) to fn(pieces, count - 1), on several threads; none begins once it is to stop. 0, or TCA_EMEMORY where one
 * of them says so. */
typedef int tca_walk_fn(struct tca_pieces *pieces, void *user, size_t at);
int tca_walk(struct tca_pieces *pieces, tca_walk_fn *fn, void *user, size_t count);
/* What is in a stream, which is used up, and in a file that is one capture. 0 or TCA_EMEMORY; what cannot be read leaves *ret as it
 * was. */
int tca_walk_stream(struct tca_stream *stream, tca_look_fn *fn, void *user, struct tca_look *ret);
int tca_walk_file(struct tca_pieces *pieces, const struct tca_piece *piece, tca_look_fn *fn, void *user,
                  struct tca_look *ret);
/* Of every piece that has an empty sketch, the segments up to its `early_ns` and from its `late_ns` on. 0 or TCA_EMEMORY. */
int tca_pieces_sketch(struct tca_pieces *pieces);

static inline bool tca_pieces_stopped(const struct tca_pieces *pieces)
{
    return pieces->stop && __atomic_load_n(pieces->stop, __ATOMIC_RELAXED);
}

#endif
