/* SPDX-License-Identifier: MIT
 *
 * Unpacking with libarchive: the thread that gives.
 *
 * Only what captures come in is enabled: every further format is code that reads what a stranger wrote, and some of them take
 * any text for an archive. Of a format that has its table at the end (7z, and zip as it is read best) the file must be one that
 * can be read anywhere.
 *
 * Within one call the library unpacks as much as there is to pass over, makes room for a header as long as it says, and undoes
 * what is compressed twenty-five times over. So what goes in is given to it in small pieces, and before each it is asked how
 * much came of those before.
 */
#include "capture/unpack.h"

#include "base/alloc.h"
#include "base/fail.h"
#include "base/stop.h"
#include "capture/relay.h"
#include "capture/xz.h"

#include <archive.h>
#include <archive_entry.h>
#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const uint64_t MOST_BYTES = UINT64_C(1) << 30, MOST_TIMES = 1000;
/* A capture without packets costs a row, and some work: a kilobyte, 30 us. */
static const uint64_t MOST_MEMBERS = 16384, BYTES_OF_MEMBER = 64, EXPANDED_OF_MEMBER = 65536;
enum {
    MOST_FILTERS = 3,              /* as deep as archives are looked into */
    PIECE = 64 * 1024,             /* of which a gigabyte or two can come */
    MOST_AHEAD = 32 * 1024 * 1024, /* taken and not used: of a name without end, of a table of members */
};
static const char large_dictionary[] = "its dictionary is larger than the 64 MiB of xz -9, and would be kept "
                                       "in memory: xz -dc FILE | tcpautopsy -";
static const char too_much[] = "it expands to more than may be: --max-expanded SIZE lets it";

struct tca_unpack {
    /* The giver's. */
    struct tca_stream *packed; /* borrowed */
    struct archive *archive;   /* owned */
    struct archive_entry
        *entry; /* owned: libarchive makes one by itself, but does not ask whether there was memory */
    struct tca_expansion *limit; /* borrowed */
    struct tca_xz xz;            /* what is packed, as far as it was given to the library */
    uint64_t given;              /* bytes of members */
    const char *no_more;         /* static: why the library gets nothing; NULL: it does */
    unsigned member;             /* the present one, from 1 */
    char reason[200];
    /* Of both. */
    struct tca_relay *relay;    /* owned */
    _Atomic unsigned left;      /* members that the taker is done with */
    _Atomic uint64_t eaten;     /* bytes that the library took, for those in deeper layers */
    volatile sig_atomic_t quit; /* the taker has left */
    /* The taker's. */
    pthread_t thread;
    const volatile sig_atomic_t *stop; /* borrowed, may be NULL */
    unsigned taken;                    /* members */
    char name[1024], words[300];
};

bool tca_unpack_is_there(void)
{
    return true;
}

const char *tca_unpack_library(void)
{
    return archive_version_string();
}

/* ---- how much it is ---- */

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* With what is passed over and stands between members, of which the library tells only where nothing is packed by itself; or as
 * members, which zip packs one by one. */
static uint64_t expanded(const struct tca_unpack *u)
{
    return u->limit->expanded + larger(u->given, (uint64_t)archive_filter_bytes(u->archive, 0));
}

/* What the outermost had for it: all of a file, so that what comes out of layers does not hang on which thread was how far. */
static uint64_t put_in(const struct tca_unpack *u)
{
    const struct tca_unpack *outermost = u->limit->outermost;
    int64_t size = outermost && outermost->packed->regular ? tca_stream_size(outermost->packed) : -1;
    if (size >= 0)
        return (uint64_t)size;
    return outermost ? atomic_load_explicit(&outermost->eaten, memory_order_relaxed)
                     : (uint64_t)archive_filter_bytes(u->archive, -1);
}

static bool expands_without_end(const struct tca_unpack *u)
{
    uint64_t most = u->limit->most, in = put_in(u);
    uint64_t usual = larger(MOST_BYTES, in < UINT64_MAX / MOST_TIMES ? in * MOST_TIMES : UINT64_MAX);
    uint64_t members = larger(MOST_MEMBERS, most ? most / EXPANDED_OF_MEMBER : in / BYTES_OF_MEMBER);
    return expanded(u) > (most ? most : usual) || u->limit->members + u->member > members;
}

/* ---- what is packed ---- */

