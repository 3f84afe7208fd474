/* SPDX-License-Identifier: MIT
 *
 * Each slot holds one connection; when it is over the slot begins another one, so that as many are alive at any time.
 * A heap orders the slots by the time of their next packet. A connection is a little machine: each step sends one
 * segment, names the step after it, and says how long that takes.
 *
 *     SYN -> SYN+ACK -> ACK -> [ request -> response ] ... -> FIN, ACK, FIN, ACK | RST | nothing more
 *                       burst: data... [duplicate ACKs] -> ACKs... [-> the lost segment again -> ACK]
 *
 * The tap is at the server. So a segment of the server is captured even if it is lost later: the client's duplicate
 * ACKs and the repetition tell. A lost segment of the client is missing until it is repeated; only the client's can
 * come in another order. Sequence numbers, windows, time stamps, SACK blocks and checksums are what Linux would
 * send; payload is zeros.
 */
#include "traffic.h"
#include "chance.h"
#include "frame.h"

#include <stdlib.h>
#include <string.h>

/* ---- what the traffic is like; shares are of 10 000 ---- */

enum {
    SHARE_V6 = 800,
    SHARE_VLAN = 500,
    SHARE_PLAIN = 1000,   /* without time stamps */
    SHARE_SILENT = 300,   /* SYN and three repetitions, never answered */
    SHARE_REFUSED = 200,  /* answered by RST */
    SHARE_LADDER = 100,   /* the SYN+ACK is repeated, as by a listener whose accept queue is full */
    SHARE_RESET = 600,    /* ends by RST */
    SHARE_LEFT = 100,     /* never ends */
    SHARE_REUSED = 200,   /* the slot's next connection has the same addresses and ports */
    SHARE_UPLOAD = 1000,  /* long requests */
    SHARE_PROMPT = 5000,  /* the response carries the ACK of the request */
    SHARE_LOST = 40,      /* of data segments */
    SHARE_REORDERED = 500 /* of bursts of the client with two segments or more */
};
enum {
    SERVERS = 200,
    EXCHANGES_MOST = 40,
    RESPONSE_MOST = 1000, /* segments */
    BURST_LEAST = 10,
    BURST_MOST = 40, /* 57 920 bytes: within the window that the other end tells */
    NONE = 0xffff    /* no such segment of the burst */
};
/* Microseconds. */
#define SECOND    ((int64_t)1000000)
#define BEGIN     (1700000000 * SECOND)
#define RAMP      (60 * SECOND) /* the first connections begin within it */
#define THINK     (10 * SECOND) /* mean, between exchanges */
#define IDLE      (60 * SECOND) /* mean, after which a server closes */
#define TIMEOUT   (SECOND / 5)  /* least retransmission timeout, on top of the round trip */
#define NEW_NAME  (SECOND / 10) /* mean, from one connection of a slot to the next */
#define SAME_NAME (3 * SECOND)  /* least, if it has the same addresses and ports */
#define OVER      ((int64_t)-1)

enum { CLIENT, SERVER };
enum step {
    STEP_BEGIN,
    STEP_SYN,
    STEP_REFUSE,
    STEP_SYNACK,
    STEP_OPENED,
    STEP_DATA,
    STEP_HOLE,
    STEP_ACK,
    STEP_REPAIR,
    STEP_REPAIRED,
    STEP_RESET,
    STEP_FIN,
    STEP_FIN_ACK,
    STEP_FIN_BACK,
    STEP_LAST_ACK
};
enum fate { FATE_NORMAL, FATE_SILENT, FATE_REFUSED, FATE_LADDER };
enum ending { END_FIN, END_RESET, END_LEFT };

struct end {
    uint32_t next;  /* sequence number of the next new byte */
    uint32_t got;   /* the acknowledgment it sends */
    uint32_t clock; /* of its time stamps at time 0 */
    uint32_t echo;  /* time stamp that it repeats */
    uint16_t id;    /* of IPv4 */
};

