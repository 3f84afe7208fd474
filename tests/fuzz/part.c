/* SPDX-License-Identifier: MIT
 *
 * Parts, as we write them and as somebody else may have: what is saved and loaded tells what one session would have told, whole or in
 * shares; and whatever bytes are others, with the head, sizes and checksums mended so that what is in the items is looked at, the
 * part is refused, or is told, and is told the same again.
 *
 *     { how u8, { place u16, byte u8 }..., script }     a part of our own (shape.h), in which these bytes are others
 *     { how u8, the part }
 */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <tcpautopsy/part.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "engine/partfile.h"
#include "files.h"
#include "shape.h"
#include "table.h"

/* Of the first byte; changes: so many bytes of our own part are others. */
enum { AS_IT_IS = 1, TWICE = 2, OWN = 4, SHARES = 8, CHANGES_SHIFT = 4 };

/* docs/parts.md. */
enum { HEAD_LEN = 72, SIZE_AT = 24, CHECK_AT = 64, BLOCK_LEN = 16, ITEM_LEN = 8 };
enum { END_LEN = BLOCK_LEN + ITEM_LEN + TCA_PART_KINDS * 8 };

/* ---- our own ---- */

/* In memory where there is such a place: what is saved goes to the disk. */
static void save(struct tca_session *session, struct tca_buf *out)
{
    struct tca_error error;
    char path[80];

    snprintf(path, sizeof path, "%s/tcpautopsy-fuzz-%ld.part", access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm",
             (long)getpid());
    FUZZ_REQUIRE(!tca_session_save(session, path, "", &error), "save: %s", error.text);
    FUZZ_REQUIRE(file_read(path, out), "what was saved is not there");
    unlink(path);
}

/* `share` NULL: all of it. */
static void save_shape(const struct shape *shape, const char *share, struct tca_buf *out)
{
    const char *const setting[] = {"memory", "1M", share ? "shard" : NULL, share, NULL};
    struct tca_session *session = fuzz_session(setting);

    shape_feed(shape, session, 0);
    save(session, out);
    tca_session_free(session);
}

/* The head of a part of this very build, which knows the form of its items. */
static const uint8_t *own_head(void)
{
    static uint8_t head[HEAD_LEN];
    static bool known;
    struct tca_buf part = {0};

    if (!known) {
        struct tca_session *session = fuzz_session(NULL);
        save(session, &part);
        FUZZ_REQUIRE(part.used >= HEAD_LEN, "an empty part is empty");
        memcpy(head, part.bytes, HEAD_LEN);
        tca_session_free(session);
        tca_buf_done(&part);
        known = true;
    }
    return head;
}

/* ---- mending ---- */

static uint32_t get32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static void put32(uint8_t *at, uint32_t value)
{
    memcpy(at, &value, sizeof value);
}

static void put64(uint8_t *at, uint64_t value)
{
    memcpy(at, &value, sizeof value);
}

/* Items fill their block; returns how many there are. */
static uint64_t mend_items(uint8_t *at, size_t left)
{
    uint64_t count = 0;

    for (; left >= ITEM_LEN; count++) {
        size_t room = left - ITEM_LEN, size = get32(at);
        size = size < room ? size : room;
        put32(at, (uint32_t)size);
        put32(at + 4, 0);
        size_t whole = (size + 7) / 8 * 8;
        memset(at + ITEM_LEN + size, 0, whole - size);
        at += ITEM_LEN + whole;
        left -= ITEM_LEN + whole;
    }
    return count;
}

static void seal(uint8_t *block, size_t size, uint64_t number, uint32_t kind)
{
    put32(block, kind);
    put32(block + 4, (uint32_t)size);
    put64(block + 8, XXH3_64bits_withSeed(block + BLOCK_LEN, size, number * TCA_PART_KINDS + kind));
}

/* How many items there are of each kind. */
static void put_end(uint8_t *at, uint64_t number, const uint64_t items[TCA_PART_KINDS])
{
    put32(at + BLOCK_LEN, TCA_PART_KINDS * 8);
    put32(at + BLOCK_LEN + 4, 0);
    memcpy(at + BLOCK_LEN + ITEM_LEN, items, TCA_PART_KINDS * 8);
    seal(at, END_LEN - BLOCK_LEN, number, TCA_PART_END);
}

/* Returns its size. What was the last block is left out, and made anew behind the others; there is room for it. */
static size_t mend(uint8_t *part, size_t count)
{
    uint64_t items[TCA_PART_KINDS] = {0}, number = 0;
    uint32_t kind = TCA_PART_ABOUT;
    size_t at = HEAD_LEN;

    for (; at + BLOCK_LEN + ITEM_LEN <= count; number++) {
        size_t room = (count - at - BLOCK_LEN) / 8 * 8, size = get32(part + at + 4) / 8 * 8;
        uint32_t said = get32(part + at) % TCA_PART_KINDS;
        if (said == TCA_PART_END)
            break;
        size = size < ITEM_LEN ? ITEM_LEN : size < room ? size : room;
        kind = said > kind ? said : kind;
        items[kind] += mend_items(part + at + BLOCK_LEN, size);
        seal(part + at, size, number, kind);
        at += BLOCK_LEN + size;
    }
    put_end(part + at, number, items);
    at += END_LEN;
    memcpy(part, own_head(), HEAD_LEN);
    put64(part + SIZE_AT, at);
    put64(part + CHECK_AT, XXH3_64bits(part, CHECK_AT));
    return at;
}

