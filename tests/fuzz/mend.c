/* SPDX-License-Identifier: MIT
 *
 * Capture files whose lengths fit what is there, so that a byte that a fuzzer put in or took away does not end the reading:
 *
 *     pcap      head, { record head, packet }...          the packet ends in the file, and was no shorter on the wire
 *     pcapng    { type, length, body, length }...         both lengths are the same, a body has room for what its type says, a packet
 *                                                         belongs to an interface of its section and ends in its block
 *
 * A length that does not fit becomes one that does, by its remainder: what follows is still read. Packets are mended as well.
 */
#include "shape.h"

enum { CLASSIC_HEAD = 24, RECORD_HEAD = 16, INTERFACES_MAX = 8, LONGEST = 65535 };
enum { INTERFACE = 1, SIMPLE_PACKET = 3, PACKET = 6, SECTION = 0x0a0d0d0a };

static uint32_t get32(const uint8_t *at, bool big)
{
    return big ? (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3]
               : (uint32_t)at[3] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 | at[0];
}

static void put32(uint8_t *at, uint32_t value, bool big)
{
    for (int byte = 0; byte < 4; byte++)
        at[byte] = (uint8_t)(value >> 8 * (big ? 3 - byte : byte));
}

/* A length that has room; where it would leave less than `head` behind it, all the room. */
static uint32_t fit(uint32_t size, size_t room, size_t head)
{
    uint32_t most = room < LONGEST ? (uint32_t)room : LONGEST;

    size = size <= most ? size : size % (most + 1);
    return room <= LONGEST && room - size < head ? most : size;
}

/* Captured and original length, one behind the other, of a packet with so much room. */
static void mend_packet(uint8_t *lengths, uint8_t *packet, size_t room, size_t head, int link, bool big)
{
    uint32_t captured = fit(get32(lengths, big), room, head);

    put32(lengths, captured, big);
    if (get32(lengths + 4, big) < captured)
        put32(lengths + 4, captured, big);
    shape_mend(link, packet, captured);
}

/* ---- pcap ---- */

static void mend_classic(uint8_t *bytes, size_t count, bool big)
{
    int link = count >= CLASSIC_HEAD ? (int)(get32(bytes + 20, big) & 0xffff) : 0;

    for (size_t at = CLASSIC_HEAD; at + RECORD_HEAD <= count;) {
        uint8_t *record = bytes + at;
        mend_packet(record + 8, record + RECORD_HEAD, count - at - RECORD_HEAD, RECORD_HEAD, link, big);
        at += RECORD_HEAD + get32(record + 8, big);
    }
}

/* ---- pcapng ---- */

struct section {
    bool big;
    uint32_t interfaces;
    int link[INTERFACES_MAX];
};

static uint32_t least_size(uint32_t type)
{
    return type == SECTION         ? 28
           : type == PACKET        ? 32
           : type == INTERFACE     ? 20
           : type == SIMPLE_PACKET ? 16
                                   : 12;
}

static void mend_body(struct section *now, uint32_t type, uint8_t *block, uint32_t size)
{
    if (type == INTERFACE && now->interfaces < INTERFACES_MAX) {
        now->link[now->interfaces++] = now->big ? block[8] << 8 | block[9] : block[9] << 8 | block[8];
    } else if (type == PACKET && now->interfaces) {
        uint32_t interface = get32(block + 8, now->big) % now->interfaces;
        put32(block + 8, interface, now->big);
        mend_packet(block + 20, block + 28, size - 32, 0, now->link[interface], now->big);
    } else if (type == SIMPLE_PACKET && now->interfaces) {
        shape_mend(now->link[0], block + 12, size - 16);
    }
}

static void begin_section(struct section *now, uint8_t *block)
{
    *now = (struct section){.big = block[8] == 0x1a};
    put32(block + 8, 0x1a2b3c4d, now->big);
    memset(block + 16, 0xff, 8); /* its length is not told */
}

static void mend_blocks(uint8_t *bytes, size_t count)
{
    struct section now = {0};

    for (size_t at = 0, size; at + 28 <= count; at += size) {
        uint8_t *block = bytes + at;
        uint32_t type = get32(block, now.big);
        if (type == SECTION)
            begin_section(&now, block);
        size = fit(get32(block + 4, now.big), count - at, 28) / 4 * 4;
        size = size < least_size(type) ? least_size(type) : size;
        if (size > count - at)
            return;
        put32(block + 4, (uint32_t)size, now.big);
        put32(block + size - 4, (uint32_t)size, now.big);
        mend_body(&now, type, block, (uint32_t)size);
    }
}

void shape_mend_file(uint8_t *bytes, size_t count)
{
    static const uint32_t classic[] = {0xa1b2c3d4, 0xa1b23c4d};

    if (count < CLASSIC_HEAD)
        return;
    if (get32(bytes, false) == SECTION)
        mend_blocks(bytes, count);
    for (int at = 0; at < 2; at++)
        for (int big = 0; big < 2; big++)
            if (get32(bytes, big) == classic[at])
                mend_classic(bytes, count, big);
}