struct flow {
    struct end end[2];
    uint32_t client;    /* its address */
    uint32_t lap;       /* round trip, microseconds */
    uint32_t exchanges; /* still to come, this one included */
    uint32_t left;      /* segments of this transfer that were not sent yet */
    uint32_t base;      /* sequence number of the burst's first byte */
    uint16_t burst;     /* segments of this burst */
    uint16_t tail;      /* bytes of the transfer's last segment */
    uint16_t at;        /* segments of the burst that were sent, then acknowledged */
    uint16_t lost;      /* index in the burst, or NONE */
    uint16_t swapped;   /* it and the next one change places; or NONE */
    uint16_t window;    /* longest burst now */
    uint8_t duplicates; /* ACKs in this burst */
    uint8_t sender;     /* of this transfer */
    uint8_t first;      /* end that closes, or resets */
    uint8_t tries;
    uint8_t step, fate, ending;
    uint8_t server; /* number of its address and port */
    uint16_t port;  /* of the client */
    bool v6, vlan, plain, upload, three_way;
    bool again; /* the next connection has the same addresses and ports */
};

struct due {
    int64_t time;
    uint32_t slot;
};

struct traffic {
    struct traffic_settings settings;
    struct traffic_truth truth;
    struct chance chance;
    uint32_t names; /* given so far */
    int64_t now;
    struct tca_buf packet;
    struct due *heap;  /* owned, least time first */
    struct flow *flow; /* owned, one for each slot */
};

/* ---- one segment as bytes ---- */

static const uint16_t ports[] = {443, 80, 443, 22, 8080, 5432, 443, 25, 3306, 6379};
static const uint8_t zeros[2048];

static void put_u32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

static void address(uint8_t out[16], const struct flow *f, int which)
{
    memset(out, 0, 12);
    if (f->v6)
        memcpy(out, "\x20\x01\x0d\xb8", 4);
    put_u32(out + 12, which == CLIENT ? f->client : 172u << 24 | 16u << 16 | (f->server + 1u));
}

static uint16_t port(const struct flow *f, int which)
{
    return which == CLIENT ? f->port : ports[f->server % (sizeof ports / sizeof ports[0])];
}

static uint32_t stamp(const struct traffic *t, const struct end *end)
{
    return end->clock + (uint32_t)(t->now / 1000);
}

struct segment {
    int from;
    unsigned flags;
    uint32_t seq;
    size_t len;
    uint32_t sack[2]; /* block, where they differ */
};

static size_t syn_options(uint8_t *out, const struct traffic *t, const struct flow *f, const struct end *end)
{
    static const uint8_t plain[] = {2, 4, 5, 180, 1, 3, 3, 8, 1, 1, 4, 2};
    static const uint8_t usual[] = {2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 3, 7};

    memcpy(out, f->plain ? plain : usual, f->plain ? sizeof plain : sizeof usual);
    out[3] = f->v6 ? 160 : 180; /* 1440 or 1460 */
    if (f->plain)
        return sizeof plain;
    put_u32(out + 8, stamp(t, end));
    put_u32(out + 12, end->echo);
    return sizeof usual;
}

static size_t later_options(uint8_t *out, const struct traffic *t, const struct flow *f,
                            const struct segment *seg)
{
    size_t size = 0;

    if (!f->plain) {
        memcpy(out, "\1\1\10\12", 4);
        put_u32(out + 4, stamp(t, &f->end[seg->from]));
        put_u32(out + 8, f->end[seg->from].echo);
        size = 12;
    }
    if (seg->sack[0] != seg->sack[1]) {
        memcpy(out + size, "\1\1\5\12", 4);
        put_u32(out + size + 4, seg->sack[0]);
        put_u32(out + size + 8, seg->sack[1]);
        size += 12;
    }
    return size;
}

static uint16_t told_window(const struct flow *f, const struct segment *seg)
{
    if (seg->flags & FRAME_SYN)
        return seg->from == CLIENT ? 64240 : 65160;
    if (seg->flags & FRAME_RST)
        return 0;
    if (f->plain)
        return 1026;
    return seg->from == CLIENT ? 502 : 509; /* scaled by 2^8, 2^7 */
}

/* Frames that came over the wire are 60 bytes long at least. */
static void pad(struct tca_buf *frame)
{
    if (frame->used < 60)
        tca_buf_add(frame, zeros, 60 - frame->used);
}

