/* SPDX-License-Identifier: MIT
 *
 * pcapng as in draft-ietf-opsawg-pcapng: section header (4.1), interface description (4.2), enhanced and simple packet
 * (4.3, 4.4), interface statistics (4.6), and the packet block that is obsolete (appendix A). Every other block, name
 * resolution, secrets, journals, custom ones, is passed over by its length.
 *
 *     | type | length | body, its numbers in the section's byte order ... | length |
 *
 * A block is looked at as a whole, where the stream holds it; none is larger than 16 MiB, libpcap's limit as well, so that
 * a damaged length is found and not obeyed. After a damaged block nothing is
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
    size_t whole;  /* bytes of it; where it is not there as such, of what is needed next */
    size_t len;    /* of the body */
    uint8_t *body; /* borrowed from the stream */
};

static enum tca_read damaged(struct tca_pcapng *file, const char *what)
{
    snprintf(file->reader.what, sizeof file->reader.what, "%s", what);
    file->reader.advice = "what follows cannot be found";
    return TCA_READ_DAMAGED;
}

/* ---- blocks ---- */

/* So many bytes are needed. */
static enum tca_read later(struct block *block, size_t want)
{
    block->whole = want;
    return TCA_READ_LATER;
}

/* A section begins: its byte order has to be known before its length can be read. */
static enum tca_read find_byte_order(struct tca_pcapng *file, const uint8_t *mark)
{
    if (memcmp(mark, "\x1a\x2b\x3c\x4d", 4) == 0)
        file->big_endian = true;
    else if (memcmp(mark, "\x4d\x3c\x2b\x1a", 4) == 0)
        file->big_endian = false;
    else
        return damaged(file, "a section without a byte-order mark");
    return TCA_READ_OK;
}

static enum tca_read wrong_len(struct tca_pcapng *file, uint32_t type, uint32_t len)
{
    if (type == 0 && len == 0) {
        damaged(file, "zero bytes instead of a block");
        file->reader.advice = "the disk was full or the power lost";
        return TCA_READ_DAMAGED;
    }
    snprintf(file->reader.what, sizeof file->reader.what, "a block with a length of %lu bytes",
             (unsigned long)len);
    file->reader.advice = "what follows cannot be found";
    return TCA_READ_DAMAGED;
}

/* What is not a packet: another capture, or a section. */
static enum tca_read look_at_header(struct tca_pcapng *file, const uint8_t *at, size_t have,
                                    struct block *block)
{
    if (tca_magic_is_classic_start(at))
        return TCA_READ_JOINT;
    if (block->type != SECTION)
        return TCA_READ_OK;
    return have < BLOCK_FRAME_LEN ? later(block, BLOCK_FRAME_LEN)
                                  : find_byte_order(file, at + BLOCK_HEADER_LEN);
}

/* The block that begins here, where `have` bytes are. Takes nothing. TCA_READ_LATER: ret->whole bytes are needed. */
static inline enum tca_read look_at_block(struct tca_pcapng *file, uint8_t *at, size_t have,
                                          struct block *ret)
{
    enum tca_read got = TCA_READ_OK;
    uint32_t len;

    ret->whole = 0;
    if (have < BLOCK_HEADER_LEN)
        return later(ret, BLOCK_HEADER_LEN);
    ret->type = block_u32(at, file->big_endian);
    if (ret->type != PACKET)
        got = look_at_header(file, at, have, ret);
    if (got != TCA_READ_OK)
        return got;
    len = block_u32(at + 4, file->big_endian);
    if (len < BLOCK_FRAME_LEN || len > BLOCK_MAX || len % 4 != 0)
        return wrong_len(file, ret->type, len);
    if (have < len)
        return later(ret, len);
    ret->whole = len;
    if (block_u32(at + len - 4, file->big_endian) != len)
        return damaged(file, "a block whose two lengths differ");
    ret->body = at + BLOCK_HEADER_LEN;
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
        file->reader.first = one.kind;
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

/* Which way it went. */
static uint8_t direction_of(uint32_t flags)
{
    enum { UNICAST = 1 }; /* less: not told */
    static const uint8_t way[4] = {[1] = TCA_DIRECTION_IN, [2] = TCA_DIRECTION_OUT};
    uint8_t direction = way[flags & 3];

    return direction == TCA_DIRECTION_IN && (flags >> 2 & 7) > UNICAST ? TCA_DIRECTION_PAST : direction;
}

static void add_beside(struct tca_pcapng *file, const struct tca_block_option *option,
                       struct tca_record *record)
{
    struct tca_clip *beside = &file->beside[file->besides];

