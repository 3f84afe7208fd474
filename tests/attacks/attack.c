/* SPDX-License-Identifier: MIT
 *
 *     attack KIND PACKETS > FILE        attack --list
 *
 * Captures by somebody who knows this program: each kind goes at one thing that could grow, be searched, or be done again with every
 * packet. Lengths and checksums are right, so that all of it is reached. The same bytes each time, on every machine.
 */
#include "flow/partition.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };
enum { ETHER = 14, IP = 20, TCP = 20, ROOM = 1024 };

struct maker {
    uint8_t frame[ROOM];
    size_t used;
    int64_t time_us;
    uint64_t state; /* of the numbers that look random */
};

struct ends {
    uint32_t src, dst;
    uint16_t sport, dport;
};

static const struct ends one = {0x0a000001, 0x0a000002, 1025, 80};
static const struct ends other = {0x0a000002, 0x0a000001, 80, 1025};

static uint32_t chance(struct maker *m)
{
    uint64_t x = m->state += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return (uint32_t)(x >> 32);
}

/* ---- headers ---- */

static void put(struct maker *m, uint32_t value, unsigned bytes)
{
    while (bytes--)
        m->frame[m->used++] = (uint8_t)(value >> 8 * bytes);
}

static uint32_t sum(const uint8_t *at, size_t count, uint32_t from)
{
    for (size_t byte = 0; byte < count; byte++)
        from += byte % 2 ? at[byte] : (uint32_t)at[byte] << 8;
    return from;
}

static void set_checksum(uint8_t *at, uint32_t total)
{
    while (total >> 16)
        total = (total & 0xffff) + (total >> 16);
    at[0] = (uint8_t)(~total >> 8);
    at[1] = (uint8_t)~total;
}

static void begin(struct maker *m)
{
    m->used = 0;
    put(m, 0x02000000, 4);
    put(m, 0x0001, 2);
    put(m, 0x02000000, 4);
    put(m, 0x0002, 2);
    put(m, 0x0800, 2);
}

/* Its length is set by end_ip(). */
static size_t begin_ip(struct maker *m, uint32_t src, uint32_t dst, uint8_t protocol, uint16_t id,
                       uint16_t fragment)
{
    size_t at = m->used;
    put(m, 0x45000000, 4);
    put(m, (uint32_t)id << 16 | fragment, 4);
    put(m, 0x40000000 | (uint32_t)protocol << 16, 4);
    put(m, src, 4);
    put(m, dst, 4);
    return at;
}

static void end_ip(struct maker *m, size_t at)
{
    uint8_t *ip = m->frame + at;
    ip[2] = (uint8_t)((m->used - at) >> 8);
    ip[3] = (uint8_t)(m->used - at);
    set_checksum(ip + 10, sum(ip, IP, 0));
}

static void put_tcp(struct maker *m, const struct ends *e, unsigned flags, uint32_t seq, uint32_t ack,
                    const uint8_t *option, size_t options, size_t payload)
{
    size_t at = m->used;
    put(m, (uint32_t)e->sport << 16 | e->dport, 4);
    put(m, seq, 4);
    put(m, ack, 4);
    put(m, (uint32_t)((TCP + options) / 4) << 28 | flags << 16 | 0xfff0, 4);
    put(m, 0, 4);
    memcpy(m->frame + m->used, option, options);
    m->used += options;
    memset(m->frame + m->used, 'x', payload);
    m->used += payload;
    uint32_t length = (uint32_t)(m->used - at);
    uint32_t pseudo = (e->src >> 16) + (e->src & 0xffff) + (e->dst >> 16) + (e->dst & 0xffff) + 6 + length;
    set_checksum(m->frame + at + 16, sum(m->frame + at, length, pseudo));
}

static void segment_with(struct maker *m, const struct ends *e, unsigned flags, uint32_t seq, uint32_t ack,
                         const uint8_t *option, size_t options, size_t payload)
{
    begin(m);
    size_t at = begin_ip(m, e->src, e->dst, 6, (uint16_t)chance(m), 0x4000);
    put_tcp(m, e, flags, seq, ack, option, options, payload);
    end_ip(m, at);
}

static void segment(struct maker *m, const struct ends *e, unsigned flags, uint32_t seq, uint32_t ack,
                    size_t payload)
{
    segment_with(m, e, flags, seq, ack, (const uint8_t *)"", 0, payload);
}

