/* SPDX-License-Identifier: MIT
 *
 * A script is a header (link type, how many captures and who sees what, snap length) and steps:
 *
 *     step: kind and conversation u8, time and what follows u8, { sequence u8, acknowledgment u8, length u8, oddity u8 }
 *
 * A step without extra bytes is what an ordinary host would do now. The ends know what was sent and what was heard; each step is
 * heard by the other end unless its oddity says that it is lost. Whether the other end would take it is not asked: that is the
 * analyzer's business.
 */
#include "shape.h"

#include <stdio.h>
#include <stdlib.h>

#include "frame.h"

/* ---- mending ---- */

enum {
    ETHER_LEN = 14,
    IPV4_LEN = 20,
    IPV6_LEN = 40,
    PROTOCOL_ICMP = 1,
    PROTOCOL_TCP = 6,
    PROTOCOL_UDP = 17,
    PROTOCOL_ICMPV6 = 58,
};

static void put16(uint8_t *at, size_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static uint32_t sum_of(uint32_t sum, const uint8_t *bytes, size_t count)
{
    for (size_t at = 0; at < count; at++)
        sum += at & 1 ? bytes[at] : (uint32_t)bytes[at] << 8;
    return (sum & 0xffff) + (sum >> 16);
}

/* The checksum of these bytes, at `where` among them. */
static void put_sum(uint8_t *bytes, size_t count, size_t where, uint32_t sum)
{
    put16(bytes + where, 0);
    sum = sum_of(sum, bytes, count);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    put16(bytes + where, ~sum & 0xffff);
}

static void mend_transport(uint8_t protocol, uint32_t pseudo, uint8_t *bytes, size_t count)
{
    pseudo += protocol + (uint32_t)count;
    if (protocol == PROTOCOL_TCP && count >= 20) {
        size_t most = count < 60 ? count / 4 : 15, offset = bytes[12] >> 4;
        offset = offset < 5 ? 5 : offset > most ? most : offset;
        bytes[12] = (uint8_t)(offset << 4 | (bytes[12] & 0x0f));
        put_sum(bytes, count, 16, pseudo);
    } else if (protocol == PROTOCOL_UDP && count >= 8) {
        put16(bytes + 4, count);
        put16(bytes + 6, 0);
    } else if ((protocol == PROTOCOL_ICMP || protocol == PROTOCOL_ICMPV6) && count >= 4) {
        put_sum(bytes, count, 2, protocol == PROTOCOL_ICMP ? 0 : pseudo);
    }
}

static void mend_ip(uint8_t *ip, size_t count)
{
    if (count >= IPV4_LEN && ip[0] >> 4 == 4) {
        size_t header = (size_t)(ip[0] & 15) * 4;
        if (header < IPV4_LEN || header > count) {
            ip[0] = 0x45;
            header = IPV4_LEN;
        }
        put16(ip + 2, count & 0xffff);
        put_sum(ip, header, 10, 0);
        mend_transport(ip[9], sum_of(0, ip + 12, 8), ip + header, count - header);
    } else if (count >= IPV6_LEN && ip[0] >> 4 == 6) {
        put16(ip + 4, count - IPV6_LEN);
        mend_transport(ip[6], sum_of(0, ip + 8, 32), ip + IPV6_LEN, count - IPV6_LEN);
    }
}

/* Where IP begins, behind VLAN tags where there are some. */
static size_t ip_at(int link, const uint8_t *bytes, size_t count)
{
    size_t at = ETHER_LEN;

    if (link == FRAME_SLL)
        return 16;
    if (link == FRAME_SLL2)
        return 20;
    if (link != FRAME_ETHERNET)
        return 0;
    while (at + 4 <= count && bytes[at - 2] == 0x81 && bytes[at - 1] == 0)
        at += 4;
    return at;
}

void shape_mend(int link, uint8_t *bytes, size_t count)
{
    size_t at = ip_at(link, bytes, count);
    bool known = link == FRAME_ETHERNET || link == FRAME_RAW || link == FRAME_SLL || link == FRAME_SLL2;

    if (known && at < count)
        mend_ip(bytes + at, count - at);
}

/* ---- who talks ---- */

enum { CLIENT, SERVER, TALKS = 8, OPTIONS_MAX = 40 };

struct end {
    uint8_t addr[16];
    uint16_t port;
    uint32_t next, heard; /* what it sends next; what it acknowledges */
    uint32_t last;        /* sequence of its last segment, to be sent again */
    uint32_t last_len;
    uint16_t last_flags, ip_id;
    uint32_t stamp; /* the other's last time stamp */
};

struct talk {
    struct end end[2];
    uint8_t family, incarnation;
    bool stamps, sack, scale;
    uint16_t vlan;
    enum frame_tunnel_kind tunnel;
};

/* Few addresses, so that listeners, hosts and pairs have several connections. Of the last two one is the other behind an address
 * translation: same numbers, another client. */
static const struct {
    uint8_t family, client, server;
    uint16_t client_port, server_port;
    bool stamps, sack, scale;
    uint16_t vlan;
    enum frame_tunnel_kind tunnel;
} cast[TALKS] = {
    {4, 2, 1, 40000, 80, true, true, true, 0, FRAME_NO_TUNNEL},
    {4, 2, 1, 40001, 80, true, true, true, 0, FRAME_NO_TUNNEL},
    {4, 3, 1, 40002, 80, false, true, true, 0, FRAME_NO_TUNNEL},
    {4, 3, 9, 40003, 443, true, false, false, 7, FRAME_NO_TUNNEL},
    {6, 4, 1, 40004, 80, true, true, true, 0, FRAME_NO_TUNNEL},
    {4, 5, 1, 40005, 22, false, false, false, 0, FRAME_VXLAN},
    {4, 6, 1, 40006, 80, true, true, true, 0, FRAME_NO_TUNNEL},
    {4, 7, 1, 40007, 80, true, true, true, 0, FRAME_NO_TUNNEL},
};

static void set_addr(uint8_t addr[16], uint8_t family, uint8_t host)
{
    static const uint8_t four[16] = {[10] = 0xff, 0xff, 10, 0, 0, 0}, six[16] = {0xfd};

    memcpy(addr, family == 4 ? four : six, 16);
    addr[15] = host;
}

/* Numbers of a conversation that begins: near the wrap for every other one; of talks 6 and 7 the same. */
static uint32_t isn_of(unsigned which, unsigned incarnation, int side)
{
    uint32_t basis = which == 7 ? 6 : which;
    uint32_t isn = basis % 2 ? 0xfffffc00u : 1000000u * (basis + 1);

    return isn + incarnation * 0x01000000u + (side == SERVER ? 0x40000000u : 0);
}

static void begin_talk(struct talk *talk, unsigned which)
{
    for (int side = CLIENT; side <= SERVER; side++) {
        struct end *end = &talk->end[side];
        end->next = isn_of(which, talk->incarnation, side);
        end->heard = 0;
        end->last = end->next;
        end->last_len = 0;
        end->last_flags = FRAME_SYN;
        end->stamp = 0;
    }
}

static void cast_talk(struct talk *talk, unsigned which)
{
    talk->family = cast[which].family;
    talk->stamps = cast[which].stamps;
    talk->sack = cast[which].sack;
    talk->scale = cast[which].scale;
    talk->vlan = cast[which].vlan;
    talk->tunnel = cast[which].tunnel;
    for (int side = CLIENT; side <= SERVER; side++) {
        struct end *end = &talk->end[side];
        set_addr(end->addr, talk->family, side == CLIENT ? cast[which].client : cast[which].server);
        end->port = side == CLIENT ? cast[which].client_port : cast[which].server_port;
        end->ip_id = (uint16_t)(1000 * which + 1);
    }
    begin_talk(talk, which);
}

/* ---- the stage ---- */

/* Where records of the captures are kept before their bytes stop moving. */
struct place {
    size_t at;
    uint32_t captured, original;
    int64_t time_ns;
    uint8_t seen; /* a bit for each capture */
    bool timeless;
};

struct stage {
    struct fuzz_bytes *in;
    struct talk talk[TALKS];
    struct tca_buf *bytes;
    struct place place[SHAPE_RECORDS_MAX];
    size_t places;
    int64_t now_ns;
    int link;
    uint32_t snaplen;
    uint8_t captures;
    uint16_t burst_port;
};

/* A step, taken apart. */
struct step {
    unsigned kind, which;
    int from;
    int32_t seq, ack; /* away from what is expected */
    uint32_t len;
    uint8_t oddity; /* enum oddity; 0: none */
    uint8_t value;  /* of it */
};

#define BEGIN_NS INT64_C(1700000000000000000)

enum oddity {
    NO_ODDITY,
    LOST,         /* the other end does not hear it; the captures do */
    UNSEEN_FIRST, /* by the first capture */
    UNSEEN_SECOND,
    BAD_SUM,
    UNFINISHED_SUM,
    OTHER_TTL,
    OTHER_ID,
    OTHER_WINDOW,
    OTHER_STAMP,
    WITH_SACK,
    ODD_OPTIONS,
    CUT_SHORT,
    NO_TIME,
    OTHER_TAG,
    ECN,
    ODDITIES,
};

static const int64_t steps_ns[16] = {
    0,
    1000,
    100000,
    1000000,
    10000000,
    40000000,
    200000000,
    1000000000,
    1000000000,
    3000000000,
    7000000000,
    61000000000,
    300000000000,
    -1000000,
    -2000000000,
    INT64_C(86400000000000) * 365,
};
static const int32_t distances[8] = {0, -1, 1, -1448, 1448, 100000, -100000, INT32_MIN};
static const uint32_t lengths[8] = {0, 1, 10, 100, 536, 1448, 4344, 8688};

/* All captures see it, but those that were chosen not to. */
static void place_frame(struct stage *stage, size_t at, const struct step *step)
{
    uint32_t original = (uint32_t)(stage->bytes->used - at);
    uint32_t room = step->oddity == CUT_SHORT ? step->value : stage->snaplen;
    uint8_t unseen = step->oddity == UNSEEN_FIRST ? 1 : step->oddity == UNSEEN_SECOND ? 2 : 0;

    FUZZ_REQUIRE(!stage->bytes->failed, "no memory for frames");
    if (stage->places == SHAPE_RECORDS_MAX)
        return;
    stage->place[stage->places++] = (struct place){.at = at,
                                                   .captured = original < room ? original : room,
                                                   .original = original,
                                                   .time_ns = stage->now_ns,
                                                   .seen = (uint8_t)~unseen,
                                                   .timeless = step->oddity == NO_TIME};
}

static struct frame_link link_of(const struct stage *stage, const struct talk *talk, const struct step *step)
{
    bool tagged = step->oddity == OTHER_TAG;
    return (struct frame_link){.type = stage->link,
                               .from = step->from,
                               .vlan = tagged ? step->value : talk->vlan,
                               .tunnel = {talk->tunnel, 5}};
}

static struct frame_ip ip_of(struct talk *talk, const struct step *step)
{
    struct end *own = &talk->end[step->from];
    struct frame_ip ip = {
        .family = talk->family, .ttl = step->from ? 64 : 57, .id = own->ip_id++, .df = true};

    memcpy(ip.src, own->addr, sizeof ip.src);
    memcpy(ip.dst, talk->end[!step->from].addr, sizeof ip.dst);
    if (step->oddity == OTHER_TTL)
        ip.ttl = step->value;
    if (step->oddity == OTHER_ID)
        ip.id = (uint16_t)(step->value << (step->value & 8));
    return ip;
}

/* ---- options ---- */

static void add_syn_options(struct tca_buf *out, const struct talk *talk)
{
    frame_u32(out, 0x020405b4); /* MSS 1460 */
    if (talk->sack)
        frame_u32(out, 0x01010402);
    if (talk->scale)
        frame_u32(out, 0x01030307);
}

static void add_stamps(struct tca_buf *out, const struct stage *stage, struct talk *talk,
                       const struct step *step)
{
    uint32_t value = (uint32_t)(stage->now_ns / 1000000) + (step->from ? 77000 : 0);

    if (step->oddity == OTHER_STAMP)
        value += ((uint32_t)step->value - 128) << 8;
    frame_u32(out, 0x0101080a);
    frame_u32(out, value);
    frame_u32(out, talk->end[step->from].stamp);
    if (step->oddity != LOST)
        talk->end[!step->from].stamp = value;
}

static void add_sack(struct tca_buf *out, const struct talk *talk, const struct step *step)
{
    uint32_t left = talk->end[step->from].heard + (uint32_t)(step->value & 15) * 536;

    frame_u32(out, 0x0101050a);
    frame_u32(out, left);
    frame_u32(out, left + (uint32_t)(step->value >> 4) * 536);
}

/* Any bytes at all, from the script. */
static void add_odd_options(struct tca_buf *out, struct stage *stage, const struct step *step)
{
    for (unsigned at = 0; at < step->value % OPTIONS_MAX / 4 * 4u; at++)
        frame_u8(out, fuzz_u8(stage->in));
}

static void options_of(struct tca_buf *out, struct stage *stage, struct talk *talk, const struct step *step,
                       uint16_t flags)
{
    if (step->oddity == ODD_OPTIONS) {
        add_odd_options(out, stage, step);
        return;
    }
    if (flags & FRAME_SYN)
        add_syn_options(out, talk);
    if (talk->stamps && !(flags & FRAME_RST))
        add_stamps(out, stage, talk, step);
    if (step->oddity == WITH_SACK && out->used <= 28)
        add_sack(out, talk, step);
}

/* ---- packets ---- */

static const enum frame_checksum sums[ODDITIES] = {
    [BAD_SUM] = FRAME_SUM_BAD, [UNFINISHED_SUM] = FRAME_SUM_UNFINISHED};

/* An IP packet with this segment. */
static void add_segment(struct tca_buf *packet, struct stage *stage, const struct step *step, uint16_t flags,
                        uint32_t seq, uint32_t ack, uint32_t len)
{
    static const uint8_t payload[8688] = "HTTP/1.1 200 OK\r\n\r\n";
    struct talk *talk = &stage->talk[step->which];
    struct tca_buf options = {0};

    options_of(&options, stage, talk, step, flags);
    struct frame_tcp tcp = {.ip = ip_of(talk, step),
                            .sport = talk->end[step->from].port,
                            .dport = talk->end[!step->from].port,
                            .seq = seq,
                            .ack = flags & FRAME_ACK ? ack : 0,
                            .flags = (uint16_t)(flags | (step->oddity == ECN ? step->value << 5 & 0x1e0 : 0)),
                            .window = flags & FRAME_RST ? 0 : 502,
                            .options = (const uint8_t *)options.bytes,
                            .option_bytes = options.used,
                            .payload = payload,
                            .len = len,
                            .checksum = sums[step->oddity]};
    if (step->oddity == OTHER_WINDOW)
        tcp.window = (uint16_t)(step->value << (step->value & 8));
    frame_add_tcp(packet, &tcp);
    tca_buf_done(&options);
}

/* What both ends know from then on. */
static void move_on(struct talk *talk, const struct step *step, uint16_t flags, uint32_t seq, uint32_t len)
{
    struct end *own = &talk->end[step->from], *other = &talk->end[!step->from];
    uint32_t end = seq + len + !!(flags & FRAME_SYN) + !!(flags & FRAME_FIN);

    own->last = seq;
    own->last_len = len;
    own->last_flags = flags;
    if (!(flags & FRAME_RST))
        own->next = end;
    if (step->oddity != LOST)
        other->heard = end;
}

static void add_frame(struct stage *stage, const struct step *step, const struct tca_buf *packet)
{
    const struct talk *talk = &stage->talk[step->which];
    struct frame_link link = link_of(stage, talk, step);
    size_t at = stage->bytes->used;

    frame_add(stage->bytes, &link, talk->family, packet->bytes, packet->used);
    place_frame(stage, at, step);
}

/* As the next one of its end, or away from that. */
static void send(struct stage *stage, const struct step *step, uint16_t flags, uint32_t len)
{
    struct talk *talk = &stage->talk[step->which];
    struct end *own = &talk->end[step->from];
    uint32_t seq = own->next + (uint32_t)step->seq, ack = own->heard + (uint32_t)step->ack;
    struct tca_buf packet = {0};

    add_segment(&packet, stage, step, flags, seq, ack, len);
    add_frame(stage, step, &packet);
    tca_buf_done(&packet);
    if (!step->seq)
        move_on(talk, step, flags, seq, len);
}

static void send_again(struct stage *stage, const struct step *step)
{
    struct talk *talk = &stage->talk[step->which];
    struct end *own = &talk->end[step->from];
    struct tca_buf packet = {0};

    add_segment(&packet, stage, step, own->last_flags, own->last + (uint32_t)step->seq,
                own->heard + (uint32_t)step->ack, own->last_len);
    add_frame(stage, step, &packet);
    tca_buf_done(&packet);
    talk->end[!step->from].heard = own->next;
}

/* The same bytes once more, as a mirror port doubles them. */
static void copy(struct stage *stage, const struct step *step)
{
    size_t back = 1 + (size_t)step->len % 8;

    if (back > stage->places || stage->places == SHAPE_RECORDS_MAX)
        return;
    stage->place[stage->places] = stage->place[stage->places - back];
    stage->place[stage->places++].time_ns = stage->now_ns;
}

/* Of the other end's last segment, from the other end's neighbour. */
static void send_icmp(struct stage *stage, const struct step *step)
{
    static const uint8_t kinds[][2] = {{3, 0}, {3, 1}, {3, 3}, {3, 4}, {3, 13}, {11, 0}, {4, 0}, {5, 1}};
    static const uint8_t kinds6[][2] = {{1, 0}, {1, 1}, {1, 4}, {2, 0}, {1, 3}, {3, 0}, {4, 0}, {137, 0}};
    struct talk *talk = &stage->talk[step->which];
    struct step quoted = *step;
    struct tca_buf quote = {0}, packet = {0};
    const uint8_t *kind = (talk->family == 4 ? kinds : kinds6)[step->value & 7];

    quoted.from = !step->from;
    const struct end *end = &talk->end[quoted.from];
    add_segment(&quote, stage, &quoted, end->last_flags, end->last + (uint32_t)step->seq, end->heard,
                end->last_len);
    struct frame_icmp icmp = {.ip = ip_of(talk, step),
                              .type = kind[0],
                              .code = kind[1],
                              .mtu = 1400,
                              .quote = (const uint8_t *)quote.bytes,
                              .quote_bytes = step->value & 8 ? 28 : quote.used};
    if (step->value & 16) /* a router on the way says so */
        icmp.ip.src[15] = 254;
    frame_add_icmp(&packet, &icmp);
    add_frame(stage, step, &packet);
    tca_buf_done(&quote);
    tca_buf_done(&packet);
}

/* A segment in fragments, in either order, the last one perhaps missing. */
static void send_fragments(struct stage *stage, const struct step *step)
{
    enum { ROOM = 512, PAYLOAD = 1200, PIECES = 3 };
    struct talk *talk = &stage->talk[step->which];
    struct end *own = &talk->end[step->from];
    uint32_t seq = own->next + (uint32_t)step->seq;
    struct tca_buf packet = {0}, piece = {0};

    add_segment(&packet, stage, step, FRAME_ACK | FRAME_PSH, seq, own->heard, PAYLOAD);
    for (size_t at = 0; at < PIECES; at++) {
        size_t index = step->value & 1 ? PIECES - 1 - at : at;
        tca_buf_reset(&piece);
        if ((step->value & 2 && at == PIECES - 1) ||
            !frame_add_fragment(&piece, &packet, ROOM, index, own->ip_id))
            continue;
        add_frame(stage, step, &piece);
        stage->now_ns += 1000;
    }
    tca_buf_done(&packet);
    tca_buf_done(&piece);
    move_on(talk, step, FRAME_ACK | FRAME_PSH, seq, PAYLOAD);
}

static void begin_again(struct stage *stage, const struct step *step)
{
    struct talk *talk = &stage->talk[step->which];

    talk->incarnation++;
    begin_talk(talk, step->which);
    if (step->value & 1) /* from another port */
        talk->end[CLIENT].port++;
}

/* ---- many at once ---- */

enum { CROWD_STEP = 4, CROWD_MAX = 32 * CROWD_STEP, ANSWERED = 1, LIVE = 2, TALK = 4, LEAVE = 8 };

/* Each of the crowd says this, at its place among the talks. */
static void say(struct stage *stage, const struct step *step, struct talk *crowd, unsigned count, int from,
                uint16_t flags, uint32_t len)
{
    struct step one = *step;

    one.oddity = NO_ODDITY;
    one.seq = one.ack = 0;
    one.from = from;
    for (unsigned at = 0; at < count; at++) {
        stage->talk[step->which] = crowd[at];
        send(stage, &one, flags, len);
        crowd[at] = stage->talk[step->which];
        stage->now_ns += 50000;
    }
}

static void gather(struct stage *stage, const struct step *step, struct talk *crowd, unsigned count)
{
    for (unsigned at = 0; at < count; at++) {
        crowd[at] = stage->talk[step->which];
        begin_talk(&crowd[at], step->which);
        crowd[at].end[CLIENT].port = stage->burst_port++;
        crowd[at].end[CLIENT].addr[14] = step->from ? 0 : (uint8_t)(at % 3);
        crowd[at].end[CLIENT].next += at * 64000;
    }
}

/* Memory is looked after once in 512 segments, with check_ways (artefact/order.h), so it takes a crowd to come there. SYNs of many
 * tuples; answers, of which a few refuse; connections that are alive, so many that a megabyte does not hold them as they are;
 * after a pause they go on, and end. */
static void burst(struct stage *stage, const struct step *step)
{
    struct talk saved = stage->talk[step->which], crowd[CROWD_MAX];
    unsigned count = 1 + step->value % 32 * CROWD_STEP, refused = count / 4, what = step->oddity;

    gather(stage, step, crowd, count);
    say(stage, step, crowd, count, CLIENT, FRAME_SYN, 0);
    if (what & ANSWERED) {
        say(stage, step, crowd, refused, SERVER, FRAME_RST | FRAME_ACK, 0);
        say(stage, step, crowd + refused, count - refused, SERVER, FRAME_SYN | FRAME_ACK, 0);
    }
    if (what & LIVE)
        say(stage, step, crowd + refused, count - refused, CLIENT, FRAME_ACK, 0);
    stage->now_ns += steps_ns[step->value >> 5 & 7] * 4;
    if (what & TALK)
        say(stage, step, crowd + refused, count - refused, CLIENT, FRAME_PSH | FRAME_ACK, 10);
    if (what & LEAVE)
        say(stage, step, crowd + refused, count - refused, SERVER, FRAME_FIN | FRAME_ACK, 0);
    stage->talk[step->which] = saved;
}

/* ---- what is more than a segment ---- */

/* A connection from SYN to the last ACK. */
static void whole(struct stage *stage, const struct step *step)
{
    static const struct {
        int from;
        uint16_t flags;
        uint32_t len;
    } line[] = {
        {CLIENT, FRAME_SYN, 0},
        {SERVER, FRAME_SYN | FRAME_ACK, 0},
        {CLIENT, FRAME_ACK, 0},
        {CLIENT, FRAME_PSH | FRAME_ACK, 200},
        {SERVER, FRAME_ACK, 0},
        {SERVER, FRAME_PSH | FRAME_ACK, 1448},
        {CLIENT, FRAME_ACK, 0},
        {CLIENT, FRAME_FIN | FRAME_ACK, 0},
        {SERVER, FRAME_FIN | FRAME_ACK, 0},
        {CLIENT, FRAME_ACK, 0},
    };
    struct step one = *step;

    one.seq = one.ack = 0;
    begin_again(stage, step);
    for (size_t at = 0; at < sizeof line / sizeof *line && at <= (step->value >> 4) + 2u; at++) {
        one.from = line[at].from;
        send(stage, &one, line[at].flags, line[at].len);
        stage->now_ns += 1000000;
    }
}

/* As its kind says, or with any flags. */
static void plain(struct stage *stage, const struct step *step)
{
    static const uint16_t flags[] = {
        FRAME_SYN, FRAME_SYN | FRAME_ACK, FRAME_ACK, FRAME_PSH | FRAME_ACK, FRAME_FIN | FRAME_ACK,
        FRAME_RST, FRAME_RST | FRAME_ACK};
    enum { KINDS = sizeof flags / sizeof *flags };

    send(stage, step, step->kind < KINDS ? flags[step->kind] : fuzz_u8(stage->in), step->len);
}

static void send_data(struct stage *stage, const struct step *step)
{
    send(stage, step, FRAME_PSH | FRAME_ACK, step->len ? step->len : 100);
}

static void probe(struct stage *stage, const struct step *step)
{
    struct step one = *step;

    one.seq = -1;
    send(stage, &one, FRAME_ACK, step->len & 1);
}

/* ---- steps ---- */

/* By kind: SYN, SYN+ACK, ACK, data, FIN, RST, RST+ACK, any flags; then what is more than a segment. */
static void (*const plays[16])(struct stage *stage, const struct step *step) = {
    plain,      plain, plain,     send_data,      plain, plain, plain, plain,
    send_again, copy,  send_icmp, send_fragments, probe, burst, whole, begin_again};

/* A byte is a distance of a few, or a small one itself. */
static int32_t distance(uint8_t byte)
{
    return byte < 8 ? distances[byte] : (int32_t)(int8_t)byte * 97;
}

static struct step next_step(struct stage *stage)
{
    struct fuzz_bytes *in = stage->in;
    uint8_t what = fuzz_u8(in), when = fuzz_u8(in);
    struct step step = {.kind = what & 15, .which = what >> 4 & 7, .from = what >> 7};

    stage->now_ns += steps_ns[when & 15];
    if (stage->now_ns < 0 || stage->now_ns > INT64_C(6000000000000000000))
        stage->now_ns = BEGIN_NS; /* no clock tells such times, and sums of them would overflow */
    if (when & 16)
        step.seq = distance(fuzz_u8(in));
    if (when & 32)
        step.ack = distance(fuzz_u8(in));
    if (when & 64)
        step.len = lengths[fuzz_u8(in) & 7];
    if (when & 128) {
        step.oddity = fuzz_u8(in) % ODDITIES;
        step.value = fuzz_u8(in);
    }
    return step;
}

/* ---- captures ---- */

static void take_records(const struct stage *stage, unsigned capture, struct shape *shape)
{
    struct tca_record *record = calloc(stage->places + 1, sizeof *record);
    size_t count = 0;

    FUZZ_REQUIRE(record, "no memory for records");
    for (size_t at = 0; at < stage->places; at++) {
        const struct place *place = &stage->place[at];
        if (!(place->seen >> capture & 1))
            continue;
        record[count] = (struct tca_record){.bytes = (const uint8_t *)stage->bytes->bytes + place->at,
                                            .captured = place->captured,
                                            .original = place->original,
                                            .time_ns = place->time_ns + capture * INT64_C(300000),
                                            .frame = count + 1,
                                            .link = stage->link,
                                            .timeless = place->timeless};
        count++;
    }
    shape->record[capture] = record;
    shape->count[capture] = count;
}

void shape_captures(struct fuzz_bytes *in, struct shape *ret_shape)
{
    static const int links[8] = {FRAME_ETHERNET, FRAME_ETHERNET, FRAME_ETHERNET, FRAME_RAW,
                                 FRAME_SLL,      FRAME_SLL2,     FRAME_NULL,     FRAME_RADIOTAP};
    static const uint32_t snaplens[4] = {262144, 96, 68, 54};
    static struct stage stage; /* too large for a stack that sanitizers watch */
    uint8_t how = fuzz_u8(in);

    *ret_shape = (struct shape){.captures = how >> 5 == 7 ? 3 : how >> 5 >= 5 ? 2 : 1};
    stage = (struct stage){.in = in,
                           .bytes = &ret_shape->bytes,
                           .now_ns = BEGIN_NS,
                           .link = links[how & 7],
                           .snaplen = snaplens[how >> 3 & 3],
                           .burst_port = 20000};
    for (unsigned which = 0; which < TALKS; which++)
        cast_talk(&stage.talk[which], which);
    while (in->left && stage.places < SHAPE_RECORDS_MAX) {
        struct step step = next_step(&stage);
        plays[step.kind](&stage, &step);
    }
    for (unsigned capture = 0; capture < ret_shape->captures; capture++)
        take_records(&stage, capture, ret_shape);
}

void shape_done(struct shape *shape)
{
    for (size_t capture = 0; capture < shape->captures; capture++)
        free(shape->record[capture]);
    tca_buf_done(&shape->bytes);
}

/* ---- into a session ---- */

static void feed(struct tca_session *session, const char *name, const struct tca_record *record, size_t count,
                 size_t portion)
{
    struct tca_error error = {0};

    FUZZ_REQUIRE(!tca_session_capture_begin(session, name, &error), "begin: %s", error.text);
    for (size_t at = 0, n; at < count; at += n) {
        n = portion && portion < count - at ? portion : count - at;
        FUZZ_REQUIRE(!tca_session_feed(session, record + at, n, &error), "feed: %s", error.text);
    }
    FUZZ_REQUIRE(!tca_session_capture_end(session, &error), "end: %s", error.text);
}

void shape_feed(const struct shape *shape, struct tca_session *session, size_t portion)
{
    char name[32];

    for (size_t capture = 0; capture < shape->captures; capture++) {
        snprintf(name, sizeof name, "c%zu.pcap", capture + 1);
        feed(session, name, shape->record[capture], shape->count[capture], portion);
    }
}
