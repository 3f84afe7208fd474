/* SPDX-License-Identifier: MIT
 *
 * A stream: what Wireshark takes for one connection (tcp.stream). A tuple has one at a time, and every segment of the
 * tuple belongs to it, in the order of the file, however late it is: a label, never our flow key. A new one begins with
 * a SYN whose number is not that of the SYN known from its side; neither time, nor RST, nor FIN ends one.
 *
 * Streams are numbered by the order of the frames that created them.
 */
#ifndef TCA_FLOW_STREAM_H
#define TCA_FLOW_STREAM_H

#include "decode/segment.h"

#include <stddef.h>

struct tca_stream {
    uint64_t frame;   /* that created it */
    uint64_t number;  /* in order of creation, from 0 */
    uint32_t base[2]; /* base sequence number by key side, while known */
    bool known[2];
    bool first_of_tuple; /* nothing before it was in the table: perhaps the rest of one that was forgotten */
    uint32_t users;      /* flows that began in it, and the tuple; the table's */
    _Alignas(16) unsigned char payload[]; /* zeroed when it begins; the table owner's */
};

/* Does this segment, sent by `side`, begin another stream? */
bool tca_stream_ends(const struct tca_stream *stream, const struct tca_segment *seg, int side);
/* Note what it tells of the base numbers. */
void tca_stream_note(struct tca_stream *stream, const struct tca_segment *seg, int side);

#endif
