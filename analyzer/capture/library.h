/* SPDX-License-Identifier: MIT
 *
 * The reader of classic pcap files through libpcap: of their headers always, of their records where the file is of a
 * rare kind (classic.h).
 */
#ifndef TCA_CAPTURE_LIBRARY_H
#define TCA_CAPTURE_LIBRARY_H

#include <pcap/pcap.h>

#include "capture/magic.h"
#include "capture/reader.h"

struct tca_library {
    struct tca_reader reader;
    const struct tca_magic *magic;
    pcap_t *pcap;  /* owned, with the stream's FILE */
    uint64_t next; /* where the next record begins */
};

/* Begin with the file header that is the stream's next byte; its kind is known. */
enum tca_read tca_library_begin(struct tca_library *file, struct tca_stream *stream,
                                const struct tca_magic *magic);

/* The next record, one at a time. */
enum tca_read tca_library_next(struct tca_library *file, struct tca_batch *batch);

void tca_library_done(struct tca_library *file);

#endif
