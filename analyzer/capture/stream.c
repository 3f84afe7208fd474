/* SPDX-License-Identifier: MIT
 *
 * Streams: one buffer, filled again where it was read to its end. What is left of a record is moved to the front, a few
 * dozen bytes for each 256 KiB, and the next bytes are read behind it. That the kernel then copies to odd addresses costs
 * nothing that could be measured.
 *
 * The FILE of fopencookie(3) has no buffer, so libpcap's place in the input is the stream's.
 */
#include "capture/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fail.h"
#include "base/stop.h"
#include "capture/unpack.h"

enum { ROOM = TCA_STREAM_BEHIND + TCA_STREAM_CHUNK };

static int check_kind(struct tca_stream *stream, struct tca_error *err)
{
    struct stat status;

    if (fstat(stream->fd, &status) < 0)
        return tca_fail(err, TCA_EINPUT, "cannot open: %s", strerror(errno));
    if (S_ISDIR(status.st_mode))
        return tca_fail(err, TCA_EINPUT,
                        "is a directory: name the capture files in it, or read all below it with -R");
    stream->regular = S_ISREG(status.st_mode);
    stream->opened = stream->regular ? (uint64_t)status.st_size : 0;
    return TCA_OK;
}

/* Of nothing so far. NULL without memory. */
static struct tca_stream *stream_new(const volatile sig_atomic_t *stop, struct tca_error *err)
{
    struct tca_stream *stream = tca_alloc(sizeof *stream);

    if (stream)
        stream->buffer = tca_grow(NULL, ROOM, 1);
    if (!stream || !stream->buffer) {
        tca_free(stream);
        tca_fail(err, TCA_EMEMORY, "cannot open: out of memory");
        return NULL;
    }
    stream->fd = -1;
    stream->room = ROOM;
    stream->begin = stream->end = TCA_STREAM_BEHIND;
    stream->stop = stop;
    return stream;
}

int tca_stream_of_member(struct tca_unpack *unpack, struct tca_stream **ret, struct tca_error *err)
{
    struct tca_stream *stream = stream_new(NULL, err);

    if (!stream)
        return TCA_EMEMORY;
    stream->unpack = unpack;
    *ret = stream;
    return TCA_OK;
}

int tca_stream_of_section(const struct tca_section *section, struct tca_stream **ret, struct tca_error *err)
{
    struct tca_stream *stream = stream_new(NULL, err);

    if (!stream)
        return TCA_EMEMORY;
    stream->section = *section;
    stream->of_section = true;
    *ret = stream;
    return TCA_OK;
}

void tca_stream_go_on(struct tca_stream *stream, const struct tca_section *section)
{
    stream->unpack = NULL;
    stream->section = *section;
    stream->of_section = true;
    stream->words_kept = section->words;
    if (stream->ended)
        stream->words = section->words;
}

int tca_stream_open(const char *path, const volatile sig_atomic_t *stop, struct tca_stream **ret,
                    struct tca_error *err)
{
    bool standard_input = strcmp(path, "-") == 0;
    struct tca_stream *stream = stream_new(stop, err);
    int code;

    if (!stream)
        return TCA_EMEMORY;
    stream->owned = !standard_input;
    stream->fd =
        standard_input ? STDIN_FILENO : (int)TEMP_FAILURE_RETRY(open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY));
    if (stream->fd < 0)
        code = tca_fail(err, TCA_EINPUT, "cannot open: %s", strerror(errno));
    else
        code = check_kind(stream, err);
    if (code < 0) {
        tca_stream_close(stream);
        return code;
    }
    *ret = stream;
    return TCA_OK;
}

void tca_stream_close(struct tca_stream *stream)
{
    void (*closed)(void *user);
    void *user;

    if (!stream)
        return;
    if (stream->owned && stream->fd >= 0)
        close(stream->fd);
    closed = stream->closed;
    user = stream->closed_user;
    tca_free(stream->words_kept);
    tca_free(stream->buffer);
    tca_free(stream);
    if (closed)
        closed(user);
}

static size_t read_member(struct tca_stream *stream, uint8_t *into, size_t want)
{
    size_t got = tca_unpack_read(stream->unpack, into, want, &stream->error, &stream->cut, &stream->words);

    if (got == 0)
        stream->ended = true;
    return got;
}

/* Of a temporary file of ours: one that ends too early was cut by somebody else. */
static size_t read_section(struct tca_stream *stream, uint8_t *into, size_t want)
{
    struct tca_section *section = &stream->section;
    ssize_t got = 0;

    if (want > section->size)
        want = (size_t)section->size;
    while (want && (got = pread(section->fd, into, want, (off_t)section->at)) < 0 && errno == EINTR)
        continue;
    if (got > 0) {
        section->at += (uint64_t)got;
        section->size -= (uint64_t)got;
        return (size_t)got;
    }
    stream->ended = true;
    stream->error = got < 0 ? errno : want ? EIO : section->error;
    stream->cut = !want && section->cut;
    stream->words = want ? NULL : section->words;
    return 0;
}

