/* SPDX-License-Identifier: MIT
 *
 *      head: magic, byte order, format, form, bytes of the file, version in words, checksum
 *      block: kind, bytes, checksum of its number and kind and { item: bytes, up to 7 more } ...
 *      ...
 *      block: END, { how many items there were of each kind }
 *
 * The head is written last, when the size is known; so what was cut short is known by the size alone. A checksum finds what
 * disks and networks do to a file, not what people do: who reads an item looks at it as at any input.
 */
#include "engine/partfile.h"

#include "base/alloc.h"
#include "base/whole.h"
#include "engine/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum {
    FORMAT = 1,
    BYTE_ORDER_MARK = 0x01020304,
    BLOCK_FULL = 1 << 20, /* bytes of items, unless one alone has more */
    BLOCK_MAX = 16 << 20,
};
static const char MAGIC[8] = "tcapart\n";

struct head {
    char magic[8];
    uint32_t order, format;
    uint64_t form;
    uint64_t size; /* bytes of the file */
    char version[32];
    uint64_t check; /* of all before it */
};

struct block {
    uint32_t kind, size;
    uint64_t check;
};

struct item_head {
    uint32_t size, zero;
};

static size_t aligned(size_t size)
{
    return (size + 7) / 8 * 8;
}

static uint64_t check_of(const void *bytes, size_t size, uint64_t number, uint32_t kind)
{
    return XXH3_64bits_withSeed(bytes, size, number * TCA_PART_KINDS + kind);
}

/* ---- writing ---- */

struct tca_partfile_writer {
    char *path, *temporary; /* owned; temporary NULL: it has its name */
    int file;
    uint64_t size, blocks;
    uint64_t count[TCA_PART_KINDS]; /* items */
    uint64_t form;
    enum tca_part_kind kind;
    struct tca_buf block;
    int error, reason; /* the first; errno of it */
};

static int failed(struct tca_partfile_writer *w, int code)
{
    w->error = w->error ? w->error : code;
    w->reason = w->reason ? w->reason : errno;
    return w->error;
}

static int say_failed(const struct tca_partfile_writer *w, struct tca_error *error)
{
    if (w->error == TCA_EMEMORY)
        return tca_words(error, TCA_EMEMORY);
    return tca_fail(error, w->error, "cannot be written: %s", strerror(w->reason));
}

static int write_at(struct tca_partfile_writer *w, const void *bytes, size_t size, uint64_t at)
{
    return tca_write_at(w->file, bytes, size, at) ? failed(w, TCA_EOUTPUT) : TCA_OK;
}

/* What stands there and is no file is not to be replaced by one. */
static bool is_special(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && !S_ISREG(st.st_mode);
}

/* Locked as long as it is written: what a killed run left is not. Before it was locked somebody may have taken it for such, and its
 * name may be gone. Without locks it is ours all the same. */
static int make_locked(const char *path, char *temporary, size_t room)
{
    for (int left = 100; left; left--) {
        struct stat st;
        snprintf(temporary, room, "%s.XXXXXX.tmp", path);
        int file = mkostemps(temporary, 4, O_CLOEXEC);
        bool locked =
            file >= 0 && (!TEMP_FAILURE_RETRY(flock(file, LOCK_EX | LOCK_NB)) || errno != EWOULDBLOCK);
        if (file < 0 || (locked && !fstat(file, &st) && st.st_nlink))
            return file;
        close(file);
    }
    return -1;
}

/* With the rights that a plain open would give it. */
static int open_temporary(struct tca_partfile_writer *w)
{
    size_t room = strlen(w->path) + sizeof ".XXXXXX.tmp";
    if (is_special(w->path)) {
        errno = EEXIST;
        return failed(w, TCA_EOUTPUT);
    }
    w->temporary = tca_alloc(room);
    if (!w->temporary)
        return failed(w, TCA_EMEMORY);
    w->file = make_locked(w->path, w->temporary, room);
    if (w->file < 0) {
        failed(w, TCA_EOUTPUT);
        tca_free(w->temporary);
        w->temporary = NULL;
        return w->error;
    }
    mode_t mask = umask(0);
    umask(mask);
    return fchmod(w->file, 0666 & ~mask) ? failed(w, TCA_EOUTPUT) : TCA_OK;
}

static void abandon(struct tca_partfile_writer *w)
{
    if (w->file >= 0)
        close(w->file);
    if (w->temporary)
        unlink(w->temporary);
    tca_buf_done(&w->block);
    tca_free(w->temporary);
    tca_free(w->path);
    tca_free(w);
}

int tca_partfile_create(const char *path, uint64_t form, struct tca_partfile_writer **ret,
                        struct tca_error *error)
{
    struct tca_partfile_writer *w = tca_alloc(sizeof *w);
    if (!w)
        return tca_words(error, TCA_EMEMORY);
    *w = (struct tca_partfile_writer){.file = -1, .form = form, .size = sizeof(struct head)};
    w->path = tca_strdup(path);
    int code = w->path ? open_temporary(w) : failed(w, TCA_EMEMORY);
    if (code) {
        say_failed(w, error);
        abandon(w);
        return code;
    }
    *ret = w;
    return TCA_OK;
}