/* The handshake of one connection; false when it is done. */
static bool opens(struct maker *m, uint64_t n)
{
    if (n == 0)
        segment(m, &one, SYN, 999, 0, 0);
    else if (n == 1)
        segment(m, &other, SYN | ACK, 4999, 1000, 0);
    else if (n == 2)
        segment(m, &one, ACK, 1000, 5000, 0);
    return n < 3;
}

/* ---- many connections ---- */

static void flood(struct maker *m, uint64_t n)
{
    segment(m, &(struct ends){0x0b000000 + (uint32_t)n, one.dst, (uint16_t)(1024 + n % 60000), 80}, SYN,
            chance(m), 0, 0);
}

static unsigned partition_of(const struct ends *e)
{
    uint8_t a[16] = {[10] = 0xff, [11] = 0xff}, b[16] = {[10] = 0xff, [11] = 0xff};
    for (int byte = 0; byte < 4; byte++) {
        a[12 + byte] = (uint8_t)(e->src >> (24 - 8 * byte));
        b[12 + byte] = (uint8_t)(e->dst >> (24 - 8 * byte));
    }
    return tca_partition_of(a, e->sport, b, e->dport);
}

/* All in one of the parts that the table of connections is cut into, answered each. */
static void crowd(struct maker *m, uint64_t n)
{
    struct ends e = {0x0b000000 + (uint32_t)(n / 2), one.dst, 1024, 80};
    while (partition_of(&e))
        e.sport++;
    if (n % 2)
        e = (struct ends){e.dst, e.src, e.dport, e.sport};
    segment(m, &e, n % 2 ? SYN | ACK : SYN, 7, n % 2 ? 8 : 0, 0);
}

/* Each port of one server answers, so that each is a listener. */
static void ports(struct maker *m, uint64_t n)
{
    struct ends e = {one.src, one.dst, (uint16_t)(2000 + n / 130000), (uint16_t)(1 + n / 2 % 65000)};
    if (n % 2)
        e = (struct ends){e.dst, e.src, e.dport, e.sport};
    segment(m, &e, n % 2 ? SYN | ACK : SYN, 7, n % 2 ? 8 : 0, 0);
}

/* Each host serves. */
static void hosts(struct maker *m, uint64_t n)
{
    segment(m, &(struct ends){0x0c000000 + (uint32_t)n, one.src, 80, 1025}, SYN | ACK, chance(m), 5, 0);
}

/* Each answers a SYN of a host of its own with RST: what looks for scans and refusals. */
static void refusals(struct maker *m, uint64_t n)
{
    struct ends e = {0x0b000000 + (uint32_t)(n / 2), 0x0c000000 + (uint32_t)(n / 2), 1025, 80};
    if (n % 2)
        e = (struct ends){e.dst, e.src, e.dport, e.sport};
    segment(m, &e, n % 2 ? RST | ACK : SYN, n % 2 ? 0 : 7, n % 2 ? 8 : 0, 0);
}

/* ---- one tuple ---- */

static void walk(struct maker *m, uint64_t n)
{
    segment(m, &one, SYN, (uint32_t)n * 100003, 0, 0);
}

static void reuse(struct maker *m, uint64_t n)
{
    uint32_t base = (uint32_t)(n / 4) * 1000003;
    static const unsigned flags[] = {SYN, SYN | ACK, ACK, RST | ACK};
    bool back = n % 4 == 1;
    segment(m, back ? &other : &one, flags[n % 4], base + (n % 4 > 1) + (back ? 77 : 0),
            n % 4 ? base + (back ? 1 : 78) : 0, 0);
}

static void copies(struct maker *m, uint64_t n)
{
    if (!opens(m, n))
        segment(m, &one, PSH | ACK, 1000, 5000, 10);
}

/* Each segment lies before the one before it. */
static void backwards(struct maker *m, uint64_t n)
{
    if (!opens(m, n))
        segment(m, &one, PSH | ACK, 1000 + 60000 - (uint32_t)(n % 6000) * 10, 5000, 10);
}

