/* SPDX-License-Identifier: MIT
 *
 * Datagrams put together: which segments come of a script's fragments, when, and what the records were counted as. Then
 * the table's limits, and at random against a model that keeps a map of every byte.
 */
#include "decode/fragment.h"
#include "frame.h"
#include "suite.h"
#include "wire.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- scripts ---- */

/* Segments as "frame:first letter of the sender len flags", in the order in which they are handed on. */
struct text {
    char at[4096];
    size_t len;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *text, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    text->len += (size_t)vsnprintf(text->at + text->len, sizeof text->at - text->len, format, args);
    va_end(args);
    ck_assert_uint_lt(text->len, sizeof text->at);
}

static void describe(struct text *text, const struct tca_segment *seg)
{
    static const char letters[] = "FSRPA";

    add(text, "%s%llu%c%u", text->len ? " " : "", (unsigned long long)seg->frame,
        seg->dport == 80 ? '>' : '<', seg->len);
    for (unsigned i = 0; letters[i]; i++)
        if (seg->flags & 1u << i)
            add(text, "%c", letters[i]);
    if (seg->partial)
        add(text, "?");
    if (seg->left_out)
        add(text, "-");
    if (seg->captured != seg->len)
        add(text, "/%u", seg->captured);
    if (seg->checksum == TCA_CHECKSUM_BAD)
        add(text, "bad");
    if (seg->again)
        add(text, "+");
    if (seg->ttl != 64)
        add(text, "%u", seg->ttl);
}

/* After this record, or at the end. What bears its frame is of its time. */
static void drain(struct tca_fragments *table, const struct tca_segment *next, const struct tca_record *rec,
                  struct text *text)
{
    struct tca_segment seg;

    while (tca_fragments_due(table, next, rec ? rec->time_ns : INT64_MAX, &seg)) {
        ck_assert(seg.fragmented);
        if (rec && seg.frame == rec->frame)
            ck_assert_int_eq(seg.time_ns, rec->time_ns);
        describe(text, &seg);
    }
}

static enum tca_outcome feed(struct tca_fragments *table, const struct tca_record *rec, struct text *text)
{
    struct tca_segment seg;
    enum tca_outcome outcome = tca_decode_fragments(table, rec, true, &seg);
    bool at_hand = outcome == TCA_OUTCOME_tcp && !seg.fragmented;

    drain(table, at_hand ? &seg : NULL, rec, text);
    if (at_hand)
        describe(text, &seg);
    return outcome;
}

#define FLOW  "flow A 10.0.0.2:40000 10.0.0.1:80 ts=off\n"
#define FLOW6 "flow A [fd00::2]:40000 [fd00::1]:80 ts=off\n"