/* NULL: the library may have more. */
static const char *why_no_more(const struct tca_unpack *u)
{
    uint64_t used = (uint64_t)archive_filter_bytes(u->archive, -1), taken = tca_stream_tell(u->packed);
    if (expands_without_end(u))
        return too_much;
    return taken > used + MOST_AHEAD ? "a name, a header or a table in it is longer than may be" : NULL;
}

/* Once it is no xz file any more the library has what shows that, and wants nothing else. */
static const char *why_not(struct tca_unpack *u, const uint8_t *bytes, size_t count)
{
    bool lost = u->xz.found == TCA_XZ_LOST && count;
    if (lost)
        return "damaged";
    return tca_xz_follow(&u->xz, bytes, count) == TCA_XZ_LARGE ? large_dictionary : NULL;
}

static la_ssize_t refuse(struct tca_unpack *u)
{
    archive_set_error(u->archive, EFBIG, "%s", u->no_more);
    return ARCHIVE_FATAL;
}

static la_ssize_t read_packed(struct archive *archive, void *user, const void **ret_bytes)
{
    struct tca_unpack *u = user;
    struct tca_stream *packed = u->packed;
    const uint8_t *first;
    uint8_t *bytes;
    u->no_more = why_no_more(u);
    if (u->no_more)
        return refuse(u);
    if (!tca_stream_peek(packed, 1, &first) && packed->error) {
        archive_set_error(archive, packed->error, "%s",
                          packed->words ? packed->words : strerror(packed->error));
        return ARCHIVE_FATAL;
    }
    size_t there = tca_stream_ahead(packed, &bytes);
    there = there < PIECE ? there : PIECE;
    u->no_more = why_not(u, bytes, there);
    if (u->no_more)
        return refuse(u);
    tca_stream_skip(packed, there);
    atomic_store_explicit(&u->eaten, tca_stream_tell(packed), memory_order_relaxed);
    *ret_bytes = bytes;
    return (la_ssize_t)there;
}

static la_int64_t seek_packed(struct archive *archive, void *user, la_int64_t offset, int whence)
{
    struct tca_stream *packed = ((struct tca_unpack *)user)->packed;
    la_int64_t from = whence == SEEK_SET ? 0 : (la_int64_t)tca_stream_tell(packed), end = from;
    if (whence == SEEK_END && (from = tca_stream_size(packed)) < 0)
        end = -1;
    if (end >= 0 && offset >= -from && !tca_stream_seek(packed, (uint64_t)(from + offset)))
        return from + offset;
    archive_set_error(archive, errno, "cannot seek: %s", strerror(errno));
    return ARCHIVE_FATAL;
}

/* ---- the giver ---- */

static bool give_words(struct tca_unpack *u, enum tca_relayed what, const char *words)
{
    uint8_t *room = tca_relay_room(u->relay);
    size_t size = strlen(words) + 1;
    if (!room)
        return false;
    memcpy(room, words, size < TCA_RELAY_ROOM ? size : TCA_RELAY_ROOM);
    room[TCA_RELAY_ROOM - 1] = '\0';
    tca_relay_give(u->relay, what, size < TCA_RELAY_ROOM ? size : TCA_RELAY_ROOM);
    return true;
}

/* In the library's words, some of which end with a line; of gzip's checksums at the end of a file that are cut off it has none. */
static const char *why(struct tca_unpack *u)
{
    const char *words = archive_error_string(u->archive);
    const uint8_t *more;
    if (u->no_more) /* which the library may call by another name */
        return u->no_more;
    if (!words)
        return tca_stream_peek(u->packed, 1, &more) || u->packed->error ? "damaged" : "truncated";
    size_t length = strlen(words);
    while (length && isspace((unsigned char)words[length - 1]))
        length--;
    snprintf(u->reason, sizeof u->reason, "%.*s", (int)length, words);
    return u->reason;
}

/* All filters say so in such words, but xz. */
static bool is_cut(const char *words)
{
    return strcasestr(words, "truncated") || strcasestr(words, "No progress is possible");
}

/* A copy helps, unless it is as long as it is on purpose. */
static void give_damage(struct tca_unpack *u, const char *words)
{
    char told[300];
    snprintf(told, sizeof told, "%s%s", is_cut(words) ? "it ends before it should" : words,
             u->no_more ? "" : ": copy the file and try again");
    give_words(u, TCA_RELAYED_END, told);
}

