/* SPDX-License-Identifier: MIT
 *
 * The reader of classic pcap files, through libpcap.
 */
#ifndef TCA_CAPTURE_CLASSIC_H
#define TCA_CAPTURE_CLASSIC_H

#include <pcap/pcap.h>

#include "capture/magic.h"
#include "capture/reader.h"

struct tca_classic {
    struct tca_reader reader;
    const struct tca_magic *magic;
    pcap_t *pcap;  /* owned, with the stream's FILE */
    uint64_t next; /* where the next record begins */
};

/* Begin with the file header that is the stream's next byte; its kind is known. */
enum tca_read tca_classic_begin(struct tca_classic *file, struct tca_stream *stream,
                                const struct tca_magic *magic);

/* The next packet. Everything but TCA_READ_OK is final. */
enum tca_read tca_classic_next(struct tca_classic *file, struct tca_packet *ret_packet);

void tca_classic_done(struct tca_classic *file);

#endif