/* ---- loading ---- */

/* NULL: it was refused. */
static struct tca_session *load(const struct tca_buf *part, size_t count, bool twice)
{
    struct tca_session *session = fuzz_session(NULL);
    struct tca_error error = {0};
    struct fuzz_file file[2] = {0};
    const char *path[2] = {file[0].path, file[1].path};

    for (size_t at = 0; at < count; at++)
        fuzz_file_make(&file[at], part[at].bytes, part[at].used);
    int code = tca_session_load(session, path, count, &error);
    if (!code && twice)
        code = tca_session_load(session, path, count, &error);
    FUZZ_REQUIRE(!code || error.text[0], "%d without words", code);
    FUZZ_REQUIRE(!code || code == TCA_EINPUT || code == TCA_EUNSUPPORTED, "%d: %s", code, error.text);
    for (size_t at = 0; at < count; at++)
        fuzz_file_done(&file[at]);
    if (code)
        tca_session_free(session);
    return code ? NULL : session;
}

static bool tell(const struct tca_buf *part, size_t count, bool twice, struct tca_buf *out)
{
    struct tca_session *session = load(part, count, twice);

    if (session)
        fuzz_tell(session, out);
    tca_session_free(session);
    return session;
}

/* Somebody else's, told twice. */
static void try_part(const struct tca_buf *part, bool twice)
{
    struct tca_buf one = {0}, again = {0};
    struct tca_part_about about;
    struct fuzz_file file;

    fuzz_file_make(&file, part->bytes, part->used);
    tca_part_read_about(file.path, &about, NULL);
    tca_part_check(file.path, NULL);
    fuzz_file_done(&file);
    if (tell(part, 1, twice, &one)) {
        FUZZ_REQUIRE(tell(part, 1, twice, &again), "what could be loaded cannot be loaded again");
        fuzz_require_same(&one, &again, "loaded again");
    }
    tca_buf_done(&one);
    tca_buf_done(&again);
}

/* What one session tells is told of its part, and of its shares. */
static void require_same_told(const struct shape *shape, const struct tca_buf *part, size_t count)
{
    struct tca_session *session = fuzz_session(NULL);
    struct tca_buf direct = {0}, loaded = {0};

    shape_feed(shape, session, 0);
    fuzz_tell(session, &direct);
    FUZZ_REQUIRE(tell(part, count, false, &loaded), "our own part is refused");
    fuzz_require_same(&direct, &loaded, count == 1 ? "saved and loaded" : "saved and loaded in shares");
    tca_session_free(session);
    tca_buf_done(&direct);
    tca_buf_done(&loaded);
}

static void alter(struct tca_buf *part, struct fuzz_bytes *changes)
{
    while (changes->left) {
        size_t at = fuzz_u16(changes) % part->used;
        part->bytes[at] = (char)fuzz_u8(changes);
    }
    if (tca_buf_room(part, END_LEN + 8)) {
        memset(part->bytes + part->used, 0, END_LEN + 8);
        part->used = mend((uint8_t *)part->bytes, part->used);
    }
}

static void try_own(struct fuzz_bytes *in, uint8_t how)
{
    struct fuzz_bytes changes = fuzz_take(in, (size_t)(how >> CHANGES_SHIFT) * 3);
    size_t count = how & SHARES ? 2 : 1;
    struct tca_buf part[2] = {{0}, {0}}, told = {0};
    struct shape shape;

    shape_captures(in, &shape);
    for (size_t at = 0; at < count; at++)
        save_shape(&shape, count == 1 ? NULL : at ? "2/2" : "1/2", &part[at]);
    if (!changes.left)
        require_same_told(&shape, part, count);
    alter(&part[0], &changes);
    if (count == 1)
        try_part(&part[0], how & TWICE);
    else
        tell(part, count, how & TWICE, &told);
    shape_done(&shape);
    tca_buf_done(&part[0]);
    tca_buf_done(&part[1]);
    tca_buf_done(&told);
}

static void try_any(const struct fuzz_bytes *in, uint8_t how)
{
    size_t room = in->left + END_LEN + 8;
    struct tca_buf part = {.bytes = calloc(1, room), .used = in->left, .room = room};

    FUZZ_REQUIRE(part.bytes, "no memory");
    if (in->left)
        memcpy(part.bytes, in->at, in->left);
    if (!(how & AS_IT_IS) && in->left >= HEAD_LEN)
        part.used = mend((uint8_t *)part.bytes, part.used);
    try_part(&part, how & TWICE);
    free(part.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct fuzz_bytes in = {bytes, count};
    uint8_t how = fuzz_u8(&in);

    if (how & OWN)
        try_own(&in, how);
    else
        try_any(&in, how);
    return 0;
}