static const struct {
    const char *script, *segments;
    const char *outcomes; /* t: tcp, f: fragment, n: not_tcp */
    const char *why;
} rows[] = {
    {FLOW "0 A > PA len=100\n", "1>100PA", "t", "no fragment"},
    {FLOW "0 A > PA len=100 frag=64\n", "2>100PA", "tf", "whole with the second"},
    {FLOW "0 A > PA len=100 frag=64 fragback\n", "2>100PA", "ft", "the last one first"},
    {FLOW "0 A > PA len=1000 frag=16\n", "64>1000PA",
     "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffft",
     "no fragment holds a header; more bytes than are kept"},
    {FLOW "0 A > PA len=20 frag=8\n", "5>20PA", "fffft", "RFC 1858: a header in three"},
    {FLOW "0 A > PA len=20 frag=8 fragback\n", "5>20PA", "fffft", "and backwards"},
    {FLOW6 "0 A > PA len=100 frag=64\n", "2>100PA", "tf", "IPv6"},
    {FLOW6 "0 A > PA len=20 frag=8 fragback\n", "5>20PA", "fffft", "IPv6, tiny, backwards"},
    {FLOW "0 A > PA len=100 frag=64 fraglost=0\n", "", "f", "no header, no segment"},
    {FLOW "0 A > PA len=100 frag=64 fraglost=1\n", "1>44PA?", "t", "the first only: what it carries"},
    {FLOW "0 A > PA len=100 frag=40 fraglost=1\n", "1>100PA?/60", "tf", "the last one tells the length"},
    {FLOW "0 A > PA len=100 frag=40 fraglost=2\n", "1>60PA?", "tf", "as far as there is no gap"},
    {FLOW "0 A > FA len=100 frag=40 fraglost=2\n", "1>60A?", "tf", "whose number is unknown is no FIN"},
    {FLOW "0 A > FA len=100 frag=40 fraglost=1\n", "1>100FA?/60", "tf", "a FIN behind bytes of known length"},
    {FLOW "0 A > PA len=100 frag=64 fraglost=1\n30 A < A\n", "1>44PA? 2<0A", "tt", "handed on after 30 s"},
    {FLOW "0 A > PA len=100 frag=64 fraglost=1\n29 A < A seq=9 ack=1\n", "2<0A 1>44PA?", "tt",
     "not before; that acknowledgment does not need it"},
    {FLOW "0 A > PA len=100 frag=64 fraglost=1\n1 A < A ack=50\n", "1>44PA? 2<0A", "tt",
     "what acknowledges it comes after it"},
    {FLOW "0 A > PA len=100 frag=64 fraglost=1\n1 A > A\n", "1>44PA? 2>0A", "tt",
     "what was sent after it, too"},
    {FLOW "0 A > PA len=100 frag=64 fraglost=1\n1 A > A seq=0\n", "2>0A 1>44PA?", "tt",
     "an older one need not"},
    {FLOW "0 A > PA len=100 frag=64 fraglost=1\n1 A < R\n", "1>44PA? 2<0R", "tt", "a reset ends the wait"},
    {FLOW "flow B 10.0.0.2:40000 10.0.0.3:80 ts=off\n0 A > PA len=100 frag=64 fraglost=1\n1 B > A\n",
     "2>0A 1>44PA?", "tt", "another connection's segment does not matter"},
    {FLOW "0 A > PA len=100 frag=64 fraglost=1\n0 A > PA len=100 frag=64\n", "1>44PA? 3>100PA", "ttf",
     "nor does it come after a later one that is whole"},
    {FLOW "flow X 10.0.0.2:40000 10.0.0.1:80 ts=off tunnel=vxlan:5\n0 X > PA len=100 frag=64\n", "2>100PA",
     "tf", "inside of a tunnel"},
    {"link radiotap\n" FLOW "0 A > PA len=100 frag=64\n", "2>100PA", "tf", "from the air"},
    {FLOW "flow B 10.0.0.2:40000 10.0.0.3:80 ts=off\n0 A > PA len=100 frag=64 fraglost=1\n30 B > A\n",
     "1>44PA? 2>0A", "tt", "after 30 s it waits no longer"},
    {FLOW "flow B 10.0.0.2:40000 10.0.0.3:80 ts=off\n0 A > PA len=100 frag=64 fraglost=1\n29.999 B > A\n",
     "2>0A 1>44PA?", "tt", "before, it does"},
    {FLOW "0 A > PA len=100 frag=64 fragback fraglost=1\n+0.001 A > PA copy\n", "1>44PA?", "tf",
     "its copy is no other segment"},
    {"snaplen 90\n" FLOW "0 A > PA len=100 frag=64\n", "1>100PA/92", "tf",
     "cut: the first one's frame, the lengths' length"},
    {"snaplen 90\n" FLOW "0 A > PA len=100 frag=64 fraglost=1\n", "1>44PA/36", "t",
     "cut, and alone: no less than tshark shows"},
    {"snaplen 90\n" FLOW "0 A > PA len=100 frag=64 fragback\n", "2>100PA/92", "ft", "cut, backwards"},
    {"snaplen 40\n" FLOW "0 A > PA len=100 frag=64\n", "", "??", "no header in what was kept"},
    {"snaplen 110\n" FLOW6 "0 A > PA len=100 frag=64\n", "2>100PA?/76", "tf", "IPv6, cut: by the lengths"},
    {"snaplen 70\n" FLOW "0 A > PA len=100 frag=40\n", "1>100PA/88", "tff", "cut, three of them"},
};

