/* SPDX-License-Identifier: MIT
 *
 * Streams: Wireshark's rules one by one, as tshark 4.0.17 showed them for these packets; and what pass 1 tells of a tuple
 * that it forgot now and then, joined again, against a reading of the same packets that never forgets.
 *
 * Packets of a script: "c" and "s" say who sends (key side 0 and 1), then flags, then sequence number, acknowledgment
 * number and payload length as far as they matter: "cS100 sSA500,101 cA101,501,7". "!" before a packet: a quotation;
 * "~": a header that does not fit; "-": a data offset below 5.
 */
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "engine/run.h"
#include "suite.h"

enum { LATER_NS = 1000000 };

static void set_ends(struct tca_segment *seg, unsigned tuple, int side)
{
    seg->family = 4;
    seg->src[15] = (uint8_t)(1 + side);
    seg->dst[15] = (uint8_t)(2 - side);
    uint16_t port[2] = {(uint16_t)(1000 + tuple), 80};
    seg->sport = port[side];
    seg->dport = port[1 - side];
}

static unsigned flag_of(char letter)
{
    switch (letter) {
    case 'S':
        return TCA_SYN;
    case 'A':
        return TCA_ACK;
    case 'F':
        return TCA_FIN;
    case 'R':
        return TCA_RST;
    default:
        return 0;
    }
}

/* The next packet of a script; false at its end. */
static bool next_packet(const char **script, struct tca_segment *ret_seg, int *ret_side)
{
    const char *at = *script;
    while (*at == ' ')
        at++;
    if (!*at)
        return false;
    *ret_seg = (struct tca_segment){0};
    for (; strchr("!~-", *at); at++) {
        ret_seg->quoted |= *at == '!';
        ret_seg->unmeasured |= *at == '~';
        ret_seg->bad_offset |= *at == '-';
    }
    *ret_side = *at++ == 's';
    set_ends(ret_seg, 0, *ret_side);
    for (; flag_of(*at); at++)
        ret_seg->flags |= (uint16_t)flag_of(*at);
    unsigned number[3] = {0};
    for (int i = 0; i < 3 && *at && *at != ' '; i++) {
        char *end;
        number[i] = (unsigned)strtoul(at, &end, 10);
        at = *end == ',' ? end + 1 : end;
    }
    ret_seg->seq = number[0];
    ret_seg->ack = number[1];
    ret_seg->len = number[2];
    *script = at;
    return true;
}

/* ---- rules ---- */

struct script_row {
    const char *packets;
    const char *streams;   /* number of each packet's stream */
    unsigned completeness; /* of the last stream */
    const char *why;
};

/* clang-format off */
static const struct script_row rows[] = {
    {"cS100",                         "0",     1,  "a SYN alone shows itself"},
    {"cS100,0,5",                     "0",     9,  "payload with the tuple's first SYN counts"},
    {"cS100 cS100,0,5",               "00",    1,  "with a later SYN it does not"},
    {"cS100 cS200,0,5",               "01",    1,  "nor with one that begins another stream"},
    {"cR1",                           "0",     0,  "a packet alone shows nothing: printed before it is counted"},
    {"cR1 cR1",                       "00",    32, "but before the next one"},
    {"cA1,1",                         "0",     0,  "likewise"},
    {"cS1 cSR100",                    "01",    33, "a SYN that begins another stream shows all of itself"},
    {"cSR1",                          "0",     1,  "the first one does not"},
    {"cS100 sSA500,101 cA101,501",    "000",   7,  "the handshake"},
    {"cS100 sSA500,101 cA101,501,9",  "000",   11, "data in the third ACK is no ACK"},
    {"cS100 sRA0,101",                "00",    37, "refused"},
    {"cS100 cF101",                   "00",    1,  "a FIN without ACK does not count"},
    {"cS100 cFA101,1",                "00",    21, "an empty FIN+ACK is an ACK"},
    {"cS100 sSFA200,101",             "00",    19, "a SYN+ACK with FIN"},
    {"cS100 sSA500,101,5",            "00",    3,  "payload with a SYN+ACK does not count"},
    {"cSF100 cSF100 cSF200",          "001",   1,  "SYN+FIN is a SYN"},
    {"cS100 cS200 cS100",             "012",   1,  "an older number, too"},
    {"cS100 sRA0,101 cS100",          "000",   37, "RST and the same number again end nothing"},
    {"sSA500,101 cS100 cS101",        "001",   1,  "SYN+ACK first: its ack - 1 is the SYN's number"},
    {"cA100,1,2 cS99 cS100",          "001",   1,  "a segment implies seq - 1"},
    {"cA100,1000 sS999 sS1000",       "001",   1,  "and ack - 1 for the other side"},
    {"c100,1000 sS999 sS1000",        "001",   1,  "without ACK flag there is no ack; the first SYN sets it"},
    {"cS100 sSA500,101 sSA600,101 sS600 sS500", "00001", 1, "another SYN+ACK replaces the number"},
    {"cS100 sS200 cSA100,201 sSA200,101",       "0000",  3, "simultaneous open"},
    {"!cS300 cS100 cS200",            "001",   1,  "a quotation begins a stream and tells no number"},
    {"cS100 !cS300 cF1",              "011",   1,  "and begins another"},
    {"cS100 !cRA101,1,9 cF1",         "000",   37, "its completeness counts, its payload does not"},
    {"!cSA900,1 cS100",               "00",    2,  "its SYN+ACK tells no number either"},
    {"cS100 !cSA900,1 cS900 cS100",   "0001",  1,  "but replaces one"},
    {"~cS100 cS101 cS102",            "001",   1,  "what does not fit tells no number"},
    {"cS100 ~sA500,1 sS7",            "000",   5,  "likewise"},
    {"cS100 -cR101 cF102",            "000",   1,  "a data offset below 5: not counted"},
    {"-cR100 cS99 cS100",             "001",   1,  "but its number is"},
    {"-cS100 cS100",                  "00",    0,  "no SYN for the first stream"},
    {"cS1 -cS100",                    "01",    1,  "one for another"},
};
/* clang-format on */

