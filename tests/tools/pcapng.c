/* SPDX-License-Identifier: MIT
 *
 * Capture files of a wire's packets: classic pcap with the nanosecond magic, and the smallest useful pcapng.
 * Both little-endian on every machine, so that a case's bytes never depend on where it was made.
 *
 *     pcapng:  section header | interface description (if_tsresol 9) | enhanced packet, ...
 */
#include "wire.h"

#include <stdlib.h>

static const uint32_t pcap_magic_ns = 0xa1b23c4d;
enum {
    BLOCK_SECTION = 0x0a0d0d0a,
    BLOCK_INTERFACE = 1,
    BLOCK_PACKET = 6,
    BYTE_ORDER_MAGIC = 0x1a2b3c4d,
    OPTION_TSRESOL = 9,
};

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

static void section(struct tca_buf *out)
{
    le32(out, BLOCK_SECTION);
    le32(out, 28);
    le32(out, BYTE_ORDER_MAGIC);
    le16(out, 1);
    le16(out, 0);
    le32(out, 0xffffffff); /* section length unknown: 64 bits of -1 */
    le32(out, 0xffffffff);
    le32(out, 28);
}

static void interface(struct tca_buf *out, const struct wire *wire)
{
    le32(out, BLOCK_INTERFACE);
    le32(out, 32);
    le16(out, (unsigned)wire->link);
    le16(out, 0);
    le32(out, wire->snaplen);
    le16(out, OPTION_TSRESOL);
    le16(out, 1);
    le32(out, 9); /* 10^-9 s, padded to four bytes */
    le32(out, 0); /* end of options */
    le32(out, 32);
}

static void packet_block(struct tca_buf *out, const struct wire *wire, const struct wire_packet *packet)
{
    static const char zero[4] = {0};
    uint32_t pad = -packet->captured & 3, total = 32 + packet->captured + pad;

    le32(out, BLOCK_PACKET);
    le32(out, total);
    le32(out, 0); /* interface */
    le32(out, (uint32_t)((uint64_t)packet->time_ns >> 32));
    le32(out, (uint32_t)((uint64_t)packet->time_ns & 0xffffffff));
    le32(out, packet->captured);
    le32(out, packet->original);
    tca_buf_add(out, wire->bytes.bytes + packet->offset, packet->captured);
    tca_buf_add(out, zero, pad);
    le32(out, total);
}

void wire_pcapng(const struct wire *wire, struct tca_buf *out)
{
    section(out);
    interface(out, wire);
    for (size_t i = 0; i < wire->count; i++)
        if (wire->packets[i].seen)
            packet_block(out, wire, &wire->packets[i]);
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
