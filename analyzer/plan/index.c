/* SPDX-License-Identifier: MIT
 *
 * What is in the inputs. Of a file its first bytes tell what it is; it is walked through only where another one has such a name.
 * An archive has no list at its front, so it is gone through once, and the records of its captures are walked over on the way.
 *
 * Files are walked by a crew: what each tells is its own, so it does not matter who walked which.
 */
#include "plan/piece.h"

#include "base/alloc.h"
#include "base/crew.h"
#include "base/fail.h"
#include "capture/input.h"
#include "capture/magic.h"
#include "capture/stream.h"
#include "plan/name.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

enum { HEAD = 4096 }; /* first bytes of an input, by which it is known again */

static const struct tca_source_settings every_record;
static const char no_capture[] = "no capture can be read of it",
                  interrupted[] = "not looked into: interrupted";

/* ---- pieces ---- */

static struct tca_piece *add_piece(struct tca_pieces *pieces, uint32_t input, uint64_t number,
                                   const char *name)
{
    struct tca_piece *list = tca_room(pieces->one, pieces->count, &pieces->room, sizeof *list);
    if (!list)
        return NULL;
    pieces->one = list;
    struct tca_piece *piece = &list[pieces->count];
    *piece = (struct tca_piece){.input = input, .number = number, .name = tca_strdup(name)};
    piece->look = (struct tca_look){.first_ns = -1, .last_ns = -1, .quiet_ns = -1, .link = -1};
    if (!piece->name)
        return NULL;
    pieces->count++;
    return piece;
}

static int add_whole(struct tca_pieces *pieces, uint32_t input, const char *why)
{
    struct tca_piece *piece = add_piece(pieces, input, 0, pieces->input[input].path);
    if (piece)
        piece->why = why;
    return piece ? TCA_OK : TCA_EMEMORY;
}

/* It is no part of anything: the input is read as it is. */
static void make_whole(struct tca_piece *piece, const char *why)
{
    piece->looked = false;
    tca_free(piece->key);
    piece->key = NULL;
    piece->number = 0;
    piece->why = why;
}

static void free_piece(struct tca_piece *piece)
{
    tca_free(piece->name);
    tca_free(piece->key);
    tca_free(piece->sketch);
}

/* Take back all from this one on. */
static void drop_pieces(struct tca_pieces *pieces, size_t from)
{
    while (pieces->count > from)
        free_piece(&pieces->one[--pieces->count]);
}

void tca_pieces_done(struct tca_pieces *pieces)
{
    drop_pieces(pieces, 0);
    tca_free(pieces->one);
    tca_free(pieces->input);
}

/* ---- keys ---- */

