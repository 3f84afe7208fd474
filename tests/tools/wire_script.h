/* SPDX-License-Identifier: MIT
 *
 * Inside the wire tool: one line of a script as read (wire.c), and the two ends of a flow with what each has
 * sent and got so far (wire_send.c). All sequence numbers here are absolute.
 */
#ifndef TEST_TOOLS_WIRE_SCRIPT_H
#define TEST_TOOLS_WIRE_SCRIPT_H

#include "frame.h"
#include "wire.h"

enum { NONE = -1, TFO_COOKIE_MAX = 16, SACK_BLOCKS_MAX = 4 };
enum { CLIENT = 0, SERVER = 1 };

/* A value as written. */
struct number {
    bool set, absolute; /* absolute: written as @N */
    int64_t value;      /* NONE for the word "none" */
};

struct flow_words {
    struct number isn, peer_isn, tsbase, peer_tsbase, ttl, peer_ttl, win, mss, wscale, ts, sack, vlan;
    struct frame_tunnel tunnel;
};

struct segment_words {
    struct number seq, ack, len, ipid, ttl, win, tsval, tsecr, mss, wscale, mtu, frag, fraglost;
    struct number nots, id0, nosack, lost, unseen, copy, late, badsum, unfinished, fragback;
    bool tfo;
    uint8_t cookie[TFO_COOKIE_MAX];
    size_t cookie_bytes;
    struct number block[SACK_BLOCKS_MAX][2];
    size_t blocks;
    bool from_set;
    uint8_t from[16], from_family;
    int quote; /* CLIENT or SERVER: whose newest segment an ICMP error quotes */
};

/* Bytes that arrived out of order. */
struct span {
    uint32_t from, to;
};

/* One end of a flow. */
struct end {
    uint8_t addr[16];
    uint16_t port;
    uint8_t ttl;
    uint32_t isn, tsbase;
    uint16_t ip_id; /* next one of its full socket */

    /* What it announced; before its own SYN or SYN+ACK is in the script, what the flow line says. */
    bool ts, sack;
    int mss, wscale; /* or NONE */

    bool sent_any;
    uint32_t snd_nxt, acked; /* acked: the highest acknowledgment it sent */
    size_t newest;           /* its newest segment in wire.packets, plus one; 0: none */

    uint32_t rcv_nxt, syn_end; /* syn_end: what a SYN+ACK of it acknowledges */
    struct span *span;         /* owned */
    size_t spans;
    bool has_recent, has_syn_ts;
    uint32_t ts_recent, syn_ts; /* RFC 7323 TS.Recent; the TSval of the SYN that arrived first */
    bool got_ack;
    uint32_t last_got_ack; /* the acknowledgment number that arrived last */
};

struct flow {
    char name[32];
    uint8_t family;
    uint16_t vlan;
    struct frame_tunnel tunnel;
    uint32_t win;
    struct end end[2];
};

/* One packet line, ready to be sent. */
struct segment_line {
    int64_t time_ns; /* since the start of the capture */
    struct flow *flow;
    int from; /* CLIENT or SERVER */
    uint16_t flags;
    bool icmp;
    uint8_t icmp_type, icmp_code;
    struct segment_words w;
};

void wire_flow_begin(struct flow *flow, const struct flow_words *w);
void wire_flow_done(struct flow *flow);

/* Append the packet and let it arrive. NULL, or words for what is wrong with the line. */
const char *wire_send(struct wire *wire, bool tap_at_client, const struct segment_line *line);

#endif