/* The member's bytes, as long as somebody wants them. False: there is nothing more to do. */
static bool give_member(struct tca_unpack *u)
{
    while (atomic_load_explicit(&u->left, memory_order_relaxed) < u->member) {
        uint8_t *room = tca_relay_room(u->relay);
        if (!room)
            return false;
        la_ssize_t got = archive_read_data(u->archive, room, TCA_RELAY_ROOM);
        if (got == ARCHIVE_RETRY)
            continue;
        if (got < 0)
            return give_words(u, is_cut(why(u)) ? TCA_RELAYED_CUT : TCA_RELAYED_BAD, why(u)) &&
                   got > ARCHIVE_FATAL;
        if (got == 0)
            return true;
        u->given += (uint64_t)got;
        tca_relay_give(u->relay, TCA_RELAYED_BYTES, (size_t)got);
        if (expands_without_end(u)) {
            give_words(u, TCA_RELAYED_BAD, too_much);
            return false;
        }
    }
    return true;
}

static bool is_file(struct archive_entry *entry)
{
    return archive_entry_filetype(entry) == AE_IFREG && !archive_entry_hardlink(entry);
}

/* In UTF-8 where that is known, else as it stands there. */
static const char *name_of(struct archive_entry *entry)
{
    const char *name = archive_entry_pathname_utf8(entry);
    name = name ? name : archive_entry_pathname(entry);
    return name ? name : "";
}

/* "" without a name: the file itself is compressed, and what gzip says of its name is not what it is called. */
static const char *told_name(const struct tca_unpack *u, struct archive_entry *entry)
{
    return archive_format(u->archive) == ARCHIVE_FORMAT_RAW ? "" : name_of(entry);
}

/* What begins like something packed, and is so short, or so damaged, that the library takes it for bytes of any kind. */
static bool is_as_it_was(const struct tca_unpack *u)
{
    return archive_format(u->archive) == ARCHIVE_FORMAT_RAW &&
           archive_filter_code(u->archive, 0) == ARCHIVE_FILTER_NONE;
}

static void give_all(struct tca_unpack *u)
{
    bool any = false;
    for (;;) {
        int got = archive_read_next_header2(u->archive, u->entry);
        if (got == ARCHIVE_RETRY)
            continue;
        if (got == ARCHIVE_EOF) {
            /* What ends a tar, and nothing before it. */
            bool zeros = !any && archive_format(u->archive) == ARCHIVE_FORMAT_TAR;
            if (zeros)
                give_damage(u, "nothing but zeros is in it");
            else
                give_words(u, TCA_RELAYED_END, "");
            return;
        }
        if (got < ARCHIVE_WARN) {
            give_damage(u, why(u));
            return;
        }
        any = true;
        if (is_as_it_was(u)) {
            give_damage(u, "damaged, or it ends before it should");
            return;
        }
        if (!is_file(u->entry) && !expands_without_end(u))
            continue;
        u->member++;
        if (expands_without_end(u)) {
            give_words(u, TCA_RELAYED_END, too_much);
            return;
        }
        if (!give_words(u, TCA_RELAYED_PART, told_name(u, u->entry)) || !give_member(u))
            break;
    }
    give_words(u, TCA_RELAYED_END, "");
}

static void *unpack(void *user)
{
    struct tca_unpack *u = user;
    int opened = archive_read_open1(u->archive);
    if (opened < ARCHIVE_WARN)
        give_damage(u, why(u));
    else if (archive_filter_count(u->archive) > MOST_FILTERS + 1) /* what reads the file counts as one */
        give_words(u, TCA_RELAYED_END, "it is compressed more than three times over: unpack the outer ones");
    else
        give_all(u);
    return NULL;
}

/* ---- life ---- */

typedef int enable_fn(struct archive *a);

static bool enable_each(struct archive *a, enable_fn *const *fn)
{
    for (; *fn; fn++)
        if ((*fn)(a) == ARCHIVE_FATAL)
            return false;
    return true;
}

/* False: memory is out. */
static bool enable(struct tca_unpack *u)
{
    static enable_fn *const any[] = {
        archive_read_support_filter_gzip,  archive_read_support_filter_zstd, archive_read_support_filter_xz,
        archive_read_support_filter_bzip2, archive_read_support_filter_lz4,  archive_read_support_format_raw,
        archive_read_support_format_empty, archive_read_support_format_tar,  NULL};
    static enable_fn *const seekable[] = {archive_read_support_format_zip, archive_read_support_format_7zip,
                                          NULL};
    static enable_fn *const streamed[] = {archive_read_support_format_zip_streamable, NULL};
    archive_read_set_read_callback(u->archive, read_packed);
    if (u->packed->regular)
        archive_read_set_seek_callback(u->archive, seek_packed);
    if (archive_read_set_callback_data(u->archive, u)) /* which archive_read_open2() would not ask */
        return false;
    return enable_each(u->archive, any) && enable_each(u->archive, u->packed->regular ? seekable : streamed);
}

