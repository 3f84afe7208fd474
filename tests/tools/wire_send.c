/* SPDX-License-Identifier: MIT
 *
 * The two ends of a scripted flow: what they say when the script does not say it.
 *
 *     line --> fill in (numbers, options, header marks) --> bytes
 *                                                       --> arrive at the other end, unless lost
 *
 * Arrival is at once: a segment that crosses another one needs its ack written down. Nothing here decides
 * whether the receiver would accept a segment; bytes that reach it count as arrived. Header habits are those
 * of Linux: tcp_options_write (option order), ip_select_ident_segs (IP ID 0 from sockets without a peer),
 * tcp_v4_send_reset (bare, window 0, no options).
 */
#include "wire_script.h"

#include "base/seq32.h"

#include <stdlib.h>
#include <string.h>

enum { EPOCH_S = 1700000000, OPTION_BYTES_MAX = 40, TICK_NS = 1000000 };
enum {
    KIND_NOP = 1,
    KIND_MSS = 2,
    KIND_WSCALE = 3,
    KIND_SACK_OK = 4,
    KIND_SACK = 5,
    KIND_TS = 8,
    KIND_TFO = 34
};

/* ---- the beginning ---- */

/* FNV-1a: default numbers look arbitrary, and are the same on every machine. */
static uint32_t mix(uint32_t hash, const void *bytes, size_t count)
{
    const uint8_t *p = bytes;

    for (size_t i = 0; i < count; i++)
        hash = (hash ^ p[i]) * 16777619u;
    return hash;
}

static uint32_t from_name(const struct flow *flow, const char *purpose)
{
    uint32_t hash = mix(2166136261u, flow->name, strlen(flow->name));
    hash = mix(hash, purpose, strlen(purpose));
    return hash ^ hash >> 15;
}

/* Linux offsets timestamps per pair of addresses, not per connection: a reused tuple sees one clock. */
static uint32_t clock_base(const struct end *own, const struct end *peer)
{
    uint32_t hash = mix(mix(2166136261u, own->addr, 16), peer->addr, 16);
    return hash ^ hash >> 15;
}

static int64_t or_else(struct number number, int64_t value)
{
    return number.set ? number.value : value;
}

void wire_flow_begin(struct flow *flow, const struct flow_words *w)
{
    struct end *client = &flow->end[CLIENT], *server = &flow->end[SERVER];

    client->isn = (uint32_t)or_else(w->isn, from_name(flow, "client"));
    server->isn = (uint32_t)or_else(w->peer_isn, from_name(flow, "server"));
    client->tsbase = (uint32_t)or_else(w->tsbase, clock_base(client, server));
    server->tsbase = (uint32_t)or_else(w->peer_tsbase, clock_base(server, client));
    client->ttl = (uint8_t)or_else(w->ttl, 64);
    server->ttl = (uint8_t)or_else(w->peer_ttl, 64);
    client->ip_id =
        (uint16_t)(1 + from_name(flow, "client id") % 30000); /* far from 0, which means something */
    server->ip_id = (uint16_t)(1 + from_name(flow, "server id") % 30000);
    flow->win = (uint32_t)or_else(w->win, 64240);
    flow->vlan = (uint16_t)or_else(w->vlan, 0);
    flow->tunnel = w->tunnel;
    for (int side = CLIENT; side <= SERVER; side++) {
        struct end *end = &flow->end[side];
        end->ts = or_else(w->ts, 1) != 0;
        end->sack = or_else(w->sack, 1) != 0;
        end->mss = (int)or_else(w->mss, 1460);
        end->wscale = (int)or_else(w->wscale, 7);
        end->snd_nxt = end->isn + 1;
        end->rcv_nxt = end->syn_end = end->acked = flow->end[!side].isn + 1;
    }
}

void wire_flow_done(struct flow *flow)
{
    free(flow->end[CLIENT].span);
    free(flow->end[SERVER].span);
}

/* ---- filling in ---- */

static bool is_synack(uint16_t flags)
{
    return (flags & FRAME_SYN) && (flags & FRAME_ACK);
}

