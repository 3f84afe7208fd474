/* SPDX-License-Identifier: MIT
 *
 * What is in one input. Of a file its first bytes tell what it is; it is walked through only where another one has such a name.
 * An archive has no list at its front, so it is gone through once, and the records of its captures are walked over on the way.
 */
#include "plan/piece.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/whole.h"
#include "capture/input.h"
#include "capture/magic.h"
#include "plan/name.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

enum { HEAD = 4096 }; /* first bytes of an input, by which it is known again */

const char tca_no_capture[] = "no capture can be read of it",
           tca_not_looked[] = "not looked into: interrupted";

/* ---- pieces ---- */

/* Most inputs have one. */
static bool make_room(struct tca_plan_input *input)
{
    size_t room = input->room ? 2 * input->room : 1;
    if (input->count < input->room)
        return true;
    struct tca_piece *list = tca_grow(input->one, room, sizeof *list);
    if (!list)
        return false;
    input->one = list;
    input->room = room;
    return true;
}

static struct tca_piece *add_piece(struct tca_pieces *pieces, uint32_t at, uint64_t number, const char *name)
{
    struct tca_plan_input *input = &pieces->input[at];
    if (!make_room(input))
        return NULL;
    struct tca_piece *piece = &input->one[input->count];
    *piece = (struct tca_piece){.input = at, .number = number, .name = tca_strdup(name)};
    piece->look = (struct tca_look){.first_ns = -1, .last_ns = -1, .quiet_ns = -1, .link = -1};
    if (!piece->name)
        return NULL;
    input->count++;
    return piece;
}

static int add_whole(struct tca_pieces *pieces, uint32_t input, const char *why)
{
    struct tca_piece *piece = add_piece(pieces, input, 0, pieces->input[input].path);
    if (piece)
        piece->why = why;
    return piece ? TCA_OK : TCA_EMEMORY;
}

void tca_piece_set_whole(struct tca_piece *piece, const char *why)
{
    tca_free(piece->key);
    piece->key = NULL;
    piece->looked = false;
    piece->number = 0;
    piece->why = why;
}

