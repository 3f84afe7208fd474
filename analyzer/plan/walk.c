/* SPDX-License-Identifier: MIT
 *
 * Walks over the records of captures, by a crew: what each tells is its own, so it does not matter who walked which.
 */
#include "plan/piece.h"

#include "base/alloc.h"
#include "base/crew.h"
#include "capture/input.h"

static const struct tca_source_settings every_record;

struct walk {
    struct tca_pieces *pieces;
    tca_walk_fn *fn;
    void *user;
    size_t count;
    unsigned tasks;
    int code; /* of whoever ran out of memory */
};

static void walk_some(void *user, unsigned task)
{
    struct walk *walk = user;
    for (size_t at = task; at < walk->count && !tca_pieces_stopped(walk->pieces); at += walk->tasks)
        if (walk->fn(walk->pieces, walk->user, at))
            __atomic_store_n(&walk->code, TCA_EMEMORY, __ATOMIC_RELAXED);
}

int tca_walk(struct tca_pieces *pieces, tca_walk_fn *fn, void *user, size_t count)
{
    struct walk walk = {.pieces = pieces, .fn = fn, .user = user, .count = count};
    struct tca_crew *crew = NULL;
    walk.tasks = count < TCA_CREW_TASKS ? (unsigned)count : TCA_CREW_TASKS;
    if (count > 1 && tca_crew_new(tca_crew_processors(), &crew))
        return TCA_EMEMORY;
    tca_crew_run(crew, walk_some, &walk, walk.tasks);
    tca_crew_free(crew);
    return walk.code;
}

int tca_walk_stream(struct tca_stream *stream, tca_look_fn *fn, void *user, struct tca_look *ret)
{
    struct tca_source *source;
    struct tca_error error;
    int code = tca_source_take(stream, &every_record, &source, &error);
    if (code)
        return code == TCA_EMEMORY ? code : TCA_OK;
    code = tca_look(source, fn, user, ret);
    tca_source_close(source);
    return code;
}

int tca_walk_file(struct tca_pieces *pieces, const struct tca_piece *piece, tca_look_fn *fn, void *user,
                  struct tca_look *ret)
{
    struct tca_input *opened = NULL;
    struct tca_stream *stream;
    struct tca_error error;
    const char *name;
    int code =
        tca_input_open(pieces->input[piece->input].path, pieces->max_expanded, pieces->stop, &opened, &error);
    int got = code ? code : tca_input_next_stream(opened, &stream, &name, &error);
    code = got > 0 ? tca_walk_stream(stream, fn, user, ret) : got == TCA_EMEMORY ? got : TCA_OK;
    tca_input_close(opened);
    return code;
}

/* ---- sketches ---- */

static void sketch_records(void *user, const struct tca_record *record, size_t count)
{
    struct tca_piece *piece = user;
    for (size_t at = 0; at < count; at++)
        if (record[at].time_ns <= piece->early_ns || record[at].time_ns >= piece->late_ns)
            tca_sketch_add(piece->sketch, &record[at]);
}

static int sketch_file(struct tca_pieces *pieces, struct tca_piece *piece)
{
    struct tca_look again;
    int code = tca_walk_file(pieces, piece, sketch_records, piece, &again);
    tca_sketch_seal(piece->sketch);
    return code;
}

/* Its captures stand in the list as they do in it; `piece` is the first. */
static int sketch_archive(struct tca_pieces *pieces, struct tca_piece *piece)
{
    const uint32_t number = piece->input;
    struct tca_piece *const end = pieces->one + pieces->count;
    struct tca_input *opened = NULL;
    struct tca_stream *stream;
    struct tca_look again;
    struct tca_error error;
    const char *name;
    int code =
        tca_input_open(pieces->input[number].path, pieces->max_expanded, pieces->stop, &opened, &error);
    int got = code ? 0 : 1;
    for (code = code == TCA_EMEMORY ? code : TCA_OK; !code && got && piece < end && piece->input == number;
         piece++) {
        got = tca_input_next_stream(opened, &stream, &name, &error);
        if (got == TCA_EMEMORY)
            code = got;
        else if (got > 0 && piece->sketch)
            code = tca_walk_stream(stream, sketch_records, piece, &again);
        else if (got > 0)
            tca_stream_close(stream);
        if (piece->sketch)
            tca_sketch_seal(piece->sketch);
    }
    tca_input_close(opened);
    return code;
}

static int sketch_piece(struct tca_pieces *pieces, void *user, size_t at)
{
    struct tca_piece *piece = ((struct tca_piece **)user)[at];
    return piece->inside ? sketch_archive(pieces, piece) : sketch_file(pieces, piece);
}

/* One for each file, and for each archive its first one. */
static size_t list_walks(struct tca_pieces *pieces, struct tca_piece **list)
{
    struct tca_piece *first = pieces->one;
    size_t count = 0;
    bool listed = false;
    for (size_t at = 0; at < pieces->count; at++) {
        struct tca_piece *piece = &pieces->one[at];
        if (piece->input != first->input) {
            first = piece;
            listed = false;
        }
        if (piece->sketch && !listed) {
            list[count++] = first;
            listed = true;
        }
    }
    return count;
}

int tca_pieces_sketch(struct tca_pieces *pieces)
{
    struct tca_piece **list = tca_alloc((pieces->count + 1) * sizeof(struct tca_piece *));
    if (!list)
        return TCA_EMEMORY;
    int code = tca_walk(pieces, sketch_piece, list, list_walks(pieces, list));
    tca_free(list);
    return code;
}
