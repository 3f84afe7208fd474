/* SPDX-License-Identifier: MIT
 *
 * pcapng as in draft-ietf-opsawg-pcapng: section header (4.1), interface description (4.2), enhanced and simple packet
 * (4.3, 4.4), interface statistics (4.6), and the packet block that is obsolete (appendix A). Every other block, name
 * resolution, secrets, journals, custom ones, is passed over by its length.
 *
 *     | type | length | body, its numbers in the section's byte order ... | length |
 *
 * A block is looked at as a whole, where the stream holds it, and only one that is larger is copied; none is larger than
 * 16 MiB, libpcap's limit as well, so that a damaged length is found and not obeyed. After a damaged block nothing is
 * looked for: only lengths lead from block to block, and what looks like one behind it may be payload.
 *
 * More generous than libpcap: link types, snap lengths and byte orders may change, a packet may exceed the snap length of
 * its interface. As strict: lengths, versions, interfaces that are not described, options that decide about times.
 */
#include "capture/pcapng.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "capture/block.h"
#include "capture/magic.h"

enum {
    BLOCK_HEADER_LEN = 8,
    BLOCK_FRAME_LEN = 12, /* and the length at its end */
    SECTION_BODY_LEN = 16,
    PACKET_BODY_LEN = 20, /* before the packet's bytes; the old block has as many */
    SIMPLE_BODY_LEN = 4,
    STATISTICS_BODY_LEN = 12,
    BLOCK_MAX = 16 * 1024 * 1024,
    INTERFACES_MAX = 4096, /* of a section */
};

#define SECTION 0x0a0d0d0au /* the same in either byte order */
enum { INTERFACE = 1, OLD_PACKET = 2, SIMPLE_PACKET = 3, STATISTICS = 5, PACKET = 6 };
enum { COMMENT = 1 };                      /* of every block */
enum { EPB_FLAGS = 2, EPB_DROPCOUNT = 4 }; /* of the old block as well */
enum { LINKTYPE_NFLOG = 239 };

struct block {
    uint32_t type;
    size_t len;          /* of the body */
    const uint8_t *body; /* borrowed until the next block */
};

static enum tca_read damaged(struct tca_pcapng *file, const char *what)
{
    snprintf(file->reader.what, sizeof file->reader.what, "%s", what);
    file->reader.advice = "what follows cannot be found";
    return TCA_READ_DAMAGED;
}

/* ---- blocks ---- */

/* Fewer bytes than were asked for: take them, for nothing more can be made of them. */
static enum tca_read ended(struct tca_pcapng *file, size_t have)
{
    tca_stream_skip(file->reader.stream, have);
    return file->reader.stream->error ? TCA_READ_FAILED : TCA_READ_CUT;
}

/* A section begins: its byte order has to be known before its length can be read. */
static enum tca_read find_byte_order(struct tca_pcapng *file)
{
    const uint8_t *bytes;
    size_t have = tca_stream_peek(file->reader.stream, BLOCK_FRAME_LEN, &bytes);

    if (have < BLOCK_FRAME_LEN)
        return ended(file, have);
    if (memcmp(bytes + BLOCK_HEADER_LEN, "\x1a\x2b\x3c\x4d", 4) == 0)
        file->big_endian = true;
    else if (memcmp(bytes + BLOCK_HEADER_LEN, "\x4d\x3c\x2b\x1a", 4) == 0)
        file->big_endian = false;
    else
        return damaged(file, "a section without a byte-order mark");
    return TCA_READ_OK;
}

static enum tca_read check_len(struct tca_pcapng *file, uint32_t type, uint32_t len)
{
    if (type == 0 && len == 0) {
        damaged(file, "zero bytes instead of a block");
        file->reader.advice = "the disk was full or the power lost";
        return TCA_READ_DAMAGED;
    }
    if (len >= BLOCK_FRAME_LEN && len <= BLOCK_MAX && len % 4 == 0)
        return TCA_READ_OK;
    snprintf(file->reader.what, sizeof file->reader.what, "a block with a length of %lu bytes",
             (unsigned long)len);
    file->reader.advice = "what follows cannot be found";
    return TCA_READ_DAMAGED;
}

static bool make_room(struct tca_pcapng *file, size_t len)
{
    uint8_t *larger;

    if (len <= file->large_room)
        return true;
    larger = tca_grow(file->large, len, 1);
    if (!larger)
        return false;
    file->large = larger;
    file->large_room = len;
    return true;
}