static void put(struct traffic *t, struct tca_buf *frame, struct flow *f, const struct segment *seg)
{
    struct end *end = &f->end[seg->from];
    uint8_t options[40];
    bool syn = seg->flags & FRAME_SYN;
    struct frame_link link = {
        .type = FRAME_ETHERNET, .from = seg->from, .vlan = (uint16_t)(f->vlan ? 100 + f->server % 8 : 0)};
    struct frame_tcp tcp = {.ip = {.family = f->v6 ? 6 : 4,
                                   .ttl = seg->from ? 64 : (uint8_t)(50 + f->client % 10),
                                   .id = end->id++,
                                   .df = true},
                            .sport = port(f, seg->from),
                            .dport = port(f, !seg->from),
                            .seq = seg->seq,
                            .ack = seg->flags & FRAME_ACK ? end->got : 0,
                            .flags = (uint16_t)seg->flags,
                            .window = told_window(f, seg),
                            .options = options,
                            .payload = zeros,
                            .len = seg->len};

    address(tcp.ip.src, f, seg->from);
    address(tcp.ip.dst, f, !seg->from);
    if (f->fate != FATE_REFUSED || syn)
        tcp.option_bytes = syn ? syn_options(options, t, f, end) : later_options(options, t, f, seg);
    tca_buf_reset(&t->packet);
    frame_add_tcp(&t->packet, &tcp);
    tca_buf_reset(frame);
    frame_add(frame, &link, tcp.ip.family, t->packet.bytes, t->packet.used);
    if (seg->from == CLIENT)
        pad(frame);
}

/* ---- steps: each returns the time to the next one, or OVER ---- */

static int64_t then(struct flow *f, enum step step, int64_t wait)
{
    f->step = (uint8_t)step;
    return wait;
}

/* How long an end takes to answer what it is sent, at the tap. */
static int64_t answer(struct traffic *t, const struct flow *f, int from)
{
    return (int64_t)chance_between(&t->chance, 15, 80) + (from == CLIENT ? f->lap : 0);
}

/* Other than data: what is sent arrives. */
static void tell(struct traffic *t, struct tca_buf *frame, struct flow *f, int from, unsigned flags)
{
    struct end *end = &f->end[from], *other = &f->end[!from];

    put(t, frame, f, &(struct segment){.from = from, .flags = flags, .seq = end->next});
    end->next += (flags & (FRAME_SYN | FRAME_FIN)) != 0;
    other->got = end->next;
    other->echo = stamp(t, end);
}

static uint32_t mss(const struct flow *f)
{
    return (f->v6 ? 1440u : 1460u) - (f->plain ? 0 : 12);
}

static bool last_of_transfer(const struct flow *f, uint32_t index)
{
    return index + 1u == f->burst && f->left == f->burst;
}

static uint32_t burst_bytes(const struct flow *f, uint32_t segments)
{
    uint32_t all = segments * mss(f);
    return segments && last_of_transfer(f, segments - 1) ? all - mss(f) + f->tail : all;
}

static int64_t begin_burst(struct traffic *t, struct flow *f, int64_t wait)
{
    f->burst = (uint16_t)(f->left < f->window ? f->left : f->window);
    f->window = f->window * 2 < BURST_MOST ? (uint16_t)(f->window * 2) : BURST_MOST;
    f->base = f->end[f->sender].next;
    f->lost = f->swapped = NONE;
    f->duplicates = 0;
    if (chance_of(&t->chance, (uint32_t)f->burst * SHARE_LOST) && (f->sender == SERVER || f->burst > 1))
        f->lost = (uint16_t)chance_below(&t->chance, f->burst);
    else if (f->sender == CLIENT && f->burst > 1 && chance_of(&t->chance, SHARE_REORDERED))
        f->swapped = (uint16_t)chance_below(&t->chance, f->burst - 1u);
    t->truth.lost += f->lost != NONE;
    t->truth.reordered += f->swapped != NONE;
    f->at = f->sender == CLIENT && f->lost == 0; /* never captured */
    return then(f, STEP_DATA, wait);
}

static int64_t begin_transfer(struct traffic *t, struct flow *f, int sender, int64_t wait)
{
    bool bulk = t->settings.kind == TRAFFIC_BIG;
    uint32_t most = sender == SERVER ? RESPONSE_MOST : RESPONSE_MOST / 4;

    f->sender = (uint8_t)sender;
    f->left = (sender == CLIENT) == f->upload ? chance_tail(&t->chance, most) : 1;
    if (bulk && sender == SERVER)
        f->left = UINT32_MAX;
    f->tail = (uint16_t)chance_between(&t->chance, 40, mss(f));
    f->window = BURST_LEAST;
    return begin_burst(t, f, wait);
}