static char letter_of(enum tca_outcome outcome)
{
    return outcome == TCA_OUTCOME_tcp        ? 't'
           : outcome == TCA_OUTCOME_fragment ? 'f'
           : outcome == TCA_OUTCOME_not_tcp  ? 'n'
                                             : '?';
}

static void run_script(const char *script, struct text *segments, struct text *outcomes)
{
    struct tca_fragments *table = tca_fragments_new();
    struct wire wire;
    struct wire_error error;
    size_t count;

    ck_assert_msg(wire_parse("t", script, strlen(script), &wire, &error) == 0, "%s", error.text);
    struct tca_record *records = wire_records(&wire, &count);
    ck_assert(records && table);
    for (size_t i = 0; i < count; i++)
        add(outcomes, "%c", letter_of(feed(table, &records[i], segments)));
    drain(table, NULL, NULL, segments);
    free(records);
    wire_done(&wire);
    tca_fragments_free(table);
}

START_TEST(scripts)
{
    struct text segments = {.at = ""}, outcomes = {.at = ""};

    run_script(rows[_i].script, &segments, &outcomes);
    ck_assert_msg(!strcmp(segments.at, rows[_i].segments), "%s:\n  got  %s\n  want %s", rows[_i].why,
                  segments.at, rows[_i].segments);
    ck_assert_msg(!strcmp(outcomes.at, rows[_i].outcomes), "%s: %s", rows[_i].why, outcomes.at);
}
END_TEST

/* ---- by hand: pieces of one packet ---- */

static const struct frame_link raw = {.type = FRAME_RAW};
enum { CLIENT_PORT = 1000, COPY_NS = 20000000 };

struct bench {
    struct tca_fragments *table;
    struct text text;
    struct tca_buf packet; /* whole */
    uint64_t frame;
    int64_t time_ns;
};

static struct frame_tcp tcp_of(uint16_t sport, uint16_t id, size_t len)
{
    static uint8_t payload[60000];
    return (struct frame_tcp){
        .ip = {.src = {[12] = 10, 0, 0, 1}, .dst = {[12] = 10, 0, 0, 2}, .family = 4, .ttl = 64, .id = id},
        .sport = sport,
        .dport = 80,
        .seq = 1,
        .flags = FRAME_ACK,
        .payload = payload,
        .len = len};
}

static void bench_begin(struct bench *bench)
{
    *bench = (struct bench){.table = tca_fragments_new(), .time_ns = 1000};
    ck_assert_ptr_nonnull(bench->table);
}

static void bench_end(struct bench *bench)
{
    tca_fragments_free(bench->table);
    tca_buf_done(&bench->packet);
}

static void set_packet(struct bench *bench, const struct frame_tcp *tcp)
{
    tca_buf_done(&bench->packet);
    bench->packet = (struct tca_buf){0};
    frame_add_tcp(&bench->packet, tcp);
}

/* Bytes [from, to) of the packet's payload of IP, in a block of their own. */
static enum tca_outcome send_piece(struct bench *bench, size_t from, size_t to, bool more)
{
    size_t count = 20 + to - from;
    uint8_t *bytes = malloc(count);

    ck_assert_ptr_nonnull(bytes);
    memcpy(bytes, bench->packet.bytes, 20);
    memcpy(bytes + 20, bench->packet.bytes + 20 + from, to - from);
    bytes[2] = (uint8_t)(count >> 8);
    bytes[3] = (uint8_t)count;
    bytes[6] = (uint8_t)((more ? 0x20 : 0) | from / 8 >> 8);
    bytes[7] = (uint8_t)(from / 8);
    struct tca_record rec = {.bytes = bytes,
                             .captured = (uint32_t)count,
                             .original = (uint32_t)count,
                             .time_ns = bench->time_ns,
                             .frame = ++bench->frame,
                             .link = raw.type};
    enum tca_outcome outcome = feed(bench->table, &rec, &bench->text);
    free(bytes);
    return outcome;
}

