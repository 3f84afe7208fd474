/* SPDX-License-Identifier: MIT
 *
 * A stream: the bytes of one input, read once from front to back, file and pipe alike. Our own readers peek and take.
 * libpcap reads it as a FILE; meanwhile the stream can tell what a FILE does not: what the input begins with, before
 * libpcap sees it; the bytes libpcap has just taken; whether a read met the end; and it can begin again a few bytes
 * back, where another capture was joined to the first.
 *
 *     descriptor --> ahead (peeked, or given back) --> chunk (a copy of what the FILE got last) --> FILE -->
 * libpcap
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
    TCA_STREAM_CHUNK = 64 * 1024,
    TCA_STREAM_BEHIND = 16, /* bytes that can be looked at again, and given back */
};

struct tca_stream {
    int fd;
    bool owned; /* close fd at the end: not so for standard input */
    const volatile sig_atomic_t
        *stop;                     /* borrowed, may be NULL: non-zero ends the input at an interrupted read */
    bool ended;                    /* the descriptor has no more */
    bool starved;                  /* a reader asked for bytes after the end */
    int error;                     /* errno of a failed read; EINTR when `stop` ended it */
    FILE *file;                    /* borrowed: who reads now; NULL between readers */
    uint64_t given;                /* bytes given to FILEs and readers: offset of the next one to give */
    size_t ahead_begin, ahead_end; /* bytes of `ahead` still to give */
    size_t chunk_len;              /* bytes of `chunk` after the first TCA_STREAM_BEHIND */
    uint8_t ahead[TCA_STREAM_CHUNK + TCA_STREAM_BEHIND];
    uint8_t chunk[TCA_STREAM_BEHIND + TCA_STREAM_CHUNK]; /* the end of the chunk before, then the last one */
    char file_buffer[TCA_STREAM_CHUNK];
};

/* Open a file, or standard input for "-". 0, TCA_EINPUT or TCA_EMEMORY, the last two with words in *err. The
 * stream is owned by the caller. */
int tca_stream_open(const char *path, const volatile sig_atomic_t *stop, struct tca_stream **ret,
                    struct tca_error *err);
void tca_stream_close(struct tca_stream *stream);

/* The next bytes, taking none, while no FILE reads: up to `want` (at most TCA_STREAM_CHUNK), fewer only at
 * the end or after an error. *ret is borrowed until the next call. */
size_t tca_stream_peek(struct tca_stream *stream, size_t want, const uint8_t **ret);

/* Take the next n bytes, all of which were peeked at. They stay where they are until the next peek. */
void tca_stream_skip(struct tca_stream *stream, size_t n);

/* Take up to n bytes, fewer only at the end or after an error, while no FILE reads. Returns their number. */
size_t tca_stream_take(struct tca_stream *stream, uint8_t *into, size_t n);

/* A FILE that reads on from here, one at a time; NULL without memory. It must be closed before the stream,
 * which stays open. */
FILE *tca_stream_file(struct tca_stream *stream);

/* Offset in the input of the next byte its reader will take. Costs a call into the C library: not for every
 * packet. */
uint64_t tca_stream_tell(struct tca_stream *stream);

/* The last n <= TCA_STREAM_BEHIND bytes its reader has taken, or NULL when there were fewer. Borrowed until
 * the next read. */
const uint8_t *tca_stream_behind(struct tca_stream *stream, size_t n);

/* Give the last n bytes back: the next FILE begins with them. Only after tca_stream_behind() has shown as
 * many; the present FILE may only be closed afterwards. */
void tca_stream_give_back(struct tca_stream *stream, size_t n);

#endif