/* Every second one is missing, and selective acknowledgements tell of the holes. */
static void holes(struct maker *m, uint64_t n)
{
    uint8_t option[36] = {1, 1, 5, 34};
    uint32_t seq = 1000 + (uint32_t)(n / 2) * 20;
    if (opens(m, n))
        return;
    if (n % 2) {
        segment(m, &one, PSH | ACK, seq, 5000, 10);
        return;
    }
    for (uint32_t block = 0; block < 4; block++)
        for (unsigned byte = 0; byte < 4; byte++) {
            option[4 + 8 * block + byte] = (uint8_t)((seq - 20 * block) >> (24 - 8 * byte));
            option[8 + 8 * block + byte] = (uint8_t)((seq - 20 * block + 10) >> (24 - 8 * byte));
        }
    segment_with(m, &other, ACK, 5000, 1000, option, sizeof option, 0);
}

static void resets(struct maker *m, uint64_t n)
{
    if (!opens(m, n))
        segment(m, n % 2 ? &one : &other, RST | ACK, chance(m), chance(m), 0);
}

/* Both ends answer what lies outside of the window, for ever. */
static void challenges(struct maker *m, uint64_t n)
{
    if (!opens(m, n))
        segment(m, n % 2 ? &one : &other, ACK, chance(m), chance(m), 0);
}

/* ---- headers ---- */

static void options(struct maker *m, uint64_t n)
{
    uint8_t option[40];
    for (size_t at = 0; at < sizeof option; at++)
        option[at] = n % 3 == 0 ? 1 : n % 3 == 1 ? (uint8_t)(at % 2 ? 2 : 254) : (uint8_t)chance(m);
    if (!opens(m, n))
        segment_with(m, &one, PSH | ACK, 1000, 5000, option, sizeof option, 1);
}

static void tags(struct maker *m, uint64_t n)
{
    enum { TAGS = 30 };
    begin(m);
    m->used -= 2;
    for (unsigned tag = 0; tag < TAGS; tag++)
        put(m, 0x81000000 | (uint32_t)(tag + n % 100), 4);
    put(m, 0x0800, 2);
    size_t at = begin_ip(m, one.src, one.dst, 6, (uint16_t)n, 0x4000);
    put_tcp(m, &one, PSH | ACK, 1000, 5000, (const uint8_t *)"", 0, 1);
    end_ip(m, at);
}

static void tunnels(struct maker *m, uint64_t n)
{
    enum { TUNNELS = 28 };
    size_t at[TUNNELS];
    begin(m);
    for (unsigned layer = 0; layer < TUNNELS; layer++)
        at[layer] =
            begin_ip(m, one.src + layer, one.dst + layer, layer + 1 < TUNNELS ? 4 : 6, (uint16_t)n, 0x4000);
    put_tcp(m, &one, PSH | ACK, 1000, 5000, (const uint8_t *)"", 0, 1);
    for (unsigned layer = TUNNELS; layer--;)
        end_ip(m, at[layer]);
}

static void fragment_of(struct maker *m, uint32_t src, uint16_t id, unsigned offset, bool more, size_t bytes)
{
    begin(m);
    size_t at = begin_ip(m, src, one.dst, 6, id, (uint16_t)(more << 13 | offset));
    memset(m->frame + m->used, (int)(id + offset), bytes);
    m->used += bytes;
    end_ip(m, at);
}

static void fragment(struct maker *m, uint16_t id, unsigned offset, bool more, size_t bytes)
{
    fragment_of(m, one.src, id, offset, more, bytes);
}

/* FNV-1a of its addresses, which fragments were found by once, without a seed. */
static uint32_t chain_of(uint32_t src, uint32_t dst)
{
    uint32_t hash = 2166136261u ^ 6u << 24;
    for (int byte = 24; byte >= 0; byte -= 8)
        hash = ((hash ^ (src >> byte & 0xff)) * 16777619u ^ (dst >> byte & 0xff)) * 16777619u;
    return (hash ^ hash >> 16) % 1024;
}

/* The first of another datagram each time, all in one chain for who knows the hash. */
static void chains(struct maker *m, uint64_t n)
{
    uint32_t src = (uint32_t)n << 12;
    while (chain_of(src, one.dst))
        src++;
    fragment_of(m, src, 0, 0, true, 24);
}