static int64_t end_flow(struct traffic *t, struct flow *f)
{
    if (f->ending == END_LEFT) {
        t->truth.left++;
        return OVER;
    }
    int64_t wait =
        answer(t, f, f->first) + (int64_t)chance_wait(&t->chance, f->first == SERVER ? IDLE : THINK);
    return then(f, f->ending == END_RESET ? STEP_RESET : STEP_FIN, wait);
}

static int64_t end_transfer(struct traffic *t, struct flow *f)
{
    if (f->sender == CLIENT)
        return begin_transfer(t, f, SERVER, chance_between(&t->chance, 50, 30000));
    if (--f->exchanges)
        return begin_transfer(t, f, CLIENT, f->lap + (int64_t)chance_wait(&t->chance, THINK));
    return end_flow(t, f);
}

static int64_t end_burst(struct traffic *t, struct flow *f)
{
    f->end[f->sender].next = f->base + burst_bytes(f, f->burst);
    f->left -= f->burst;
    return f->left ? begin_burst(t, f, answer(t, f, f->sender)) : end_transfer(t, f);
}

static int64_t step_syn(struct traffic *t, struct tca_buf *frame, struct flow *f)
{
    tell(t, frame, f, CLIENT, FRAME_SYN);
    if (f->fate == FATE_REFUSED)
        return then(f, STEP_REFUSE, answer(t, f, SERVER));
    if (f->fate != FATE_SILENT)
        return then(f, STEP_SYNACK, answer(t, f, SERVER));
    f->end[CLIENT].next--;
    return f->tries-- ? then(f, STEP_SYN, SECOND << (2 - f->tries)) : OVER;
}

static int64_t step_refuse(struct traffic *t, struct tca_buf *frame, struct flow *f)
{
    f->end[SERVER].next = 0;
    tell(t, frame, f, SERVER, FRAME_RST | FRAME_ACK);
    return OVER;
}

static int64_t step_synack(struct traffic *t, struct tca_buf *frame, struct flow *f)
{
    tell(t, frame, f, SERVER, FRAME_SYN | FRAME_ACK);
    return then(f, STEP_OPENED, answer(t, f, CLIENT));
}

/* A full accept queue drops the ACK, and the timer of the request repeats the SYN+ACK. Its server speaks first. */
static int64_t step_opened(struct traffic *t, struct tca_buf *frame, struct flow *f)
{
    tell(t, frame, f, CLIENT, FRAME_ACK);
    if (f->fate != FATE_LADDER)
        return begin_transfer(t, f, CLIENT, (int64_t)chance_between(&t->chance, 20, 300));
    if (!f->tries--)
        return begin_transfer(t, f, SERVER, (int64_t)chance_between(&t->chance, 200, 30000));
    f->end[SERVER].next--;
    return then(f, STEP_SYNACK, (SECOND << (2 - f->tries)) - f->lap);
}

/* What the client's burst looks like once it passed the network: without the lost one, two of them swapped. */
static uint32_t order_of(const struct flow *f, uint32_t at)
{
    if (at == f->swapped)
        return at + 1u;
    return f->swapped != NONE && at == f->swapped + 1u ? at - 1u : at;
}

static void send_data(struct traffic *t, struct tca_buf *frame, struct flow *f, uint32_t index)
{
    uint32_t from = burst_bytes(f, index), to = burst_bytes(f, index + 1);
    unsigned push = last_of_transfer(f, index) ? FRAME_PSH : 0;

    put(t, frame, f,
        &(struct segment){
            .from = f->sender, .flags = FRAME_ACK | push, .seq = f->base + from, .len = to - from});
}

/* The receiver has the burst's first `segments`. */
static void arrive(struct traffic *t, struct flow *f, uint32_t segments)
{
    struct end *receiver = &f->end[!f->sender];
    receiver->got = f->base + burst_bytes(f, segments);
    receiver->echo = stamp(t, &f->end[f->sender]);
}

static int64_t repair_after(struct traffic *t, struct flow *f)
{
    int64_t soon = f->sender == CLIENT ? f->lap : (int64_t)chance_between(&t->chance, 15, 60);
    return then(f, STEP_REPAIR, f->duplicates >= 3 ? soon : TIMEOUT + 2 * f->lap);
}