START_TEST(first_bytes_win)
{
    struct bench bench;
    struct frame_tcp good = tcp_of(CLIENT_PORT, 7, 100), evil = tcp_of(666, 7, 100);

    bench_begin(&bench);
    evil.flags = FRAME_RST;
    set_packet(&bench, &good);
    send_piece(&bench, 0, 8, true);
    set_packet(&bench, &evil);
    send_piece(&bench, 0, 24, true); /* its first eight bytes are not believed, the rest is */
    set_packet(&bench, &good);
    send_piece(&bench, 8, 120, false);
    drain(bench.table, NULL, NULL, &bench.text);
    ck_assert_str_eq(bench.text.at, "3>100R");
    bench_end(&bench);
}
END_TEST

/* ---- copies of fragments ---- */

enum { PACKET_END = 120, SHOWN_MAX = 10 }; /* 100 bytes of payload behind a TCP header */

static const struct {
    const char *why, *segments, *outcomes;
    struct shown {
        int us;       /* when it came */
        int from, to; /* to 0: the end of the row */
        int of;       /* of this packet: 0, another one of the same identification: 1 */
        int ttl;
    } piece[SHOWN_MAX];
} copied_rows[] = {
    {"each at once",
     "3>100A 4>100A+",
     "tfft",
     {{0, 0, 64, 0, 64}, {0, 0, 64, 0, 64}, {0, 64, 120, 0, 64}, {0, 64, 120, 0, 64}}},
    {"behind all of it",
     "2>100A 4>100A+",
     "tfft",
     {{0, 0, 64, 0, 64}, {1, 64, 120, 0, 64}, {3, 0, 64, 0, 64}, {4, 64, 120, 0, 64}}},
    {"in another order",
     "2>100A 4>100A+",
     "tfft",
     {{0, 0, 64, 0, 64}, {1, 64, 120, 0, 64}, {3, 64, 120, 0, 64}, {4, 0, 64, 0, 64}}},
    {"three of each",
     "2>100A 4>100A+ 6>100A+",
     "tfftft",
     {{0, 0, 64, 0, 64},
      {1, 64, 120, 0, 64},
      {3, 0, 64, 0, 64},
      {4, 64, 120, 0, 64},
      {6, 64, 120, 0, 64},
      {7, 0, 64, 0, 64}}},
    {"one of them only, again and again",
     "2>100A",
     "tfff",
     {{0, 0, 64, 0, 64}, {1, 64, 120, 0, 64}, {3, 64, 120, 0, 64}, {4, 64, 120, 0, 64}}},
    {"by a router",
     "2>100A 4>100A+63",
     "tfft",
     {{0, 0, 64, 0, 64}, {1, 64, 120, 0, 64}, {3, 0, 64, 0, 63}, {4, 64, 120, 0, 63}}},
    {"just in time",
     "2>100A 4>100A+",
     "tfft",
     {{0, 0, 64, 0, 64}, {0, 64, 120, 0, 64}, {19999, 0, 64, 0, 64}, {19999, 64, 120, 0, 64}}},
    {"too late: another datagram",
     "2>100A 4>100A",
     "tftf",
     {{0, 0, 64, 0, 64}, {0, 64, 120, 0, 64}, {20000, 0, 64, 0, 64}, {20000, 64, 120, 0, 64}}},
    {"another packet of the same identification, at once",
     "2>100A 4>100A",
     "tftf",
     {{0, 0, 64, 0, 64}, {1, 64, 120, 0, 64}, {3, 0, 64, 1, 64}, {4, 64, 120, 1, 64}}},
    {"each copied, the second of the same identification too",
     "3>100A 4>100A+ 7>100A 8>100A+",
     "tffttfft",
     {{0, 0, 64, 0, 64},
      {0, 0, 64, 0, 64},
      {1, 64, 120, 0, 64},
      {1, 64, 120, 0, 64},
      {3, 0, 64, 1, 64},
      {3, 0, 64, 1, 64},
      {4, 64, 120, 1, 64},
      {4, 64, 120, 1, 64}}},
    {"in other pieces: no copies of these",
     "2>100A 5>100A",
     "tftff",
     {{0, 0, 64, 0, 64}, {1, 64, 120, 0, 64}, {3, 0, 48, 0, 64}, {4, 48, 80, 0, 64}, {5, 80, 120, 0, 64}}},
    {"equal bytes, of another place",
     "3>100A",
     "tffff",
     {{0, 0, 24, 0, 64}, {0, 24, 72, 0, 64}, {0, 72, 120, 0, 64}, {3, 0, 24, 0, 64}, {3, 24, 72, 0, 64}}},
    {"whole with the last, which came twice before",
     "4>100A 6>100A+",
     "fftfft",
     {{0, 64, 120, 0, 64},
      {0, 64, 120, 0, 64},
      {1, 0, 32, 0, 64},
      {1, 32, 64, 0, 64},
      {2, 0, 32, 0, 64},
      {2, 32, 64, 0, 64}}},
};