/* All `len` bytes of the block, where they are or in a copy. */
static enum tca_read whole_block(struct tca_pcapng *file, size_t len, const uint8_t **ret)
{
    size_t have;

    if (len <= TCA_STREAM_CHUNK) {
        have = tca_stream_peek(file->reader.stream, len, ret);
        if (have < len)
            return ended(file, have);
        tca_stream_skip(file->reader.stream, len);
        return TCA_READ_OK;
    }
    if (!make_room(file, len))
        return TCA_READ_MEMORY;
    have = tca_stream_take(file->reader.stream, file->large, len);
    *ret = file->large;
    return have < len ? ended(file, 0) : TCA_READ_OK;
}

static enum tca_read next_block(struct tca_pcapng *file, struct block *ret)
{
    struct tca_stream *stream = file->reader.stream;
    const uint8_t *bytes;
    size_t have = tca_stream_peek(stream, BLOCK_HEADER_LEN, &bytes);
    enum tca_read got = TCA_READ_OK;
    uint32_t len;

    file->reader.boundary = tca_stream_tell(stream);
    if (have == 0 && !stream->error)
        return TCA_READ_END;
    if (have < BLOCK_HEADER_LEN)
        return ended(file, have);
    ret->type = block_u32(bytes, file->big_endian);
    if (ret->type != PACKET && tca_magic_is_classic_start(bytes))
        return TCA_READ_JOINT;
    if (ret->type == SECTION)
        got = find_byte_order(file);
    if (got != TCA_READ_OK)
        return got;
    tca_stream_peek(stream, BLOCK_HEADER_LEN, &bytes); /* the last peek may have moved them */
    len = block_u32(bytes + 4, file->big_endian);
    got = check_len(file, ret->type, len);
    if (got == TCA_READ_OK)
        got = whole_block(file, len, &bytes);
    if (got != TCA_READ_OK)
        return got;
    if (block_u32(bytes + len - 4, file->big_endian) != len)
        return damaged(file, "a block whose two lengths differ");
    ret->body = bytes + BLOCK_HEADER_LEN;
    ret->len = len - BLOCK_FRAME_LEN;
    return TCA_READ_OK;
}

/* ---- sections and interfaces ---- */

static void add_drops(struct tca_drops *sum, const struct tca_pcapng *file)
{
    for (size_t i = 0; i < file->interfaces; i++) {
        struct tca_drops one = tca_interface_drops(&file->interface[i]);
        if (one.told)
            tca_drops_add(sum, one.count);
    }
}

/* Comments may be as broken as they like. */
static void note_comments(struct tca_pcapng *file, const struct block *block, size_t begin)
{
    struct tca_block_options options = {block->body + begin, block->len - begin, file->big_endian, false};
    struct tca_block_option option;

    while (block_option(&options, &option))
        if (option.code == COMMENT)
            tca_clip_join(&file->comment, option.value, option.len);
}

static enum tca_read begin_section(struct tca_pcapng *file, const struct block *block)
{
    uint16_t major, minor;

    if (block->len < SECTION_BODY_LEN)
        return damaged(file, "a section header that is too short");
    major = block_u16(block->body + 4, file->big_endian);
    minor = block_u16(block->body + 6, file->big_endian);
    if (major != 1 || (minor != 0 && minor != 2)) { /* some write 1.2 and mean 1.0 */
        snprintf(file->reader.what, sizeof file->reader.what, "pcapng version %u.%u", major, minor);
        file->reader.advice = "only version 1.0 is read";
        return TCA_READ_UNSUPPORTED;
    }
    add_drops(&file->drops, file);
    file->interfaces = 0;
    note_comments(file, block, SECTION_BODY_LEN);
    return TCA_READ_OK;
}

static enum tca_read add_interface(struct tca_pcapng *file, const struct block *block)
{
    struct tca_interface *list, one;
    const char *wrong = tca_interface_read(block->body, block->len, file->big_endian, &one);

    if (wrong)
        return damaged(file, wrong);
    if (file->interfaces == INTERFACES_MAX)
        return damaged(file, "more than 4096 interfaces in one section");
    list = tca_room(file->interface, file->interfaces, &file->room, sizeof *list);
    if (!list)
        return TCA_READ_MEMORY;
    file->interface = list;
    file->interface[file->interfaces++] = one;
    note_comments(file, block, TCA_INTERFACE_LEN);
    if (file->reader.first.link < 0)
        file->reader.first =
            (struct tca_packet){.link = one.link, .snaplen = one.snaplen, .precision = one.precision};
    return TCA_READ_OK;
}