/* The RST of a port where nobody listens: the end has said nothing, so it has no numbers of its own. */
static bool is_refusal(const struct segment_line *line)
{
    return (line->flags & FRAME_RST) && (line->flags & FRAME_ACK) && !line->flow->end[line->from].sent_any &&
           (!line->w.seq.set || line->w.seq.value == 0);
}

/* A reset built from the segment it answers, not by a connection's socket. */
static bool is_reply_rst(const struct segment_line *line)
{
    return (line->flags & FRAME_RST) && (!(line->flags & FRAME_ACK) || is_refusal(line));
}

static uint32_t position(struct number number, uint32_t isn, uint32_t otherwise)
{
    if (!number.set)
        return otherwise;
    return (number.absolute ? 0 : isn) + (uint32_t)number.value;
}

static uint32_t default_seq(const struct segment_line *line, const struct end *own)
{
    if (line->flags & FRAME_SYN)
        return own->isn;
    if (is_reply_rst(line) && !own->sent_any && own->got_ack)
        return own->last_got_ack;
    return own->snd_nxt;
}

static uint32_t default_ack(const struct segment_line *line, const struct end *own)
{
    if (!(line->flags & FRAME_ACK))
        return 0;
    return is_synack(line->flags) ? own->syn_end : own->rcv_nxt;
}

static uint16_t default_window(const struct segment_line *line, const struct end *own, const struct end *peer)
{
    uint32_t window = line->flow->win;

    if (is_reply_rst(line))
        return 0;
    if (!(line->flags & FRAME_SYN) && own->wscale != NONE && peer->wscale != NONE)
        window >>= own->wscale;
    return (uint16_t)(window > 65535 ? 65535 : window);
}

/* IP ID of this segment; a full socket's counter moves on even where the script writes another ID over it. */
static uint16_t ip_id(const struct segment_line *line, struct end *own)
{
    bool stateless = line->w.id0.set || is_synack(line->flags) || is_reply_rst(line);
    uint16_t id = stateless ? 0 : own->ip_id++;

    return (uint16_t)or_else(line->w.ipid, id);
}

/* ---- options, in the order of Linux ---- */

struct options {
    struct tca_buf bytes;
    bool has_ts;
    uint32_t tsval;
};

static void option_ts(struct options *opt, const struct segment_line *line, const struct end *own)
{
    uint32_t clock = own->tsbase + (uint32_t)(line->time_ns / TICK_NS);
    uint32_t echo = 0;

    if (is_synack(line->flags) && own->has_syn_ts)
        echo = own->syn_ts;
    else if ((line->flags & FRAME_ACK) && own->has_recent)
        echo = own->ts_recent;
    opt->has_ts = true;
    opt->tsval = (uint32_t)or_else(line->w.tsval, clock);
    frame_u16(&opt->bytes, KIND_TS << 8 | 10);
    frame_u32(&opt->bytes, opt->tsval);
    frame_u32(&opt->bytes, (uint32_t)or_else(line->w.tsecr, echo));
}

static void two_nops(struct options *opt)
{
    frame_u16(&opt->bytes, KIND_NOP << 8 | KIND_NOP);
}

static void option_tfo(struct options *opt, const struct segment_words *w)
{
    frame_u16(&opt->bytes, (unsigned)(KIND_TFO << 8 | (2 + w->cookie_bytes)));
    tca_buf_add(&opt->bytes, w->cookie, w->cookie_bytes);
    while (opt->bytes.used & 3)
        frame_u8(&opt->bytes, KIND_NOP);
}

/* A SYN says what this end can do, a SYN+ACK what both can; own is told what was announced. */
static void options_of_syn(struct options *opt, const struct segment_line *line, struct end *own,
                           const struct end *peer)
{
    const struct segment_words *w = &line->w;
    bool answer = is_synack(line->flags);

    own->mss = (int)or_else(w->mss, own->mss);
    own->wscale = answer && peer->wscale == NONE ? NONE : (int)or_else(w->wscale, own->wscale);
    own->sack = own->sack && !w->nosack.set && (!answer || peer->sack);
    own->ts = own->ts && !w->nots.set && (!answer || peer->ts);
    if (own->mss != NONE) {
        frame_u16(&opt->bytes, KIND_MSS << 8 | 4);
        frame_u16(&opt->bytes, (unsigned)own->mss);
    }
    if (own->sack || own->ts) {
        if (!own->sack || !own->ts)
            two_nops(opt);
        if (own->sack)
            frame_u16(&opt->bytes, KIND_SACK_OK << 8 | 2);
        if (own->ts)
            option_ts(opt, line, own);
    }
    if (own->wscale != NONE)
        frame_u32(&opt->bytes, (uint32_t)(KIND_NOP << 24 | KIND_WSCALE << 16 | 3 << 8 | own->wscale));
    if (w->tfo)
        option_tfo(opt, w);
}

