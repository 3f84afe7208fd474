/* SPDX-License-Identifier: MIT
 *
 * A reader: takes records out of one capture as its format has them. The source joins readers to one sequence of
 * records, chooses, and finds the words; a reader says where it stands and what it met there.
 *
 * Records come in batches, as pointers into what the stream holds, without a copy: a batch ends where the next record is
 * not there as a whole, since more of it cannot be read without moving what the records point to. What a reader cannot
 * hand on with the records before it (an end, a damage) it leaves where it is, and meets it again when it is asked for
 * the next batch. So nothing has to be remembered between two batches.
 */
#ifndef TCA_CAPTURE_READER_H
#define TCA_CAPTURE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "capture/stream.h"
#include "tcpautopsy/record.h"

enum {
    TCA_PACKET_MAX =
        256 * 1024, /* bytes kept of one packet: libpcap's own limit for all but a few link types */
};

enum tca_read {
    TCA_READ_OK,          /* records; or, of a beginning, a header that can be read on from */
    TCA_READ_END,         /* the file ends where a record could begin */
    TCA_READ_CUT,         /* it ends inside a record */
    TCA_READ_JOINT,       /* another capture begins here */
    TCA_READ_DAMAGED,     /* this is no record: `what` and `advice` */
    TCA_READ_UNSUPPORTED, /* sound, but not what is read here: the same */
    TCA_READ_FAILED,      /* the stream has an error */
    TCA_READ_MEMORY,
    TCA_READ_LATER, /* among readers only: not in this batch */
};

/* What the records of one interface have in common. */
struct tca_kind {
    int link; /* LINKTYPE_ value, of two for one link type that which libpcap writes; -1 unknown */
    uint32_t snaplen;
    const char *precision; /* "s", "ms", "us", "ns" or "other"; static */
};

/* Records to be filled in. Those of an interface whose kind was not told yet begin a batch, so that nobody has to compare
 * kinds record by record. */
struct tca_batch {
    struct tca_record *record; /* borrowed: `room` of them, of which `count` are filled */
    size_t room, count;
    uint64_t frame; /* number of the first */
    bool has_kind;  /* told with the first record of a kind at the latest, again as it suits the reader: */
    struct tca_kind kind; /* of the first */
};

/* What readers have in common. */
struct tca_reader {
    struct tca_stream *stream; /* borrowed */
    uint64_t boundary;     /* after anything but TCA_READ_OK: where the record begins that was asked for */
    size_t back;           /* at a joint: so many bytes of the next capture were taken already */
    struct tca_kind first; /* what is known of records before there is one: link -1 where nothing */
    const char *advice;
    char what[256];
};

/* The record at the stream's next byte is not there as a whole: read on until `want` bytes of it are. TCA_READ_OK, or what
 * came instead, and then all that is left is taken. */
enum tca_read tca_reader_more(struct tca_reader *reader, size_t want);

#endif