/* Segments whose datagrams never become whole are kept for what their sender sent before them, of which the rest is. */
static void kept(struct maker *m, uint64_t n)
{
    enum { KEPT = 1000 };
    bool first = n % 100000 < KEPT;
    begin(m);
    size_t at = begin_ip(m, one.src, one.dst, 6, (uint16_t)n, first ? 0x2000 : 0x4000);
    put_tcp(m, &one, PSH | ACK, first ? 0x40000000 : 1000, 5000, (const uint8_t *)"", 0, 12);
    end_ip(m, at);
}

/* Of one datagram after the other, each on top of two others, and the last never comes. */
static void overlaps(struct maker *m, uint64_t n)
{
    enum { EACH = 500 };
    fragment(m, (uint16_t)(n / EACH), (unsigned)(n * 7919 % EACH), true, 24);
}

/* The first of another datagram each time. */
static void datagrams(struct maker *m, uint64_t n)
{
    fragment(m, (uint16_t)n, 0, true, 24);
}

/* Nobody sent what they quote. */
static void errors(struct maker *m, uint64_t n)
{
    struct ends e = {0x0b000000 + chance(m) % 65536, one.dst, (uint16_t)chance(m), 80};
    begin(m);
    size_t at = begin_ip(m, one.dst, e.src, 1, (uint16_t)n, 0);
    size_t icmp = m->used;
    put(m, 0x03010000, 4);
    put(m, 0, 4);
    size_t quoted = begin_ip(m, e.src, e.dst, 6, (uint16_t)n, 0x4000);
    put(m, (uint32_t)e.sport << 16 | e.dport, 4);
    put(m, chance(m), 4);
    m->frame[quoted + 3] = 40;
    set_checksum(m->frame + quoted + 10, sum(m->frame + quoted, IP, 0));
    set_checksum(m->frame + icmp + 2, sum(m->frame + icmp, m->used - icmp, 0));
    end_ip(m, at);
}

/* ---- times ---- */

static void epochs(struct maker *m, uint64_t n)
{
    static const int64_t second[] = {0, 4294967295, 1, 1700000000, 2147483648, 300000000};
    flood(m, n / 3);
    m->time_us = second[n % 6] * 1000000 + (int64_t)(n % 1000000);
}

static void back(struct maker *m, uint64_t n)
{
    flood(m, n / 2);
    m->time_us = (INT64_C(1700000000) - (int64_t)n) * 1000000;
}

static const struct kind {
    const char *name;
    void (*make)(struct maker *m, uint64_t n);
} kinds[] = {{"flood", flood},         {"crowd", crowd},   {"ports", ports},     {"hosts", hosts},
             {"refusals", refusals},   {"walk", walk},     {"reuse", reuse},     {"copies", copies},
             {"backwards", backwards}, {"holes", holes},   {"resets", resets},   {"challenges", challenges},
             {"options", options},     {"tags", tags},     {"tunnels", tunnels}, {"overlaps", overlaps},
             {"datagrams", datagrams}, {"chains", chains}, {"kept", kept},       {"errors", errors},
             {"epochs", epochs},       {"back", back}};
enum { KINDS = sizeof kinds / sizeof *kinds };

static void write_all(const struct kind *kind, uint64_t packets)
{
    static const uint32_t file[] = {0xa1b2c3d4, 0x00040002, 0, 0, 65535, 1};
    struct maker m = {.state = 1};
    fwrite(file, sizeof file, 1, stdout);
    for (uint64_t n = 0; n < packets; n++) {
        m.time_us = INT64_C(1700000000000000) + (int64_t)n * 20;
        kind->make(&m, n);
        const uint32_t record[] = {(uint32_t)(m.time_us / 1000000), (uint32_t)(m.time_us % 1000000),
                                   (uint32_t)m.used, (uint32_t)m.used};
        fwrite(record, sizeof record, 1, stdout);
        fwrite(m.frame, m.used, 1, stdout);
    }
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "--list")) {
        for (int at = 0; at < KINDS; at++)
            puts(kinds[at].name);
        return 0;
    }
    for (int at = 0; argc == 3 && at < KINDS; at++)
        if (!strcmp(argv[1], kinds[at].name)) {
            write_all(&kinds[at], strtoull(argv[2], NULL, 10));
            return fflush(stdout) ? 1 : 0;
        }
    fprintf(stderr, "usage: attack KIND PACKETS > FILE; attack --list\n");
    return 2;
}