    if (!record->comment) /* this is its first one */
        *beside = (struct tca_clip){0};
    tca_clip_join(beside, option->value, option->len);
    record->comment = beside->text[0] ? beside->text : NULL;
}

/* Options of packets never stand in the way of their packet. */
static void read_packet_options(struct tca_pcapng *file, const uint8_t *at, size_t len,
                                struct tca_interface *interface, struct tca_record *record)
{
    struct tca_block_options options = {at, len, file->big_endian, false};
    struct tca_block_option option;

    while (block_option(&options, &option)) {
        if (option.code == COMMENT)
            add_beside(file, &option, record);
        if (option.code == EPB_FLAGS && option.len == 4)
            record->direction = direction_of(block_u32(option.value, file->big_endian));
        if (option.code == EPB_DROPCOUNT && option.len == 8)
            tca_drops_add(&interface->by_packets, block_u64(option.value, file->big_endian));
    }
    if (record->comment) {
        record->comment_len = (uint32_t)strlen(record->comment);
        file->besides++;
    }
}

static void swap(uint8_t *at)
{
    uint8_t first = at[0];

    at[0] = at[1];
    at[1] = first;
}

/* NFLOG: after four bytes come values, each with a length and a type in the byte order of the host that wrote them.
 * Readers expect their own host's, as libpcap gives it. They are put in order where they lie: nobody sees them twice. */
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

/* What enhanced, simple and old packet blocks have in common, found by their own rules. */
struct found {
    uint32_t interface;
    uint64_t ticks;
    uint32_t captured, original;
    size_t begin; /* of the packet's bytes, in the body */
    bool timeless;
};

/* Hand it on with this batch? Not where nobody was told of its interface, or what it may have beside it finds no room. */
static inline bool fits_batch(struct tca_pcapng *file, struct tca_interface *interface, bool has_options,
                              struct tca_batch *batch)
{
    if (has_options && file->besides == TCA_PCAPNG_COMMENTS_MAX)
        return false;
    if (interface->told)
        return true;
    if (batch->count > 0)
        return false;
    interface->told = true;
    batch->has_kind = true;
    batch->kind = interface->kind;
    return true;
}

static inline enum tca_read take_packet(struct tca_pcapng *file, const struct block *block,
                                        const struct found *found, struct tca_batch *batch)
{
    struct tca_interface *interface = &file->interface[found->interface];
    struct tca_record *record = &batch->record[batch->count];
    uint8_t *bytes = block->body + found->begin;
    size_t left = block->len - found->begin, padded;
    bool has_options;

    if (found->captured > left)
        return damaged(file, "a packet that is longer than its block");
    padded = (found->captured + (size_t)3) & ~(size_t)3;
    has_options = !found->timeless && padded < left;
    if (!fits_batch(file, interface, has_options, batch))
        return TCA_READ_LATER;
    *record = (struct tca_record){
        .bytes = bytes,
        .captured = found->captured < TCA_PACKET_MAX ? found->captured : TCA_PACKET_MAX,
        .original = found->original,
        .time_ns = tca_interface_time(interface, found->ticks),
        .frame = batch->frame + batch->count,
        .link = interface->kind.link,
        .timeless = found->timeless,
    };
    if (has_options)
        read_packet_options(file, bytes + padded, left - padded, interface, record);
    if (interface->kind.link == LINKTYPE_NFLOG && file->big_endian != (BYTE_ORDER == BIG_ENDIAN))
        swap_nflog(bytes, record->captured);
    batch->count++;
    return TCA_READ_OK;
}

static inline enum tca_read read_packet(struct tca_pcapng *file, const struct block *block,
                                        struct tca_batch *batch)
{
    bool big_endian = file->big_endian;
    const uint8_t *body = block->body;
    struct found found = {.begin = PACKET_BODY_LEN};

    if (block->len < PACKET_BODY_LEN)
        return damaged(file, "a packet block that is too short");
    found.interface = block->type == PACKET ? block_u32(body, big_endian) : block_u16(body, big_endian);
    if (found.interface >= file->interfaces)
        return damaged(file, "a packet of an interface that is not described");
    found.ticks = (uint64_t)block_u32(body + 4, big_endian) << 32 | block_u32(body + 8, big_endian);
    found.captured = block_u32(body + 12, big_endian);
    found.original = block_u32(body + 16, big_endian);
    return take_packet(file, block, &found, batch);
}

/* Of the first interface, without a time, and cut by its snap length alone. */
static enum tca_read read_simple_packet(struct tca_pcapng *file, const struct block *block,
                                        struct tca_batch *batch)
{
    struct found found = {.timeless = true, .begin = SIMPLE_BODY_LEN};

