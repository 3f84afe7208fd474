/* SPDX-License-Identifier: MIT
 *
 * Classic pcap files as draft-ietf-opsawg-pcap has them: a header, then records, each with a header of its own.
 *
 *     | seconds | fraction | captured | original | captured bytes ... |
 *
 * The file's header libpcap reads, with all that it knows of versions, link types and snap lengths. Records are read here
 * where they are plain: version 2.4, and nothing in them that libpcap would turn into this host's byte order. Everything
 * else it goes on reading (library.c).
 *
 * What libpcap does with odd records is done here, word for word: what exceeds the snap length is passed over; what
 * exceeds any packet is the end, since where the next record begins cannot be known. Beyond that, another file's header
 * (`cat a.pcap b.pcap`) and a tail of zero bytes are seen for what they are.
 *
 * Checked against libpcap 1.10.3: sf-pcap.c, pcap-common.c.
 */
#include "capture/classic.h"

#include <endian.h>
#include <stdio.h>
#include <string.h>

enum { RECORD_HEADER_LEN = 16 };

/* ---- the choice ---- */

/* Link types whose packets may be larger than TCA_PACKET_MAX, or hold numbers in the byte order of the host that wrote
 * them. */
static const struct {
    int link;
    bool large, host_order;
} odd_links[] = {
    {113, false, true}, /* LINUX_SLL: of CAN */
    {117, false, true}, /* PFLOG */
    {189, false, true}, /* USB_LINUX */
    {220, false, true}, /* USB_LINUX_MMAPPED */
    {231, true, false}, /* DBUS */
    {239, false, true}, /* NFLOG */
    {249, true, false}, /* USBPCAP */
    {279, true, false}, /* EBHSCR */
};

static bool is_plain(const struct tca_classic *file)
{
    pcap_t *pcap = file->library.pcap;

    if (!file->library.magic->plain || pcap_major_version(pcap) != 2 || pcap_minor_version(pcap) != 4)
        return false;
    for (size_t i = 0; i < sizeof odd_links / sizeof *odd_links; i++)
        if (odd_links[i].link == file->library.reader.first.link)
            return !odd_links[i].large && !(odd_links[i].host_order && file->swapped);
    return true;
}

enum tca_read tca_classic_begin(struct tca_classic *file, struct tca_stream *stream,
                                const struct tca_magic *magic)
{
    enum tca_read got = tca_library_begin(&file->library, stream, magic);

    if (got != TCA_READ_OK)
        return got;
    file->swapped = pcap_is_swapped(file->library.pcap);
    file->unit_ns = strcmp(magic->hint, "ns") == 0 ? 1 : 1000;
    file->plain = is_plain(file);
    return TCA_READ_OK;
}

/* ---- odd records ---- */

struct header {
    uint32_t seconds, fraction, captured, original;
};

static enum tca_read damaged(struct tca_classic *file, const char *advice)
{
    file->library.reader.advice = advice;
    return TCA_READ_DAMAGED;
}

/* A record without bytes, on the wire as well. TCA_READ_OK where it may be one. */
static enum tca_read look_at_empty(struct tca_classic *file, const uint8_t *at)
{
    static const uint8_t zeros[RECORD_HEADER_LEN];
    struct tca_reader *reader = &file->library.reader;

    if (tca_magic_is_classic(at))
        return TCA_READ_JOINT;
    if (memcmp(at, zeros, sizeof zeros) != 0)
        return TCA_READ_OK;
    snprintf(reader->what, sizeof reader->what, "zero bytes instead of a record");
    return damaged(file, "the disk was full or the power lost");
}

static enum tca_read look_at_too_large(struct tca_classic *file, const uint8_t *at, uint32_t captured)
{
    struct tca_reader *reader = &file->library.reader;
    uint32_t snaplen = reader->first.snaplen;
    bool beyond_snaplen = captured > snaplen;

    if (tca_magic_is_section(at))
        return TCA_READ_JOINT;
    snprintf(reader->what, sizeof reader->what, "invalid packet capture length %u, bigger than %s of %u",
             (unsigned)captured, beyond_snaplen ? "snaplen" : "maximum",
             (unsigned)(beyond_snaplen ? snaplen : TCA_PACKET_MAX));
    return damaged(file, "what follows cannot be found");
}

/* ---- records ---- */

static inline struct header read_header(const uint8_t *at, bool swapped)
{
    struct header header;

    memcpy(&header, at, sizeof header);
    if (swapped)
        header = (struct header){__builtin_bswap32(header.seconds), __builtin_bswap32(header.fraction),
                                 __builtin_bswap32(header.captured), __builtin_bswap32(header.original)};
    return header;
}

