/* SPDX-License-Identifier: MIT
 *
 * Capture files: pcapng block by block; and a wire's packets as classic pcap with the nanosecond magic, or as the smallest
 * useful pcapng. A wire's are little-endian on every machine, so that a case's bytes never depend on where it was made.
 *
 *     pcapng:  section header | interface description (if_tsresol 9) | enhanced packet, ...
 */
#include "pcapng.h"
#include "wire.h"

#include <stdlib.h>
#include <string.h>

/* ---- blocks ---- */

void blocks_number(struct blocks *b, uint64_t value, size_t width)
{
    for (size_t i = 0; i < width; i++) {
        size_t at = b->big_endian ? width - 1 - i : i;
        tca_buf_char(&b->out, (char)(unsigned char)(value >> 8 * at & 0xff));
    }
}

size_t blocks_begin(struct blocks *b, uint32_t type)
{
    size_t begin = b->out.used;

    blocks_number(b, type, 4);
    blocks_number(b, 0, 4);
    return begin;
}

void blocks_end(struct blocks *b, size_t begin)
{
    size_t len = b->out.used - begin + 4;

    blocks_number(b, len, 4);
    if (!b->out.failed)
        memcpy(b->out.bytes + begin + 4, b->out.bytes + b->out.used - 4, 4);
}

void blocks_bytes(struct blocks *b, const void *bytes, size_t len)
{
    tca_buf_add(&b->out, bytes, len);
    tca_buf_add(&b->out, "\0\0\0", -len & 3);
}

void blocks_option(struct blocks *b, uint16_t code, const void *value, uint16_t len)
{
    blocks_number(b, code, 2);
    blocks_number(b, len, 2);
    blocks_bytes(b, value, len);
}

void blocks_option_number(struct blocks *b, uint16_t code, uint64_t value, uint16_t width)
{
    blocks_number(b, code, 2);
    blocks_number(b, width, 2);
    blocks_number(b, value, width);
    tca_buf_add(&b->out, "\0\0\0", -(size_t)width & 3);
}

void blocks_section(struct blocks *b)
{
    size_t begin = blocks_begin(b, BLOCK_SECTION);

    blocks_number(b, 0x1a2b3c4d, 4);
    blocks_number(b, 1, 2);
    blocks_number(b, 0, 2);
    blocks_number(b, UINT64_MAX, 8); /* length of the section unknown */
    blocks_end(b, begin);
}

size_t blocks_interface(struct blocks *b, uint16_t link, uint32_t snaplen)
{
    size_t begin = blocks_begin(b, BLOCK_INTERFACE);

    blocks_number(b, link, 2);
    blocks_number(b, 0, 2);
    blocks_number(b, snaplen, 4);
    return begin;
}

static void packet_body(struct blocks *b, uint64_t ticks, const void *bytes, uint32_t captured,
                        uint32_t original)
{
    blocks_number(b, ticks >> 32, 4);
    blocks_number(b, ticks & UINT32_MAX, 4);
    blocks_number(b, captured, 4);
    blocks_number(b, original, 4);
    blocks_bytes(b, bytes, captured);
}

size_t blocks_packet(struct blocks *b, uint32_t interface, uint64_t ticks, const void *bytes,
                     uint32_t captured, uint32_t original)
{
    size_t begin = blocks_begin(b, BLOCK_PACKET);

    blocks_number(b, interface, 4);
    packet_body(b, ticks, bytes, captured, original);
    return begin;
}

size_t blocks_old_packet(struct blocks *b, uint16_t interface, uint16_t drops, uint64_t ticks,
                         const void *bytes, uint32_t captured, uint32_t original)
{
    size_t begin = blocks_begin(b, BLOCK_OLD_PACKET);

    blocks_number(b, interface, 2);
    blocks_number(b, drops, 2);
    packet_body(b, ticks, bytes, captured, original);
    return begin;
}

size_t blocks_simple_packet(struct blocks *b, const void *bytes, uint32_t captured, uint32_t original)
{
    size_t begin = blocks_begin(b, BLOCK_SIMPLE_PACKET);

    blocks_number(b, original, 4);
    blocks_bytes(b, bytes, captured);
    return begin;
}

size_t blocks_statistics(struct blocks *b, uint32_t interface)
{
    size_t begin = blocks_begin(b, BLOCK_STATISTICS);

    blocks_number(b, interface, 4);
    blocks_number(b, 0, 8); /* the time at which they were taken */
    return begin;
}

/* ---- the packets of a wire ---- */

static const uint32_t pcap_magic_ns = 0xa1b23c4d;

static void le16(struct tca_buf *out, unsigned value)
{
    char bytes[2] = {(char)(unsigned char)(value & 0xff), (char)(unsigned char)(value >> 8 & 0xff)};
    tca_buf_add(out, bytes, sizeof bytes);
}

static void le32(struct tca_buf *out, uint32_t value)
{
    le16(out, value & 0xffff);
    le16(out, value >> 16);
}

void wire_pcap(const struct wire *wire, struct tca_buf *out)
{
    le32(out, pcap_magic_ns);
    le16(out, 2);
    le16(out, 4);
    le32(out, 0);
    le32(out, 0);
    le32(out, wire->snaplen);
    le32(out, (uint32_t)wire->link);
    for (size_t i = 0; i < wire->count; i++) {
        const struct wire_packet *packet = &wire->packets[i];
        if (!packet->seen)
            continue;
        le32(out, (uint32_t)(packet->time_ns / 1000000000));
        le32(out, (uint32_t)(packet->time_ns % 1000000000));
        le32(out, packet->captured);
        le32(out, packet->original);
        tca_buf_add(out, wire->bytes.bytes + packet->offset, packet->captured);
    }
}

void wire_pcapng(const struct wire *wire, struct tca_buf *out)
{
    struct blocks b = {.out = *out};
    size_t begin;

    blocks_section(&b);
    begin = blocks_interface(&b, (uint16_t)wire->link, wire->snaplen);
    blocks_option_number(&b, OPTION_TSRESOL, 9, 1);
    blocks_option(&b, OPTION_END, "", 0);
    blocks_end(&b, begin);
    for (size_t i = 0; i < wire->count; i++) {
        const struct wire_packet *packet = &wire->packets[i];
        if (!packet->seen)
            continue;
        begin = blocks_packet(&b, 0, (uint64_t)packet->time_ns, wire->bytes.bytes + packet->offset,
                              packet->captured, packet->original);
        blocks_end(&b, begin);
    }
    *out = b.out;
}

struct tca_record *wire_records(const struct wire *wire, size_t *ret_count)
{
    struct tca_record *records = calloc(wire->count + 1, sizeof *records);
    size_t count = 0;

    if (!records)
        return NULL;
    for (size_t i = 0; i < wire->count; i++) {
        const struct wire_packet *packet = &wire->packets[i];
        if (!packet->seen)
            continue;
        records[count] = (struct tca_record){
            .bytes = (const uint8_t *)wire->bytes.bytes + packet->offset,
            .captured = packet->captured,
            .original = packet->original,
            .time_ns = packet->time_ns,
            .frame = count + 1,
            .link = wire->link,
        };
        count++;
    }
    *ret_count = count;
    return records;
}