struct watched {
    struct tca_flow_table *table;
    struct tca_streams *streams;
};

static int piece_over(void *user, const struct tca_key *key, const struct tca_piece *piece)
{
    struct watched *w = user;
    return tca_streams_put(w->streams, 1, key, piece);
}

static int flow_over(void *user, struct tca_flow *flow)
{
    (void)user;
    (void)flow;
    return 0;
}

static void begin_watching(struct watched *w, bool keyed)
{
    struct tca_flow_settings set = {
        .seed = 7, .key_vlan = keyed, .over = flow_over, .piece_over = piece_over, .user = w};
    ck_assert_int_eq(tca_flow_table_new(&set, &w->table), 0);
    ck_assert_int_eq(tca_streams_new(9, NULL, &w->streams), 0);
}

/* The piece to which this packet belongs; a quotation has no flow. */
static uint64_t watch(struct watched *w, const struct tca_segment *seg)
{
    struct tca_flow_met met;
    struct tca_flow_found found;
    struct tca_flow_look look;
    tca_flow_look(w->table, seg, &look);
    ck_assert_int_eq(tca_flow_meet(w->table, seg, &look, &met), 0);
    uint64_t piece = met.stream_frame;
    ck_assert_int_eq(tca_flow_find(w->table, &met, seg, &found), 0);
    tca_flow_note(w->table, found.flow, seg, found.side, TCA_FLOW_OVER);
    ck_assert_int_eq(tca_flow_expire(w->table, seg->time_ns), 0);
    return piece;
}

static void end_watching(struct watched *w)
{
    static const struct tca_spots no_series;
    ck_assert_int_eq(tca_flow_table_end(w->table), 0);
    ck_assert_int_eq(tca_streams_number(w->streams, &no_series), 0);
    tca_streams_show(w->streams);
}

static void done_watching(struct watched *w)
{
    tca_flow_table_free(w->table);
    tca_streams_free(w->streams);
}

static struct tca_dossier told_of(const struct watched *w, uint32_t capture, uint64_t piece)
{
    struct tca_dossier d;
    memset(&d, 0, sizeof d);
    d.capture = capture;
    d.stream_frame = piece;
    tca_streams_tell(w->streams, &(size_t){0}, &d);
    return d;
}

static struct tca_dossier told(const struct watched *w, uint64_t piece)
{
    return told_of(w, 1, piece);
}

START_TEST(test_rule)
{
    const struct script_row *row = &rows[_i];
    struct watched w;
    struct tca_segment seg;
    const char *at = row->packets;
    uint64_t piece[8];
    unsigned count = 0;
    int side;

    begin_watching(&w, false);
    while (next_packet(&at, &seg, &side)) {
        seg.frame = ++count;
        seg.time_ns = (int64_t)count * LATER_NS;
        piece[count - 1] = watch(&w, &seg);
    }
    end_watching(&w);
    char streams[sizeof piece / sizeof *piece + 1] = "";
    for (unsigned i = 0; i < count; i++)
        streams[i] = (char)('0' + told(&w, piece[i]).tcp_stream);
    ck_assert_msg(!strcmp(streams, row->streams), "%s: %s instead of %s (%s)", row->packets, streams,
                  row->streams, row->why);
    ck_assert_msg(told(&w, piece[count - 1]).completeness == row->completeness, "%s: %u instead of %u (%s)",
                  row->packets, told(&w, piece[count - 1]).completeness, row->completeness, row->why);
    done_watching(&w);
}
END_TEST

