/* SPDX-License-Identifier: MIT
 *
 * A stream: the bytes of one input, read once from front to back, file and pipe alike, into one buffer that is small
 * enough to stay in the processor's cache. Our own readers look at the bytes where they lie, and skip them; libpcap reads
 * on from the same byte as a FILE. Readers may take turns, since nobody takes a byte ahead of need; and the last bytes
 * taken can be looked at again, and given back, where another capture was joined to the first.
 *
 *     descriptor --> [ behind | ahead: begin ... end | room ] --> peek, skip
 *                                                        \--> FILE --> libpcap
 */
#ifndef TCA_CAPTURE_STREAM_H
#define TCA_CAPTURE_STREAM_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "tcpautopsy/error.h"

enum {
    TCA_STREAM_CHUNK = 256 * 1024, /* read at a time, where the input has as much */
    TCA_STREAM_BEHIND = 16,        /* bytes that can be looked at again, and given back */
};

struct tca_unpack;

/* A piece of a file that stays open longer, and what came behind its bytes where they were first read. */
struct tca_section {
    int fd;            /* borrowed */
    uint64_t at, size; /* bytes */
    int error;         /* errno, 0: none */
    bool cut;
    char *words; /* of these two; NULL: none */
};

struct tca_stream {
    int fd;                     /* -1: a member of what is unpacked, ... */
    struct tca_unpack *unpack;  /* ... borrowed; or a section: */
    struct tca_section section; /* what is left of it */
    bool of_section;
    char *words_kept;           /* owned: of a member that is gone */
    void (*closed)(void *user); /* NULL: nobody is told when it is closed */
    void *closed_user;
    bool owned;   /* close fd at the end: not so for standard input */
    bool regular; /* a file that can be read anywhere */
    bool cut;     /* a member that ended before it should */
    const char
        *words; /* of a member's error, or of what cut it; NULL: none. As long as it is the present one */
    const volatile sig_atomic_t
        *stop;    /* borrowed, may be NULL: non-zero ends the input at an interrupted read */
    bool watched; /* read by a thread that no signal interrupts: it looks at `stop` itself */
    bool ended;   /* the descriptor, or the member, has no more */
    bool starved; /* libpcap asked for bytes after the end */
    int error; /* errno of a failed read; EINTR when `stop` ended it, ENOMEM when a record needs more memory */
    uint64_t opened;   /* size of a regular file when it was opened, ... */
    bool shrunk;       /* ... of which less was left at its end */
    uint64_t read;     /* bytes read from the descriptor */
    size_t begin, end; /* bytes of `buffer` that were read and not taken */
    size_t room;       /* of `buffer` */
    uint8_t *buffer;   /* owned */
};

/* Open a file, or standard input for "-". 0, TCA_EINPUT or TCA_EMEMORY, the last two with words in *err. The
 * stream is owned by the caller. */
int tca_stream_open(const char *path, const volatile sig_atomic_t *stop, struct tca_stream **ret,
                    struct tca_error *err);
/* The present member of what is unpacked. 0 or TCA_EMEMORY, with words. */
int tca_stream_of_member(struct tca_unpack *unpack, struct tca_stream **ret, struct tca_error *err);
/* The same of a section, which is borrowed. */
int tca_stream_of_section(const struct tca_section *section, struct tca_stream **ret, struct tca_error *err);
/* A member goes on as this section, which holds what was not yet read of it; the bytes that were stay where they are. The
 * section's words become the stream's. */
void tca_stream_go_on(struct tca_stream *stream, const struct tca_section *section);
void tca_stream_close(struct tca_stream *stream);

/* Go on at this byte of a regular file, as if all before had been taken. 0, or -1 with errno set. */
int tca_stream_seek(struct tca_stream *stream, uint64_t offset);
/* Its bytes; -1 with errno set. */
int64_t tca_stream_size(const struct tca_stream *stream);

/* As tca_stream_peek(), where that many bytes are not there yet. */
size_t tca_stream_fill(struct tca_stream *stream, size_t want, const uint8_t **ret);

/* The next bytes, taking none: up to `want`, fewer only at the end or after an error. *ret is borrowed until the next
 * call that has to read. The buffer grows to hold what is wanted: callers set the limit. */
static inline size_t tca_stream_peek(struct tca_stream *stream, size_t want, const uint8_t **ret)
{
    if (stream->end - stream->begin < want)
        return tca_stream_fill(stream, want, ret);
    *ret = stream->buffer + stream->begin;
    return want;
}

/* All the next bytes that are there without reading; they may be changed by who takes them. */
static inline size_t tca_stream_ahead(const struct tca_stream *stream, uint8_t **ret)
{
    *ret = stream->buffer + stream->begin;
    return stream->end - stream->begin;
}

/* Take the next n bytes, all of which were peeked at. They stay where they are until somebody has to read. */
static inline void tca_stream_skip(struct tca_stream *stream, size_t n)
{
    stream->begin += n;
}

/* Offset in the input of the next byte that will be taken. */
static inline uint64_t tca_stream_tell(const struct tca_stream *stream)
{
    return stream->read - (stream->end - stream->begin);
}

/* A FILE that takes just the bytes that are asked of it; NULL without memory. It must be closed before the stream, which
 * stays open. */
FILE *tca_stream_file(struct tca_stream *stream);

/* The last n <= TCA_STREAM_BEHIND bytes that were taken, or NULL when there were fewer. Borrowed like peeked ones. */
const uint8_t *tca_stream_behind(const struct tca_stream *stream, size_t n);

/* Give the last n bytes back, which tca_stream_behind() has shown. */
void tca_stream_give_back(struct tca_stream *stream, size_t n);

#endif