/* Nobody knows how much is missing there, so they are not of the payload that is told. */
START_TEST(bytes_behind_a_hole)
{
    struct bench bench;
    struct frame_tcp tcp = tcp_of(CLIENT_PORT, 7, 200);

    bench_begin(&bench);
    set_packet(&bench, &tcp);
    send_piece(&bench, 0, 24, true);
    send_piece(&bench, 48, 88, true);
    drain(bench.table, NULL, NULL, &bench.text);
    ck_assert_str_eq(bench.text.at, "1>4A?");
    bench_end(&bench);
}
END_TEST

START_TEST(copied)
{
    struct bench bench;
    struct frame_tcp tcp[2] = {tcp_of(CLIENT_PORT, 7, 100), tcp_of(CLIENT_PORT, 7, 100)};
    struct text outcomes = {.at = ""};

    tcp[1].seq = 101;
    bench_begin(&bench);
    for (const struct shown *one = copied_rows[_i].piece; one->to; one++) {
        tcp[one->of].ip.ttl = (uint8_t)one->ttl;
        set_packet(&bench, &tcp[one->of]);
        bench.time_ns = 1000 * one->us;
        add(&outcomes, "%c",
            letter_of(send_piece(&bench, (size_t)one->from, (size_t)one->to, one->to < PACKET_END)));
    }
    drain(bench.table, NULL, NULL, &bench.text);
    ck_assert_msg(!strcmp(bench.text.at, copied_rows[_i].segments), "%s: %s", copied_rows[_i].why,
                  bench.text.at);
    ck_assert_msg(!strcmp(outcomes.at, copied_rows[_i].outcomes), "%s: %s", copied_rows[_i].why, outcomes.at);
    bench_end(&bench);
}
END_TEST

/* An acknowledgment ends the wait for a datagram of which only the first fragment came; the rest comes, and all of it again. */
START_TEST(copied_when_told_before)
{
    struct bench bench;
    struct frame_tcp tcp = tcp_of(CLIENT_PORT, 7, 100);
    struct tca_segment ack = {.family = 4, .sport = 80, .dport = CLIENT_PORT, .flags = TCA_ACK, .ack = 50};

    bench_begin(&bench);
    set_packet(&bench, &tcp);
    send_piece(&bench, 0, 64, true);
    struct tca_segment kept;
    memcpy(ack.src, tcp.ip.dst, 16);
    memcpy(ack.dst, tcp.ip.src, 16);
    for (int i = 10; i < 12; i++)
        ack.src[i] = ack.dst[i] = 0xff;
    ck_assert(tca_fragments_due(bench.table, &ack, bench.time_ns, &kept));
    ck_assert_uint_eq(kept.len, 44);
    for (int again = 0; again < 2; again++) {
        send_piece(&bench, 64, 120, false);
        if (!again)
            send_piece(&bench, 0, 64, true);
    }
    ck_assert_str_eq(bench.text.at, "4>44A?+");
    bench_end(&bench);
}
END_TEST