/* The client's ACKs of a burst of the server; `at` counts the segments that were spoken of. */
static int64_t acks_of_client(struct traffic *t, struct flow *f, int64_t wait)
{
    if (f->at == f->lost)
        f->at++;
    if (f->at < f->burst)
        return then(f, STEP_ACK, wait);
    return f->lost == NONE ? end_burst(t, f) : repair_after(t, f);
}

/* All segments of the burst were sent. */
static int64_t sent_burst(struct traffic *t, struct flow *f)
{
    if (f->sender == SERVER) {
        f->at = 0;
        return acks_of_client(t, f, answer(t, f, CLIENT));
    }
    if (f->lost != NONE)
        return repair_after(t, f);
    if (f->burst == f->left && f->burst == 1 && chance_of(&t->chance, SHARE_PROMPT))
        return end_burst(t, f);
    return then(f, STEP_ACK, answer(t, f, SERVER));
}

static int64_t next_data(struct traffic *t, struct flow *f)
{
    int64_t gap =
        f->sender == CLIENT ? chance_between(&t->chance, 5, 400) : chance_between(&t->chance, 1, 20);
    return f->at < f->burst ? then(f, STEP_DATA, gap) : sent_burst(t, f);
}

static int64_t step_data(struct traffic *t, struct tca_buf *frame, struct flow *f)
{
    uint32_t index = order_of(f, f->at);
    bool early = f->at == f->swapped, behind = f->lost != NONE && index > f->lost;

    send_data(t, frame, f, index);
    f->at++;
    if (f->sender == SERVER)
        return next_data(t, f);
    if (f->at == f->lost)
        f->at++;
    if (early || behind)
        return then(f, STEP_HOLE, answer(t, f, SERVER));
    arrive(t, f, f->at < f->lost ? f->at : f->lost);
    return next_data(t, f);
}

/* The receiver says which segments it holds behind the hole: [from, to). */
static void send_duplicate(struct traffic *t, struct tca_buf *frame, struct flow *f, uint32_t from,
                           uint32_t to)
{
    f->duplicates++;
    put(t, frame, f,
        &(struct segment){.from = !f->sender,
                          .flags = FRAME_ACK,
                          .seq = f->end[!f->sender].next,
                          .sack = {f->base + burst_bytes(f, from), f->base + burst_bytes(f, to)}});
}

static int64_t step_hole(struct traffic *t, struct tca_buf *frame, struct flow *f)
{
    if (f->lost == NONE)
        send_duplicate(t, frame, f, f->swapped + 1u, f->swapped + 2u);
    else
        send_duplicate(t, frame, f, f->lost + 1u, f->at);
    return next_data(t, f);
}

static int64_t step_ack(struct traffic *t, struct tca_buf *frame, struct flow *f)
{
    if (f->sender == CLIENT) {
        tell(t, frame, f, SERVER, FRAME_ACK);
        return end_burst(t, f);
    }
    if (f->lost != NONE && f->at > f->lost) {
        f->at++;
        send_duplicate(t, frame, f, f->lost + 1u, f->at);
        return acks_of_client(t, f, chance_between(&t->chance, 1, 60));
    }
    uint16_t end = f->lost < f->burst ? f->lost : f->burst;
    f->at = f->at + 2 < end ? (uint16_t)(f->at + 2) : end;
    arrive(t, f, f->at);
    tell(t, frame, f, CLIENT, FRAME_ACK);
    return acks_of_client(t, f, chance_between(&t->chance, 1, 120));
}

static int64_t step_repair(struct traffic *t, struct tca_buf *frame, struct flow *f)
{
    send_data(t, frame, f, f->lost);
    arrive(t, f, f->burst);
    return then(f, STEP_REPAIRED, answer(t, f, !f->sender));
}

static int64_t step_repaired(struct traffic *t, struct tca_buf *frame, struct flow *f)
{
    tell(t, frame, f, !f->sender, FRAME_ACK);
    return end_burst(t, f);
}

static int64_t step_reset(struct traffic *t, struct tca_buf *frame, struct flow *f)
{
    tell(t, frame, f, f->first, FRAME_RST | FRAME_ACK);
    t->truth.reset++;
    return OVER;
}