/* Signals are for the caller's threads. */
static int start(struct tca_unpack *u)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&u->thread, NULL, unpack, u);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

static void discard(struct tca_unpack *u)
{
    archive_entry_free(u->entry);
    archive_read_free(u->archive);
    tca_relay_free(u->relay);
    tca_free(u);
}

int tca_unpack_open(struct tca_stream *packed, const char *format, struct tca_expansion *limit,
                    const volatile sig_atomic_t *stop, struct tca_unpack **ret, struct tca_error *err)
{
    if (!strcmp(format, "7z") && !packed->regular)
        return tca_fail(err, TCA_EUNSUPPORTED,
                        "a 7z archive, which cannot be read from a pipe: save it as a file and name that");
    struct tca_unpack *u = tca_alloc(sizeof *u);
    if (!u)
        return tca_fail_memory(err);
    u->packed = packed;
    u->limit = limit;
    u->stop = stop;
    tca_xz_init(&u->xz);
    u->relay = tca_relay_new();
    u->archive = archive_read_new();
    u->entry = archive_entry_new();
    atomic_init(&u->left, 0);
    atomic_init(&u->eaten, 0);
    if (!u->relay || !u->archive || !u->entry || !enable(u)) {
        discard(u);
        return tca_fail_memory(err);
    }
    packed->stop = &u->quit;
    packed->watched = true;
    if (start(u)) {
        discard(u);
        return tca_fail(err, TCA_EMEMORY, "out of threads");
    }
    *ret = u;
    return TCA_OK;
}

void tca_unpack_close(struct tca_unpack *u)
{
    if (!u)
        return;
    tca_stop(&u->quit);
    tca_relay_leave(u->relay);
    pthread_join(u->thread, NULL);
    u->limit->expanded = expanded(u);
    u->limit->members += u->member;
    discard(u);
}

/* ---- the taker ---- */

/* Interrupted, it ends as if nothing followed. */
static enum tca_relayed peek(struct tca_unpack *u, const uint8_t **ret_bytes, size_t *ret_size)
{
    enum tca_relayed what;
    if (tca_relay_peek(u->relay, u->stop, &what, ret_bytes, ret_size))
        return what;
    *ret_bytes = (const uint8_t *)"";
    *ret_size = 1;
    return TCA_RELAYED_END;
}

int tca_unpack_next(struct tca_unpack *u, struct tca_member *ret_member, struct tca_error *err)
{
    const uint8_t *bytes;
    size_t size;
    enum tca_relayed what;
    atomic_store_explicit(&u->left, u->taken, memory_order_relaxed);
    while ((what = peek(u, &bytes, &size)) != TCA_RELAYED_PART && what != TCA_RELAYED_END)
        tca_relay_pass(u->relay, size);
    if (what == TCA_RELAYED_END)
        return *bytes ? tca_fail(err, TCA_EINPUT, "%s", (const char *)bytes) : 0;
    snprintf(u->name, sizeof u->name, "%s", (const char *)bytes);
    tca_relay_pass(u->relay, size);
    u->taken++;
    ret_member->name = u->name[0] ? u->name : NULL;
    int code = tca_stream_of_member(u, &ret_member->stream, err);
    return code ? code : 1;
}

size_t tca_unpack_read(struct tca_unpack *u, uint8_t *into, size_t want, int *ret_error, bool *ret_cut,
                       const char **ret_words)
{
    const uint8_t *bytes;
    size_t size;
    enum tca_relayed what = peek(u, &bytes, &size);
    if (what == TCA_RELAYED_BYTES) {
        size_t count = size < want ? size : want;
        memcpy(into, bytes, count);
        tca_relay_pass(u->relay, count);
        return count;
    }
    *ret_error = what == TCA_RELAYED_BAD ? EILSEQ : tca_is_stopped(u->stop) ? EINTR : 0;
    *ret_cut = what == TCA_RELAYED_CUT;
    *ret_words = NULL;
    if (what == TCA_RELAYED_BAD || what == TCA_RELAYED_CUT) {
        snprintf(u->words, sizeof u->words, "%s", (const char *)bytes);
        *ret_words = u->words;
    }
    return 0;
}
