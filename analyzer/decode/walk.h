/* SPDX-License-Identifier: MIT
 *
 * A walk down the headers of one record; private to decode.
 *
 * Every layer is a function that takes its header from the cursor and either names the next layer (STEP_NEXT)
 * or ends the walk with an outcome. The loop in decode.c calls them one after another up to a fixed number,
 * so nothing recurses and hostile nesting costs no more than that number of steps. Addresses stay pointers
 * into the record: a segment is written only once the TCP header has proved good.
 *
 *     link.c      Ethernet, VLAN, MPLS, PPPoE, PPP, Linux cooked, NFLOG, BSD loopback
 *     wireless.c  802.11 and the headers that receivers put before it
 *     ip.c        IPv4, IPv6 and its extension headers, ICMP quotations
 *     tunnel.c    GRE, ERSPAN, and what is carried by UDP
 *     fragment.c  datagrams put together again
 *     tcp.c       the TCP header;  checksum.c;  options.c  TCP options
 *     redact.c    the same walk for a copy without addresses and payload
 *     quick.c     all of these at once, for the plainest records
 */
#ifndef TCA_DECODE_WALK_H
#define TCA_DECODE_WALK_H

#include <stdbool.h>
#include <stdint.h>

#include "decode/cursor.h"
#include "decode/decode.h"

enum tca_layer {
    LAYER_LOOPBACK, /* BSD loopback, either byte order */
    LAYER_ETHERNET,
    LAYER_PPP,
    LAYER_CISCO_HDLC,
    LAYER_RAW, /* IPv4 or IPv6, by the version nibble */
    LAYER_SLL,
    LAYER_SLL2,
    LAYER_NFLOG,
    LAYER_ENC,
    LAYER_PPI,
    LAYER_RADIOTAP,
    LAYER_PRISM,
    LAYER_AVS,
    LAYER_WLAN,
    LAYER_VLAN,
    LAYER_LLC,
    LAYER_MPLS,
    LAYER_PPPOE,
    LAYER_IPV4,
    LAYER_IPV6,
    LAYER_HOP_BY_HOP,
    LAYER_EXTENSION, /* IPv6 headers of 8 * (length + 1) bytes without interest */
    LAYER_ROUTING,
    LAYER_FRAGMENT,
    LAYER_AUTHENTICATION,
    LAYER_GRE,
    LAYER_ERSPAN,
    LAYER_UDP,
    LAYER_VXLAN,
    LAYER_GENEVE,
    LAYER_GTPU,
    LAYER_TEREDO,
    LAYER_ICMP4,
    LAYER_ICMP6,
    LAYER_TCP,
    LAYER_COUNT
};

/* Who quotes: the ICMP error around a quoted packet. */
struct tca_quotation {
    bool inside;
    uint8_t type, code;
    uint8_t from_family;
    uint16_t mtu; /* of the next link, where the error is about it; 0: not told */
    const uint8_t *from;
};

/* One fragment of a datagram. */
struct tca_piece {
    uint32_t id;
    uint32_t offset;  /* in bytes */
    uint8_t protocol; /* IPv4: part of the datagram's name; IPv6: 0 */
    bool more;        /* it is not the last */
    bool join_only;   /* begins no datagram: most of its protocol are not wanted */
};

struct tca_fragmented;

struct tca_walk {
    const struct tca_record *rec;
    struct tca_cursor cursor;
    enum tca_layer next;
    bool verify_checksums;
    uint8_t direction;
    bool guessed; /* inside what only a UDP port calls a tunnel */
    bool padded;  /* the receiver aligned what follows the 802.11 header */
    struct tca_tags tags;
    struct tca_quotation quote;

    /* The innermost IP header so far; family 0 before the first. */
    uint8_t family;
    const uint8_t *src, *dst;
    uint8_t ttl;
    uint16_t ip_id;
    bool df;
    bool offload;        /* it gave no length */
    bool more_fragments; /* this is a first fragment */
    bool routed;         /* a routing header: dst is not the address TCP summed */

    /* Datagrams in fragments; without a table each fragment stands for itself. */
    struct tca_fragments *fragments;
    struct tca_fragmented *first_of; /* this is a first fragment of that one, which is not whole */
    struct tca_fragmented *whole;    /* this record made that one whole: the walk is inside of it */
    bool left_out;

    struct tca_segment *ret_seg;
};

enum { WALK_ARPHRD_NETLINK = 824 }; /* in cooked captures the protocol field is then no EtherType */
enum { STEP_NEXT = -1 };            /* else an enum tca_outcome */

typedef int tca_layer_step(struct tca_walk *walk);