static int64_t step_fin(struct traffic *t, struct tca_buf *frame, struct flow *f)
{
    tell(t, frame, f, f->first, FRAME_FIN | FRAME_ACK);
    return then(f, f->three_way ? STEP_FIN_BACK : STEP_FIN_ACK, answer(t, f, !f->first));
}

static int64_t step_fin_ack(struct traffic *t, struct tca_buf *frame, struct flow *f)
{
    tell(t, frame, f, !f->first, FRAME_ACK);
    return then(f, STEP_FIN_BACK, chance_between(&t->chance, 20, 2000));
}

static int64_t step_fin_back(struct traffic *t, struct tca_buf *frame, struct flow *f)
{
    tell(t, frame, f, !f->first, FRAME_FIN | FRAME_ACK);
    return then(f, STEP_LAST_ACK, answer(t, f, f->first));
}

static int64_t step_last_ack(struct traffic *t, struct tca_buf *frame, struct flow *f)
{
    tell(t, frame, f, f->first, FRAME_ACK);
    return OVER;
}

typedef int64_t step_function(struct traffic *t, struct tca_buf *frame, struct flow *f);
static step_function *const steps[] = {
    [STEP_SYN] = step_syn,           [STEP_REFUSE] = step_refuse,     [STEP_SYNACK] = step_synack,
    [STEP_OPENED] = step_opened,     [STEP_DATA] = step_data,         [STEP_HOLE] = step_hole,
    [STEP_ACK] = step_ack,           [STEP_REPAIR] = step_repair,     [STEP_REPAIRED] = step_repaired,
    [STEP_RESET] = step_reset,       [STEP_FIN] = step_fin,           [STEP_FIN_ACK] = step_fin_ack,
    [STEP_FIN_BACK] = step_fin_back, [STEP_LAST_ACK] = step_last_ack,
};

/* ---- connections and slots ---- */

static void choose_fate(struct traffic *t, struct flow *f)
{
    struct chance *c = &t->chance;
    uint32_t draw = chance_below(c, 10000), refused = SHARE_SILENT + SHARE_REFUSED,
             end = chance_below(c, 10000);
    bool flood = t->settings.kind == TRAFFIC_FLOOD, mixed = t->settings.kind == TRAFFIC_MIXED;

    f->fate = FATE_NORMAL;
    if (flood || (mixed && draw < SHARE_SILENT))
        f->fate = FATE_SILENT;
    else if (mixed && draw < refused)
        f->fate = FATE_REFUSED;
    else if (mixed && draw < refused + SHARE_LADDER)
        f->fate = FATE_LADDER;
    f->ending = end < SHARE_RESET ? END_RESET : end < SHARE_RESET + SHARE_LEFT ? END_LEFT : END_FIN;
    f->tries = f->fate == FATE_LADDER ? (uint8_t)chance_between(c, 1, 3) : flood ? 0 : 3;
    t->truth.silent += f->fate == FATE_SILENT;
    t->truth.refused += f->fate == FATE_REFUSED;
    t->truth.laddered += f->fate == FATE_LADDER;
}

/* Numbers as Linux chooses them: a secret of the tuple and a clock, so that a tuple used again goes on above. */
static void choose_numbers(struct traffic *t, struct flow *f)
{
    uint64_t secret = chance_mix(((uint64_t)f->client << 16 | f->port) ^ t->settings.seed);
    uint32_t clock = (uint32_t)((t->now - BEGIN) * 125 / 8); /* 64 ns */

    for (int which = CLIENT; which <= SERVER; which++) {
        secret = chance_mix(secret + 1);
        f->end[which] = (struct end){.next = (uint32_t)secret + clock,
                                     .clock = (uint32_t)(secret >> 32),
                                     .id = (uint16_t)chance_next(&t->chance)};
    }
}

/* No two names are one tuple: of 32 bits, 18 are the client's address and 14 its port. A flood's sources are addresses of the
 * whole Internet. */
