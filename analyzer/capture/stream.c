/* SPDX-License-Identifier: MIT
 *
 * Streams over fopencookie(3). The FILE has a large buffer of its own, so it takes bytes well before libpcap
 * does; where libpcap stands follows from ftello(3), which asks stream_seek() for the end of that buffer and
 * counts back.
 */
#include "capture/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int fail(struct tca_error *err, int code, const char *what, const char *why)
{
    err->code = code;
    err->frame = 0;
    err->offset = -1;
    snprintf(err->text, sizeof err->text, "%s: %s", what, why);
    return code;
}

static int check_kind(int fd, struct tca_error *err)
{
    struct stat status;

    if (fstat(fd, &status) < 0)
        return fail(err, TCA_EINPUT, "cannot open", strerror(errno));
    if (S_ISDIR(status.st_mode))
        return fail(err, TCA_EINPUT, "is a directory", "name the capture files in it");
    return TCA_OK;
}

int tca_stream_open(const char *path, const volatile sig_atomic_t *stop, struct tca_stream **ret,
                    struct tca_error *err)
{
    bool standard_input = strcmp(path, "-") == 0;
    struct tca_stream *stream = malloc(sizeof *stream);
    int code;

    if (!stream)
        return fail(err, TCA_EMEMORY, "cannot open", "out of memory");
    memset(stream, 0, offsetof(struct tca_stream, ahead));
    memset(stream->chunk, 0, TCA_STREAM_BEHIND);
    stream->stop = stop;
    stream->owned = !standard_input;
    stream->fd = standard_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (stream->fd < 0)
        code = fail(err, TCA_EINPUT, "cannot open", strerror(errno));
    else
        code = check_kind(stream->fd, err);
    if (code < 0) {
        tca_stream_close(stream);
        return code;
    }
    *ret = stream;
    return TCA_OK;
}

void tca_stream_close(struct tca_stream *stream)
{
    if (!stream)
        return;
    if (stream->owned && stream->fd >= 0)
        close(stream->fd);
    free(stream);
}

/* Read once. A signal that means no stop is no reason to give up. */
static size_t read_some(struct tca_stream *stream, uint8_t *into, size_t want)
{
    ssize_t got;

    if (stream->ended)
        return 0;
    do {
        got = read(stream->fd, into, want);
    } while (got < 0 && errno == EINTR && !(stream->stop && *stream->stop));
    if (got < 0)
        stream->error = errno;
    if (got <= 0)
        stream->ended = true;
    return got > 0 ? (size_t)got : 0;
}

size_t tca_stream_peek(struct tca_stream *stream, size_t want, const uint8_t **ret)
{
    size_t have = stream->ahead_end - stream->ahead_begin;

    if (have < want) {
        memmove(stream->ahead, stream->ahead + stream->ahead_begin, have);
        stream->ahead_begin = 0;
        while (have < want && !stream->ended)
            have += read_some(stream, stream->ahead + have, sizeof stream->ahead - have);
        stream->ahead_end = have;
    }
    *ret = stream->ahead + stream->ahead_begin;
    return have < want ? have : want;
}

void tca_stream_skip(struct tca_stream *stream, size_t n)
{
    stream->ahead_begin += n;
    stream->given += n;
}

size_t tca_stream_take(struct tca_stream *stream, uint8_t *into, size_t n)
{
    size_t taken = 0, got;

    do {
        const uint8_t *bytes;

        got = tca_stream_peek(stream, n - taken < TCA_STREAM_CHUNK ? n - taken : TCA_STREAM_CHUNK, &bytes);
        memcpy(into + taken, bytes, got);
        tca_stream_skip(stream, got);
        taken += got;
    } while (got > 0 && taken < n);
    return taken;
}

/* Fill the chunk with at most `want` bytes, keeping the end of the last one in front. */
static void next_chunk(struct tca_stream *stream, size_t want)
{
    uint8_t *into = stream->chunk + TCA_STREAM_BEHIND;
    size_t have = stream->ahead_end - stream->ahead_begin;

    if (want > TCA_STREAM_CHUNK)
        want = TCA_STREAM_CHUNK;
    memmove(stream->chunk, stream->chunk + stream->chunk_len, TCA_STREAM_BEHIND);
    if (have == 0) {
        stream->chunk_len = read_some(stream, into, want);
        return;
    }
    stream->chunk_len = have < want ? have : want;
    memcpy(into, stream->ahead + stream->ahead_begin, stream->chunk_len);
    stream->ahead_begin += stream->chunk_len;
}

static ssize_t stream_read(void *cookie, char *into, size_t want)
{
    struct tca_stream *stream = cookie;

    next_chunk(stream, want);
    if (stream->chunk_len == 0 && stream->error) {
        errno = stream->error;
        return -1;
    }
    stream->starved |= stream->chunk_len == 0;
    memcpy(into, stream->chunk + TCA_STREAM_BEHIND, stream->chunk_len);
    stream->given += stream->chunk_len;
    return (ssize_t)stream->chunk_len;
}

/* Tells where we are; goes nowhere. */
static int stream_seek(void *cookie, off64_t *position, int whence)
{
    const struct tca_stream *stream = cookie;

    if (whence != SEEK_CUR || *position != 0) {
        errno = ESPIPE;
        return -1;
    }
    *position = (off64_t)stream->given;
    return 0;
}

FILE *tca_stream_file(struct tca_stream *stream)
{
    const cookie_io_functions_t calls = {.read = stream_read, .seek = stream_seek};

    stream->file = fopencookie(stream, "r", calls);
    if (stream->file)
        setvbuf(stream->file, stream->file_buffer, _IOFBF, sizeof stream->file_buffer);
    return stream->file;
}

uint64_t tca_stream_tell(struct tca_stream *stream)
{
    off_t position = stream->file ? ftello(stream->file) : -1;

    return position < 0 ? stream->given : (uint64_t)position;
}

const uint8_t *tca_stream_behind(struct tca_stream *stream, size_t n)
{
    uint64_t position = tca_stream_tell(stream);
    uint64_t unread = stream->given - position;

    if (n > position || n > TCA_STREAM_BEHIND || unread > stream->chunk_len)
        return NULL;
    return stream->chunk + TCA_STREAM_BEHIND + stream->chunk_len - unread - n;
}

void tca_stream_give_back(struct tca_stream *stream, size_t n)
{
    size_t unread = (size_t)(stream->given - tca_stream_tell(stream));
    size_t back = unread + n;
    size_t have = stream->ahead_end - stream->ahead_begin;

    /* Room: a reader that gives bytes back has taken more than these from what was ahead. */
    memmove(stream->ahead + back, stream->ahead + stream->ahead_begin, have);
    memcpy(stream->ahead, stream->chunk + TCA_STREAM_BEHIND + stream->chunk_len - back, back);
    stream->ahead_begin = 0;
    stream->ahead_end = back + have;
    stream->given -= back;
    stream->chunk_len = 0;
    stream->file = NULL;
}
