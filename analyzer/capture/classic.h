/* SPDX-License-Identifier: MIT
 *
 * The reader of classic pcap files.
 */
#ifndef TCA_CAPTURE_CLASSIC_H
#define TCA_CAPTURE_CLASSIC_H

#include "capture/library.h"

struct tca_classic {
    struct tca_library library; /* its reader is this one's */
    bool plain;                 /* its records are read here */
    bool swapped;               /* numbers are in the other byte order than this host's */
    uint32_t unit_ns;           /* of the fraction of a second */
};

/* Begin with the file header that is the stream's next byte; its kind is known. */
enum tca_read tca_classic_begin(struct tca_classic *file, struct tca_stream *stream,
                                const struct tca_magic *magic);

/* The next records: some into an empty batch, or why there are none, which is final. They are borrowed until the next
 * call. */
enum tca_read tca_classic_next(struct tca_classic *file, struct tca_batch *batch);

void tca_classic_done(struct tca_classic *file);

#endif