/* ---- what is forgotten ---- */

enum { TUPLES = 7, STEPS = 100000 };

/* One tuple as somebody sees it who never forgets. */
struct memory {
    bool exists, known[2], lone;
    uint32_t base[2];
    uint64_t stream;
};

struct reading {
    struct memory memory[TUPLES];
    uint64_t count;
    uint8_t completeness[STEPS];
};

static uint8_t ordinary(const struct tca_segment *seg)
{
    unsigned f = seg->flags, bits = 0;
    if (seg->bad_offset)
        return 0;
    if (f & TCA_ACK)
        bits |= f & TCA_SYN ? 2 : seg->len && !seg->quoted ? 8 : 4;
    if ((f & TCA_ACK) && (f & TCA_FIN))
        bits |= 16;
    return (uint8_t)(bits | (f & TCA_RST ? 32 : 0));
}

static void learn(struct memory *m, const struct tca_segment *seg, int side)
{
    bool syn = seg->flags & TCA_SYN, ack = seg->flags & TCA_ACK;
    if (seg->quoted || seg->unmeasured) {
        if (syn && ack && m->known[side])
            m->base[side] = seg->seq;
        return;
    }
    if (syn || !m->known[side])
        m->base[side] = syn ? seg->seq : seg->seq - 1;
    m->known[side] = true;
    if (ack && !m->known[1 - side])
        m->base[1 - side] = seg->ack - 1;
    m->known[1 - side] |= ack;
}

/* The number of the packet's stream. */
static uint64_t read_packet(struct reading *r, unsigned tuple, const struct tca_segment *seg, int side,
                            uint8_t later[STEPS])
{
    struct memory *m = &r->memory[tuple];
    bool syn = (seg->flags & (TCA_SYN | TCA_ACK)) == TCA_SYN, again = m->exists;
    bool begins = !again || (syn && m->known[side] && m->base[side] != seg->seq);
    if (begins) {
        uint8_t fresh = syn && !seg->bad_offset ? (seg->len && !seg->quoted ? 9 : 1) : 0;
        *m = (struct memory){.exists = true, .stream = r->count++};
        r->completeness[m->stream] = again ? (uint8_t)(1 | ordinary(seg)) : fresh;
        later[m->stream] = (uint8_t)((again ? 1 : fresh) | ordinary(seg));
    } else {
        later[m->stream] |= ordinary(seg);
        r->completeness[m->stream] = later[m->stream];
    }
    learn(m, seg, side);
    return m->stream;
}

