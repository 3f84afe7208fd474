/* SPDX-License-Identifier: MIT
 *
 * Records go into one buffer, which is written out when it is large: writing must not be what takes the time.
 */
#include "savefile.h"

enum { LINKTYPE_ETHERNET = 1, FLUSH_BYTES = 1 << 18 };

static void flush(struct savefile *out)
{
    struct tca_buf *bytes = &out->blocks.out;

    out->bytes += bytes->used;
    if (bytes->failed || fwrite(bytes->bytes, 1, bytes->used, out->file) != bytes->used)
        out->failed = true;
    tca_buf_reset(bytes);
}

void savefile_begin(struct savefile *out)
{
    struct blocks *b = &out->blocks;

    if (out->pcapng) {
        blocks_section(b);
        blocks_end(b, blocks_interface(b, LINKTYPE_ETHERNET, out->snaplen));
        return;
    }
    const uint32_t header[] = {0xa1b2c3d4, 2 | 4u << 16, 0, 0, out->snaplen, LINKTYPE_ETHERNET};
    for (size_t i = 0; i < sizeof header / sizeof header[0]; i++)
        blocks_number(b, header[i], 4);
}

void savefile_packet(struct savefile *out, int64_t time_us, const struct tca_buf *frame)
{
    struct blocks *b = &out->blocks;
    uint32_t length = (uint32_t)frame->used, captured = length < out->snaplen ? length : out->snaplen;

    if (out->pcapng) {
        blocks_end(b, blocks_packet(b, 0, (uint64_t)time_us, frame->bytes, captured, length));
    } else {
        blocks_number(b, (uint64_t)(time_us / 1000000), 4);
        blocks_number(b, (uint64_t)(time_us % 1000000), 4);
        blocks_number(b, captured, 4);
        blocks_number(b, length, 4);
        tca_buf_add(&b->out, frame->bytes, captured);
    }
    out->packets++;
    if (b->out.used >= FLUSH_BYTES)
        flush(out);
}

void savefile_end(struct savefile *out)
{
    flush(out);
    if (fflush(out->file))
        out->failed = true;
    tca_buf_done(&out->blocks.out);
}