/* More datagrams become whole at once than there is room for: the oldest go, and none that is not whole has to. */
START_TEST(many_done)
{
    enum { WHOLE = 3 * TCA_FRAGMENTS_MAX };
    struct bench bench;

    bench_begin(&bench);
    for (unsigned i = 0; i < WHOLE + TCA_FRAGMENTS_MAX; i++) {
        struct frame_tcp tcp = tcp_of((uint16_t)(CLIENT_PORT + i), (uint16_t)i, 100);
        set_packet(&bench, &tcp);
        for (int again = 0; i < WHOLE && again < 2; again++) {
            bench.text = (struct text){.at = ""};
            send_piece(&bench, 64, PACKET_END, false);
            send_piece(&bench, 0, 64, true);
            ck_assert_uint_gt(bench.text.len, 0); /* room for the newest */
        }
        bench.text = (struct text){.at = ""};
        if (i >= WHOLE)
            ck_assert_int_eq(send_piece(&bench, 0, 64, true), TCA_OUTCOME_tcp);
        ck_assert_uint_eq(bench.text.len, 0);
    }
    struct tca_segment due;
    unsigned waited = 0;
    while (tca_fragments_due(bench.table, NULL, INT64_MAX, &due))
        waited += due.partial;
    ck_assert_uint_eq(waited, TCA_FRAGMENTS_MAX);
    bench_end(&bench);
}
END_TEST

/* One that had to go before it was whole has no copies: what comes again begins another. */
START_TEST(never_whole)
{
    struct bench bench;
    struct frame_tcp tcp = tcp_of(CLIENT_PORT, 0, 100);

    bench_begin(&bench);
    for (unsigned i = 0; i <= TCA_FRAGMENTS_MAX; i++) {
        tcp = tcp_of((uint16_t)(CLIENT_PORT + i), (uint16_t)i, 100);
        set_packet(&bench, &tcp);
        send_piece(&bench, 0, 64, true);
    }
    ck_assert_str_eq(bench.text.at, "1>44A?");
    tcp = tcp_of(CLIENT_PORT, 0, 100);
    set_packet(&bench, &tcp);
    ck_assert_int_eq(send_piece(&bench, 0, 64, true), TCA_OUTCOME_tcp);
    bench_end(&bench);
}
END_TEST

/* Of one without a segment the copies are another one without. */
START_TEST(no_segment_no_copy)
{
    struct bench bench;
    struct frame_tcp tcp = tcp_of(CLIENT_PORT, 7, 100);

    bench_begin(&bench);
    set_packet(&bench, &tcp);
    bench.packet.bytes[20 + 12] = 0x10; /* a data offset of four bytes */
    for (int again = 0; again < 2; again++) {
        ck_assert_int_eq(send_piece(&bench, 0, 8, true), TCA_OUTCOME_fragment);
        ck_assert_int_eq(send_piece(&bench, 8, PACKET_END, false), TCA_OUTCOME_bad_tcp);
    }
    ck_assert_str_eq(bench.text.at, "");
    bench_end(&bench);
}
END_TEST

/* More pieces, one within the other, than are known by heart: nothing tells when all have come again. */
START_TEST(too_many_parts)
{
    enum { PARTS = 70, KNOWN = 64 };
    struct bench bench;
    struct frame_tcp tcp = tcp_of(CLIENT_PORT, 7, 8 * PARTS);

    bench_begin(&bench);
    set_packet(&bench, &tcp);
    for (size_t i = 1; i <= PARTS; i++)
        send_piece(&bench, 8, 8 + 8 * i, true);
    send_piece(&bench, 8 + 8 * PARTS, 20 + 8 * PARTS, false);
    send_piece(&bench, 0, 8, true);
    ck_assert_str_eq(bench.text.at, "72>560A");
    for (size_t i = 1; i <= KNOWN; i++)
        send_piece(&bench, 8, 8 + 8 * i, true);
    ck_assert_str_eq(bench.text.at, "72>560A");
    bench_end(&bench);
}
END_TEST

/* ---- by hand ---- */

START_TEST(lengths_that_contradict)
{
    struct bench bench;
    struct frame_tcp tcp = tcp_of(CLIENT_PORT, 7, 200);

    bench_begin(&bench);
    set_packet(&bench, &tcp);
    send_piece(&bench, 64, 128, false); /* the end, it says */
    send_piece(&bench, 128, 220, false);
    send_piece(&bench, 96, 160, true);
    send_piece(&bench, 64, 96, false);
    ck_assert_str_eq(bench.text.at, "");
    send_piece(&bench, 0, 64, true);
    ck_assert_str_eq(bench.text.at, "5>108A");
    bench_end(&bench);
}
END_TEST