static void choose_name(struct traffic *t, struct flow *f)
{
    bool flood = t->settings.kind == TRAFFIC_FLOOD;
    uint32_t name, net;

    do {
        name = chance_rename(t->names++, (uint32_t)t->settings.seed);
        net = name >> 24;
    } while (flood && (net == 0 || net == 10 || net == 127 || net >= 224));
    uint32_t draw = (uint32_t)(chance_mix(name) >> 32);
    f->client = flood ? name : 10u << 24 | name >> 14;
    f->port = flood ? (uint16_t)(1024 + draw % 60000) : (uint16_t)(32768 + (name & 0x3fff));
    f->server = flood ? 0 : (uint8_t)(draw % SERVERS);
    f->v6 = !flood && chance_of(&t->chance, SHARE_V6);
    f->vlan = !flood && chance_of(&t->chance, SHARE_VLAN);
    f->plain = chance_of(&t->chance, SHARE_PLAIN);
}

static void begin_flow(struct traffic *t, struct flow *f)
{
    struct chance *c = &t->chance;

    if (!f->again)
        choose_name(t, f);
    f->upload = chance_of(c, SHARE_UPLOAD);
    f->three_way = chance_of(c, 5000);
    f->first = chance_of(c, 5000) ? SERVER : CLIENT;
    f->lap = 200 + (uint32_t)chance_wait(c, 15000) % 120000;
    f->exchanges = 1 + (uint32_t)chance_wait(c, 2) % EXCHANGES_MOST;
    f->step = STEP_SYN;
    choose_fate(t, f);
    choose_numbers(t, f);
    t->truth.flows++;
    t->truth.v6 += f->v6;
    t->truth.vlan += f->vlan;
    t->truth.reused += f->again;
}

/* A slot's time without connection. A tuple is used again only after a connection that both ends know to be over, and
 * whose time stamps tell it from the next one. */
static int64_t rest(struct traffic *t, struct flow *f)
{
    bool ended = f->fate == FATE_NORMAL && f->ending != END_LEFT;

    f->step = STEP_BEGIN;
    f->again = ended && !f->plain && chance_of(&t->chance, SHARE_REUSED);
    if (t->settings.kind == TRAFFIC_FLOOD)
        return chance_below(&t->chance, 3);
    return (f->again ? SAME_NAME : 0) + (int64_t)chance_wait(&t->chance, NEW_NAME);
}

static bool sooner(const struct due *a, const struct due *b)
{
    return a->time < b->time || (a->time == b->time && a->slot < b->slot);
}

/* The heap's first element has a later time now: it sinks to its place. */
static void sink(struct traffic *t)
{
    struct due moved = t->heap[0];
    uint32_t at = 0, child;

    while ((child = 2 * at + 1) < t->settings.alive) {
        child += child + 1 < t->settings.alive && sooner(&t->heap[child + 1], &t->heap[child]);
        if (!sooner(&t->heap[child], &moved))
            break;
        t->heap[at] = t->heap[child];
        at = child;
    }
    t->heap[at] = moved;
}

/* ---- the whole ---- */

int64_t traffic_next(struct traffic *t, struct tca_buf *frame)
{
    struct due *due = &t->heap[0];
    struct flow *f = &t->flow[due->slot];
    int64_t now = t->now = due->time;

    if (f->step == STEP_BEGIN)
        begin_flow(t, f);
    int64_t wait = steps[f->step](t, frame, f);
    due->time += wait == OVER ? rest(t, f) : wait;
    sink(t);
    return now;
}

struct traffic *traffic_new(const struct traffic_settings *settings)
{
    struct traffic *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->settings = *settings;
    if (settings->kind == TRAFFIC_FLOOD)
        t->settings.alive = 1;
    t->chance.state = settings->seed;
    t->heap = calloc(t->settings.alive, sizeof *t->heap);
    t->flow = calloc(t->settings.alive, sizeof *t->flow);
    if (!t->heap || !t->flow) {
        traffic_free(t);
        return NULL;
    }
    int64_t ramp = settings->kind == TRAFFIC_MIXED ? RAMP : SECOND;
    for (uint32_t i = 0; i < t->settings.alive; i++) /* in order of time, so a heap */
        t->heap[i] = (struct due){.time = BEGIN + ramp * i / t->settings.alive, .slot = i};
    return t;
}

void traffic_free(struct traffic *t)
{
    if (!t)
        return;
    tca_buf_done(&t->packet);
    free(t->heap);
    free(t->flow);
    free(t);
}

const struct traffic_truth *traffic_truth(const struct traffic *t)
{
    return &t->truth;
}
