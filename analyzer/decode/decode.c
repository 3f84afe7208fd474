/* SPDX-License-Identifier: MIT
 *
 * The walk from link type to TCP: one step per header, at most LAYERS_MAX of them.
 */
#include "decode/decode.h"

#include "decode/walk.h"

/* Real traffic nests some ten headers (QinQ, MPLS stack, PPPoE, a tunnel with extension headers); the limit
 * leaves room for odd networks and bounds what a crafted frame costs. */
enum { LAYERS_MAX = 32 };

static tca_layer_step *const steps[LAYER_COUNT] = {
    [LAYER_LOOPBACK] = tca_step_loopback,
    [LAYER_ETHERNET] = tca_step_ethernet,
    [LAYER_PPP] = tca_step_ppp,
    [LAYER_RAW] = tca_step_raw,
    [LAYER_SLL] = tca_step_sll,
    [LAYER_SLL2] = tca_step_sll2,
    [LAYER_VLAN] = tca_step_vlan,
    [LAYER_LLC] = tca_step_llc,
    [LAYER_MPLS] = tca_step_mpls,
    [LAYER_PPPOE] = tca_step_pppoe,
    [LAYER_IPV4] = tca_step_ipv4,
    [LAYER_IPV6] = tca_step_ipv6,
    [LAYER_HOP_BY_HOP] = tca_step_hop_by_hop,
    [LAYER_EXTENSION] = tca_step_extension,
    [LAYER_ROUTING] = tca_step_routing,
    [LAYER_FRAGMENT] = tca_step_fragment,
    [LAYER_AUTHENTICATION] = tca_step_authentication,
    [LAYER_GRE] = tca_step_gre,
    [LAYER_ERSPAN] = tca_step_erspan,
    [LAYER_ICMP4] = tca_step_icmp4,
    [LAYER_ICMP6] = tca_step_icmp6,
    [LAYER_TCP] = tca_step_tcp,
};

/* The layer a link type begins with; LAYER_COUNT when it is not decoded. */
static enum tca_layer first_layer(int link)
{
    switch (link) {
#define LINK(value, layer)                                                                                   \
    case value:                                                                                              \
        return LAYER_##layer;
#include "capture/link.def"
#undef LINK
    default:
        return LAYER_COUNT;
    }
}

/* In the numbers of the Linux cooked header, which tells more exactly where there is one. */
static uint8_t direction_of(const struct tca_record *rec)
{
    enum { TO_US = 0, BY_US = 4, NOT_TOLD = 255 };

    return rec->direction == TCA_DIRECTION_IN    ? TO_US
           : rec->direction == TCA_DIRECTION_OUT ? BY_US
                                                 : NOT_TOLD;
}

enum tca_outcome tca_decode(const struct tca_record *rec, bool verify_checksums, struct tca_segment *ret_seg)
{
    struct tca_walk walk = {
        .rec = rec,
        .cursor = {rec->bytes, rec->captured, rec->original > rec->captured ? rec->original : rec->captured},
        .next = first_layer(rec->link),
        .verify_checksums = verify_checksums,
        .direction = direction_of(rec),
        .ret_seg = ret_seg,
    };

    if (walk.next == LAYER_COUNT)
        return TCA_OUTCOME_unknown_link;
    for (int layer = 0; layer < LAYERS_MAX; layer++) {
        int step = steps[walk.next](&walk);

        if (step != STEP_NEXT)
            return (enum tca_outcome)step;
    }
    return TCA_OUTCOME_too_deep;
}