START_TEST(beyond_the_largest_datagram)
{
    struct bench bench;
    struct frame_tcp tcp = tcp_of(CLIENT_PORT, 7, 100);

    bench_begin(&bench);
    set_packet(&bench, &tcp);
    uint8_t bytes[20 + 120];
    memcpy(bytes, bench.packet.bytes, sizeof bytes);
    bytes[6] = 0x1f;
    bytes[7] = 0xff;
    struct tca_record rec = {.bytes = bytes,
                             .captured = sizeof bytes,
                             .original = sizeof bytes,
                             .time_ns = 1,
                             .frame = 1,
                             .link = FRAME_RAW};
    ck_assert_int_eq(feed(bench.table, &rec, &bench.text), TCA_OUTCOME_fragment);
    ck_assert_str_eq(bench.text.at, "");
    bench_end(&bench);
}
END_TEST

START_TEST(many_holes)
{
    struct bench bench;
    struct frame_tcp tcp = tcp_of(CLIENT_PORT, 7, 4000);

    bench_begin(&bench);
    set_packet(&bench, &tcp);
    for (size_t at = 0; at + 8 < 2400; at += 16) /* more than there is room for */
        send_piece(&bench, at, at + 8, true);
    send_piece(&bench, 0, 4016, true);
    send_piece(&bench, 4016, 4020, false);
    ck_assert_str_eq(bench.text.at, "");
    ck_assert(!tca_fragments_due(bench.table, NULL, bench.time_ns, &(struct tca_segment){0}));
    bench_end(&bench);
}
END_TEST

/* First fragments only, each of another connection: the table lets the oldest go, in order. */
START_TEST(full_table)
{
    struct tca_fragments *table = tca_fragments_new();
    struct tca_segment seg, due;
    unsigned handed_on = 0, sent = 3 * TCA_FRAGMENTS_MAX;

    for (unsigned i = 0; i < sent; i++) {
        struct frame_tcp tcp = tcp_of((uint16_t)(1 + i), (uint16_t)(i * 7), 100);
        struct tca_buf packet = {0}, piece = {0};
        frame_add_tcp(&packet, &tcp);
        ck_assert(frame_add_fragment(&piece, &packet, 64, 0, 0));
        struct tca_record rec = {.bytes = (const uint8_t *)piece.bytes,
                                 .captured = (uint32_t)piece.used,
                                 .original = (uint32_t)piece.used,
                                 .time_ns = 1000 + i,
                                 .frame = i + 1,
                                 .link = FRAME_RAW,
                                 .left_out = i % 2};
        ck_assert_int_eq(tca_decode_fragments(table, &rec, true, &seg), TCA_OUTCOME_tcp);
        ck_assert(seg.fragmented);
        while (tca_fragments_due(table, NULL, rec.time_ns, &due)) {
            ck_assert_uint_eq(due.frame, ++handed_on);
            ck_assert_uint_eq(due.sport, handed_on);
            ck_assert_int_eq(due.time_ns, 999 + (int64_t)handed_on);
            ck_assert(due.partial && due.left_out == (handed_on % 2 == 0));
        }
        ck_assert_uint_eq(handed_on, i < TCA_FRAGMENTS_MAX ? 0 : i - TCA_FRAGMENTS_MAX + 1);
        tca_buf_done(&packet);
        tca_buf_done(&piece);
    }
    while (tca_fragments_due(table, NULL, INT64_MAX, &due))
        ck_assert_uint_eq(due.frame, ++handed_on);
    ck_assert_uint_eq(handed_on, sent);
    tca_fragments_free(table);
}
END_TEST

/* Whoever decodes and never asks what is due fills the table, no more. */
START_TEST(nobody_asks)
{
    struct tca_fragments *table = tca_fragments_new();
    struct tca_segment seg;

    for (unsigned i = 0; i < 5 * TCA_FRAGMENTS_MAX; i++) {
        struct frame_tcp tcp = tcp_of((uint16_t)(1 + i), (uint16_t)i, 100);
        struct tca_buf packet = {0};
        frame_add_tcp(&packet, &tcp);
        for (size_t piece = 0; piece < 2; piece++) {
            struct tca_buf one = {0};
            frame_add_fragment(&one, &packet, 64, i % 3 ? piece : 1 - piece, 0);
            struct tca_record rec = {
                (const uint8_t *)one.bytes, (uint32_t)one.used, (uint32_t)one.used, i, i, FRAME_RAW, false};
            ck_assert_uint_lt(tca_decode_fragments(table, &rec, true, &seg), TCA_OUTCOME_COUNT);
            tca_buf_done(&one);
        }
        tca_buf_done(&packet);
    }
    tca_fragments_free(table);
}
END_TEST

