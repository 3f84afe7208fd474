/* SPDX-License-Identifier: MIT
 *
 * Frames for tests: TCP and ICMP packets as bytes, all lengths and checksums right unless asked otherwise.
 * Written apart from the decoder on purpose: a misunderstanding must not be able to cancel itself out.
 */
#ifndef TEST_TOOLS_FRAME_H
#define TEST_TOOLS_FRAME_H

#include "base/buf.h"

enum { FRAME_ETHERNET = 1, FRAME_RAW = 101, FRAME_SLL = 113, FRAME_SLL2 = 276 }; /* LINKTYPE_ values */
enum { FRAME_FIN = 1, FRAME_SYN = 2, FRAME_RST = 4, FRAME_PSH = 8, FRAME_ACK = 16 };

enum frame_checksum {
    FRAME_SUM_RIGHT,
    FRAME_SUM_BAD,
    FRAME_SUM_UNFINISHED /* as transmit offload leaves it */
};

struct frame_link {
    int type;           /* FRAME_ETHERNET, ... */
    int from;           /* 0: the client sent it, 1: the server */
    bool tap_at_client; /* cooked link types tell what their own host sent; else the server's is that host */
    uint16_t vlan;      /* Ethernet only; 0: untagged */
};

struct frame_ip {
    uint8_t src[16], dst[16]; /* IPv4 in the last four bytes */
    uint8_t family;           /* 4 or 6 */
    uint8_t ttl;
    uint16_t id; /* IPv4 only */
    bool df;     /* IPv4 only */
};

struct frame_tcp {
    struct frame_ip ip;
    uint16_t sport, dport;
    uint32_t seq, ack;
    uint16_t flags, window;
    const uint8_t *options; /* a multiple of four bytes, at most 40 */
    size_t option_bytes;
    const uint8_t *payload;
    size_t len;
    enum frame_checksum checksum;
};

struct frame_icmp {
    struct frame_ip ip;
    uint8_t type, code;
    uint16_t mtu; /* of the next hop, where the type has one; else 0 */
    const uint8_t
        *quote; /* the packet that caused it, from its IP header on; cut as RFC 1812 and RFC 4443 say */
    size_t quote_bytes;
};

/* Each appends to `out`. A frame is one link header and one packet. */
void frame_add_link(struct tca_buf *out, const struct frame_link *link, uint8_t family);
void frame_add_tcp(struct tca_buf *out, const struct frame_tcp *tcp);
void frame_add_icmp(struct tca_buf *out, const struct frame_icmp *icmp);
size_t frame_link_bytes(const struct frame_link *link);

/* Big-endian numbers. */
void frame_u8(struct tca_buf *out, unsigned value);
void frame_u16(struct tca_buf *out, unsigned value);
void frame_u32(struct tca_buf *out, uint32_t value);

#endif