/* Statistics of an interface that is not described say nothing of any packet: no reason to stop. */
static void note_statistics(struct tca_pcapng *file, const struct block *block)
{
    uint32_t interface;

    if (block->len < STATISTICS_BODY_LEN)
        return;
    interface = block_u32(block->body, file->big_endian);
    if (interface < file->interfaces)
        tca_interface_statistics(&file->interface[interface], block->body + STATISTICS_BODY_LEN,
                                 block->len - STATISTICS_BODY_LEN, file->big_endian);
}

/* ---- packets ---- */

static void note_flags(struct tca_packet *packet, uint32_t flags)
{
    enum { UNICAST = 1 }; /* less: not told */
    static const uint8_t way[4] = {[1] = TCA_DIRECTION_IN, [2] = TCA_DIRECTION_OUT};

    packet->direction = way[flags & 3];
    packet->not_for_us = packet->direction == TCA_DIRECTION_IN && (flags >> 2 & 7) > UNICAST;
}

static void add_beside(struct tca_pcapng *file, const struct tca_block_option *option,
                       struct tca_packet *packet)
{
    if (!packet->comment) /* this is its first one */
        file->beside = (struct tca_clip){0};
    tca_clip_join(&file->beside, option->value, option->len);
    packet->comment = file->beside.text[0] ? file->beside.text : NULL;
}

/* Options of packets never stand in the way of their packet. */
static void read_packet_options(struct tca_pcapng *file, const uint8_t *at, size_t len,
                                struct tca_interface *interface, struct tca_packet *packet)
{
    struct tca_block_options options = {at, len, file->big_endian, false};
    struct tca_block_option option;

    while (block_option(&options, &option)) {
        if (option.code == COMMENT)
            add_beside(file, &option, packet);
        if (option.code == EPB_FLAGS && option.len == 4)
            note_flags(packet, block_u32(option.value, file->big_endian));
        if (option.code == EPB_DROPCOUNT && option.len == 8)
            tca_drops_add(&interface->by_packets, block_u64(option.value, file->big_endian));
    }
}

static void swap(uint8_t *at)
{
    uint8_t first = at[0];

    at[0] = at[1];
    at[1] = first;
}

/* NFLOG: after four bytes come values, each with a length and a type in the byte order of the host that wrote them.
 * Readers expect their own host's, as libpcap gives it. */
static void swap_nflog(uint8_t *bytes, size_t len)
{
    enum { NFLOG_HEADER_LEN = 4, VALUE_HEADER_LEN = 4 };
    size_t at = NFLOG_HEADER_LEN;

    if (len < NFLOG_HEADER_LEN || bytes[1] != 0)
        return;
    while (len - at >= VALUE_HEADER_LEN) {
        uint16_t size;

        swap(bytes + at);
        swap(bytes + at + 2);
        memcpy(&size, bytes + at, sizeof size);
        size_t padded = (size + (size_t)3) & ~(size_t)3;
        if (padded < VALUE_HEADER_LEN || padded > len - at)
            return;
        at += padded;
    }
}

static enum tca_read to_host_order(struct tca_pcapng *file, struct tca_packet *packet)
{
    if (!make_room(file, packet->captured + (size_t)1))
        return TCA_READ_MEMORY;
    memmove(file->large, packet->bytes, packet->captured);
    swap_nflog(file->large, packet->captured);
    packet->bytes = file->large;
    return TCA_READ_OK;
}

/* What enhanced, simple and old packet blocks have in common, found by their own rules. */
struct found {
    uint32_t interface;
    uint64_t ticks;
    uint32_t captured, original;
    size_t begin; /* of the packet's bytes, in the body */
    bool timeless;
};