/* ---- against a model ---- */

enum { MODEL_BYTES = 600, DATAGRAMS = 5 };

struct model {
    uint8_t have[MODEL_BYTES];
    size_t end, total; /* highest byte that came; 0: the last fragment has not */
};

static uint32_t random_next(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

static bool model_whole(const struct model *m)
{
    for (size_t i = 0; i < m->total; i++)
        if (!m->have[i])
            return false;
    return m->total > 0;
}

/* True when this piece makes the datagram whole. */
static bool model_take(struct model *m, size_t from, size_t to, bool more)
{
    if (m->total ? to > m->total || (!more && to != m->total) : !more && to < m->end)
        return false;
    memset(m->have + from, 1, to - from);
    m->end = to > m->end ? to : m->end;
    m->total = more ? m->total : to;
    return model_whole(m);
}

/* Pieces of five datagrams, mixed, repeated and overlapping: each is whole exactly when the model says so, and its segment
 * then has the right length. */
START_TEST(at_random)
{
    struct bench bench;
    struct model model[DATAGRAMS];
    int became_whole = 0;
    uint32_t state = 4711u + (uint32_t)_i;

    bench_begin(&bench);
    memset(model, 0, sizeof model);
    for (int round = 0; round < 400; round++) {
        unsigned which = random_next(&state) % DATAGRAMS;
        size_t len = 100 + 80 * which, whole = 20 + len; /* which has a TCP header of its own */
        size_t from = random_next(&state) % (whole / 8 + 1) * 8,
               to = from + 8 * (1 + random_next(&state) % 20);
        bool more = to < whole;
        struct frame_tcp tcp = tcp_of((uint16_t)(CLIENT_PORT + which), (uint16_t)which, len);

        to = more ? to : whole;
        if (from >= to || (from == 0 && !more))
            continue; /* nothing, or no fragment */
        set_packet(&bench, &tcp);
        bench.text = (struct text){.at = ""};
        send_piece(&bench, from, to, more);
        if (!model_take(&model[which], from, to, more)) {
            ck_assert_str_eq(bench.text.at, "");
            continue;
        }
        char expected[64];
        snprintf(expected, sizeof expected, "%llu>%zuA", (unsigned long long)bench.frame, len);
        ck_assert_str_eq(bench.text.at, expected);
        model[which] = (struct model){.end = 0};
        bench.time_ns += COPY_NS; /* the next piece is no copy, but begins another datagram */
        became_whole++;
    }
    ck_assert_msg(became_whole > 2, "the test tests nothing");
    bench_end(&bench);
}
END_TEST

static Suite *fragment_suite(void)
{
    Suite *suite = suite_create("fragment");
    TCase *details = tcase_create("details");

    add_case(suite, "scripts", scripts, ROWS(rows));
    add_case(suite, "copied", copied, ROWS(copied_rows));
    add_case(suite, "at random", at_random, 50);
    tcase_add_test(details, first_bytes_win);
    tcase_add_test(details, bytes_behind_a_hole);
    tcase_add_test(details, lengths_that_contradict);
    tcase_add_test(details, beyond_the_largest_datagram);
    tcase_add_test(details, many_holes);
    tcase_add_test(details, copied_when_told_before);
    tcase_add_test(details, many_done);
    tcase_add_test(details, never_whole);
    tcase_add_test(details, no_segment_no_copy);
    tcase_add_test(details, too_many_parts);
    tcase_add_test(details, full_table);
    tcase_add_test(details, nobody_asks);
    suite_add_tcase(suite, details);
    return suite;
}

int main(void)
{
    return run_suite(fragment_suite());
}
