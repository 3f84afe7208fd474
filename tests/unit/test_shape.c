/* SPDX-License-Identifier: MIT
 *
 * What fuzz targets make of bytes (tests/fuzz/shape.h): were it not traffic, they would hunt in front of a closed door, and nobody
 * would notice.
 */
#include "shape.h"
#include "suite.h"
#include "table.h"

#include "decode/decode.h"
#include "frame.h"

/* ---- mending ---- */

static const struct {
    const char *why;
    int link;
    uint8_t family;
    uint16_t vlan;
    size_t ip_at; /* where the IP packet begins */
} frames[] = {
    {"Ethernet", FRAME_ETHERNET, 4, 0, 14},   {"Ethernet, IPv6", FRAME_ETHERNET, 6, 0, 14},
    {"a VLAN tag", FRAME_ETHERNET, 4, 7, 18}, {"raw IP", FRAME_RAW, 6, 0, 0},
    {"Linux cooked", FRAME_SLL, 4, 0, 16},    {"Linux cooked, version 2", FRAME_SLL2, 4, 0, 20},
};

static void make_frame(int row, struct tca_buf *out)
{
    const struct frame_link link = {.type = frames[row].link, .vlan = frames[row].vlan};
    struct frame_tcp tcp = {.ip = {.src = {[10] = 0xff, 0xff, 10, 0, 0, 1},
                                   .dst = {[10] = 0xff, 0xff, 10, 0, 0, 2},
                                   .family = frames[row].family,
                                   .ttl = 64},
                            .sport = 1000,
                            .dport = 80,
                            .flags = FRAME_ACK,
                            .payload = (const uint8_t *)"odd",
                            .len = 3};
    struct tca_buf packet = {0};

    frame_add_tcp(&packet, &tcp);
    frame_add(out, &link, tcp.ip.family, packet.bytes, packet.used);
    tca_buf_done(&packet);
}

static enum tca_outcome decode(int row, const struct tca_buf *frame, struct tca_segment *ret_seg)
{
    const struct tca_record record = {.bytes = (const uint8_t *)frame->bytes,
                                      .captured = (uint32_t)frame->used,
                                      .original = (uint32_t)frame->used,
                                      .frame = 1,
                                      .link = frames[row].link};
    return tca_decode(&record, true, ret_seg);
}

/* Lengths and checksums that are wrong, and options that go beyond the segment. */
START_TEST(mended)
{
    struct tca_buf frame = {0};
    struct tca_segment seg;

    make_frame(_i, &frame);
    uint8_t *ip = (uint8_t *)frame.bytes + frames[_i].ip_at;
    bool v4 = frames[_i].family == 4;
    ip[v4 ? 2 : 4] ^= 0x5a;
    ip[(v4 ? 20 : 40) + 12] = 0xf0;
    ip[(v4 ? 20 : 40) + 16] ^= 1;
    ck_assert(decode(_i, &frame, &seg) != TCA_OUTCOME_tcp || seg.checksum != TCA_CHECKSUM_GOOD);
    shape_mend(frames[_i].link, (uint8_t *)frame.bytes, frame.used);
    ck_assert_int_eq(decode(_i, &frame, &seg), TCA_OUTCOME_tcp);
    ck_assert_uint_eq(seg.checksum, TCA_CHECKSUM_GOOD);
    ck_assert_uint_eq(seg.len, 3);
    tca_buf_done(&frame);
}
END_TEST

/* ---- scripts ---- */

/* Of the tables of a script: rows of flows, and one cell of the first row. */
static const struct {
    const char *why;
    uint8_t script[40];
    size_t bytes, records, flows;
    const char *column, *cell;
} scripts[] = {
    {"whole connections", {0, 0x0e, 3, 0x0e, 0x83, 0, 0xff}, 7, 13, 2, "handshake", "complete"},
    {"its end", {0, 0x0e, 0x83, 0, 0xff}, 5, 10, 1, "verdict", "normal"},
    {"a refusal", {0, 0x10, 3, 0x96, 3}, 5, 2, 1, "verdict", "rst_refused"},
    {"a segment twice", {0, 0x00, 3, 0x08, 7}, 5, 2, 1, "syn_count", "2"},
    {"a burst with answers", {0, 0x8d, 0x83, 1, 1}, 5, 10, 5, "synack_count", "0"},
    {"a crowd", {0, 0x0d, 0x83, 15, 0}, 5, 5, 1, "close", "none_open_at_end"},
    {"an ICMP error", {0, 0x00, 3, 0x8a, 0x83, 0, 1}, 7, 2, 1, "handshake", "refused_icmp"},
    {"fragments", {0, 0x0e, 0x83, 0, 0, 0x0b, 0x83, 0, 0}, 9, 6, 1, "client_bytes", "1200"},
    {"no time", {0, 0x00, 0x83, 13, 0}, 5, 1, 1, "syn_count", "1"},
    {"nothing", {0}, 1, 0, 0, NULL, NULL},
};

START_TEST(played)
{
    struct fuzz_bytes in = {scripts[_i].script, scripts[_i].bytes};
    struct tca_session *session = open_session("checksums", "on");
    struct table flows;
    struct shape shape;

    shape_captures(&in, &shape);
    ck_assert_uint_eq(shape.captures, 1);
    ck_assert_uint_eq(shape.count[0], scripts[_i].records);
    shape_feed(&shape, session, 0);
    ck_assert_int_eq(tca_session_finish(session, NULL), 0);
    fuzz_require_sums(session);
    ck_assert_int_eq(table_read(session, "flows", &flows, NULL), 0);
    ck_assert_uint_eq(flows.rows, scripts[_i].flows);
    if (scripts[_i].flows)
        ck_assert_str_eq(table_cell(&flows, 0, scripts[_i].column), scripts[_i].cell);
    table_done(&flows);
    shape_done(&shape);
    tca_session_free(session);
}
END_TEST

/* What only the second of two captures does not see. */
START_TEST(seen_by_some)
{
    static const uint8_t script[] = {0xa0, 0x00, 3, 0x81, 0x83, 3, 0, 0x02, 3};
    struct fuzz_bytes in = {script, sizeof script};
    struct shape shape;

    shape_captures(&in, &shape);
    ck_assert_uint_eq(shape.captures, 2);
    ck_assert_uint_eq(shape.count[0], 3);
    ck_assert_uint_eq(shape.count[1], 2);
    ck_assert_uint_eq(shape.record[1][1].frame, 2);
    shape_done(&shape);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shape");

    add_case(suite, "mended", mended, ROWS(frames));
    add_case(suite, "played", played, ROWS(scripts));
    add_case(suite, "seen by some", seen_by_some, 1);
    return run_suite(suite);
}
