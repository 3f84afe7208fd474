/* SPDX-License-Identifier: MIT
 *
 * Unpacking: the files inside a compressed file or an archive, as streams, one after the other in the order in which they
 * stand there. Decompression has a thread of its own, so that it and the analysis go on side by side; nothing is written
 * anywhere, and no name inside an archive is used for anything but to be told.
 *
 *     stream (file, pipe, or a member of another archive) --> libarchive --> relay --> members' streams
 *
 * libarchive is optional (-Darchive=disabled): then every call says TCA_EUNSUPPORTED, and what it would take.
 */
#ifndef TCA_CAPTURE_UNPACK_H
#define TCA_CAPTURE_UNPACK_H

#include "capture/stream.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

#include "tcpautopsy/error.h"

struct tca_unpack;

/* Something small that expands without end must not keep us for ever: what comes out, and how many members, are counted, what is
 * passed over and the headers between members included. Of archives in archives those of one depth count together, against what
 * the outermost one has. */
struct tca_expansion {
    uint64_t
        most; /* bytes that may come out of one input; 0: a GiB, or a thousand times what went in, if that is more */
    const struct tca_unpack *outermost; /* borrowed; NULL: this is the outermost */
    uint64_t expanded, members;         /* of those before, at this depth; tca_unpack_close() adds its own */
};

/* May there be members in this build? */
bool tca_unpack_is_there(void);
/* Name and version of the library, static; "" without one. */
const char *tca_unpack_library(void);

/* Begin to unpack what the stream holds, of which nothing was taken; `format` names it to people. Borrows the stream, which
 * nobody else may use until tca_unpack_close(), and the limit. 0, TCA_EMEMORY or TCA_EUNSUPPORTED, words in *err. */
int tca_unpack_open(struct tca_stream *packed, const char *format, struct tca_expansion *limit,
                    const volatile sig_atomic_t *stop, struct tca_unpack **ret, struct tca_error *err);
/* Accepts NULL. */
void tca_unpack_close(struct tca_unpack *unpack);

/* A file inside. */
struct tca_member {
    const char
        *name; /* NULL: it has none, being the whole of a compressed file. Borrowed until the next one */
    struct tca_stream *stream; /* the caller's, to be closed before the next one is asked for */
};
/* The next one: 1, or 0 where there is none; TCA_EINPUT where what is packed is damaged, before any member or behind the last;
 * TCA_EMEMORY. Of a damage inside a member its stream tells. */
int tca_unpack_next(struct tca_unpack *unpack, struct tca_member *ret_member, struct tca_error *err);

/* For streams: bytes of the present member. 0: it has ended, *ret_error 0 or an errno, *ret_cut: before it should;
 * words, NULL or static until the next member. */
size_t tca_unpack_read(struct tca_unpack *unpack, uint8_t *into, size_t want, int *ret_error, bool *ret_cut,
                       const char **ret_words);

#endif