static void options_of_other(struct options *opt, const struct segment_line *line, const struct end *own,
                             const struct end *peer)
{
    const struct segment_words *w = &line->w;

    if ((own->ts && peer->ts && !w->nots.set && !is_reply_rst(line)) || w->tsval.set) {
        two_nops(opt);
        option_ts(opt, line, own);
    }
    if (!w->blocks)
        return;
    two_nops(opt);
    frame_u16(&opt->bytes, (unsigned)(KIND_SACK << 8 | (2 + 8 * w->blocks)));
    for (size_t i = 0; i < w->blocks; i++) {
        frame_u32(&opt->bytes, position(w->block[i][0], peer->isn, 0));
        frame_u32(&opt->bytes, position(w->block[i][1], peer->isn, 0));
    }
}

/* ---- arrival ---- */

/* Take in what now continues the stream; spans that are used up go. */
static void pull_spans(struct end *own)
{
    for (size_t i = 0; i < own->spans;) {
        struct span span = own->span[i];
        if (seq_after(span.from, own->rcv_nxt)) {
            i++;
            continue;
        }
        own->span[i] = own->span[--own->spans];
        if (seq_after(span.to, own->rcv_nxt)) {
            own->rcv_nxt = span.to;
            i = 0;
        }
    }
}

static int arrive_bytes(struct end *own, uint32_t from, uint32_t to)
{
    struct span *grown = realloc(own->span, (own->spans + 1) * sizeof *grown);

    if (!grown)
        return -1;
    own->span = grown;
    own->span[own->spans++] = (struct span){from, to};
    pull_spans(own);
    return 0;
}

/* RFC 7323 section 4.3: a TSval counts if the segment begins at or before the last acknowledgment sent. */
static void arrive_ts(struct end *own, const struct frame_tcp *tcp, uint32_t tsval)
{
    if (tcp->flags & FRAME_SYN) {
        if (own->has_recent)
            return;
    } else if (seq_after(tcp->seq, own->acked) || (own->has_recent && seq_before(tsval, own->ts_recent))) {
        return;
    }
    own->has_recent = true;
    own->ts_recent = tsval;
}

static int arrive(struct end *own, const struct frame_tcp *tcp, const struct options *opt)
{
    bool syn = (tcp->flags & FRAME_SYN) != 0, fin = (tcp->flags & FRAME_FIN) != 0;
    uint32_t from = tcp->seq + syn, to = from + (uint32_t)tcp->len + fin;

    if (opt->has_ts)
        arrive_ts(own, tcp, opt->tsval);
    if (tcp->flags & FRAME_ACK) {
        own->got_ack = true;
        own->last_got_ack = tcp->ack;
    }
    if (syn && !(tcp->flags & FRAME_ACK)) {
        if (opt->has_ts && !own->has_syn_ts) {
            own->has_syn_ts = true;
            own->syn_ts = opt->tsval;
        }
        own->syn_end = to;
    }
    if (to == from || (tcp->flags & FRAME_RST))
        return 0;
    return arrive_bytes(own, from, to);
}

/* What the sender remembers of its own segment. */
static void remember(struct end *own, const struct frame_tcp *tcp, size_t packet)
{
    uint32_t end =
        tcp->seq + (uint32_t)tcp->len + ((tcp->flags & FRAME_SYN) != 0) + ((tcp->flags & FRAME_FIN) != 0);

    if (!(tcp->flags & FRAME_RST)) {
        own->sent_any = true;
        if (seq_after(end, own->snd_nxt))
            own->snd_nxt = end;
    }
    if ((tcp->flags & FRAME_ACK) && seq_after(tcp->ack, own->acked))
        own->acked = tcp->ack;
    own->newest = packet + 1;
}