/* The fields are unsigned, and last until 2106. A fraction of more than a second counts as libpcap hands it on: the lower
 * 32 bits of its nanoseconds. */
static inline int64_t time_ns(const struct header *header, uint32_t unit_ns)
{
    return (int64_t)header->seconds * 1000000000 + header->fraction * unit_ns;
}

static inline bool is_odd(const struct header *header)
{
    return header->captured > TCA_PACKET_MAX || (header->captured | header->original) == 0;
}

static enum tca_read look_at(struct tca_classic *file, const uint8_t *at, const struct header *header)
{
    return header->captured ? look_at_too_large(file, at, header->captured) : look_at_empty(file, at);
}

/* In its place at once: one made elsewhere and copied would wait for its own stores, longer than all the rest takes. */
static inline void set_record(struct tca_record *record, const struct header *header, const uint8_t *bytes,
                              const struct tca_kind *kind, uint32_t unit_ns, uint64_t frame)
{
    *record = (struct tca_record){
        .bytes = bytes,
        .captured = header->captured < kind->snaplen ? header->captured : kind->snaplen,
        .original = header->original,
        .time_ns = time_ns(header, unit_ns),
        .frame = frame,
        .link = kind->link,
    };
}

/* Where one record ends the next one begins, so that each waits for the one before it to come from memory: unless that was asked
 * for some records ago, as far as these are as short as most. */
static inline void fetch_ahead(const uint8_t *at, size_t left)
{
    enum { AHEAD = 512, LINE = 64 };

    if (left < AHEAD + LINE)
        return;
    __builtin_prefetch(at + AHEAD);
    __builtin_prefetch(at + AHEAD + LINE);
}

/* Fill in the records that are there as a whole. TCA_READ_OK: the batch is full. TCA_READ_LATER: *ret_want bytes of the
 * next one are needed. Else, what stands at the stream's next byte instead of a record. */
static inline enum tca_read walk_as(struct tca_classic *file, struct tca_batch *batch, bool swapped,
                                    size_t *ret_want)
{
    const struct tca_kind kind = file->library.reader.first;
    const uint32_t unit_ns = file->unit_ns;
    enum tca_read got = TCA_READ_OK;
    uint8_t *begin;
    size_t all = tca_stream_ahead(file->library.reader.stream, &begin), taken = 0;
    size_t want = RECORD_HEADER_LEN, count = 0;

    for (; count < batch->room; count++) {
        want = RECORD_HEADER_LEN;
        if (all - taken < want)
            break;
        fetch_ahead(begin + taken, all - taken);
        struct header header = read_header(begin + taken, swapped);
        if (is_odd(&header) && (got = look_at(file, begin + taken, &header)) != TCA_READ_OK)
            break;
        want += header.captured;
        if (all - taken < want)
            break;
        set_record(&batch->record[count], &header, begin + taken + RECORD_HEADER_LEN, &kind, unit_ns,
                   batch->frame + count);
        taken += want;
    }
    tca_stream_skip(file->library.reader.stream, taken);
    batch->count = count;
    *ret_want = want;
    return got == TCA_READ_OK && count < batch->room ? TCA_READ_LATER : got;
}

/* Made twice, so that no record is asked for its byte order. */
static enum tca_read walk(struct tca_classic *file, struct tca_batch *batch, size_t *ret_want)
{
    return file->swapped ? walk_as(file, batch, true, ret_want) : walk_as(file, batch, false, ret_want);
}

/* Here is no record. A header that was none is taken nevertheless. */
static enum tca_read stop(struct tca_reader *reader, enum tca_read why)
{
    reader->boundary = tca_stream_tell(reader->stream);
    tca_stream_skip(reader->stream, why == TCA_READ_DAMAGED ? RECORD_HEADER_LEN : 0);
    return why;
}

enum tca_read tca_classic_next(struct tca_classic *file, struct tca_batch *batch)
{
    struct tca_reader *reader = &file->library.reader;
    enum tca_read got;
    size_t want;

    if (!file->plain)
        return tca_library_next(&file->library, batch);
    batch->has_kind = true;
    batch->kind = reader->first;
    do {
        got = walk(file, batch, &want);
        if (batch->count > 0)
            return TCA_READ_OK;
        if (got != TCA_READ_LATER)
            return stop(reader, got);
        got = tca_reader_more(reader, want);
    } while (got == TCA_READ_OK);
    return got;
}

void tca_classic_done(struct tca_classic *file)
{
    tca_library_done(&file->library);
}