    if (block->len < SIMPLE_BODY_LEN)
        return damaged(file, "a packet block that is too short");
    if (file->interfaces == 0)
        return damaged(file, "a packet of an interface that is not described");
    found.original = block_u32(block->body, file->big_endian);
    found.captured = file->interface[0].kind.snaplen;
    if (found.captured > found.original)
        found.captured = found.original;
    return take_packet(file, block, &found, batch);
}

/* The old block counts losses in a field, all bits set where it does not know. */
static enum tca_read read_old_packet(struct tca_pcapng *file, const struct block *block,
                                     struct tca_batch *batch)
{
    enum tca_read got = read_packet(file, block, batch);
    uint16_t drops;

    if (got != TCA_READ_OK)
        return got;
    drops = block_u16(block->body + 2, file->big_endian);
    if (drops != UINT16_MAX)
        tca_drops_add(&file->interface[block_u16(block->body, file->big_endian)].by_packets, drops);
    return TCA_READ_OK;
}

/* ---- the file ---- */

static enum tca_read read_other(struct tca_pcapng *file, const struct block *block, struct tca_batch *batch)
{
    switch (block->type) {
    case SECTION:
        return begin_section(file, block);
    case INTERFACE:
        return add_interface(file, block);
    case SIMPLE_PACKET:
        return read_simple_packet(file, block, batch);
    case OLD_PACKET:
        return read_old_packet(file, block, batch);
    case STATISTICS:
        note_statistics(file, block);
        return TCA_READ_OK;
    default:
        return TCA_READ_OK;
    }
}

/* Read the block that begins here. TCA_READ_OK: it was block->whole bytes. TCA_READ_LATER: the batch has to be handed on
 * first or, where it is empty, block->whole bytes are needed. Else, what came instead of a block, or what is wrong with
 * this one, which has block->whole bytes. */
static inline enum tca_read step(struct tca_pcapng *file, uint8_t *at, size_t have, struct block *block,
                                 struct tca_batch *batch)
{
    enum tca_read got = look_at_block(file, at, have, block);

    if (got != TCA_READ_OK)
        return got;
    return block->type == PACKET ? read_packet(file, block, batch) : read_other(file, block, batch);
}

/* What follows cannot be handed on. A block that was read is taken nevertheless. */
static enum tca_read stop(struct tca_reader *reader, enum tca_read why, size_t whole)
{
    reader->boundary = tca_stream_tell(reader->stream);
    tca_stream_skip(reader->stream, whole);
    return why;
}

enum tca_read tca_pcapng_begin(struct tca_pcapng *file, struct tca_stream *stream)
{
    struct tca_batch none = {0}; /* packets before the first interface are damaged */
    struct block block;
    uint8_t *at;

    *file = (struct tca_pcapng){.reader = {.stream = stream, .first = {.link = -1, .precision = ""}}};
    while (file->reader.first.link < 0) {
        size_t have = tca_stream_ahead(stream, &at);
        enum tca_read got = step(file, at, have, &block, &none);

        if (got == TCA_READ_OK)
            tca_stream_skip(stream, block.whole);
        else if (got == TCA_READ_LATER)
            got = tca_reader_more(&file->reader, block.whole);
        else
            stop(&file->reader, got, block.whole);
        if (got != TCA_READ_OK)
            return got;
    }
    return TCA_READ_OK;
}

/* Read what is there as a whole, until the batch is full. As step(). */
static enum tca_read walk(struct tca_pcapng *file, struct tca_batch *batch, size_t *ret_whole)
{
    struct block block = {0};
    enum tca_read got = TCA_READ_OK;
    uint8_t *begin;
    size_t all = tca_stream_ahead(file->reader.stream, &begin), taken = 0;

    while (batch->count < batch->room) {
        got = step(file, begin + taken, all - taken, &block, batch);
        if (got != TCA_READ_OK)
            break;
        taken += block.whole;
    }
    tca_stream_skip(file->reader.stream, taken);
    *ret_whole = block.whole;
    return got;
}

enum tca_read tca_pcapng_next(struct tca_pcapng *file, struct tca_batch *batch)
{
    enum tca_read got;
    size_t whole;

    file->besides = 0;
    batch->has_kind = false;
    do {
        got = walk(file, batch, &whole);
        if (batch->count > 0)
            return TCA_READ_OK;
        if (got != TCA_READ_LATER)
            return stop(&file->reader, got, whole);
        got = tca_reader_more(&file->reader, whole);
    } while (got == TCA_READ_OK);
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
    file->interface = NULL;
}