static int end_block(struct tca_partfile_writer *w)
{
    if (!w->block.used)
        return TCA_OK;
    const struct block head = {.kind = w->kind,
                               .size = (uint32_t)w->block.used,
                               .check = check_of(w->block.bytes, w->block.used, w->blocks, w->kind)};
    int error = write_at(w, &head, sizeof head, w->size);
    if (!error)
        error = write_at(w, w->block.bytes, w->block.used, w->size + sizeof head);
    w->size += sizeof head + w->block.used;
    w->blocks++;
    tca_buf_reset(&w->block);
    return error;
}

int tca_partfile_put(struct tca_partfile_writer *w, enum tca_part_kind kind, const void *head,
                     size_t head_size, const void *rest, size_t rest_size)
{
    static const char zeros[8];
    size_t size = head_size + rest_size, space = sizeof(struct item_head) + aligned(size);
    if (!w->error && (kind != w->kind || w->block.used + space > BLOCK_FULL))
        end_block(w);
    if (!w->error && space > BLOCK_MAX) {
        errno = EFBIG;
        failed(w, TCA_EOUTPUT);
    }
    if (w->error)
        return w->error;
    const struct item_head item = {.size = (uint32_t)size};
    w->kind = kind;
    w->count[kind]++;
    tca_buf_add(&w->block, &item, sizeof item);
    tca_buf_add(&w->block, head, head_size);
    tca_buf_add(&w->block, rest, rest_size);
    tca_buf_add(&w->block, zeros, aligned(size) - size);
    return w->block.failed ? failed(w, TCA_EMEMORY) : TCA_OK;
}

static void write_head(struct tca_partfile_writer *w)
{
    struct head head = {
        .order = BYTE_ORDER_MARK, .format = FORMAT, .form = w->form, .size = w->size, .version = TCA_VERSION};
    memcpy(head.magic, MAGIC, sizeof head.magic);
    head.check = check_of(&head, offsetof(struct head, check), 0, 0);
    write_at(w, &head, sizeof head, 0);
}

/* The new name is durable once its directory is. */
static void sync_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) + 1 : 0;
    char *directory = tca_alloc(length + 2);
    if (!directory)
        return;
    memcpy(directory, slash ? path : ".", slash ? length : 1);
    int file = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (file >= 0) {
        (void)TEMP_FAILURE_RETRY(fsync(file));
        close(file);
    }
    tca_free(directory);
}

static void give_name(struct tca_partfile_writer *w)
{
    int file = w->file;
    w->file = -1;
    if (TEMP_FAILURE_RETRY(fsync(file))) {
        failed(w, TCA_EOUTPUT);
        close(file);
        return;
    }
    if ((close(file) && errno != EINTR) || rename(w->temporary, w->path)) {
        failed(w, TCA_EOUTPUT);
        return;
    }
    sync_directory(w->path);
    tca_free(w->temporary);
    w->temporary = NULL;
}

static void commit(struct tca_partfile_writer *w)
{
    uint64_t count[TCA_PART_KINDS];
    memcpy(count, w->count, sizeof count);
    tca_partfile_put(w, TCA_PART_END, count, sizeof count, NULL, 0);
    if (!w->error)
        end_block(w);
    if (!w->error)
        write_head(w);
    if (!w->error)
        give_name(w);
}

int tca_partfile_end(struct tca_partfile_writer *w, int code, struct tca_error *error)
{
    if (!code)
        commit(w);
    code = w->error ? say_failed(w, error) : tca_words(error, code);
    abandon(w);
    return code;
}

/* ---- reading ---- */

struct tca_partfile_reader {
    int file;
    uint64_t at, size, blocks; /* bytes, and blocks of these that were read */
    uint64_t count[TCA_PART_KINDS];
    struct block block;
    uint8_t *bytes; /* owned: of the block */
    size_t room, from;
    bool ended;
};

int tca_partfile_unsound(struct tca_error *error)
{
    return tca_fail(error, TCA_EINPUT, "the part is damaged: make it again");
}

static int cut_short(struct tca_error *error)
{
    return tca_fail(error, TCA_EINPUT, "the part is cut short: copy it, or make it, again");
}

static int read_bytes(struct tca_partfile_reader *r, void *bytes, size_t size, struct tca_error *error)
{
    ssize_t got = tca_read_at(r->file, bytes, size, r->at);
    if (got < 0)
        return tca_fail(error, TCA_EINPUT, "cannot be read: %s", strerror(errno));
    if (got < (ssize_t)size)
        return cut_short(error);
    r->at += size;
    return TCA_OK;
}

static int refuse_other(const struct head *head, struct tca_error *error)
{
    bool other_program = strncmp(head->version, TCA_VERSION, sizeof head->version) != 0;
    return tca_fail(error, TCA_EUNSUPPORTED,
                    "the part was made by %s (%.31s; this is " TCA_VERSION
                    "): make and merge parts with the same program",
                    other_program ? "another version of the program" : "another build of the program",
                    head->version);
}

