/* SPDX-License-Identifier: MIT
 *
 * Decode: records of any link type, any bytes, alone and among fragments. A build with check_ways holds the short way
 * against the walk for each. Of a record alone a copy for others is made, which has to be the same segment.
 *
 *     { how u8, link u8, captured u8, bytes }...     how: checksums are looked at, the IP packet is mended, the record is cut,
 *                                                    time passes; fragments do not meet (without their table more is tried)
 */
#include "fuzz.h"

#include "capture/link.h"
#include "decode/fragment.h"
#include "decode/redact.h"
#include "shape.h"

enum { CHECKSUMS = 1, MEND = 2, CUT = 4, LONG = 8, LATER = 0x30, ALONE = 0x40 };

static const int links[] = {
#define LINK(value, layer) value,
#include "capture/link.def"
#undef LINK
    147, /* is not decoded */
};

static const int64_t steps_ns[] = {0, 1000000, 20000001, 31000000000};

/* What later stages rely on without looking. */
static void require_sound(const struct tca_segment *seg)
{
    FUZZ_REQUIRE(seg->family == 4 || seg->family == 6, "family %u", seg->family);
    FUZZ_REQUIRE(seg->captured <= seg->len, "%u bytes captured of %u", seg->captured, seg->len);
    FUZZ_REQUIRE(seg->len <= 1 << 20, "a payload of %u bytes", seg->len);
    FUZZ_REQUIRE(seg->opt.order_count <= TCA_OPTION_ORDER_MAX && seg->opt.sack_count <= 4,
                 "too many options");
    FUZZ_REQUIRE(seg->tags.vlan_count <= 4 && seg->tags.encap <= TCA_ENCAP_TEREDO, "tags");
    FUZZ_REQUIRE(seg->checksum <= TCA_CHECKSUM_BAD, "checksum");
    FUZZ_REQUIRE(!(seg->flags & ~0x1ff), "flags %x", seg->flags);
}

static void drain(struct tca_fragments *table, const struct tca_segment *next, int64_t now_ns)
{
    struct tca_segment due;

    while (tca_fragments_due(table, next, now_ns, &due))
        require_sound(&due);
}

/* What is written of it for others is the same segment, but for its addresses and its payload. */
static void redact(const struct tca_record *record, const struct tca_segment *seg, enum tca_outcome outcome,
                   bool checksums)
{
    static struct tca_anon *anon; /* its key is stretched once */
    static uint8_t copy[255 * 8];
    struct tca_segment again;

    if (!anon)
        FUZZ_REQUIRE(anon = tca_anon_new("k", 1), "no memory");
    tca_redact(record, anon, copy);
    if (outcome != TCA_OUTCOME_tcp)
        return;
    struct tca_record other = *record;
    other.bytes = copy;
    memset(&again, 0xa5, sizeof again);
    FUZZ_REQUIRE(tca_decode(&other, checksums, &again) == TCA_OUTCOME_tcp, "the copy is no segment");
    FUZZ_REQUIRE(seg->seq == again.seq && seg->ack == again.ack && seg->flags == again.flags &&
                     seg->window == again.window,
                 "the copy has other numbers");
    FUZZ_REQUIRE(seg->len == again.len && seg->captured == again.captured && seg->family == again.family,
                 "other lengths");
    FUZZ_REQUIRE(seg->opt.order_count == again.opt.order_count && seg->opt.malformed == again.opt.malformed &&
                     seg->opt.tsval == again.opt.tsval && seg->opt.sack_count == again.opt.sack_count,
                 "other options");
    FUZZ_REQUIRE((seg->checksum == TCA_CHECKSUM_GOOD) == (again.checksum == TCA_CHECKSUM_GOOD),
                 "checksum %u, of the copy %u", seg->checksum, again.checksum);
    FUZZ_REQUIRE(seg->checksum != TCA_CHECKSUM_UNFINISHED || again.checksum == TCA_CHECKSUM_UNFINISHED,
                 "a checksum is finished");
}

/* `table` NULL: alone. */
static void decode(struct tca_fragments *table, const struct tca_record *record, bool checksums)
{
    struct tca_segment seg;

    memset(&seg, 0xa5, sizeof seg); /* what a segment does not set shows */
    enum tca_outcome outcome =
        table ? tca_decode_fragments(table, record, checksums, &seg) : tca_decode(record, checksums, &seg);
    FUZZ_REQUIRE(outcome < TCA_OUTCOME_COUNT, "outcome %d", (int)outcome);
    bool segment = outcome == TCA_OUTCOME_tcp || outcome == TCA_OUTCOME_tcp_quoted;
    if (segment && !(table && seg.fragmented))
        require_sound(&seg);
    if (!table)
        redact(record, &seg, outcome, checksums);
    if (table)
        drain(table, outcome == TCA_OUTCOME_tcp && !seg.fragmented ? &seg : NULL, record->time_ns);
}

/* A record, and what is done with it. */
struct chosen {
    struct tca_record record;
    bool checksums, alone;
};

static struct chosen next_record(struct fuzz_bytes *in, uint8_t *copy)
{
    uint8_t how = fuzz_u8(in);
    int link = links[fuzz_u8(in) % (sizeof links / sizeof *links)];
    size_t want = fuzz_u8(in);
    struct fuzz_bytes taken = fuzz_take(in, how & LONG ? want * 8 : want);
    uint32_t count = (uint32_t)taken.left;

    if (count)
        memcpy(copy, taken.at, count);
    if (how & MEND)
        shape_mend(link, copy, count);
    return (struct chosen){.record = {.bytes = copy,
                                      .captured = how & CUT ? count - count / 4 : count,
                                      .original = count,
                                      .time_ns = steps_ns[(how & LATER) >> 4],
                                      .link = link},
                           .checksums = how & CHECKSUMS,
                           .alone = how & ALONE};
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t count)
{
    struct fuzz_bytes in = {bytes, count};
    struct tca_fragments *table = NULL;
    uint8_t copy[255 * 8];
    int64_t now_ns = 0;

    for (uint64_t frame = 1; in.left && frame <= 200; frame++) {
        struct chosen next = next_record(&in, copy);
        next.record.frame = frame;
        next.record.time_ns = now_ns += next.record.time_ns;
        if (!next.alone && !table)
            FUZZ_REQUIRE(table = tca_fragments_new(), "no memory");
        decode(next.alone ? NULL : table, &next.record, next.checksums);
    }
    if (table)
        drain(table, NULL, INT64_MAX);
    tca_fragments_free(table);
    return 0;
}