/* ---- packets ---- */

static struct wire_packet *add_packet(struct wire *wire, const struct segment_line *line)
{
    if (wire->count == wire->room) {
        size_t room = wire->room ? 2 * wire->room : 64;
        struct wire_packet *grown = realloc(wire->packets, room * sizeof *grown);
        if (!grown)
            return NULL;
        wire->packets = grown;
        wire->room = room;
    }
    struct wire_packet *packet = &wire->packets[wire->count++];
    *packet = (struct wire_packet){
        .time_ns = (int64_t)EPOCH_S * 1000000000 + line->time_ns,
        .offset = wire->bytes.used,
        .seen = !line->w.unseen.set,
    };
    return packet;
}

static void end_packet(struct wire *wire, struct wire_packet *packet)
{
    packet->original = (uint32_t)(wire->bytes.used - packet->offset);
    packet->captured = packet->original > wire->snaplen ? wire->snaplen : packet->original;
}

static struct frame_link link_of(const struct wire *wire, const struct segment_line *line, bool tap_at_client)
{
    return (struct frame_link){wire->link, line->from, tap_at_client,
                               wire->link == FRAME_ETHERNET ? line->flow->vlan : 0, line->flow->tunnel};
}

/* Payload: letters by stream position, so that a retransmission carries the same bytes. */
static void payload(struct tca_buf *out, uint32_t position_of_first, size_t len)
{
    for (size_t i = 0; i < len; i++)
        tca_buf_char(out, (char)('a' + (position_of_first + i) % 26));
}

static void fill_header(struct frame_tcp *tcp, const struct segment_line *line, struct end *own,
                        const struct end *peer)
{
    tcp->ip.family = line->flow->family;
    tcp->ip.ttl = (uint8_t)or_else(line->w.ttl, own->ttl);
    tcp->ip.id = ip_id(line, own);
    tcp->ip.df = !line->w.frag.set;
    memcpy(tcp->ip.src, own->addr, 16);
    memcpy(tcp->ip.dst, peer->addr, 16);
    tcp->sport = own->port;
    tcp->dport = peer->port;
    tcp->flags = line->flags;
    tcp->seq = is_refusal(line) ? 0 : position(line->w.seq, own->isn, default_seq(line, own));
    tcp->ack = position(line->w.ack, peer->isn, default_ack(line, own));
    tcp->len = (size_t)or_else(line->w.len, 0);
    tcp->checksum = line->w.badsum.set       ? FRAME_SUM_BAD
                    : line->w.unfinished.set ? FRAME_SUM_UNFINISHED
                                             : FRAME_SUM_RIGHT;
}

/* One packet as one frame. */
static bool add_frame(struct wire *wire, const struct frame_link *link, const struct segment_line *line,
                      const struct tca_buf *packet)
{
    struct wire_packet *frame = add_packet(wire, line);

    if (!frame || packet->failed)
        return false;
    frame_add(&wire->bytes, link, line->flow->family, packet->bytes, packet->used);
    end_packet(wire, frame);
    return true;
}

/* One packet as fragments: all at one time, in order or backwards, one of them unseen. */
static bool add_fragments(struct wire *wire, const struct frame_link *link, const struct segment_line *line,
                          const struct tca_buf *packet, uint32_t id)
{
    size_t header = line->flow->family == 4 ? 20 : 40, room = (size_t)line->w.frag.value;
    size_t count = (packet->used - header + room - 1) / room;
    bool good = true;

    for (size_t i = 0; good && i < count; i++) {
        size_t index = line->w.fragback.set ? count - 1 - i : i;
        struct tca_buf piece = {0};

        good = frame_add_fragment(&piece, packet, room, index, id) && add_frame(wire, link, line, &piece);
        if (good && line->w.fraglost.set && index == (size_t)line->w.fraglost.value)
            wire->packets[wire->count - 1].seen = false;
        tca_buf_done(&piece);
    }
    return good;
}

