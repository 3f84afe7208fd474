/* SPDX-License-Identifier: MIT
 *
 * Parts, as somebody else may have written them: a file of any bytes, whose head, sizes and checksums are mended first so that what
 * is in its items is looked at, is loaded, alone and twice, and everything is told of it. One that loads is told the same again.
 *
 *     { how u8, the part }     how: mended or as it is; loaded once or twice
 */
#include "fuzz.h"

#include <stdlib.h>
#include <tcpautopsy/part.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "engine/partfile.h"
#include "files.h"
#include "table.h"

enum { AS_IT_IS = 1, TWICE = 2 };

/* docs/parts.md. */
enum { HEAD_LEN = 72, SIZE_AT = 24, CHECK_AT = 64, BLOCK_LEN = 16, ITEM_LEN = 8 };
enum { END_LEN = BLOCK_LEN + ITEM_LEN + TCA_PART_KINDS * 8 };

/* ---- mending ---- */

/* The head of a part of this very build, which knows the form of its items. */
static const uint8_t *own_head(void)
{
    static uint8_t head[HEAD_LEN];
    static bool known;
    char path[] = "/tmp/tcpautopsy-fuzz-XXXXXX";
    struct tca_buf part = {0};

    if (known)
        return head;
    int fd = mkstemp(path);
    struct tca_session *session = fuzz_session(NULL);
    FUZZ_REQUIRE(fd >= 0 && !tca_session_save(session, path, "", NULL), "an empty part");
    close(fd);
    FUZZ_REQUIRE(file_read(path, &part) && part.used >= HEAD_LEN, "an empty part is empty");
    memcpy(head, part.bytes, HEAD_LEN);
    unlink(path);
    tca_session_free(session);
    tca_buf_done(&part);
    known = true;
    return head;
}

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

static bool load(const struct fuzz_file *file, bool twice, struct tca_buf *out)
{
    const char *path = file->path;
    struct tca_session *session = fuzz_session(NULL);
    struct tca_error error = {0};
    int code = tca_session_load(session, &path, 1, &error);

    if (!code && twice)
        code = tca_session_load(session, &path, 1, &error);
    FUZZ_REQUIRE(!code || error.text[0], "%d without words", code);
    FUZZ_REQUIRE(!code || code == TCA_EINPUT || code == TCA_EUNSUPPORTED, "%d: %s", code, error.text);
    if (!code)
        fuzz_tell(session, out);
    tca_session_free(session);
    return !code;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct fuzz_bytes in = {bytes, count};
    uint8_t how = fuzz_u8(&in);
    size_t room = in.left + HEAD_LEN + END_LEN, size = in.left;
    uint8_t *part = calloc(1, room);
    struct tca_buf one = {0}, again = {0};
    struct tca_part_about about;
    struct fuzz_file file;

    FUZZ_REQUIRE(part, "no memory");
    if (in.left)
        memcpy(part, in.at, in.left);
    if (!(how & AS_IT_IS) && size >= HEAD_LEN)
        size = mend(part, size);
    fuzz_file_make(&file, part, size);
    tca_part_read_about(file.path, &about, NULL);
    tca_part_check(file.path, NULL);
    if (load(&file, how & TWICE, &one)) {
        FUZZ_REQUIRE(load(&file, how & TWICE, &again), "what could be loaded cannot be loaded again");
        fuzz_require_same(&one, &again, "loaded again");
    }
    fuzz_file_done(&file);
    free(part);
    tca_buf_done(&one);
    tca_buf_done(&again);
    return 0;
}