/* "DEVICE:INODE" of the folder that a path is in: the same folder under two names is one. */
static void add_folder(struct tca_buf *key, const char *path)
{
    const char *base = tca_name_base(path);
    struct stat st = {0};
    struct tca_buf folder = {0};
    tca_buf_add(&folder, path, (size_t)(base - path));
    stat(base == path ? "." : tca_buf_text(&folder), &st);
    tca_buf_fmt(key, "%llx:%llx", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
    key->failed |= folder.failed;
    tca_buf_done(&folder);
}

/* The folder, that inside an archive without what all of them are in, and the name without digits. */
static int set_key(struct tca_pieces *pieces, struct tca_piece *piece, size_t common)
{
    const char *path = pieces->input[piece->input].path, *base = tca_name_base(piece->name);
    struct tca_buf key = {0};
    add_folder(&key, path);
    tca_buf_char(&key, '/');
    if (piece->inside) {
        const char *from = piece->name + piece->inside + common;
        tca_buf_add(&key, from, base > from ? (size_t)(base - from) : 0);
    }
    tca_name_stem(base, &key);
    piece->key = key.failed ? NULL : tca_strdup(tca_buf_text(&key));
    tca_buf_done(&key);
    return piece->key ? TCA_OK : TCA_EMEMORY;
}

/* ---- archives ---- */

/* How much of the names, up to a slash, the captures of an archive have in common. */
static size_t find_common(const struct tca_piece *first, const struct tca_piece *end)
{
    const char *common = first->name + first->inside;
    size_t length = (size_t)(tca_name_base(common) - common);
    for (const struct tca_piece *piece = first; piece < end; piece++) {
        const char *name = piece->name + piece->inside;
        size_t same = 0, folder = 0;
        for (; same < length && name[same] == common[same]; same++)
            if (name[same] == '/')
                folder = same + 1;
        length = folder;
    }
    return length;
}

static int set_member_keys(struct tca_pieces *pieces, size_t from)
{
    struct tca_piece *first = pieces->one + from, *end = pieces->one + pieces->count;
    size_t common = from < pieces->count ? find_common(first, end) : 0;
    int code = TCA_OK;
    for (struct tca_piece *piece = first; !code && piece < end; piece++)
        if (piece->looked)
            code = set_key(pieces, piece, common);
    return code;
}

/* A capture, from its stream. */
static int look_into(struct tca_stream *stream, tca_look_fn *fn, void *user, struct tca_look *ret)
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

static int add_member(struct tca_pieces *pieces, uint32_t input, uint64_t number, const char *name,
                      struct tca_stream *stream)
{
    struct tca_piece *piece = add_piece(pieces, input, number, name);
    if (!piece) {
        tca_stream_close(stream);
        return TCA_EMEMORY;
    }
    piece->inside = strlen(pieces->input[input].path) + 1;
    int code = look_into(stream, NULL, NULL, &piece->look);
    piece->looked = piece->look.is_capture;
    if (!piece->looked)
        piece->why = no_capture;
    pieces->input[input].unpacked += piece->look.bytes;
    return code;
}

/* A fault among its captures has a number, too: reading that tells. */
static int add_fault(struct tca_pieces *pieces, uint32_t input, uint64_t number, const char *name)
{
    struct tca_piece *piece = add_piece(pieces, input, number, name);
    if (piece)
        piece->why = no_capture;
    return piece ? TCA_OK : TCA_EMEMORY;
}

/* All captures of an archive; the first one's stream is there already. */
static int walk_archive(struct tca_pieces *pieces, uint32_t input, struct tca_input *opened,
                        struct tca_stream *stream, const char *name)
{
    size_t from = pieces->count;
    uint64_t number = 1;
    struct tca_error error;
    int got = 1, code = TCA_OK;
    pieces->input[input].is_archive = true;
    while (!code && got) {
        code = got > 0 ? add_member(pieces, input, number, name, stream)
                       : add_fault(pieces, input, number, name);
        if (!code && (got = tca_input_next_stream(opened, &stream, &name, &error)) == TCA_EMEMORY)
            code = got;
        number++;
    }
    if (tca_pieces_stopped(pieces)) {
        drop_pieces(pieces, from);
        return code ? code : add_whole(pieces, input, interrupted);
    }
    return code ? code : set_member_keys(pieces, from);
}

/* What is packed: a capture, or an archive. */
static int add_packed(struct tca_pieces *pieces, uint32_t input)
{
    const char *path = pieces->input[input].path, *name;
    struct tca_input *opened = NULL;
    struct tca_stream *stream;
    struct tca_error error;
    int code = tca_input_open(path, pieces->max_expanded, pieces->stop, &opened, &error);
    int got = code ? code : tca_input_next_stream(opened, &stream, &name, &error);
    if (got == TCA_EMEMORY)
        code = got;
    else if (got <= 0)
        code = add_whole(pieces, input, no_capture);
    else if (strcmp(name, path))
        code = walk_archive(pieces, input, opened, stream, name);
    else {
        struct tca_piece *piece = add_piece(pieces, input, 1, path);
        tca_stream_close(stream);
        code = piece ? set_key(pieces, piece, 0) : TCA_EMEMORY;
    }
    tca_input_close(opened);
    return code;
}

/* ---- inputs ---- */

static void print_input(struct tca_plan_input *input, const struct stat *st, const uint8_t *head,
                        size_t count)
{
    const int64_t told[3] = {st->st_size, st->st_mtim.tv_sec, st->st_mtim.tv_nsec};
    input->print = XXH3_64bits_withSeed(input->path, strlen(input->path), 0);
    input->print = XXH3_64bits_withSeed(told, sizeof told, input->print);
    input->print = XXH3_64bits_withSeed(head, count, input->print);
}

/* A pipe must not be opened: what came out would be gone. *ret_count: -1 where nothing can be read. */
static void read_head(struct tca_plan_input *input, uint8_t head[HEAD], ssize_t *ret_count)
{
    struct stat st = {0};
    *ret_count = -1;
    if (strcmp(input->path, "-") && !stat(input->path, &st) && S_ISREG(st.st_mode)) {
        int fd = open(input->path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        input->is_file = true;
        input->bytes = (uint64_t)st.st_size;
        if (fd >= 0) {
            *ret_count = read(fd, head, HEAD);
            close(fd);
        }
    }
    print_input(input, &st, head, *ret_count > 0 ? (size_t)*ret_count : 0);
}

static int add_input(struct tca_pieces *pieces, uint32_t at, enum tca_series series)
{
    struct tca_plan_input *input = &pieces->input[at];
    uint8_t head[HEAD];
    ssize_t count;
    read_head(input, head, &count);
    const struct tca_magic *magic = count > 0 ? tca_magic_of(head, (size_t)count) : NULL;
    if (series == TCA_SERIES_EACH)
        return add_whole(pieces, at, "every capture alone, as asked for");
    if (!input->is_file)
        return add_whole(pieces, at, "not looked into: no file");
    if (tca_pieces_stopped(pieces))
        return add_whole(pieces, at, interrupted);
    if (!magic || magic->kind == MAGIC_FOREIGN)
        return add_whole(pieces, at, no_capture);
    if (magic->kind == MAGIC_COMPRESSED || magic->kind == MAGIC_ARCHIVE)
        return add_packed(pieces, at);
    struct tca_piece *piece = add_piece(pieces, at, 1, input->path);
    return piece ? set_key(pieces, piece, 0) : TCA_EMEMORY;
}

/* ---- company ---- */

static int compare_keys(const void *left, const void *right)
{
    const struct tca_piece *one = *(struct tca_piece *const *)left,
                           *other = *(struct tca_piece *const *)right;
    return strcmp(one->key, other->key);
}

/* Those to be looked into: not alone with their names. NULL without memory. */
static struct tca_piece **list_company(struct tca_pieces *pieces, bool all, size_t *ret_count)
{
    struct tca_piece **list = tca_alloc((pieces->count + 1) * sizeof(struct tca_piece *));
    size_t count = 0, kept = 0;
    for (size_t at = 0; list && at < pieces->count; at++)
        if (pieces->one[at].key)
            list[count++] = &pieces->one[at];
    if (list)
        qsort(list, count, sizeof(struct tca_piece *), compare_keys);
    for (size_t at = 0, next; at < count; at = next) {
        for (next = at + 1; next < count && !strcmp(list[at]->key, list[next]->key); next++)
            continue;
        for (size_t one = at; one < next; one++)
            if ((all || next - at > 1) && !list[one]->looked) {
                list[one]->asked = true;
                list[kept++] = list[one];
            }
    }
    *ret_count = kept;
    return list;
}

/* ---- walking ---- */

struct walk {
    struct tca_pieces *pieces;
    struct tca_piece *const *piece;
    size_t count;
    unsigned tasks;
    int (*fn)(struct tca_pieces *pieces, struct tca_piece *piece);
    int code; /* of whoever ran out of memory */
};

static void walk_some(void *user, unsigned task)
{
    struct walk *walk = user;
    for (size_t at = task; at < walk->count && !tca_pieces_stopped(walk->pieces); at += walk->tasks)
        if (walk->fn(walk->pieces, walk->piece[at]))
            __atomic_store_n(&walk->code, TCA_EMEMORY, __ATOMIC_RELAXED);
}

static int walk_all(struct walk *walk)
{
    struct tca_crew *crew = NULL;
    walk->tasks = walk->count < TCA_CREW_TASKS ? (unsigned)walk->count : TCA_CREW_TASKS;
    if (walk->count > 1 && tca_crew_new(tca_crew_processors(), &crew))
        return TCA_EMEMORY;
    tca_crew_run(crew, walk_some, walk, walk->tasks);
    tca_crew_free(crew);
    return walk->code;
}

/* A file, plain or compressed. */
static int walk_file(struct tca_pieces *pieces, const struct tca_piece *piece, tca_look_fn *fn, void *user,
                     struct tca_look *ret)
{
    struct tca_input *opened = NULL;
    struct tca_stream *stream;
    struct tca_error error;
    const char *name;
    int code =
        tca_input_open(pieces->input[piece->input].path, pieces->max_expanded, pieces->stop, &opened, &error);
    int got = code ? code : tca_input_next_stream(opened, &stream, &name, &error);
    code = got > 0 ? look_into(stream, fn, user, ret) : got == TCA_EMEMORY ? got : TCA_OK;
    tca_input_close(opened);
    return code;
}

static int walk_piece(struct tca_pieces *pieces, struct tca_piece *piece)
{
    int code = walk_file(pieces, piece, NULL, NULL, &piece->look);
    piece->looked = piece->look.is_capture;
    return code;
}

/* What came of the looks. */
static void sort_out(struct tca_pieces *pieces)
{
    bool stopped = tca_pieces_stopped(pieces);
    for (size_t at = 0; at < pieces->count; at++) {
        struct tca_piece *piece = &pieces->one[at];
        if (!piece->key || piece->inside)
            continue;
        if (stopped)
            make_whole(piece, interrupted);
        else if (piece->asked && !piece->looked)
            make_whole(piece, no_capture);
    }
}

/* ---- one series ---- */

static int fail_one(const struct tca_pieces *pieces, const struct tca_piece *piece, const char *what,
                    struct tca_error *error)
{
    (void)pieces;
    return tca_fail(error, TCA_EUSAGE, "series 'one': %.200s: %s", piece->name, what);
}

static int check_one(const struct tca_pieces *pieces, struct tca_error *error)
{
    const struct tca_piece *first = NULL;
    for (size_t at = 0; at < pieces->count; at++) {
        const struct tca_piece *piece = &pieces->one[at];
        if (!pieces->input[piece->input].is_file && !strcmp(piece->name, "-"))
            return fail_one(pieces, piece, "standard input cannot be looked into: save it as a file", error);
        if (!piece->key || !piece->look.links)
            continue;
        if (piece->look.links > 1 || (first && piece->look.link != first->look.link))
            return fail_one(pieces, piece, "its link type is not that of the others", error);
        first = first ? first : piece;
    }
    return TCA_OK;
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
    int code = walk_file(pieces, piece, sketch_records, piece, &again);
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
            code = look_into(stream, sketch_records, piece, &again);
        else if (got > 0)
            tca_stream_close(stream);
        if (piece->sketch)
            tca_sketch_seal(piece->sketch);
    }
    tca_input_close(opened);
    return code;
}

static int sketch_piece(struct tca_pieces *pieces, struct tca_piece *piece)
{
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
    struct walk walk = {.pieces = pieces, .piece = list, .fn = sketch_piece};
    walk.count = list_walks(pieces, list);
    int code = walk_all(&walk);
    tca_free(list);
    return code;
}

/* ---- all ---- */

static int look(struct tca_pieces *pieces, bool all)
{
    size_t count = 0;
    struct tca_piece **list = list_company(pieces, all, &count);
    if (!list)
        return TCA_EMEMORY;
    struct walk walk = {.pieces = pieces, .piece = list, .count = count, .fn = walk_piece};
    int code = walk_all(&walk);
    tca_free(list);
    if (!code)
        sort_out(pieces);
    return code;
}

int tca_pieces_find(struct tca_pieces *pieces, const struct tca_inputs *inputs, enum tca_series series,
                    struct tca_error *error)
{
    pieces->inputs = tca_inputs_count(inputs);
    pieces->input = tca_alloc(pieces->inputs * sizeof *pieces->input);
    if (!pieces->input)
        return tca_fail_memory(error);
    for (size_t at = 0; at < pieces->inputs; at++)
        pieces->input[at].path = tca_inputs_at(inputs, at);
    int code = TCA_OK;
    for (size_t at = 0; !code && at < pieces->inputs; at++)
        code = add_input(pieces, (uint32_t)at, series);
    if (!code && series != TCA_SERIES_EACH)
        code = look(pieces, series == TCA_SERIES_ONE);
    if (code)
        return tca_fail_memory(error);
    return series == TCA_SERIES_ONE ? check_one(pieces, error) : TCA_OK;
}