/* In the order in which one can be known to mean something. */
static int check_head(struct tca_partfile_reader *r, struct head *head, uint64_t form,
                      struct tca_error *error)
{
    if (memcmp(head->magic, MAGIC, sizeof MAGIC) != 0)
        return tca_fail(error, TCA_EINPUT, "no part: it does not begin as one");
    if (head->order == __builtin_bswap32(BYTE_ORDER_MARK))
        return tca_fail(error, TCA_EUNSUPPORTED,
                        "the part was made on a machine of the other byte order: merge it on one like that");
    if (head->check != check_of(head, offsetof(struct head, check), 0, 0))
        return tca_partfile_unsound(error);
    for (size_t at = 0; at < sizeof head->version; at++)
        if (head->version[at] < 0 || (head->version[at] > 0 && head->version[at] < ' '))
            head->version[at] = '?';
    head->version[sizeof head->version - 1] = '\0';
    if (head->order != BYTE_ORDER_MARK || head->format != FORMAT || head->form != form)
        return refuse_other(head, error);
    if (head->size > r->size)
        return cut_short(error);
    return head->size < r->size ? tca_partfile_unsound(error) : TCA_OK;
}

static int open_file(const char *path, struct tca_partfile_reader *r, struct tca_error *error)
{
    struct stat st;
    r->file = (int)TEMP_FAILURE_RETRY(
        open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)); /* a pipe is refused, not waited for */
    if (r->file < 0 || fstat(r->file, &st))
        return tca_fail(error, TCA_EINPUT, "cannot be opened: %s", strerror(errno));
    if (!S_ISREG(st.st_mode))
        return tca_fail(error, TCA_EINPUT, "no part: it is no file");
    r->size = (uint64_t)st.st_size;
    return TCA_OK;
}

int tca_partfile_open(const char *path, uint64_t form, struct tca_partfile_reader **ret,
                      struct tca_error *error)
{
    struct tca_partfile_reader *r = tca_alloc(sizeof *r);
    struct head head;
    if (!r)
        return tca_words(error, TCA_EMEMORY);
    int code = open_file(path, r, error);
    if (!code && r->size < sizeof head)
        code = tca_fail(error, TCA_EINPUT, r->size ? "no part: it is too short" : "no part: it is empty");
    if (!code)
        code = read_bytes(r, &head, sizeof head, error);
    if (!code)
        code = check_head(r, &head, form, error);
    if (code) {
        tca_partfile_close(r);
        return code;
    }
    *ret = r;
    return TCA_OK;
}

/* Its kind may not be before that of the last one, and behind END there is nothing. */
static bool is_sound(const struct tca_partfile_reader *r, const struct block *next)
{
    return next->kind >= r->block.kind && next->kind < TCA_PART_KINDS && next->size && next->size % 8 == 0 &&
           next->size <= BLOCK_MAX && next->size <= r->size - r->at;
}

static int read_block(struct tca_partfile_reader *r, struct tca_error *error)
{
    struct block next;
    int code = read_bytes(r, &next, sizeof next, error);
    if (!code && !is_sound(r, &next))
        code = tca_partfile_unsound(error);
    if (!code && next.size > r->room) {
        uint8_t *bytes = tca_grow(r->bytes, next.size, 1);
        r->bytes = bytes ? bytes : r->bytes;
        r->room = bytes ? next.size : r->room;
        code = bytes ? TCA_OK : tca_words(error, TCA_EMEMORY);
    }
    if (!code)
        code = read_bytes(r, r->bytes, next.size, error);
    if (!code && next.check != check_of(r->bytes, next.size, r->blocks, next.kind))
        code = tca_partfile_unsound(error);
    r->block = next;
    r->from = 0;
    r->blocks++;
    return code;
}

static int end(struct tca_partfile_reader *r, const struct tca_part_item *last, struct tca_error *error)
{
    bool all = last->size == sizeof r->count && r->at == r->size && r->from == r->block.size &&
               !memcmp(last->bytes, r->count, sizeof r->count);
    r->ended = true;
    return all ? 0 : tca_partfile_unsound(error);
}

int tca_partfile_next(struct tca_partfile_reader *r, struct tca_part_item *ret, struct tca_error *error)
{
    struct item_head item;
    if (r->ended)
        return 0;
    int code = r->from == r->block.size ? read_block(r, error) : TCA_OK;
    if (code)
        return code;
    memcpy(&item, r->bytes + r->from, sizeof item);
    r->from += sizeof item;
    if (item.size > r->block.size - r->from || aligned(item.size) > r->block.size - r->from)
        return tca_partfile_unsound(error);
    *ret = (struct tca_part_item){
        .kind = (enum tca_part_kind)r->block.kind, .size = item.size, .bytes = r->bytes + r->from};
    r->from += aligned(item.size);
    if (ret->kind == TCA_PART_END)
        return end(r, ret, error);
    r->count[ret->kind]++;
    return 1;
}

uint64_t tca_partfile_size(const struct tca_partfile_reader *r)
{
    return r->size;
}

void tca_partfile_close(struct tca_partfile_reader *r)
{
    if (!r)
        return;
    if (r->file >= 0)
        close(r->file);
    tca_free(r->bytes);
    tca_free(r);
}