tca_layer_step tca_step_loopback, tca_step_ethernet, tca_step_ppp, tca_step_cisco_hdlc, tca_step_raw,
    tca_step_sll, tca_step_sll2, tca_step_nflog, tca_step_enc, tca_step_ppi, tca_step_vlan, tca_step_llc,
    tca_step_mpls, tca_step_pppoe;
tca_layer_step tca_step_radiotap, tca_step_prism, tca_step_avs, tca_step_wlan;
tca_layer_step tca_step_ipv4, tca_step_ipv6, tca_step_hop_by_hop, tca_step_extension, tca_step_routing,
    tca_step_fragment, tca_step_authentication, tca_step_icmp4, tca_step_icmp6;
tca_layer_step tca_step_gre, tca_step_erspan, tca_step_udp, tca_step_vxlan, tca_step_geneve, tca_step_gtpu,
    tca_step_teredo;
tca_layer_step tca_step_tcp;

/* Go on with what an EtherType names; ends the walk when it is no kind of IP. */
int tca_walk_ethertype(struct tca_walk *walk, uint16_t type);

/* The layer that records of a link type begin with; LAYER_COUNT when it is not decoded. */
enum tca_layer tca_layer_of_link(int link);

/* What these two UDP ports (four bytes) may carry; LAYER_COUNT for no tunnel. */
enum tca_layer tca_layer_of_udp(const uint8_t *ports);

/* In the numbers of the Linux cooked header, which tells more exactly where there is one. */
static inline uint8_t walk_direction(const struct tca_record *rec)
{
    enum { TO_US = 0, BY_US = 4, NOT_TOLD = 255 };

    return rec->direction == TCA_DIRECTION_IN    ? TO_US
           : rec->direction == TCA_DIRECTION_OUT ? BY_US
                                                 : NOT_TOLD;
}

/* A walk at the beginning of a record; `fragments` may be NULL. Made in place: a copy of one costs as much as a header. */
static inline struct tca_walk walk_begin(struct tca_fragments *fragments, const struct tca_record *rec,
                                         bool verify_checksums, struct tca_segment *ret_seg)
{
    return (struct tca_walk){
        .rec = rec,
        .cursor = {rec->bytes, rec->captured, rec->original > rec->captured ? rec->original : rec->captured},
        .verify_checksums = verify_checksums,
        .direction = walk_direction(rec),
        .left_out = rec->left_out,
        .fragments = fragments,
        .ret_seg = ret_seg,
    };
}

/* Real traffic nests some ten headers (QinQ, MPLS stack, PPPoE, a tunnel with extension headers); the limit
 * leaves room for odd networks and bounds what a crafted frame costs. */
enum { TCA_LAYERS_MAX = 32 };
/* One layer: STEP_NEXT, or the outcome. */
int tca_walk_step(struct tca_walk *walk);

/* To its end; what it found out besides the segment stays in *walk. */
enum tca_outcome tca_walk_run(struct tca_walk *walk);

/* Put the fragment at the cursor into the walk's table. FRAGMENT_FIRST: go on in it, and what comes of it will be kept;
 * FRAGMENT_WHOLE: the cursor now stands in the whole datagram. FRAGMENT_AGAIN: all of one that was whole has come again, and
 * its segment with it. *ret_protocol is the fragment's protocol, and becomes
 * the datagram's. */
enum tca_taken { FRAGMENT_NOT_TAKEN, FRAGMENT_TAKEN, FRAGMENT_FIRST, FRAGMENT_WHOLE, FRAGMENT_AGAIN };
enum tca_taken tca_fragments_take(struct tca_walk *walk, const struct tca_piece *piece,
                                  uint8_t *ret_protocol);

/* Parse the TCP options of a header whose options take `size` bytes, of which `captured` are at `bytes`, into
 * `options`, which are empty as in a new segment. */
void tca_options_parse(const uint8_t *bytes, uint32_t captured, uint32_t size, struct tca_options *options);

static inline int walk_on(struct tca_walk *walk, enum tca_layer next)
{
    walk->next = next;
    return STEP_NEXT;
}

static inline void walk_enter(struct tca_walk *walk, enum tca_encap encap, uint32_t id)
{
    walk->tags.encap = (uint8_t)encap;
    walk->tags.encap_id = id;
}

/* The record ended inside a header: named after where the walk was, below or above its first IP header. */
static inline int walk_cut(const struct tca_walk *walk)
{
    return walk->family ? TCA_OUTCOME_short_ip : TCA_OUTCOME_short_link;
}

/* What lies ahead is no IP: an ordinary frame, or a tunnel with something else inside. */
static inline int walk_not_ip(const struct tca_walk *walk)
{
    return walk->family ? TCA_OUTCOME_not_tcp : TCA_OUTCOME_not_ip;
}

#endif
