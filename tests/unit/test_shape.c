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
#include "pcapng.h"

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

/* ---- files ---- */

/* Lengths that are wrong in a file of three packets: in which byte, and what is put there. */
static const struct {
    const char *why;
    bool pcapng, big;
    size_t at;
    uint8_t byte;
    int64_t least; /* packets that are found */
} files[] = {
    {"pcap as it is", false, false, 20, 1, 3},
    {"pcap, a record longer than the file", false, false, 24 + 9, 0x40, 2},
    {"pcap, a record as long as a number is", false, false, 24 + 11, 0xff, 2},
    {"pcap, longer than it was on the wire", false, false, 24 + 12, 1, 3},
    {"pcapng as it is", true, false, 28 + 20 + 8, 0, 3},
    {"pcapng, a block of no length", true, false, 28 + 20 + 4, 0, 1},
    {"pcapng, the second length is another", true, false, 28 + 19, 1, 3},
    {"pcapng, an interface that is not there", true, false, 28 + 20 + 8, 9, 3},
    {"pcapng, a packet longer than its block", true, false, 28 + 20 + 23, 0x7f, 3},
    {"pcapng, a section of that many bytes", true, false, 16, 77, 3},
    {"pcapng, the other byte order", true, true, 28 + 20 + 20, 0x7f, 3},
};

static void make_file(int row, struct tca_buf *out)
{
    struct blocks b = {.big_endian = files[row].big};
    const uint32_t head[6] = {0xa1b2c3d4, 4 << 16 | 2, 0, 0, 65535, FRAME_ETHERNET};
    struct tca_buf frame = {0};

    make_frame(0, &frame);
    const uint32_t about[4] = {1, 2, (uint32_t)frame.used, (uint32_t)frame.used};
    blocks_section(&b);
    blocks_end(&b, blocks_interface(&b, FRAME_ETHERNET, 0));
    tca_buf_add(out, head, sizeof head);
    for (int n = 0; n < 3; n++) {
        blocks_end(&b, blocks_packet(&b, 0, 7, frame.bytes, about[2], about[3]));
        tca_buf_add(out, about, sizeof about);
        tca_buf_add(out, frame.bytes, frame.used);
    }
    if (files[row].pcapng) {
        tca_buf_done(out);
        *out = b.out;
        b.out = (struct tca_buf){0};
    }
    tca_buf_done(&b.out);
    tca_buf_done(&frame);
}

/* Whatever was wrong, the file is read to its end, and most of what follows is found. */
START_TEST(file_mended)
{
    struct tca_buf bytes = {0};
    struct fuzz_file file;
    struct tca_session *session = open_session(NULL, NULL);
    struct tca_error error = {0};
    struct table captures;

    make_file(_i, &bytes);
    bytes.bytes[files[_i].at] = (char)files[_i].byte;
    shape_mend_file((uint8_t *)bytes.bytes, bytes.used);
    fuzz_file_make(&file, bytes.bytes, bytes.used);
    ck_assert_msg(tca_session_read(session, file.path, &error) == 0, "%s: %s", files[_i].why, error.text);
    ck_assert_int_eq(tca_session_finish(session, NULL), 0);
    ck_assert_int_eq(table_read(session, "captures", &captures, NULL), 0);
    ck_assert_str_eq(table_cell(&captures, 0, "status"), "ok");
    ck_assert_int_ge(table_number(&captures, 0, "packets"), files[_i].least);
    table_done(&captures);
    tca_session_free(session);
    fuzz_file_done(&file);
    tca_buf_done(&bytes);
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
    add_case(suite, "file mended", file_mended, ROWS(files));
    add_case(suite, "played", played, ROWS(scripts));
    add_case(suite, "seen by some", seen_by_some, 1);
    return run_suite(suite);
}
