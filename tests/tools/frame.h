/* SPDX-License-Identifier: MIT
 *
 * Frames for tests: TCP and ICMP packets as bytes, all lengths and checksums right unless asked otherwise.
 * Written apart from the decoder on purpose: a misunderstanding must not be able to cancel itself out.
 */
#ifndef TEST_TOOLS_FRAME_H
#define TEST_TOOLS_FRAME_H

#include "base/buf.h"

/* LINKTYPE_ values; 127 is radiotap before 802.11. */
enum {
    FRAME_NULL = 0,
    FRAME_ETHERNET = 1,
    FRAME_PPP = 9,
    FRAME_RAW = 101,
    FRAME_SLL = 113,
    FRAME_RADIOTAP = 127,
    FRAME_NFLOG = 239,
    FRAME_SLL2 = 276
};
enum { FRAME_FIN = 1, FRAME_SYN = 2, FRAME_RST = 4, FRAME_PSH = 8, FRAME_ACK = 16 };

enum frame_checksum {
    FRAME_SUM_RIGHT,
    FRAME_SUM_BAD,
    FRAME_SUM_UNFINISHED /* as transmit offload leaves it */
};

/* What is around the packet, within the link header. Tunnels run between 192.0.2.1, the client's side, and 192.0.2.2;
 * those that carry Ethernet repeat the addresses of the link. */
enum frame_tunnel_kind {
    FRAME_NO_TUNNEL,
    FRAME_VXLAN,
    FRAME_GENEVE,
    FRAME_GTPU,
    FRAME_GRE,    /* id 0: no key */
    FRAME_GRETAP, /* the same, Ethernet inside */
    FRAME_ERSPAN, /* type II */
    FRAME_ERSPAN3,
    FRAME_IPIP, /* IPv6 inside: 6in4 */
    FRAME_TEREDO,
    FRAME_MPLS,
    FRAME_PSEUDOWIRE,
    FRAME_PPPOE
};
struct frame_tunnel {
    enum frame_tunnel_kind kind;
    uint32_t id; /* VNI, TEID, key, session, label; where the kind has one */
};

struct frame_link {
    int type;           /* FRAME_ETHERNET, ... */
    int from;           /* 0: the client sent it, 1: the server */
    bool tap_at_client; /* cooked link types tell what their own host sent; else the server's is that host */
    uint16_t vlan;      /* Ethernet only; 0: untagged */
    struct frame_tunnel tunnel;
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

/* Each appends to `out`. A frame is one link header, tunnels, and one IP packet. */
void frame_add(struct tca_buf *out, const struct frame_link *link, uint8_t family, const void *packet,
               size_t count);
size_t frame_link_bytes(const struct frame_link *link, uint8_t family); /* all that is before the packet */
/* The fragment number `index`, from 0, of an IP packet, when each has room for `room` bytes (a multiple of eight);
 * false, and nothing, when there are not so many. IPv6 fragments bear `id`. */
bool frame_add_fragment(struct tca_buf *out, const struct tca_buf *packet, size_t room, size_t index,
                        uint32_t id);
void frame_add_tcp(struct tca_buf *out, const struct frame_tcp *tcp);
void frame_add_icmp(struct tca_buf *out, const struct frame_icmp *icmp);

/* Big-endian numbers. */
void frame_u8(struct tca_buf *out, unsigned value);
void frame_u16(struct tca_buf *out, unsigned value);
void frame_u32(struct tca_buf *out, uint32_t value);

#endif
