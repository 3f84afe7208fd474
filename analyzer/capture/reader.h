/* SPDX-License-Identifier: MIT
 *
 * A reader: takes packets out of one capture as its format has them. The source joins readers to one sequence of
 * records, numbers, chooses, and finds the words; a reader says where it stands and what it met there.
 */
#ifndef TCA_CAPTURE_READER_H
#define TCA_CAPTURE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/stream.h"
#include "tcpautopsy/record.h"

enum {
    TCA_PACKET_MAX = 256 * 1024, /* bytes kept of one packet: libpcap's own limit for all but D-Bus */
};

enum tca_read {
    TCA_READ_OK,          /* a packet; or, of a beginning, a header that can be read on from */
    TCA_READ_END,         /* the file ends where a record could begin */
    TCA_READ_CUT,         /* it ends inside a record */
    TCA_READ_JOINT,       /* another capture begins here */
    TCA_READ_DAMAGED,     /* this is no record: `what` and `advice` */
    TCA_READ_UNSUPPORTED, /* sound, but not what is read here: the same */
    TCA_READ_FAILED,      /* the stream has an error */
    TCA_READ_MEMORY,
};

/* One packet, without its number. */
struct tca_packet {
    const uint8_t *bytes; /* borrowed until the reader's next call */
    uint32_t captured, original;
    int64_t time_ns;
    int link; /* LINKTYPE_ value, of two for one link type that which libpcap writes */
    uint32_t snaplen;
    const char *precision; /* "s", "ms", "us", "ns" or "other"; static */
    uint8_t direction;     /* enum tca_direction: which way it passed the interface */
    bool not_for_us;       /* it came in, but was for somebody else, or for many */
    bool timeless;         /* the format has no time of it */
    const char *comment;   /* terminated, borrowed like `bytes`; NULL: none */
};

/* What readers have in common. */
struct tca_reader {
    struct tca_stream *stream; /* borrowed */
    uint64_t boundary;         /* where the record that was last asked for begins */
    size_t back;               /* at a joint: so many bytes of the next capture were taken already */
    struct tca_packet first;   /* what is known of packets before there is one: link -1 where nothing */
    const char *advice;
    char what[256];
};

#endif