void tca_piece_done(struct tca_piece *piece)
{
    tca_free(piece->name);
    tca_free(piece->key);
    tca_free(piece->sketch);
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

char *tca_piece_key(const char *path, const char *name, size_t inside, size_t common)
{
    const char *base = tca_name_base(name), *from = name + inside + common;
    struct tca_buf key = {0};
    add_folder(&key, path);
    tca_buf_char(&key, '/');
    if (inside && base > from)
        tca_buf_add(&key, from, (size_t)(base - from));
    tca_name_stem(base, &key);
    char *copy = key.failed ? NULL : tca_strdup(tca_buf_text(&key));
    tca_buf_done(&key);
    return copy;
}

/* ---- archives ---- */

/* How much of the names, up to a slash, the captures of an archive have in common. */
static size_t find_common(const struct tca_piece *piece, size_t count)
{
    const char *first = piece->name + piece->inside;
    size_t length = (size_t)(tca_name_base(first) - first);
    for (size_t at = 1; at < count; at++) {
        const char *name = piece[at].name + piece[at].inside;
        size_t same = 0, folder = 0;
        for (; same < length && name[same] == first[same]; same++)
            if (name[same] == '/')
                folder = same + 1;
        length = folder;
    }
    return length;
}

static int set_keys(struct tca_plan_input *input)
{
    size_t common = input->count ? find_common(input->one, input->count) : 0;
    for (size_t at = 0; at < input->count; at++) {
        struct tca_piece *piece = &input->one[at];
        if (piece->looked && !(piece->key = tca_piece_key(input->path, piece->name, piece->inside, common)))
            return TCA_EMEMORY;
    }
    return TCA_OK;
}

/* A fault among the captures has a number as well: reading that tells. `stream` NULL: this is one. */
static int add_member(struct tca_pieces *pieces, uint32_t at, uint64_t number, const char *name,
                      struct tca_stream *stream)
{
    struct tca_plan_input *input = &pieces->input[at];
    struct tca_piece *piece = add_piece(pieces, at, number, name);
    int code = TCA_EMEMORY;
    if (!piece) {
        tca_stream_close(stream);
        return code;
    }
    size_t path = strlen(input->path);
    piece->inside = name[path] ? path + 1 : path; /* a fault of the archive bears its name */
    code = stream ? tca_walk_stream(stream, NULL, NULL, &piece->look) : TCA_OK;
    piece->looked = piece->look.is_capture;
    if (!piece->looked)
        piece->why = tca_no_capture;
    input->unpacked += piece->look.bytes;
    return code;
}

/* All captures of an archive; the first one's stream is there already. */
static int add_archive(struct tca_pieces *pieces, uint32_t at, struct tca_input *opened,
                       struct tca_stream *stream, const char *name)
{
    struct tca_plan_input *input = &pieces->input[at];
    uint64_t number = 1;
    struct tca_error error;
    int got = 1, code = TCA_OK;
    input->is_archive = true;
    while (!code && got) {
        code = add_member(pieces, at, number++, name, got > 0 ? stream : NULL);
        if (!code && (got = tca_input_next_stream(opened, &stream, &name, &error)) == TCA_EMEMORY)
            code = got;
    }
    if (!code && error.text[0] && !(input->note = tca_strdup(error.text)))
        code = TCA_EMEMORY;
    if (code || !tca_pieces_stopped(pieces))
        return code ? code : set_keys(input);
    while (input->count)
        tca_piece_done(&input->one[--input->count]);
    return add_whole(pieces, at, tca_not_looked);
}

/* ---- files ---- */

static int add_file(struct tca_pieces *pieces, uint32_t at)
{
    struct tca_plan_input *input = &pieces->input[at];
    struct tca_piece *piece = add_piece(pieces, at, 1, input->path);
    if (!piece)
        return TCA_EMEMORY;
    piece->key = input->key;
    input->key = NULL;
    return TCA_OK;
}

static int look_at_file(struct tca_piece *piece, struct tca_stream *stream)
{
    int code = tca_walk_stream(stream, NULL, NULL, &piece->look);
    piece->asked = true;
    piece->looked = piece->look.is_capture;
    if (!piece->looked)
        tca_piece_set_whole(piece, tca_no_capture);
    return code;
}

/* A capture, by itself or in what it is compressed from; or an archive. */
static int add_opened(struct tca_pieces *pieces, uint32_t at, struct tca_input *opened, bool looks)
{
    struct tca_plan_input *input = &pieces->input[at];
    struct tca_stream *stream;
    struct tca_error error;
    const char *name;
    int got = tca_input_next_stream(opened, &stream, &name, &error);
    if (got <= 0)
        return got == TCA_EMEMORY ? got : add_whole(pieces, at, tca_no_capture);
    if (strcmp(name, input->path))
        return add_archive(pieces, at, opened, stream, name);
    int code = add_file(pieces, at);
    if (!code && looks)
        return look_at_file(input->one, stream);
    tca_stream_close(stream);
    return code;
}

static int open_input(struct tca_pieces *pieces, uint32_t at, bool looks)
{
    struct tca_input *opened = NULL;
    struct tca_error error;
    int code = tca_input_open(pieces->input[at].path, pieces->max_expanded, pieces->stop, &opened, &error);
    if (!code)
        code = add_opened(pieces, at, opened, looks);
    else if (code != TCA_EMEMORY)
        code = add_whole(pieces, at, tca_no_capture);
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
    const bool there = strcmp(input->path, "-") && !stat(input->path, &st);
    *ret_count = -1;
    input->single = there ? S_ISDIR(st.st_mode) : strcmp(input->path, "-") && !tca_input_archive(input->path);
    if (there && S_ISREG(st.st_mode)) {
        int fd = (int)TEMP_FAILURE_RETRY(open(input->path, O_RDONLY | O_CLOEXEC | O_NOCTTY));
        input->is_file = true;
        input->bytes = (uint64_t)st.st_size;
        if (fd >= 0) {
            *ret_count = tca_read_at(fd, head, HEAD, 0);
            close(fd);
        }
    }
    print_input(input, &st, head, *ret_count > 0 ? (size_t)*ret_count : 0);
}

int tca_pieces_of(struct tca_pieces *pieces, uint32_t at, enum tca_series series)
{
    struct tca_plan_input *input = &pieces->input[at];
    uint8_t head[HEAD];
    ssize_t count;
    read_head(input, head, &count);
    const struct tca_magic *magic = count > 0 ? tca_magic_of(head, (size_t)count) : NULL;
    const bool packed = tca_magic_is_packed(magic), unpacks = tca_input_library() != NULL;
    input->single |= input->is_file && (!packed || !unpacks);
    if (series == TCA_SERIES_EACH)
        return add_whole(pieces, at, "every capture alone, as asked for");
    if (!input->is_file)
        return add_whole(pieces, at, "not looked into: no file");
    if (!magic || magic->kind == MAGIC_FOREIGN)
        return add_whole(pieces, at, tca_no_capture);
    if (packed && !unpacks)
        return add_whole(pieces, at,
                         "compressed or an archive, and this program was built without libarchive");
    const bool looks = input->company || series == TCA_SERIES_ONE;
    return packed || looks ? open_input(pieces, at, looks) : add_file(pieces, at);
}