static enum tca_read take_packet(struct tca_pcapng *file, const struct block *block,
                                 const struct found *found, struct tca_packet *ret)
{
    struct tca_interface *interface = &file->interface[found->interface];
    size_t left = block->len - found->begin, padded;

    if (found->captured > left)
        return damaged(file, "a packet that is longer than its block");
    *ret = (struct tca_packet){
        .bytes = block->body + found->begin,
        .captured = found->captured < TCA_PACKET_MAX ? found->captured : TCA_PACKET_MAX,
        .original = found->original,
        .time_ns = tca_interface_time(interface, found->ticks),
        .link = interface->link,
        .snaplen = interface->snaplen,
        .precision = interface->precision,
        .timeless = found->timeless,
    };
    padded = (found->captured + (size_t)3) & ~(size_t)3;
    if (!found->timeless && padded < left)
        read_packet_options(file, ret->bytes + padded, left - padded, interface, ret);
    if (interface->link == LINKTYPE_NFLOG && file->big_endian != (BYTE_ORDER == BIG_ENDIAN))
        return to_host_order(file, ret);
    return TCA_READ_OK;
}

static enum tca_read read_packet(struct tca_pcapng *file, const struct block *block, struct tca_packet *ret)
{
    bool big_endian = file->big_endian, simple = block->type == SIMPLE_PACKET;
    const uint8_t *body = block->body;
    struct found found = {.timeless = simple, .begin = simple ? SIMPLE_BODY_LEN : PACKET_BODY_LEN};

    if (block->len < found.begin)
        return damaged(file, "a packet block that is too short");
    if (block->type == PACKET)
        found.interface = block_u32(body, big_endian);
    else if (block->type == OLD_PACKET)
        found.interface = block_u16(body, big_endian);
    if (found.interface >= file->interfaces)
        return damaged(file, "a packet of an interface that is not described");
    if (simple) { /* of the first interface, and cut by its snap length alone */
        found.original = block_u32(body, big_endian);
        found.captured = file->interface[0].snaplen;
        if (found.captured > found.original)
            found.captured = found.original;
        return take_packet(file, block, &found, ret);
    }
    found.ticks = (uint64_t)block_u32(body + 4, big_endian) << 32 | block_u32(body + 8, big_endian);
    found.captured = block_u32(body + 12, big_endian);
    found.original = block_u32(body + 16, big_endian);
    return take_packet(file, block, &found, ret);
}

/* The old block counts losses in a field, all bits set where it does not know. */
static void note_old_drops(struct tca_pcapng *file, const struct block *block)
{
    uint16_t drops = block_u16(block->body + 2, file->big_endian);

    if (drops != UINT16_MAX)
        tca_drops_add(&file->interface[block_u16(block->body, file->big_endian)].by_packets, drops);
}

/* ---- the file ---- */

/* Read one block. *ret_packet is set, and *ret_is_packet, where it is a packet's. */
static enum tca_read step(struct tca_pcapng *file, struct tca_packet *ret_packet, bool *ret_is_packet)
{
    struct block block;
    enum tca_read got = next_block(file, &block);

    *ret_is_packet = false;
    if (got != TCA_READ_OK)
        return got;
    switch (block.type) {
    case SECTION:
        return begin_section(file, &block);
    case INTERFACE:
        return add_interface(file, &block);
    case PACKET:
    case SIMPLE_PACKET:
    case OLD_PACKET:
        *ret_is_packet = true;
        got = read_packet(file, &block, ret_packet);
        if (got == TCA_READ_OK && block.type == OLD_PACKET)
            note_old_drops(file, &block);
        return got;
    case STATISTICS:
        note_statistics(file, &block);
        return TCA_READ_OK;
    default:
        return TCA_READ_OK;
    }
}

enum tca_read tca_pcapng_begin(struct tca_pcapng *file, struct tca_stream *stream)
{
    enum tca_read got = TCA_READ_OK;
    struct tca_packet packet;
    bool is_packet;

    *file = (struct tca_pcapng){.reader = {.stream = stream, .first = {.link = -1, .precision = ""}}};
    while (got == TCA_READ_OK && file->reader.first.link < 0)
        got = step(file, &packet, &is_packet);
    return got;
}

enum tca_read tca_pcapng_next(struct tca_pcapng *file, struct tca_packet *ret_packet)
{
    enum tca_read got;
    bool is_packet;

    do {
        got = step(file, ret_packet, &is_packet);
    } while (got == TCA_READ_OK && !is_packet);
    return got;
}

struct tca_drops tca_pcapng_drops(const struct tca_pcapng *file)
{
    struct tca_drops sum = file->drops;

    add_drops(&sum, file);
    return sum;
}

void tca_pcapng_done(struct tca_pcapng *file)
{
    tca_free(file->interface);
    tca_free(file->large);
    file->interface = NULL;
    file->large = NULL;
}