/* By another thread, or a signal. */
static bool is_stopped(const struct tca_stream *stream)
{
    return tca_is_stopped(stream->stop);
}

/* A thread that nobody can interrupt looks up now and then while a pipe has nothing. */
static bool wait_for_bytes(const struct tca_stream *stream)
{
    enum { LOOK_UP_MS = 100 };
    struct pollfd file = {.fd = stream->fd, .events = POLLIN};

    while (!is_stopped(stream) && !stream->regular && poll(&file, 1, LOOK_UP_MS) == 0)
        continue;
    return !is_stopped(stream);
}

/* An end before the one that there was is somebody's who cut the file meanwhile: a capture program that overwrites it, a disk
 * that is made room on. Wherever that is, in a record or between two, what is missing is not the capture's own end. */
static void note_shrinking(struct tca_stream *stream)
{
    int64_t size = stream->read < stream->opened ? tca_stream_size(stream) : -1;

    if (size < 0 || (uint64_t)size >= stream->opened)
        return;
    stream->shrunk = true;
    stream->error = EIO;
    stream->words = "the file became shorter while it was read";
}

/* Read once. A signal that means no stop is no reason to give up. */
static size_t read_some(struct tca_stream *stream, uint8_t *into, size_t want)
{
    ssize_t got;

    if (stream->unpack)
        return read_member(stream, into, want);
    if (stream->of_section)
        return read_section(stream, into, want);
    if (stream->watched && !wait_for_bytes(stream)) {
        stream->error = EINTR;
        stream->ended = true;
        return 0;
    }
    do {
        got = read(stream->fd, into, want);
    } while (got < 0 && errno == EINTR && !is_stopped(stream));
    if (got < 0)
        stream->error = errno;
    if (got <= 0)
        stream->ended = true;
    if (got == 0)
        note_shrinking(stream);
    return got > 0 ? (size_t)got : 0;
}

/* Room for `want` bytes from `begin` on. A buffer that once grew for a large record is used no further than before, or it
 * would not stay in the cache. False without memory. */
static bool make_room(struct tca_stream *stream, size_t want)
{
    size_t have = stream->end - stream->begin;
    uint8_t *larger;

    if (stream->begin + want <= stream->room && stream->end < ROOM)
        return true;
    memmove(stream->buffer, stream->buffer + stream->begin - TCA_STREAM_BEHIND, TCA_STREAM_BEHIND + have);
    stream->begin = TCA_STREAM_BEHIND;
    stream->end = TCA_STREAM_BEHIND + have;
    if (stream->begin + want <= stream->room)
        return true;
    larger = tca_grow(stream->buffer, stream->begin + want, 1);
    if (!larger)
        return false;
    stream->buffer = larger;
    stream->room = stream->begin + want;
    return true;
}

size_t tca_stream_fill(struct tca_stream *stream, size_t want, const uint8_t **ret)
{
    size_t have;

    if (!stream->ended && !make_room(stream, want)) {
        stream->error = ENOMEM;
        stream->ended = true;
    }
    while (have = stream->end - stream->begin, have < want && !stream->ended) {
        size_t room = stream->room - stream->end;
        size_t got = read_some(stream, stream->buffer + stream->end,
                               room < TCA_STREAM_CHUNK ? room : TCA_STREAM_CHUNK);

        stream->end += got;
        stream->read += got;
    }
    *ret = stream->buffer + stream->begin;
    return have < want ? have : want;
}

int tca_stream_seek(struct tca_stream *stream, uint64_t offset)
{
    if (lseek(stream->fd, (off_t)offset, SEEK_SET) < 0)
        return -1;
    stream->begin = stream->end = TCA_STREAM_BEHIND;
    stream->read = offset;
    stream->ended = false;
    return 0;
}

int64_t tca_stream_size(const struct tca_stream *stream)
{
    struct stat status;

    return fstat(stream->fd, &status) ? -1 : status.st_size;
}

static ssize_t stream_read(void *cookie, char *into, size_t want)
{
    struct tca_stream *stream = cookie;
    const uint8_t *bytes;
    size_t have;

    tca_stream_peek(stream, 1, &bytes);
    have = stream->end - stream->begin;
    if (have == 0 && stream->error) {
        errno = stream->error;
        return -1;
    }
    stream->starved |= have == 0;
    if (have > want)
        have = want;
    memcpy(into, bytes, have);
    tca_stream_skip(stream, have);
    return (ssize_t)have;
}

FILE *tca_stream_file(struct tca_stream *stream)
{
    FILE *file = fopencookie(stream, "r", (cookie_io_functions_t){.read = stream_read});

    if (file)
        setvbuf(file, NULL, _IONBF, 0);
    return file;
}

const uint8_t *tca_stream_behind(const struct tca_stream *stream, size_t n)
{
    return n > tca_stream_tell(stream) ? NULL : stream->buffer + stream->begin - n;
}

void tca_stream_give_back(struct tca_stream *stream, size_t n)
{
    stream->begin -= n;
}
