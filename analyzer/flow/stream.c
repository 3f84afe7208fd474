/* SPDX-License-Identifier: MIT
 *
 * Wireshark's rule for a new conversation (epan/dissectors/packet-tcp.c, 4.0), found by experiment with tshark.
 */
#include "flow/stream.h"

static bool begins(const struct tca_segment *seg)
{
    return (seg->flags & (TCA_SYN | TCA_ACK)) == TCA_SYN;
}

bool tca_stream_ends(const struct tca_stream *stream, const struct tca_segment *seg, int side)
{
    return begins(seg) && stream->known[side] && stream->base[side] != seg->seq;
}

void tca_stream_note(struct tca_stream *stream, const struct tca_segment *seg, int side)
{
    if (seg->flags & TCA_SYN) {
        stream->base[side] = seg->seq;
        stream->known[side] = true;
    } else if (!stream->known[side]) {
        stream->base[side] = seg->seq - 1;
        stream->known[side] = true;
    }
    if ((seg->flags & TCA_ACK) && !stream->known[1 - side]) {
        stream->base[1 - side] = seg->ack - 1;
        stream->known[1 - side] = true;
    }
}