static uint64_t next_random(uint64_t *state)
{
    *state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

static struct tca_segment random_segment(uint64_t *state, unsigned tuple, int side, bool strange)
{
    static const uint16_t flags[] = {
        TCA_SYN,           TCA_SYN, TCA_SYN | TCA_ACK, TCA_SYN | TCA_ACK, TCA_ACK, TCA_ACK,
        TCA_FIN | TCA_ACK, TCA_RST, TCA_RST | TCA_ACK, TCA_SYN | TCA_FIN, 0};
    struct tca_segment seg = {0};
    set_ends(&seg, tuple, side);
    seg.flags = flags[next_random(state) % (sizeof flags / sizeof *flags)];
    seg.seq = (uint32_t)(1000 * (next_random(state) % 3) + next_random(state) % 2);
    seg.ack = (uint32_t)(1000 * (next_random(state) % 3) + next_random(state) % 3);
    seg.len = next_random(state) % 3 ? 0 : 10;
    seg.tags.vlan_count = 1;
    seg.tags.vlan[0] = (uint16_t)(next_random(state) % 3);
    if (strange && next_random(state) % 4 == 0) {
        seg.quoted = next_random(state) % 3 == 0;
        seg.unmeasured = !seg.quoted && next_random(state) % 2;
        seg.bad_offset = next_random(state) % 3 == 0;
    }
    return seg;
}

/* Plain, strange, with VLANs in the key, both. */
START_TEST(test_forgotten)
{
    static uint64_t piece[STEPS], want[STEPS];
    static uint8_t later[STEPS];
    static struct reading reading;
    static const int64_t pauses[] = {LATER_NS, LATER_NS, LATER_NS, INT64_C(300) * 1000000000};
    struct watched w;
    uint64_t state = (uint64_t)_i;
    int64_t now = 0;

    memset(&reading, 0, sizeof reading);
    begin_watching(&w, _i & 2);
    for (unsigned step = 0; step < STEPS; step++) {
        unsigned tuple = (unsigned)(next_random(&state) % TUPLES);
        int side = (int)(next_random(&state) % 2);
        struct tca_segment seg = random_segment(&state, tuple, side, _i & 1);
        now += pauses[next_random(&state) % 4];
        seg.time_ns = now;
        seg.frame = step + 1;
        want[step] = read_packet(&reading, tuple, &seg, side, later);
        piece[step] = watch(&w, &seg);
    }
    end_watching(&w);
    for (unsigned step = 0; step < STEPS; step++) {
        struct tca_dossier d = told(&w, piece[step]);
        ck_assert_msg(d.tcp_stream == want[step], "packet %u is in stream %llu, not %llu", step,
                      (unsigned long long)d.tcp_stream, (unsigned long long)want[step]);
        ck_assert_msg(d.completeness == reading.completeness[want[step]], "stream %llu: %u instead of %u",
                      (unsigned long long)want[step], d.completeness, reading.completeness[want[step]]);
    }
    done_watching(&w);
}
END_TEST

/* ---- several captures ---- */

/* One tuple in two captures: in the first two connections, each of which goes on after it was forgotten. */
START_TEST(test_captures)
{
    static const struct {
        uint32_t capture;
        struct tca_piece piece;
        uint64_t number;
        uint8_t completeness;
    } told_as[] = {
        {1, {.frame = 1, .syn = true, .syn_seq = 9, .fresh = 1, .bits = 6, .more = true}, 0, 23},
        {1, {.frame = 5, .bits = 20}, 0, 23},
        {1,
         {.frame = 7, .syn = true, .sure = true, .syn_seq = 5, .fresh = 1, .bits = 32, .more = true},
         1,
         41},
        {1, {.frame = 8, .bits = 8}, 1, 41},
        {2, {.frame = 4, .bits = 8, .more = true}, 0, 8},
        {2, {.frame = 6, .syn = true, .sure = true, .syn_seq = 9}, 1, 1},
    };
    struct watched w;
    struct tca_key key = {.family = 4, .plain = 1};

    begin_watching(&w, false);
    for (size_t i = ROWS(told_as); i--;) /* in any order */
        ck_assert_int_eq(tca_streams_put(w.streams, told_as[i].capture, &key, &told_as[i].piece), 0);
    end_watching(&w);
    for (size_t i = 0; i < ROWS(told_as); i++) {
        struct tca_dossier d = told_of(&w, told_as[i].capture, told_as[i].piece.frame);
        ck_assert_uint_eq(d.tcp_stream, told_as[i].number);
        ck_assert_uint_eq(d.completeness, told_as[i].completeness);
    }
    done_watching(&w);
}
END_TEST

/* ---- who is none to Wireshark ---- */

START_TEST(test_partial)
{
    struct watched w;
    struct tca_segment seg = {.frame = 1, .flags = TCA_SYN, .partial = true}, whole;
    struct tca_flow_met met;
    set_ends(&seg, 0, 0);
    begin_watching(&w, false);
    struct tca_flow_look look;
    tca_flow_look(w.table, &seg, &look);
    ck_assert_int_eq(tca_flow_meet(w.table, &seg, &look, &met), 0);
    ck_assert_msg(!met.stream, "a fragment has no stream");
    struct tca_flow_found found;
    ck_assert_int_eq(tca_flow_find(w.table, &met, &seg, &found), 0);
    ck_assert_msg(!found.flow->stream, "its flow has none yet");
    tca_flow_note(w.table, found.flow, &seg, found.side, TCA_FLOW_OPENING);
    whole = seg;
    whole.frame = 2;
    whole.partial = false;
    uint64_t piece = watch(&w, &whole);
    ck_assert_uint_eq(found.flow->stream_frame, 2);
    end_watching(&w);
    ck_assert_uint_eq(told(&w, piece).tcp_stream, 0);
    ck_assert_uint_eq(told(&w, 0).tcp_stream, TCA_NO_STREAM);
    done_watching(&w);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stream");
    add_case(suite, "rules", test_rule, ROWS(rows));
    tcase_set_timeout(add_case(suite, "forgotten", test_forgotten, 4),
                      60); /* 10^5 packets against a plain model */
    add_case(suite, "captures", test_captures, 1);
    add_case(suite, "partial", test_partial, 1);
    return run_suite(suite);
}