static const char *send_tcp(struct wire *wire, const struct frame_link *link, const struct segment_line *line)
{
    struct end *own = &line->flow->end[line->from], *peer = &line->flow->end[!line->from];
    struct frame_tcp tcp = {0};
    struct options opt = {0};
    struct tca_buf data = {0}, packet = {0};
    const char *wrong = NULL;

    fill_header(&tcp, line, own, peer);
    if (line->flags & FRAME_SYN)
        options_of_syn(&opt, line, own, peer);
    else
        options_of_other(&opt, line, own, peer);
    tcp.window = (uint16_t)or_else(line->w.win, default_window(line, own, peer));
    payload(&data, tcp.seq - own->isn, tcp.len);
    tcp.options = (const uint8_t *)opt.bytes.bytes;
    tcp.option_bytes = opt.bytes.used;
    tcp.payload = (const uint8_t *)data.bytes;
    if (tcp.option_bytes > OPTION_BYTES_MAX) {
        wrong = "the options do not fit in 40 bytes";
        goto done;
    }
    frame_add_tcp(&packet, &tcp);
    if (line->w.frag.set ? !add_fragments(wire, link, line, &packet, tcp.seq ^ tcp.flags)
                         : !add_frame(wire, link, line, &packet)) {
        wrong = "out of memory";
        goto done;
    }
    remember(own, &tcp, wire->count - 1);
    if ((!line->w.lost.set && arrive(peer, &tcp, &opt)) || opt.bytes.failed || data.failed)
        wrong = "out of memory";
done:
    tca_buf_done(&packet);
    tca_buf_done(&opt.bytes);
    tca_buf_done(&data);
    return wrong;
}

/* An ICMP error travels to the sender of the segment it quotes. */
static const char *send_icmp(struct wire *wire, struct frame_link link, const struct segment_line *line)
{
    struct end *to = &line->flow->end[line->w.quote];
    struct frame_icmp icmp = {.type = line->icmp_type, .code = line->icmp_code};

    if (!line->w.from_set)
        return "an ICMP error needs from=ADDRESS";
    if (line->w.from_family != line->flow->family)
        return "the sender's address and the flow are of different IP versions";
    if (!to->newest)
        return "there is no segment of that direction to quote yet";
    size_t quoted = to->newest - 1;
    /* A copy of the quote: appending may move the buffer that holds it. */
    struct tca_buf quote = {0}, error = {0};
    size_t skip = frame_link_bytes(&link, line->flow->family);
    link.from = !line->w.quote;
    tca_buf_add(&quote, wire->bytes.bytes + wire->packets[quoted].offset + skip,
                wire->packets[quoted].original - skip);
    memcpy(icmp.ip.src, line->w.from, 16);
    memcpy(icmp.ip.dst, to->addr, 16);
    icmp.ip.family = line->flow->family;
    icmp.ip.ttl = (uint8_t)or_else(line->w.ttl, 64);
    icmp.ip.id = (uint16_t)or_else(line->w.ipid, 0);
    icmp.mtu = (uint16_t)or_else(line->w.mtu, 0);
    icmp.quote = (const uint8_t *)quote.bytes;
    icmp.quote_bytes = quote.used;
    frame_add_icmp(&error, &icmp);
    const char *wrong = quote.failed || !add_frame(wire, &link, line, &error) ? "out of memory" : NULL;
    tca_buf_done(&quote);
    tca_buf_done(&error);
    return wrong;
}

/* A mirror port's copy of the packet before. */
static const char *send_copy(struct wire *wire, const struct segment_line *line)
{
    struct end *own = &line->flow->end[line->from];

    if (!wire->count || own->newest != wire->count || !wire->packets[wire->count - 1].seen)
        return "a copy must follow the captured segment that it repeats";
    struct wire_packet *packet = add_packet(wire, line);
    if (!packet)
        return "out of memory";
    const struct wire_packet *first = packet - 1;
    packet->offset = first->offset;
    packet->original = first->original;
    packet->captured = first->captured;
    own->newest = wire->count; /* the same bytes: a third copy may follow */
    return NULL;
}

const char *wire_send(struct wire *wire, bool tap_at_client, const struct segment_line *line)
{
    struct frame_link link = link_of(wire, line, tap_at_client);

    if (line->icmp)
        return send_icmp(wire, link, line);
    if (line->w.copy.set)
        return send_copy(wire, line);
    return send_tcp(wire, &link, line);
}
